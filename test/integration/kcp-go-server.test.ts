import { afterEach, expect, test } from 'vitest';
import type { StockOptions } from '../../src/client/node/index.ts';
import { startEchoServer, type KcpGoOptions } from '../support/kcp-go.ts';
import { peer } from '../support/peers.ts';
import { startUdpRelay } from '../../tools/kcpgate/relay/udp-relay.ts';
import { streamThroughUs, type StreamOutcome } from './kcp-go-sides.ts';

const MIB = 1 << 20;
const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

peer('kcp-go').describe('a client of ours and a kcp-go echo server', () => {
  const modes = [
    { mode: 'message', stream: false },
    { mode: 'stream', stream: true },
  ] as const;

  test.each(modes)('64 MiB there and back in $mode mode', { timeout: 60_000 }, async ({ stream }) => {
    const server = await startEchoServer({ stream });
    closers.push(() => server.stop());
    const outcome = await streamThroughUs(server, { bytes: 64 * MIB, seed: 5 }, { stream });
    expectAllBack(outcome, 64 * MIB);
  });

  test.each(modes)('10 % loss and 5 % reordering in $mode mode', { timeout: 60_000 }, async ({ stream }) => {
    const server = await startEchoServer({ stream });
    closers.push(() => server.stop());
    const link = { lossRate: 0.1, reorderRate: 0.05, reorderDelayMs: 10, delayMs: 5 };
    const relay = await startUdpRelay({ target: server, seed: 22, toTarget: link, toClient: link });
    closers.push(() => relay.close());
    const outcome = await streamThroughUs(relay, { bytes: 8 * MIB, seed: 6 }, { stream });
    expectAllBack(outcome, 8 * MIB);
    expect(relay.stats().toTarget.lost).toBeGreaterThan(100);
    expect(relay.stats().toClient.reordered).toBeGreaterThan(50);
  });

  const settings: { name: string; theirs: KcpGoOptions; ours: Partial<StockOptions> }[] = [
    { name: 'small windows at the server', theirs: { sendWindow: 32, receiveWindow: 32 }, ours: {} },
    { name: 'small windows at the client', theirs: {}, ours: { sendWindow: 16, receiveWindow: 16 } },
    { name: 'a congestion window at both', theirs: { noCongestion: 0 }, ours: { congestion: 'reno' } },
    { name: 'a small MTU at the client', theirs: {}, ours: { mtu: 300 } },
    { name: 'a small MTU at the server', theirs: { mtu: 300 }, ours: {} },
    { name: 'the normal preset', theirs: { noDelay: 0, intervalMs: 40 }, ours: { preset: 'normal' } },
  ];

  test.each(settings)('$name', { timeout: 60_000 }, async ({ theirs, ours }) => {
    const server = await startEchoServer({ stream: true, ...theirs });
    closers.push(() => server.stop());
    const outcome = await streamThroughUs(server, { bytes: MIB, seed: 7 }, { stream: true, ...ours });
    expectAllBack(outcome, MIB);
  });
});

function expectAllBack(outcome: StreamOutcome, bytes: number): void {
  expect(outcome.bytes).toBe(bytes);
  expect(outcome.receivedSha256).toBe(outcome.sentSha256);
}
