import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { SocketAddress } from '../../../src/base/address.ts';
import { OwnerWatch } from '../../../src/gateway/owner-watch.ts';
import { wireMemory } from '../../../src/wire/memory.ts';
import { PROBE_ACK_BYTES, writeProbeAck } from '../../../src/wire/probe-ack.ts';
import { readProbe } from '../../../src/wire/probe.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const close of closers.splice(0)) close();
});

/** A gateway that answers PROBEs as it is told. */
class AskedGateway {
  readonly socket: Socket = createSocket('udp4');
  asked = 0;
  answer: 'right' | 'another nonce' | 'nothing' = 'right';

  async open(): Promise<SocketAddress> {
    this.socket.bind(0, '127.0.0.1');
    closers.push(() => this.socket.close());
    this.socket.on('message', (bytes, { port }) => {
      this.asked++;
      const probe = readProbe(wireMemory(bytes), 0);
      if (typeof probe === 'string') throw new Error(probe);
      if (this.answer === 'nothing') return;
      const ack = wireMemory(new Uint8Array(PROBE_ACK_BYTES));
      writeProbeAck(ack, 0, {
        ...{ type: 'probeAck', conv: 0, index: probe.index, ts: probe.ts, number: probe.number },
        nonce: this.answer === 'right' ? probe.nonce : probe.nonce ^ 1,
        ...{ load: 0, draining: true, notReady: false, address: null, nodeId: 0, epochSeconds: 0 },
        retryAfterMs: 0,
      });
      this.socket.send(ack.bytes, port, '127.0.0.1');
    });
    await once(this.socket, 'listening');
    return { address: '127.0.0.1', family: 4, port: this.socket.address().port };
  }
}

/** A watch over one gateway with id 2, whose time the test sets. */
function watchOver(udp: SocketAddress | null): { readonly watch: OwnerWatch; later(ms: number): void } {
  let now = 0;
  const watch = new OwnerWatch([{ gatewayId: 2, udp }], { now: () => now });
  closers.push(() => watch.close());
  return { watch, later: (ms) => (now += ms) };
}

async function until(isSo: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 10_000; !isSo(); await delay(5))
    if (performance.now() > deadline) throw new Error('it never was');
}

describe('another gateway', () => {
  test('that answers is there, and is not asked more often than needed', async () => {
    // No question is repeated because this process was too slow to answer.
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const gateway = new AskedGateway();
    const { watch, later } = watchOver(await gateway.open());
    for (let i = 0; i < 100; i++) expect(watch.isGone(2)).toBe(false);
    await until(() => gateway.asked > 0);
    // The answer was read.
    await until(() => vi.getTimerCount() === 0);
    for (let i = 0; i < 100; i++) expect(watch.isGone(2)).toBe(false);
    await delay(20);
    expect(gateway.asked).toBe(1);
    later(1_000);
    expect(watch.isGone(2)).toBe(false);
    await until(() => gateway.asked === 2);
  });

  test.each(['nothing', 'another nonce'] as const)(
    'that answers %s is gone, until it answers',
    async (kind) => {
      const gateway = new AskedGateway();
      gateway.answer = kind;
      const { watch, later } = watchOver(await gateway.open());
      await until(() => watch.isGone(2));
      expect(gateway.asked).toBe(5);
      gateway.answer = 'right';
      later(1_000);
      // What was found out holds meanwhile.
      expect(watch.isGone(2)).toBe(true);
      await until(() => !watch.isGone(2));
    },
  );

  test('that was gone long ago counts as there until it was asked', async () => {
    const gateway = new AskedGateway();
    gateway.answer = 'nothing';
    const { watch, later } = watchOver(await gateway.open());
    await until(() => watch.isGone(2));
    later(5_000);
    expect(watch.isGone(2)).toBe(false);
    await until(() => watch.isGone(2));
  });

  test('is gone at once when nothing listens there', async () => {
    const gateway = new AskedGateway();
    const { watch } = watchOver(await gateway.open());
    gateway.socket.removeAllListeners('message').close();
    closers.shift();
    await until(() => watch.isGone(2));
  });

  test('that nobody can ask is gone', () => {
    expect(watchOver(null).watch.isGone(2)).toBe(true);
    expect(watchOver(null).watch.isGone(3)).toBe(true);
  });
});
