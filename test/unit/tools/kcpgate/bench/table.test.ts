import { expect, test } from 'vitest';
import { DEFAULT_LOAD } from '../../../../../tools/kcpgate/bench/load-options.ts';
import type { BenchReport } from '../../../../../tools/kcpgate/bench/report.ts';
import { formatReport } from '../../../../../tools/kcpgate/bench/table.ts';

const HEAD = {
  node: 'v20.20.0',
  platform: 'linux x64',
  cpu: 'Some CPU',
  cpus: 2,
  runs: 3,
  load: DEFAULT_LOAD,
};

test('a peer stands beside with the ratio, and targets are judged', () => {
  const report: BenchReport = {
    ...HEAD,
    scenarios: [
      {
        scenario: 'stream',
        results: [
          { pairing: 'kcpgate', runs: [], median: { mibPerSecond: 80, retransmits: 3 } },
          { pairing: 'kcp-go', runs: [], median: { mibPerSecond: 100, retransmits: 0 } },
        ],
        ratios: { mibPerSecond: 0.8 },
      },
      {
        scenario: 'engine',
        results: [{ pairing: 'kcpgate', runs: [], median: { nsPerSegment: 231.4 } }],
        ratios: {},
      },
    ],
  };
  expect(formatReport(report).split('\n')).toEqual([
    'node v20.20.0, linux x64, 2 x Some CPU; median of 3 runs',
    '',
    'scenario  figure                  kcpgate  kcp-go  ratio  target',
    'stream    MiB/s                      80.0   100.0   0.80  MISSED (ratio >= 0.9)',
    '          client retransmissions        3       0',
    'engine    ns per segment              231                 met (<= 1000)',
    '',
  ]);
});

test('without a peer there is no column for it', () => {
  const report: BenchReport = {
    ...HEAD,
    runs: 1,
    scenarios: [
      {
        scenario: 'alloc',
        results: [{ pairing: 'kcpgate', runs: [], median: { bytesPerPacket: 1.5 } }],
        ratios: {},
        allocationSites: [{ place: 'write src/kcp/engine.js:1', bytesPerPacket: 1.25 }],
      },
    ],
  };
  const lines = formatReport(report).split('\n');
  expect(lines[0]).toContain('median of 1 run');
  expect(lines[2]).toBe('scenario  figure                        kcpgate');
  expect(lines.at(-2)).toBe('      1.25  write src/kcp/engine.js:1');
});
