import { describe, expect, test } from 'vitest';
import { runKcpgate } from '../support/kcpgate-command.ts';
import { peer } from '../support/peers.ts';

interface Report {
  readonly runs: number;
  readonly load: Readonly<Record<string, unknown>>;
  readonly scenarios: readonly {
    readonly scenario: string;
    readonly results: readonly {
      readonly pairing: string;
      readonly runs: readonly Readonly<Record<string, number>>[];
      readonly median: Readonly<Record<string, number>>;
    }[];
    readonly ratios: Readonly<Record<string, number>>;
    readonly allocationSites?: readonly { readonly place: string; readonly bytesPerPacket: number }[];
  }[];
}

const TINY = ['--mib', '1', '--echoes', '50', '--sessions', '20', '--seconds', '0.5', '--segments', '20000'];

async function bench(...options: string[]): Promise<Report> {
  const { code, output, errorOutput } = await runKcpgate(['bench', ...options, '--json']);
  expect(errorOutput).toBe('');
  expect(code).toBe(0);
  return JSON.parse(output) as Report;
}

describe('kcpgate bench', () => {
  test('measures with processes of its own and reports medians', { timeout: 120_000 }, async () => {
    const report = await bench('stream', 'pingpong', 'fleet', '--runs', '2', ...TINY);
    expect(report.runs).toBe(2);
    expect(report.load).toMatchObject({ mib: 1, fleetSessions: 20, mtu: 1400, preset: 'fast3' });
    expect(report.scenarios.map(({ scenario }) => scenario)).toEqual(['stream', 'pingpong', 'fleet']);
    for (const { results, ratios } of report.scenarios) {
      expect(ratios).toEqual({});
      expect(results.map(({ pairing }) => pairing)).toEqual(['kcpgate']);
      const [{ runs, median }] = results as [(typeof results)[number]];
      expect(runs).toHaveLength(2);
      for (const [name, value] of Object.entries(median)) {
        expect((runs[0]![name]! + runs[1]![name]!) / 2).toBeCloseTo(value);
      }
    }
    expect(Object.keys(report.scenarios[0]!.results[0]!.median)).toEqual([
      'mibPerSecond',
      'serverCpuSecondsPer100Mib',
      'clientCpuSecondsPer100Mib',
      'retransmits',
    ]);
    expect(Object.keys(report.scenarios[1]!.results[0]!.median)).toEqual([
      'latencyP50Ms',
      'latencyP99Ms',
      'serverCpuMicrosecondsPerEcho',
      'clientCpuMicrosecondsPerEcho',
    ]);
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
    ]);
    expect([code, errorOutput]).toEqual([0, '']);
    expect(output).toMatch(/^scenario +figure +kcpgate +target$/m);
    expect(output).toMatch(/^engine +ns per segment +\d+ +(met|MISSED) \(<= 1000\)$/m);
  });

  test('refuses what it does not know', async () => {
    const { code, errorOutput } = await runKcpgate(['bench', 'speed']);
    expect(code).toBe(2);
    expect(errorOutput).toContain('stream, pingpong, fleet, idle, engine, alloc');
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
    const { results, ratios } = report.scenarios[0]!;
    expect(results.map(({ pairing }) => pairing)).toEqual(['kcpgate', 'kcp-go', 'kcp-go -> kcpgate']);
    const [ours, theirs] = results as [(typeof results)[number], (typeof results)[number]];
    expect(ratios.mibPerSecond).toBeCloseTo(ours.median.mibPerSecond! / theirs.median.mibPerSecond!);
  });
});
