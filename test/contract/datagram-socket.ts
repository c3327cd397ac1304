import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { SocketAddress } from '../../src/base/address.ts';
import { GatewayError } from '../../src/base/errors.ts';
import type { DatagramSocket, DatagramSocketOptions } from '../../src/carrier/node/datagram-socket.ts';
import { ANY_V6, LOOPBACK_V4, untilTrue } from './loopback.ts';
import { datagramsOf } from './received.ts';

export type CreateDatagramSocket = (options: DatagramSocketOptions) => Promise<DatagramSocket>;

/** What every implementation of {@link DatagramSocket} promises. */
export function describeDatagramSocket(name: string, create: CreateDatagramSocket, ipv6: boolean): void {
  describe(`datagram socket: ${name}`, () => {
    const open: DatagramSocket[] = [];
    const createOpen = async (options: Partial<DatagramSocketOptions> = {}): Promise<DatagramSocket> => {
      const socket = await create({ bind: LOOPBACK_V4, ...options });
      open.push(socket);
      return socket;
    };

    afterEach(async () => {
      await Promise.all(open.splice(0).map((socket) => socket.close()));
    });

    it('sends to interned slots and names the sender', async () => {
      const [left, right] = [await createOpen(), await createOpen()];
      const inbox = collect(right);
      expect(send(left, left.intern(right.localAddress), 'a', 'bc')).toBe(true);
      await untilTrue(() => inbox.length === 2);
      expect(inbox.map(({ text }) => text)).toEqual(['a', 'bc']);
      expect(inbox[0]?.from).toEqual(left.localAddress);
    });

    it('keeps what arrives before it is started', async () => {
      const [left, right] = [await createOpen(), await createOpen()];
      send(left, left.intern(right.localAddress), 'early');
      await untilTrue(() => left.stats().sentDatagrams === 1);
      await delay(20);
      const inbox = collect(right);
      await untilTrue(() => inbox.length === 1);
      expect(inbox[0]?.text).toBe('early');
    });

    it('delivers early when the slab or the batch is full, and loses nothing', async () => {
      const [left, right] = [await createOpen(), await createOpen({ slabBytes: 2048, maxBatch: 3 })];
      const inbox = collect(right);
      const target = left.intern(right.localAddress);
      for (let i = 0; i < 10; i++) send(left, target, 'x'.repeat(900), 'y', 'z', 'y', 'z');
      await untilTrue(() => inbox.length === 50);
      const { receiveBatches, receiveDrops } = right.stats();
      expect(receiveDrops).toBe(0);
      expect(receiveBatches).toBeGreaterThanOrEqual(17);
    });

    it('gives slots of senders that nobody retained to others', async () => {
      const right = await createOpen();
      const inbox = collect(right);
      for (let i = 0; i < 20; i++) {
        const left = await createOpen();
        send(left, left.intern(right.localAddress), 'x');
        await untilTrue(() => inbox.length === i + 1);
        expect(inbox[i]?.from).toEqual(left.localAddress);
        await left.close();
      }
      expect(new Set(inbox.map(({ slot }) => slot)).size).toBe(1);
    });

    it('never gives a retained slot to another address', async () => {
      const [left, other, right] = [await createOpen(), await createOpen(), await createOpen()];
      const inbox = collect(right);
      const kept = right.intern(left.localAddress);
      right.retain(kept);
      right.release(kept);
      send(other, other.intern(right.localAddress), 'x');
      await untilTrue(() => inbox.length === 1);
      expect(inbox[0]?.slot).not.toBe(kept);
      send(left, left.intern(right.localAddress), 'x');
      await untilTrue(() => inbox.length === 2);
      expect(inbox[1]?.slot).toBe(kept);
      right.release(kept);
      expect(() => right.addressOf(kept)).toThrow(RangeError);
    });

    it('drops and counts datagrams to slots that are not in use, and too large ones', async () => {
      const socket = await createOpen({ maxDatagramBytes: 100 });
      expect(send(socket, 0, 'nobody')).toBe(true);
      send(socket, -1, 'nobody');
      send(socket, 1_000_000, 'nobody');
      send(socket, socket.intern(socket.localAddress), 'x'.repeat(101));
      expect(socket.stats()).toMatchObject({ sendDrops: 4, sentDatagrams: 0, sentBytes: 0 });
    });

    it('drops and counts senders when the address table is full', async () => {
      const [left, right] = [await createOpen(), await createOpen({ maxAddresses: 1 })];
      const inbox = collect(right);
      expect(right.intern({ address: '127.0.0.1', family: 4, port: 9 })).toBe(0);
      expect(right.intern(left.localAddress)).toBe(-1);
      send(left, left.intern(right.localAddress), 'x');
      await untilTrue(() => right.stats().receiveDrops === 1);
      expect(inbox).toEqual([]);
    });

    it('reports the kernel buffers it got', async () => {
      const { bufferSizes } = await createOpen({ bufferBytes: 65_536 });
      expect(bufferSizes).toEqual({ requested: 65_536, receive: 65_536, send: 65_536 });
    });

    it('says that the address is in use', async () => {
      const { localAddress } = await createOpen();
      const error = await create({ bind: localAddress }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(GatewayError);
      expect(error).toMatchObject({ code: 'address_in_use' });
    });

    it('says that it cannot bind to an address of somebody else', async () => {
      const bind: SocketAddress = { address: '192.0.2.1', family: 4, port: 0 };
      await expect(create({ bind })).rejects.toMatchObject({ code: 'bind_failed' });
    });

    it('closes once, however often it is asked', async () => {
      const socket = await createOpen();
      await Promise.all([socket.close(), socket.close()]);
      await socket.close();
      expect(send(socket, 0, 'too late')).toBe(true);
      expect(socket.stats().sendDrops).toBe(1);
    });

    describe('with a remote address', () => {
      it('talks to that peer only', async () => {
        const [server, stranger] = [await createOpen(), await createOpen()];
        const client = await createOpen({ remote: server.localAddress });
        const inbox = collect(client);
        send(stranger, stranger.intern(client.localAddress), 'psst');
        send(server, server.intern(client.localAddress), 'hello');
        await untilTrue(() => inbox.length === 1);
        expect(inbox[0]?.text).toBe('hello');
        expect(client.intern(server.localAddress)).toBe(inbox[0]?.slot);
        const wrong = client.intern(stranger.localAddress);
        send(client, wrong, 'psst');
        expect(client.stats()).toMatchObject({ sendDrops: 1, receivedDatagrams: 1 });
      });

      it('reports that nobody listens there, and goes on', async () => {
        const gone = await createOpen();
        await gone.close();
        const errors: GatewayError[] = [];
        const client = await createOpen({
          remote: gone.localAddress,
          onError: (error) => errors.push(error),
        });
        const target = client.intern(gone.localAddress);
        await untilTrue(() => {
          send(client, target, 'anybody?');
          return errors.length > 0;
        });
        expect(errors[0]?.code).toBe('connect_failed');
        expect(client.stats().socketErrors).toBe(errors.length);

        const back = await createOpen({ bind: gone.localAddress });
        const inbox = collect(back);
        await untilTrue(() => {
          send(client, target, 'there you are');
          return inbox.length > 0;
        });
        expect(inbox[0]?.from).toEqual(client.localAddress);
      });

      it('refuses a peer of the other family', async () => {
        const remote: SocketAddress = { address: '::1', family: 6, port: 9 };
        await expect(create({ bind: LOOPBACK_V4, remote })).rejects.toMatchObject({ code: 'connect_failed' });
      });
    });

    describe.runIf(ipv6)('over IPv6', () => {
      it('prints IPv4 peers of a dual-stack socket as IPv4, and knows them by that', async () => {
        const [left, right] = [await createOpen(), await createOpen({ bind: ANY_V6 })];
        const inbox = collect(right);
        const kept = right.intern(left.localAddress);
        send(left, left.intern({ ...LOOPBACK_V4, port: right.localAddress.port }), 'x');
        await untilTrue(() => inbox.length === 1);
        expect(inbox[0]).toMatchObject({ from: left.localAddress, slot: kept });
      });

      it('keeps IPv4 away when asked to', async () => {
        const socket = await createOpen({ bind: ANY_V6, ipv6Only: true });
        expect(socket.intern({ address: '127.0.0.1', family: 4, port: 9 })).toBe(-1);
      });
    });
  });
}

interface Received {
  readonly text: string;
  readonly slot: number;
  readonly from: SocketAddress;
}

function collect(socket: DatagramSocket): Received[] {
  const received: Received[] = [];
  socket.start((batch) => {
    for (const { bytes, slot } of datagramsOf(batch)) {
      received.push({ text: new TextDecoder().decode(bytes), slot, from: socket.addressOf(slot) });
    }
  });
  return received;
}

/** Sends a batch of ASCII datagrams to one slot. */
function send(socket: DatagramSocket, slot: number, ...texts: string[]): boolean {
  const bytes = new TextEncoder().encode(texts.join(''));
  const descriptors = new Int32Array(texts.length * 3);
  let offset = 0;
  for (const [i, text] of texts.entries()) {
    descriptors.set([offset, text.length, slot], i * 3);
    offset += text.length;
  }
  return socket.sendBatch(bytes, descriptors, texts.length);
}
