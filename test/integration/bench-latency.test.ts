import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { runKcpgate } from '../support/kcpgate-command.ts';

/** A network of one's own needs rights, and a device that not every container has. */
function canMakeLines(): boolean {
  const tryOut = ['--net', 'sh', '-c', 'python3 --version && ip tuntap add dev line0 mode tun'];
  const { status, stderr, error } = spawnSync('unshare', tryOut, { encoding: 'utf8' });
  if (status === 0) return true;
  console.warn(
    `SKIPPED: latency over emulated lines, because there can be none (${error?.message ?? stderr})`,
  );
  return false;
}

interface Report {
  readonly scenarios: readonly {
    readonly results: readonly {
      readonly contender: string;
      readonly median: Readonly<Record<string, number>>;
    }[];
  }[];
}

describe.runIf(canMakeLines())('kcpgate bench latency', () => {
  test('sends everything over the lossy path, on sessions and on TCP', { timeout: 120_000 }, async () => {
    const flags = ['bench', 'latency', '--seconds', '1', '--runs', '1', '--json'];
    const { code, output, errorOutput } = await runKcpgate(flags);
    expect([code, errorOutput]).toEqual([0, '']);
    const [scenario] = (JSON.parse(output) as Report).scenarios;
    const results = scenario!.results;
    expect(results.map(({ contender }) => contender)).toEqual([
      'kcpgate',
      'kcpgate, clear',
      'kcpgate, two lines',
      'TCP',
    ]);
    const medianOf = (name: string): Readonly<Record<string, number>> =>
      results.find(({ contender }) => contender === name)!.median;
    for (const { median } of results) {
      // There and back through the emulated line, never around it.
      expect(median.latencyP50Ms).toBeGreaterThanOrEqual(50);
      expect(median.latencyP99Ms).toBeGreaterThanOrEqual(median.latencyP50Ms!);
      // 30 messages. How many go in one packet is the business of a busy machine, and so are the bytes of all.
      expect(median.wirePackets).toBeGreaterThan(0);
      expect(median.wireKib).toBeGreaterThan(0);
    }
    // An acknowledgement behind the headers of IP and UDP, without a seal and with one.
    expect(medianOf('kcpgate, clear').wireShortestPacketBytes).toBe(28 + 24);
    expect(medianOf('kcpgate').wireShortestPacketBytes).toBeGreaterThan(28 + 24 + 16);
    // Everything goes over both.
    expect(medianOf('kcpgate, two lines').wireLeastLineShare).toBeGreaterThan(0.5);
  });
});
