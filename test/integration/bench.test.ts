import { describe, expect, test } from 'vitest';
import { runKcpgate, startKcpgate } from '../support/kcpgate-command.ts';
import { peer } from '../support/peers.ts';
import { DEFAULT_LOAD } from '../../tools/kcpgate/bench/load-options.ts';

interface Result {
  readonly contender: string;
  readonly runs: readonly Readonly<Record<string, number>>[];
  readonly median: Readonly<Record<string, number>>;
  readonly min: Readonly<Record<string, number>>;
  readonly max: Readonly<Record<string, number>>;
  readonly ratios: Readonly<Record<string, number>>;
  readonly native?: { readonly status: string };
}

interface Report {
  readonly machine: Readonly<Record<string, unknown>>;
  readonly runs: number;
  readonly load: Readonly<Record<string, unknown>>;
  readonly scenarios: readonly {
    readonly scenario: string;
    readonly reference: string;
    readonly results: readonly Result[];
    readonly allocationSites?: readonly { readonly place: string; readonly bytesPerPacket: number }[];
  }[];
}

const POOL_LOAD = { ...DEFAULT_LOAD, streams: 4, mib: 4, timeoutMs: 20_000 };
const TINY = [
  '--mib',
  '1',
  '--echoes',
  '50',
  '--sessions',
  '20',
  '--seconds',
  '0.5',
  '--segments',
  '20000',
  '--runs',
  '1',
  '--packets',
  '5000',
  '--logins',
  '50',
];

async function bench(...options: string[]): Promise<Report> {
  const { code, output, errorOutput } = await runKcpgate(['bench', ...options, '--json']);
  expect(errorOutput).toBe('');
  expect(code).toBe(0);
  return JSON.parse(output) as Report;
}

describe('kcpgate bench', () => {
  test('measures with processes of its own and reports medians', { timeout: 120_000 }, async () => {
    const report = await bench('stream', 'pingpong', 'fleet', ...TINY, '--runs', '2');
    expect(report.runs).toBe(2);
    expect(report.load).toMatchObject({ mib: 1, fleetSessions: 20, mtu: 1400, preset: 'fast3' });
    expect(report.scenarios.map(({ scenario }) => scenario)).toEqual(['stream', 'pingpong', 'fleet']);
    for (const { results } of report.scenarios) {
      expect(results.map(({ contender }) => contender)).toEqual(['kcpgate']);
      const [{ runs, median, min, max, ratios }] = results as [Result];
      expect(ratios).toEqual({});
      expect(runs).toHaveLength(2);
      for (const [name, value] of Object.entries(median)) {
        expect((runs[0]![name]! + runs[1]![name]!) / 2).toBeCloseTo(value);
        expect(min[name]).toBeLessThanOrEqual(max[name]!);
      }
    }
    expect(Object.keys(report.scenarios[0]!.results[0]!.median)).toEqual(
      expect.arrayContaining([
        'mibPerSecond',
        'serverUserCpuSecondsPer100Mib',
        'serverSystemCpuSecondsPer100Mib',
        'clientCpuSecondsPer100Mib',
        'retransmits',
      ]),
    );
    expect(Object.keys(report.scenarios[1]!.results[0]!.median)).toEqual(
      expect.arrayContaining([
        'latencyP99Ms',
        'serverCpuMicrosecondsPerEcho',
        'clientCpuMicrosecondsPerEcho',
      ]),
    );
  });

  test('measures sessions that log in, on every carrier', { timeout: 120_000 }, async () => {
    const report = await bench('sealed-stream', 'sealed-fleet', 'carriers', ...TINY);
    const [stream, fleet, carriers] = report.scenarios as Report['scenarios'] & { length: 3 };
    expect(stream!.results.map(({ contender }) => contender)).toEqual(['kcpgate']);
    expect(stream!.results[0]!.median.mibPerSecond).toBeGreaterThan(0);
    expect(fleet!.results[0]!.median.serverCpuMicrosecondsPerEcho).toBeGreaterThan(0);
    expect(carriers!.results.map(({ contender }) => contender)).toEqual(['UDP', 'TCP', 'WebSocket']);
    expect(carriers!.reference).toBe('UDP');
    for (const { median } of carriers!.results) expect(median.mibPerSecond).toBeGreaterThan(0);
  });

  test('measures how clients get in', { timeout: 120_000 }, async () => {
    // Enough for the system to have counted some CPU time of the server, however busy the machine is.
    const report = await bench('handshake', 'login', ...TINY, '--sessions', '500');
    const [handshake, login] = report.scenarios.map(({ results }) => results[0]!.median);
    for (const name of [
      'sessionsPerServerCpuSecond',
      'sessionsPerSecond',
      'clientCpuMicrosecondsPerSession',
    ]) {
      expect(handshake![name]).toBeGreaterThan(0);
    }
    for (const name of ['loginsPerSecond', 'freshLoginsPerSecond', 'freshLoginsPerServerCpuSecond']) {
      expect(login![name]).toBeGreaterThan(0);
    }
  });

  test('floods a server with junk beside live sessions', { timeout: 60_000 }, async () => {
    const report = await bench('junk', ...TINY);
    const { junkPerSecond, junkLostPercent, calmLatencyP99Ms, floodedLatencyP99Ms, floodedLatencyP99Growth } =
      report.scenarios[0]!.results[0]!.median;
    expect(junkPerSecond).toBeGreaterThan(0);
    // The server counts every piece it read.
    expect(junkLostPercent).toBeGreaterThanOrEqual(0);
    expect(junkLostPercent).toBeLessThan(100);
    expect(floodedLatencyP99Growth).toBeCloseTo(floodedLatencyP99Ms! / calmLatencyP99Ms!);
  });

  test('has two sides for sealed sessions, too', { timeout: 60_000 }, async () => {
    const server = await startKcpgate(['bench', 'sealed-stream', '--server', '--json']);
    try {
      const { login } = JSON.parse(await server.line((line) => line.includes('listening'))) as {
        login: string;
      };
      const client = await runKcpgate(['bench', 'sealed-stream', '--client', login, '--mib', '1', '--json']);
      const result = JSON.parse(client.output.trim().split('\n').at(-1)!) as Record<string, unknown>;
      expect(result).toMatchObject({ complete: true, corruptBytes: 0 });
    } finally {
      await server.stop();
    }
    const stopped = JSON.parse(server.output.trim().split('\n').at(-1)!) as Record<string, unknown>;
    expect(stopped).toMatchObject({ event: 'stopped', sessions: 1, drops: {} });
  });

  test('the two ways to ask for the CPU time of a server agree', { timeout: 60_000 }, async () => {
    const report = await bench('stream', '--runs', '1', '--mib', '8');
    const { serverCpuSecondsByProc: outside, serverCpuSecondsByRusage: inside } =
      report.scenarios[0]!.results[0]!.runs[0]!;
    expect(outside).toBeGreaterThan(0.1);
    // Ending is in the one and not in the other; /proc counts in steps of 10 ms.
    expect(Math.abs(outside! - inside!)).toBeLessThan(0.1);
  });

  test('runs with the addon and without it, taking turns', { timeout: 60_000 }, async () => {
    const report = await bench('stream', 'aead', '--native', 'on,off', ...TINY);
    for (const { results } of report.scenarios) {
      expect(results.map(({ contender }) => contender)).toEqual(['kcpgate', 'kcpgate (JavaScript)']);
    }
    const [on, off] = report.scenarios[0]!.results as [Result, Result];
    expect(off.native?.status).toBe('off');
    expect(on.native?.status).not.toBe('off');
  });

  test('several streams at once, and the worker-pool model', { timeout: 60_000 }, async () => {
    const server = ['--server', '--load', JSON.stringify({ ...POOL_LOAD, poolThreads: 2 }), '--json'];
    const running = await startKcpgate(['bench', ...server]);
    try {
      const { port } = JSON.parse(await running.line((line) => line.includes('listening'))) as {
        port: number;
      };
      const load = ['--load', JSON.stringify(POOL_LOAD), '--json'];
      const client = await runKcpgate(['bench', 'stream', '--client', `127.0.0.1:${port}`, ...load]);
      const result = JSON.parse(client.output.trim().split('\n').at(-1)!) as Record<string, unknown>;
      expect(result).toMatchObject({ complete: true, bytes: 6 * 1024 * 1024, corruptBytes: 0 });
    } finally {
      expect((await running.stop()).code).toBe(0);
    }
  });

  test('names who allocates on the way of a packet', { timeout: 60_000 }, async () => {
    const report = await bench('engine', 'alloc', '--runs', '1', '--segments', '20000', '--packets', '20000');
    expect(Object.keys(report.scenarios[0]!.results[0]!.median)).toEqual(['nsPerSegment', 'bytesPerSegment']);
    const { results, allocationSites } = report.scenarios[1]!;
    expect(Object.keys(results[0]!.median)).toEqual(['bytesPerPacket']);
    for (const { place, bytesPerPacket } of allocationSites!) {
      expect(place).not.toBe('');
      expect(bytesPerPacket).toBeGreaterThan(0);
    }
  });

  test('prints a table for people, without a progress bar where there is no terminal', async () => {
    const { code, output, errorOutput } = await runKcpgate([
      'bench',
      'engine',
      '--runs',
      '1',
      '--segments',
      '20000',
      '--targets',
    ]);
    expect([code, errorOutput]).toEqual([0, '']);
    expect(output).toMatch(/^scenario +figure +contender +median$/m);
    expect(output).toMatch(/^engine +ns per segment +kcpgate +\d+$/m);
    expect(output).toMatch(/^engine: ns per segment +<= 1000 +[\d.]+ +(met|MISSED)$/m);
    expect(output).toMatch(/^junk: server CPU-us per datagram +<= 1.5 +not measured$/m);
  });

  test('reads a large capture, and leaves nothing behind', { timeout: 60_000 }, async () => {
    // Without a PATH there is no tshark, which takes its time.
    const words = ['bench', 'inspect', '--runs', '1', '--capture-mb', '3', '--json'];
    const { code, output } = await runKcpgate(words, { PATH: '' });
    expect(code).toBe(0);
    const [inspect] = (JSON.parse(output) as Report).scenarios;
    expect(inspect?.results.map(({ contender }) => contender)).toEqual(['kcpgate']);
    expect(inspect?.results[0]?.median.captureMegabytesPerSecond).toBeGreaterThan(0);
    expect(inspect?.results[0]?.median.peakMib).toBeGreaterThan(0);
  });

  test('refuses what it does not know', async () => {
    const { code, errorOutput } = await runKcpgate(['bench', 'speed']);
    expect(code).toBe(2);
    expect(errorOutput).toContain('stream, pingpong, fleet, idle, sealed-stream, sealed-fleet, sealed-idle');
    expect(errorOutput).toContain(
      'carriers, handshake, login, junk, latency, front, engine, aead, alloc, inspect, workers, models',
    );
  });

  test('does not take one thread for several workers', async () => {
    const { code, errorOutput } = await runKcpgate(['bench', 'workers', '--native', 'off', ...TINY]);
    expect(code).toBe(1);
    expect(errorOutput).toContain('workers, 2 workers: server ended early');
    expect(errorOutput).toContain('2 workers need the native addon');
  });

  test('fails when a run does not finish', async () => {
    const { code, errorOutput } = await runKcpgate([
      'bench',
      'stream',
      '--runs',
      '1',
      '--mib',
      '10000',
      '--timeout',
      '0.2',
    ]);
    expect(code).toBe(1);
    expect(errorOutput).toMatch(/stream, kcpgate: only \d+ came back/);
  });
});

peer('kcp-go').describe('kcpgate bench --peer kcp-go', () => {
  test('runs both and gives the ratios', { timeout: 120_000 }, async () => {
    const report = await bench('stream', '--peer', 'kcp-go', '--runs', '1', '--mib', '2');
    const [{ results, reference }] = report.scenarios as [Report['scenarios'][number]];
    expect(results.map(({ contender }) => contender)).toEqual(['kcpgate', 'kcp-go', 'kcp-go -> kcpgate']);
    expect([reference, typeof report.machine.kcpGo]).toEqual(['kcp-go', 'string']);
    const [ours, theirs] = results as [Result, Result];
    expect(ours.ratios.mibPerSecond).toBeCloseTo(ours.median.mibPerSecond! / theirs.median.mibPerSecond!);
    expect(theirs.ratios).toEqual({});
    // Both programs are asked in the same way, and both ways agree.
    for (const { runs } of results) {
      const { serverCpuSecondsByProc: outside, serverCpuSecondsByRusage: inside } = runs[0]!;
      expect(Math.abs(outside! - inside!)).toBeLessThan(0.1);
    }
  });

  test('compares sealed sessions with its AES', { timeout: 120_000 }, async () => {
    const report = await bench('sealed-stream', '--peer', 'kcp-go', '--runs', '1', '--mib', '2');
    const [{ results }] = report.scenarios as [Report['scenarios'][number]];
    expect(results.map(({ contender }) => contender)).toEqual(['kcpgate', 'kcp-go']);
    expect(results[0]!.ratios.serverCpuSecondsPer100Mib).toBeGreaterThan(0);
  });
});
