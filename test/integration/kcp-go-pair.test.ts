import { createHash } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import {
  runFleetClient,
  runPingPongClient,
  runStreamClient,
  startEchoServer,
  startIdleClient,
} from '../support/kcp-go.ts';
import { peer } from '../support/peers.ts';
import { startUdpRelay } from '../../tools/kcpgate/relay/udp-relay.ts';
import { splitmixBytes } from '../support/splitmix.ts';

const MIB = 1 << 20;
const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

// What the other suites rest on: the programs and the relay among themselves, without any code of ours in between.
peer('kcp-go').describe('kcp-go with itself', () => {
  test('streams, and reports what it did', { timeout: 60_000 }, async () => {
    const server = await startEchoServer();
    const result = await runStreamClient(server, { bytes: 4 * MIB, seed: 5 });
    expect(result).toMatchObject({ complete: true, bytes: 4 * MIB, corruptBytes: 0 });
    expect(result.sha256).toBe(
      createHash('sha256')
        .update(splitmixBytes(5, 4 * MIB))
        .digest('hex'),
    );
    const account = await server.stop();
    expect(account).toMatchObject({ sessions: 1, bytes: 4 * MIB });
    expect(account.cpuSeconds).toBeGreaterThan(0);
  });

  test('streams through a relay that loses and reorders', { timeout: 60_000 }, async () => {
    const server = await startEchoServer({ stream: true });
    closers.push(() => server.stop());
    const link = { lossRate: 0.1, reorderRate: 0.05, reorderDelayMs: 10, delayMs: 5 };
    const relay = await startUdpRelay({ target: server, seed: 11, toTarget: link, toClient: link });
    closers.push(() => relay.close());
    const result = await runStreamClient(relay, { bytes: MIB }, { stream: true });
    expect(result).toMatchObject({ complete: true, bytes: MIB, corruptBytes: 0 });
    expect(result.counters.retransmits).toBeGreaterThan(0);
    expect(relay.stats().toTarget.lost).toBeGreaterThan(0);
  });

  test('measures echoes of one session and of many', { timeout: 60_000 }, async () => {
    const server = await startEchoServer();
    closers.push(() => server.stop());
    const one = await runPingPongClient(server, { count: 20, sizeBytes: 8, everyMs: 5 });
    expect(one).toMatchObject({ complete: true, echoes: 20 });
    expect(one.latencyMs.max).toBeGreaterThanOrEqual(one.latencyMs.p50);
    const many = await runFleetClient(server, {
      sessions: 10,
      echoesPerSecond: 20,
      sizeBytes: 64,
      durationMs: 500,
    });
    expect(many).toMatchObject({ complete: true, echoes: 100 });
  });

  test('opens sessions and leaves them idle', { timeout: 60_000 }, async () => {
    const server = await startEchoServer();
    closers.push(() => server.stop());
    const idle = await startIdleClient(server, { sessions: 20, durationMs: 300 });
    closers.push(() => idle.stop());
    expect(await idle.nextEvent('result')).toMatchObject({ sessions: 20 });
    expect(await server.stop()).toMatchObject({ sessions: 20, bytes: 20 });
  });

  test('encrypts and corrects errors, when both are told to', { timeout: 60_000 }, async () => {
    const options = { crypt: 'aes-128', fecData: 10, fecParity: 3 } as const;
    const server = await startEchoServer(options);
    closers.push(() => server.stop());
    const relay = await startUdpRelay({ target: server, seed: 12, toTarget: { lossRate: 0.05 } });
    closers.push(() => relay.close());
    const result = await runStreamClient(relay, { bytes: MIB }, options);
    expect(result).toMatchObject({ complete: true, corruptBytes: 0 });
    expect((await server.stop()).counters.fecRecovered).toBeGreaterThan(0);
  });
});
