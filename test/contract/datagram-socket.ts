import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { SocketAddress } from '../../src/base/address.ts';
import { GatewayError } from '../../src/base/errors.ts';
import type { DatagramSocket, DatagramSocketOptions } from '../../src/carrier/node/datagram-socket.ts';
import { freePorts } from '../support/free-ports.ts';
import { ANY_V6, LOOPBACK_V4, untilTrue } from './loopback.ts';
import { datagramsOf } from './received.ts';
import { collect, send, sendAll } from './socket-traffic.ts';

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

    it('carries mixed sizes to mixed peers in one batch, each datagram whole and in order', async () => {
      const left = await createOpen();
      const rights = [await createOpen(), await createOpen()];
      const inboxes = rights.map(collect);
      const slots = rights.map(({ localAddress }) => left.intern(localAddress));
      // Runs of equal size with and without a shorter end, growing sizes, empty ones, changes of peer.
      const sizes = [700, 700, 700, 20, 700, 0, 0, 5, 9, 9, 1400, 1400, 1, 1, 1, 2, 0, 1400];
      const batch = sizes.flatMap((size, i) => {
        const datagram = new Uint8Array(size).map((_, at) => (at * 7 + i) & 255);
        const turns = i % 3 === 0 ? [0, 1] : [i % 2];
        return turns.map((turn) => [turn, datagram] as const);
      });
      sendAll(
        left,
        batch.map(([turn, datagram]) => [slots[turn]!, datagram]),
      );
      for (const [turn, inbox] of inboxes.entries()) {
        const wanted = batch.filter(([to]) => to === turn).map(([, datagram]) => datagram);
        await untilTrue(() => inbox.length === wanted.length);
        expect(inbox.map(({ bytes }) => bytes)).toEqual(wanted);
      }
      expect(left.stats()).toMatchObject({ sentDatagrams: batch.length, sendDrops: 0 });
    });

    it('carries 10,000 datagrams each way', async () => {
      const [left, right] = [await createOpen(), await createOpen()];
      const total = 10_000;
      const burst = 200;
      const echoed: Uint8Array[] = [];
      right.start((batch) => {
        sendAll(
          right,
          datagramsOf(batch).map(({ bytes, slot }) => [slot, bytes]),
        );
      });
      left.start((batch) => echoed.push(...datagramsOf(batch).map(({ bytes }) => bytes)));
      const slot = left.intern(right.localAddress);
      for (let sent = 0; sent < total; sent += burst) {
        const numbers = Array.from({ length: burst }, (_, i) => sent + i);
        sendAll(
          left,
          numbers.map((number) => [slot, datagramOf(number)]),
        );
        await untilTrue(() => echoed.length === sent + burst);
      }
      const wrong = echoed.findIndex((bytes, number) => Buffer.compare(bytes, datagramOf(number)) !== 0);
      expect(wrong).toBe(-1);
      expect(right.stats()).toMatchObject({ receivedDatagrams: total, sentDatagrams: total, sendDrops: 0 });
    });

    it('can be closed from within its callback, which gets no more', async () => {
      const [left, right] = [await createOpen(), await createOpen({ maxBatch: 1 })];
      let calls = 0;
      let closed: Promise<void> | undefined;
      right.start((batch) => {
        calls++;
        closed = right.close();
        // All of it is safe, and nothing happens any more.
        sendAll(
          right,
          datagramsOf(batch).map(({ bytes, slot }) => [slot, bytes]),
        );
        right.retain(0);
        right.release(0);
      });
      send(left, left.intern(right.localAddress), 'a', 'bc', 'def');
      await untilTrue(() => calls > 0);
      await closed;
      await delay(20);
      expect(calls).toBe(1);
      expect(right.stats()).toMatchObject({ batchErrors: 0, sentDatagrams: 0 });
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

    it('tells of an error after the send, so that the handler may send', async () => {
      let sending = 0;
      const depths: number[] = [];
      const socket = await createOpen({
        onError: () => {
          depths.push(sending);
          if (depths.length < 10) sendBad();
        },
      });
      // Bound to loopback, the socket has no way out.
      const bad = socket.intern({ address: '192.0.2.1', family: 4, port: 9 });
      const sendBad = (): void => {
        sending++;
        send(socket, bad, 'x');
        sending--;
      };
      sendBad();
      await untilTrue(() => depths.length === 10);
      expect(depths).toEqual(Array<number>(10).fill(0));
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
        // A port the system does not give out: nobody else gets it while nobody listens there.
        const [port] = (await freePorts(1)) as [number];
        const gone = await createOpen({ bind: { ...LOOPBACK_V4, port } });
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

/** A datagram that no other number has, of a size that changes now and then. */
function datagramOf(number: number): Uint8Array {
  const datagram = new Uint8Array(100 + ((number >>> 6) % 50));
  new DataView(datagram.buffer).setUint32(0, number);
  return datagram;
}
