import { describe, expect, it, vi } from 'vitest';
import type { GatewayError } from '../../../src/base/errors.ts';
import { NO_LOG } from '../../../src/base/logger.ts';
import { createUdpCarrier } from '../../../src/carrier/node/udp.ts';
import { ANY_V6, hasIpv6, LOOPBACK_V4, LOOPBACK_V6, untilTrue } from '../../contract/loopback.ts';
import { collect, send, sendAll } from '../../contract/socket-traffic.ts';
import { freePorts } from '../../support/free-ports.ts';
import { describeWithNative } from '../../support/native.ts';
import { createOpener } from './open-native.ts';

const ipv6 = await hasIpv6();

describeWithNative('sending natively', (bindings, file) => {
  const open = createOpener(bindings);

  describe('when the system refuses to segment', () => {
    it.each([
      ['IPv4', LOOPBACK_V4, LOOPBACK_V4],
      ...(ipv6
        ? ([
            ['IPv6', LOOPBACK_V6, LOOPBACK_V6],
            ['both', ANY_V6, LOOPBACK_V6],
            ['both, to IPv4', ANY_V6, LOOPBACK_V4],
          ] as const)
        : []),
    ] as const)('each is sent by itself, and one warning says so (%s)', async (_name, bind, to) => {
      const warn = vi.fn();
      const onError = vi.fn();
      const left = open({ bind, refuseSegmentation: true, logger: { ...NO_LOG, warn }, onError });
      // Over IPv6 it must accept datagrams without a checksum.
      const right = open({ bind: to, refuseSegmentation: true });
      const inbox = collect(right);
      const slot = left.intern(right.localAddress);
      expect(left.capabilities.segmentation).toBe(true);
      const texts = Array.from({ length: 50 }, (_, i) => `number ${String(i).padStart(2, '0')}`);
      send(left, slot, ...texts);
      await untilTrue(() => !left.capabilities.segmentation);
      send(left, slot, ...texts);
      await untilTrue(() => inbox.length === 100);
      expect(inbox.map(({ text }) => text)).toEqual([...texts, ...texts]);
      expect(inbox.some(({ glued }) => glued)).toBe(false);
      expect(warn).toHaveBeenCalledOnce();
      expect(onError).not.toHaveBeenCalled();
      expect(left.stats()).toMatchObject({
        segmentedSends: 0,
        sentDatagrams: 100,
        sendDrops: 0,
        socketErrors: 0,
      });
    });

    it('answers from the address that was written to go on', async () => {
      const server = open({ bind: { ...LOOPBACK_V4, address: '0.0.0.0' }, refuseSegmentation: true });
      server.start(({ meta }) => send(server, meta[3]!, 'conv one', 'conv two'));
      const client = open();
      const inbox = collect(client);
      const slot = client.intern({ address: '127.0.0.3', family: 4, port: server.localAddress.port });
      for (const count of [2, 4]) {
        send(client, slot, 'ping');
        await untilTrue(() => inbox.length === count);
      }
      expect(new Set(inbox.map(({ from }) => from.address))).toEqual(new Set(['127.0.0.3']));
      expect(server.capabilities.segmentation).toBe(false);
    });

    it('a carrier that is told to starts like that', async () => {
      const native = { status: 'loaded', bindings, file } as const;
      const carrier = await createUdpCarrier({ bind: LOOPBACK_V4, native, refuseSegmentation: true });
      const slot = carrier.intern(carrier.localAddress);
      carrier.arena.target = slot;
      for (let i = 0; i < 2; i++) {
        carrier.arena.reserve(10);
        carrier.arena.commit(10);
      }
      carrier.flush();
      await untilTrue(() => !carrier.capabilities.segmentation);
      await carrier.close();
    });
  });

  it('never reads outside the memory it was given', () => {
    const socket = open();
    const slot = socket.intern(socket.localAddress);
    const bytes = new Uint8Array(100);
    const wild = [
      [101, 0],
      [0, 101],
      [50, 51],
      [-1, 1],
      [0, -1],
      [2_000_000_000, 2_000_000_000],
      [2_147_483_647, 1],
    ] as const;
    for (const [offset, length] of wild) socket.sendBatch(bytes, Int32Array.of(offset, length, slot), 1);
    expect(socket.stats()).toMatchObject({ sendDrops: wild.length, sentDatagrams: 0 });
    // A run whose second half lies outside.
    socket.sendBatch(bytes, Int32Array.of(0, 60, slot, 60, 60, slot), 2);
    expect(socket.stats()).toMatchObject({ sendDrops: wild.length + 1, sentDatagrams: 1 });
    // More than there are descriptors for.
    socket.sendBatch(bytes, new Int32Array(3), 2);
    socket.sendBatch(bytes, new Int32Array(3), -1);
    expect(socket.stats().sentDatagrams).toBe(1);
  });

  it('sends neighbours of a batch that are none in memory, or overlap, each for itself', async () => {
    const [left, right] = [open(), open()];
    const inbox = collect(right);
    const slot = left.intern(right.localAddress);
    const bytes = new TextEncoder().encode('0123456789');
    left.sendBatch(bytes, Int32Array.of(4, 2, slot, 0, 2, slot, 1, 2, slot, 8, 2, slot, 6, 2, slot), 5);
    await untilTrue(() => inbox.length === 5);
    expect(inbox.map(({ text }) => text)).toEqual(['45', '01', '12', '89', '67']);
  });

  it('one peer that cannot be reached takes nothing from the others', async () => {
    const errors: { code: string; slot: number }[] = [];
    const left = open({ onError: ({ code }, slot) => errors.push({ code, slot }) });
    const right = open();
    const inbox = collect(right);
    const good = left.intern(right.localAddress);
    // Bound to loopback, the socket has no way out.
    const bad = left.intern({ address: '192.0.2.1', family: 4, port: 9 });
    const datagram = (text: string): Uint8Array => new TextEncoder().encode(text);
    sendAll(left, [
      [good, datagram('a1')],
      [good, datagram('a2')],
      [bad, datagram('b1')],
      [bad, datagram('b2')],
      [good, datagram('c1')],
    ]);
    await untilTrue(() => inbox.length === 3);
    expect(inbox.map(({ text }) => text)).toEqual(['a1', 'a2', 'c1']);
    const { sendDrops, sentDatagrams, socketErrors } = left.stats();
    expect([sentDatagrams, sendDrops]).toEqual([3, 2]);
    expect(errors.length).toBe(socketErrors);
    expect(errors.every(({ slot }) => slot === bad)).toBe(true);
  });

  it('a handler of errors that causes more of them leaves the event loop to others', async () => {
    let told = 0;
    const left = open({
      onError: () => {
        told++;
        // As a bound for the test only.
        if (told < 1_000_000) send(left, bad, 'again');
      },
    });
    const bad = left.intern({ address: '192.0.2.1', family: 4, port: 9 });
    send(left, bad, 'x');
    await untilTrue(() => told > 0);
    expect(told).toBeLessThan(1_000_000);
  });

  describe('what the network answers', () => {
    it.each([LOOPBACK_V4, ...(ipv6 ? [LOOPBACK_V6] : [])])(
      'is reported for the peer it is about ($address)',
      async (bind) => {
        const gone = { ...bind, port: await freePort() };
        const errors: { error: GatewayError; slot: number }[] = [];
        const left = open({ bind, onError: (error, slot) => errors.push({ error, slot }) });
        const right = open({ bind });
        const inbox = collect(right);
        const good = left.intern(right.localAddress);
        const nobody = left.intern(gone);
        send(left, nobody, 'anybody?');
        await untilTrue(() => errors.length === 1);
        expect(errors[0]).toMatchObject({ error: { code: 'connect_failed' }, slot: nobody });
        expect(errors[0]?.error.message).toContain(String(gone.port));
        // Sent while an error waits: the error is not about this one.
        for (let i = 0; i < 10; i++) {
          send(left, nobody, 'anybody?');
          send(left, good, 'hello');
        }
        await untilTrue(() => inbox.length === 10);
        expect(left.stats().sendDrops).toBe(0);
        expect(errors.every(({ slot }) => slot === nobody)).toBe(true);
      },
    );

    it('stays bounded when all of it is refused, and a handler that throws or closes is no harm', async () => {
      const gone = { ...LOOPBACK_V4, port: await freePort() };
      const logged = vi.fn();
      let calls = 0;
      const left = open({
        logger: { ...NO_LOG, error: logged },
        onError: () => {
          calls++;
          if (calls === 3) void left.close();
          throw new Error('a fault of the upper layer');
        },
      });
      const slot = left.intern(gone);
      send(left, slot, ...Array.from({ length: 200 }, (_, i) => 'x'.repeat(i + 1)));
      await untilTrue(() => calls === 3);
      expect(logged).toHaveBeenCalledTimes(3);
      await left.close();
      expect(calls).toBe(3);
    });
  });
});

/** One that nobody gets while nobody has it. */
async function freePort(): Promise<number> {
  const [port] = (await freePorts(1)) as [number];
  return port;
}
