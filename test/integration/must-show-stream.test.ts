import { networkInterfaces } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { startUdpRelay } from '../../tools/kcpgate/relay/udp-relay.ts';
import { runStreamClient, type KcpGoStreamResult } from '../support/kcp-go.ts';
import { startKcpgate, type RunningCommand } from '../support/kcpgate-command.ts';
import { peer } from '../support/peers.ts';

const MIB = 1 << 20;
/** What the client sends and gets back in each test; KCPGATE_STREAM_MIB=100 for the long run. */
const STREAM_MIB = Number(process.env.KCPGATE_STREAM_MIB ?? 16);
const BYTES = STREAM_MIB * MIB;
const SLOWEST_BYTES_PER_MS = MIB / 1000;
const TIMEOUT_MS = 60_000 + BYTES / SLOWEST_BYTES_PER_MS;
const HAS_IPV6_LOOPBACK = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** `serve` as it is without a configuration, but for the address. */
async function serveDefault(bind: string): Promise<{ gateway: RunningCommand; port: number }> {
  const gateway = await startKcpgate([
    'serve',
    ...['--bind', bind, '--log-format', 'json', '--drain-timeout', '1s'],
  ]);
  closers.push(() => gateway.stop());
  return { gateway, port: await gateway.port() };
}

function expectEveryByte(result: KcpGoStreamResult): void {
  expect(result).toMatchObject({ complete: true, bytes: BYTES, corruptBytes: 0 });
  expect(result.counters.inputErrors).toBe(0);
}

/** One line about a long run, to be quoted. */
function report(way: string, result: KcpGoStreamResult, more: object = {}): void {
  if (process.env.KCPGATE_STREAM_MIB === undefined) return;
  const { bytes, corruptBytes, seconds, mibPerSecond, sha256 } = result;
  const { retransmits, inputErrors } = result.counters;
  const figures = { bytes, corruptBytes, seconds, mibPerSecond, sha256, retransmits, inputErrors, ...more };
  console.log(`kcp-go client, ${way}: ${JSON.stringify(figures)}`);
}

peer('kcp-go').describe(`a kcp-go client streams ${String(STREAM_MIB)} MiB through the echo of serve`, () => {
  test('over loopback', { timeout: TIMEOUT_MS }, async () => {
    const { gateway, port } = await serveDefault('127.0.0.1:0');
    const target = { address: '127.0.0.1', port };
    const result = await runStreamClient(target, { bytes: BYTES, seed: 100, timeoutMs: TIMEOUT_MS });
    report('loopback', result);
    expectEveryByte(result);
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
    await gateway.record('served', { bytesFromSessions: BYTES, bytesToSessions: BYTES });
  });

  test('with 10 % loss and 5 % reordering each way', { timeout: TIMEOUT_MS }, async () => {
    const { gateway, port } = await serveDefault('127.0.0.1:0');
    const link = { lossRate: 0.1, reorderRate: 0.05, reorderDelayMs: 10, delayMs: 5 };
    const relay = await startUdpRelay({
      target: { address: '127.0.0.1', port },
      seed: 101,
      toTarget: link,
      toClient: link,
    });
    closers.push(() => relay.close());
    const result = await runStreamClient(relay, { bytes: BYTES, seed: 101, timeoutMs: TIMEOUT_MS });
    const { toTarget, toClient } = relay.stats();
    report('10 % loss and 5 % reordering', result, { toTarget, toClient });
    expectEveryByte(result);
    for (const { sent, lost, reordered } of [toTarget, toClient]) {
      expect(lost / sent).toBeGreaterThan(0.08);
      expect(reordered / sent).toBeGreaterThan(0.03);
    }
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
    await gateway.record('served', { bytesFromSessions: BYTES, bytesToSessions: BYTES });
  });

  test.runIf(HAS_IPV6_LOOPBACK)('over IPv6', { timeout: TIMEOUT_MS }, async () => {
    const { gateway, port } = await serveDefault('[::1]:0');
    const target = { address: '::1', port };
    const result = await runStreamClient(target, { bytes: BYTES, seed: 102, timeoutMs: TIMEOUT_MS });
    report('IPv6', result);
    expectEveryByte(result);
    expect((await gateway.record('listening')).address).toBe(`[::1]:${String(port)}`);
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  });
});
