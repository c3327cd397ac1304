import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { SocketAddress } from '../../../src/base/address.ts';
import { ANY_V6, hasIpv6, LOOPBACK_V4, LOOPBACK_V6, untilTrue } from '../../contract/loopback.ts';
import { collect, send } from '../../contract/socket-traffic.ts';
import { describeWithNative } from '../../support/native.ts';
import { createOpener } from './open-native.ts';

const ipv6 = await hasIpv6();

const ANY_V4: SocketAddress = { address: '0.0.0.0', family: 4, port: 0 };
const v4 = (address: string, port: number): SocketAddress => ({ address, family: 4, port });

describeWithNative('receiving natively', (bindings) => {
  const open = createOpener(bindings);

  describe('more waiting', () => {
    it('is told of every batch but the last', async () => {
      const [left, right] = [open(), open({ segmentation: false, slabBytes: 8 * 2048 })];
      const batches: { count: number; moreWaiting: boolean }[] = [];
      const received = (): number => batches.reduce((sum, { count }) => sum + count, 0);
      send(left, left.intern(right.localAddress), ...Array<string>(64).fill('datagram'));
      right.start(({ count, moreWaiting }) => batches.push({ count, moreWaiting }));
      await untilTrue(() => received() === 64);
      expect(batches.map(({ count }) => count)).toEqual(Array(8).fill(8));
      expect(batches.map(({ moreWaiting }) => moreWaiting)).toEqual([...Array<boolean>(7).fill(true), false]);
    });
  });

  it('goes on when somebody would transfer the memory of a batch', async () => {
    const [left, right] = [open(), open()];
    const texts: string[] = [];
    right.start(({ bytes, meta }) => {
      for (const { buffer } of [bytes, meta]) {
        try {
          structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
        } catch {
          // Newer versions of Node refuse, older ones copy.
        }
      }
      texts.push(new TextDecoder().decode(bytes.subarray(meta[0], meta[0]! + meta[1]!)));
    });
    const slot = left.intern(right.localAddress);
    for (const text of ['first', 'second']) {
      send(left, slot, text);
      await untilTrue(() => texts.at(-1) === text);
    }
  });

  describe('glued datagrams', () => {
    it('come with their segment size, and alone when the receiver does not ask for more', async () => {
      const [left, whole, single] = [open(), open(), open({ segmentation: false })];
      const texts = ['conv first', 'conv secnd', 'conv third', 'conv end'];
      for (const [right, glued] of [
        [whole, true],
        [single, false],
      ] as const) {
        const inbox = collect(right);
        send(left, left.intern(right.localAddress), ...texts);
        await untilTrue(() => inbox.length === 4);
        expect(inbox.map(({ text }) => text)).toEqual(texts);
        expect(inbox.map((datagram) => datagram.glued)).toEqual(Array(4).fill(glued));
        expect(right.stats()).toMatchObject({ receivedDatagrams: 4, receivedBytes: 38 });
      }
      expect(left.stats()).toMatchObject({ segmentedSends: 2, sendCalls: 2, sentDatagrams: 8 });
    });

    it('are dropped one by one when too large, all but a shorter last one', async () => {
      const [left, right] = [open(), open({ maxDatagramBytes: 100 })];
      const inbox = collect(right);
      const slot = left.intern(right.localAddress);
      send(left, slot, ...Array<string>(3).fill('x'.repeat(101)), 'x'.repeat(100));
      send(left, slot, 'z'.repeat(101), 'z'.repeat(101));
      await untilTrue(() => right.stats().oversizeDrops === 5);
      expect(inbox.map(({ text }) => text)).toEqual(['x'.repeat(100)]);
    });

    it('fill a message to its end', async () => {
      const [left, right] = [open(), open()];
      const inbox = collect(right);
      // 64 datagrams a message at most, and 65,507 bytes: 46 times 1400, then the rest.
      send(left, left.intern(right.localAddress), ...Array<string>(60).fill('x'.repeat(1400)));
      send(left, left.intern(right.localAddress), ...Array<string>(100).fill('tiny'));
      await untilTrue(() => inbox.length === 160);
      expect(left.stats()).toMatchObject({ segmentedSends: 4, sendDrops: 0, sentDatagrams: 160 });
    });
  });

  describe('on every address of the machine', () => {
    it('answers leave from the address that was written to', async () => {
      const server = open({ bind: ANY_V4 });
      const echo = (inbox: { text: string; slot: number }[]): void => {
        for (const { text, slot } of inbox.splice(0)) send(server, slot, text);
      };
      const seen: { text: string; slot: number }[] = [];
      const slots = new Set<number>();
      server.start((batch) => {
        for (let i = 0; i < batch.count; i++) {
          const slot = batch.meta[i * 5 + 3]!;
          server.retain(slot);
          slots.add(slot);
          seen.push({ text: 'pong', slot });
        }
      });
      const client = open();
      const inbox = collect(client);
      for (const address of ['127.0.0.1', '127.0.0.2', '127.1.2.3']) {
        send(client, client.intern(v4(address, server.localAddress.port)), 'ping');
        await untilTrue(() => seen.length === 1);
        echo(seen);
        await untilTrue(() => inbox.length === 1);
        expect(inbox[0]?.from).toEqual(v4(address, server.localAddress.port));
        inbox.length = 0;
      }
      // One peer, three addresses here: three slots, all with the address of the peer.
      expect(slots.size).toBe(3);
      for (const slot of slots) expect(server.addressOf(slot)).toEqual(client.localAddress);
    });

    it.runIf(ipv6)('so it is with a dual-stack socket and IPv4', async () => {
      const server = open({ bind: ANY_V6 });
      server.start(({ meta }) => send(server, meta[3]!, 'pong'));
      const client = open();
      const inbox = collect(client);
      send(client, client.intern(v4('127.0.0.9', server.localAddress.port)), 'ping');
      await untilTrue(() => inbox.length === 1);
      expect(inbox[0]?.from).toEqual(v4('127.0.0.9', server.localAddress.port));
    });

    it('a peer named first has one slot, whichever address it writes to', async () => {
      const server = open({ bind: ANY_V4 });
      const inbox = collect(server);
      const client = open();
      const named = server.intern(client.localAddress);
      for (const address of ['127.0.0.1', '127.0.0.2']) {
        send(client, client.intern(v4(address, server.localAddress.port)), 'ping');
      }
      await untilTrue(() => inbox.length === 2);
      expect(inbox.map(({ slot }) => slot)).toEqual([named, named]);
    });
  });

  describe.runIf(hasPython())('the ECN mark of a datagram', () => {
    it.each([
      [LOOPBACK_V4, LOOPBACK_V4],
      ...(ipv6
        ? [
            [LOOPBACK_V6, LOOPBACK_V6],
            [ANY_V6, LOOPBACK_V4],
            [ANY_V6, LOOPBACK_V6],
          ]
        : []),
    ])('is passed on ($address from $address)', async (bind, from) => {
      const right = open({ bind });
      const inbox = collect(right);
      for (const mark of [0, 1, 2, 3]) sendMarked({ ...from, port: right.localAddress.port }, mark);
      await untilTrue(() => inbox.length === 4);
      expect(inbox.map(({ ecn }) => ecn)).toEqual([0, 1, 2, 3]);
    });
  });
});

function hasPython(): boolean {
  const found = spawnSync('python3', ['--version']).status === 0;
  if (!found) console.warn('SKIPPED: ECN marks, because there is no python3 to set them with');
  return found;
}

/** Node cannot set the traffic class of what it sends. */
function sendMarked({ address, family, port }: SocketAddress, mark: number): void {
  const program = [
    'import socket',
    `s = socket.socket(socket.AF_INET${family === 6 ? '6' : ''}, socket.SOCK_DGRAM)`,
    family === 6
      ? `s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, ${mark})`
      : `s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, ${mark})`,
    `s.sendto(b"x", ("${address}", ${port}))`,
  ].join('\n');
  expect(spawnSync('python3', ['-c', program]).status).toBe(0);
}
