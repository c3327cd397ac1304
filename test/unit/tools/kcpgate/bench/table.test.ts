import { expect, test } from 'vitest';
import { formatMarkdown } from '../../../../../tools/kcpgate/bench/markdown.ts';
import { formatReport } from '../../../../../tools/kcpgate/bench/table.ts';
import { report, scenario } from './reports.ts';

const SIDE_BY_SIDE = report(
  scenario('stream', {
    kcpgate: [
      { mibPerSecond: 450, retransmits: 3, serverUserCpuSecondsPer100Mib: 0.1 },
      { mibPerSecond: 410, retransmits: 0, serverUserCpuSecondsPer100Mib: 0.1 },
      { mibPerSecond: 440, retransmits: 1, serverUserCpuSecondsPer100Mib: 0.1 },
    ],
    'kcp-go': [{ mibPerSecond: 100, retransmits: 0 }],
  }),
  scenario('engine', { kcpgate: [{ nsPerSegment: 231.4 }] }),
);

test('one row a figure and contender: median, spread, and the ratio to the peer', () => {
  expect(formatReport(SIDE_BY_SIDE).split('\n')).toEqual([
    'node v20.20.0, linux x64 6.1.0, 2 x Some CPU, kcp-go 5.6.1; median of 3 runs',
    '',
    'scenario  figure                  contender  median      min..max   ratio',
    'stream    MiB/s                   kcpgate     440.0  410.0..450.0  4.40 x',
    '                                  kcp-go      100.0',
    '          client retransmissions  kcpgate         1          0..3',
    '                                  kcp-go          0',
    'engine    ns per segment          kcpgate       231',
    '',
  ]);
});

test('as Markdown: a table a scenario, one column a contender', () => {
  expect(formatMarkdown(SIDE_BY_SIDE)).toContain(
    [
      '`stream`',
      '',
      '| figure | kcpgate | kcp-go |',
      '| --- | ---: | ---: |',
      '| MiB/s | 440.0 (410.0..450.0), 4.40 x | 100.0 |',
      '| client retransmissions | 1 (0..3) | 0 |',
    ].join('\n'),
  );
});

test('without a peer and with one run there are no columns for them', () => {
  const alone = scenario('alloc', { kcpgate: [{ bytesPerPacket: 1.5 }] });
  const lines = formatReport(
    report({ ...alone, allocationSites: [{ place: 'write src/kcp/engine.js:1', bytesPerPacket: 1.25 }] }),
  ).split('\n');
  expect(lines[0]).toContain('median of 1 run');
  expect(lines[2]).toBe('scenario  figure                        contender  median');
  expect(lines.at(-2)).toBe('      1.25  write src/kcp/engine.js:1');
});

test('an addon that was to be used and was not is told loudly, once', () => {
  const missing = {
    native: { status: 'missing', reason: 'not built' },
    isWithoutNative: true,
  } as const;
  const lines = formatReport(
    report(
      scenario('stream', { kcpgate: [{ mibPerSecond: 1 }] }, { kcpgate: missing }),
      scenario('fleet', { kcpgate: [{ latencyP50Ms: 1 }] }, { kcpgate: missing }),
    ),
  ).split('\n');
  expect(lines.filter((line) => line.includes('!!!'))).toEqual([
    '!!! NATIVE ADDON NOT LOADED in "kcpgate": not built !!!',
  ]);
});
