import { afterEach, expect, test } from 'vitest';
import { runFleetClient, runStreamClient, type KcpGoOptions } from '../support/kcp-go.ts';
import { peer } from '../support/peers.ts';
import { startUdpRelay } from '../../tools/kcpgate/relay/udp-relay.ts';
import { startOurEchoServer } from './kcp-go-sides.ts';

const MIB = 1 << 20;
const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

peer('kcp-go').describe('a kcp-go client and a gateway of ours', () => {
  const modes = [
    { mode: 'message', stream: false },
    { mode: 'stream', stream: true },
  ] as const;

  test.each(modes)('64 MiB there and back in $mode mode', { timeout: 60_000 }, async ({ mode, stream }) => {
    const server = await startOurEchoServer(mode);
    closers.push(() => server.close());
    const result = await runStreamClient(server, { bytes: 64 * MIB, seed: 3 }, { stream });
    expect(result).toMatchObject({ complete: true, bytes: 64 * MIB, corruptBytes: 0 });
    expect(result.counters.inputErrors).toBe(0);
    expect(await server.stats()).toMatchObject({ openSessions: 1, openedSessions: 1, sinkFailures: 0 });
  });

  test.each(modes)(
    '10 % loss and 5 % reordering in $mode mode',
    { timeout: 60_000 },
    async ({ mode, stream }) => {
      const server = await startOurEchoServer(mode);
      closers.push(() => server.close());
      const link = { lossRate: 0.1, reorderRate: 0.05, reorderDelayMs: 10, delayMs: 5 };
      const relay = await startUdpRelay({ target: server, seed: 21, toTarget: link, toClient: link });
      closers.push(() => relay.close());
      const result = await runStreamClient(relay, { bytes: 8 * MIB, seed: 4 }, { stream });
      expect(result).toMatchObject({ complete: true, bytes: 8 * MIB, corruptBytes: 0 });
      expect(relay.stats().toTarget.lost).toBeGreaterThan(100);
      expect(relay.stats().toClient.reordered).toBeGreaterThan(50);
    },
  );

  const settings: { name: string; theirs: KcpGoOptions }[] = [
    { name: 'default parameters', theirs: { noDelay: 0, intervalMs: 100, resend: 0, noCongestion: 0 } },
    { name: 'small windows', theirs: { sendWindow: 32, receiveWindow: 32 } },
    { name: 'a small MTU', theirs: { mtu: 300 } },
    { name: 'an MTU larger than ours', theirs: { mtu: 1500 } },
    { name: 'immediate ACKs', theirs: { ackNoDelay: true } },
    { name: 'delayed writes', theirs: { writeDelay: true } },
  ];

  test.each(settings)('a client with $name', { timeout: 60_000 }, async ({ theirs }) => {
    const server = await startOurEchoServer('stream');
    closers.push(() => server.close());
    const result = await runStreamClient(server, { bytes: MIB, seed: 5 }, { stream: true, ...theirs });
    expect(result).toMatchObject({ complete: true, bytes: MIB, corruptBytes: 0 });
  });

  test('many sessions at once', { timeout: 60_000 }, async () => {
    const server = await startOurEchoServer('message');
    closers.push(() => server.close());
    const load = { sessions: 50, echoesPerSecond: 20, sizeBytes: 64, durationMs: 1000 };
    const result = await runFleetClient(server, load);
    expect(result).toMatchObject({ complete: true, echoes: 1000 });
    expect(await server.stats()).toMatchObject({ openedSessions: 50, sinkFailures: 0 });
  });
});
