import { expect, test } from 'vitest';
import type { BenchReport } from '../../../../../tools/kcpgate/bench/report.ts';
import { formatTargets } from '../../../../../tools/kcpgate/bench/table.ts';
import { judgeTargets, type TargetVerdict } from '../../../../../tools/kcpgate/bench/targets.ts';
import { report, scenario } from './reports.ts';

function verdict(of: BenchReport, label: string): TargetVerdict {
  return judgeTargets(of).find((candidate) => candidate.label === label)!;
}

test('a ratio is judged between the medians of the two it names', () => {
  const server = 'serverCpuSecondsPer100Mib';
  const measured = report(
    scenario('stream', {
      kcpgate: [{ mibPerSecond: 449, [server]: 0.3 }],
      'kcp-go': [{ mibPerSecond: 100, [server]: 1 }],
      'kcp-go -> kcpgate': [{ mibPerSecond: 90, [server]: 0.61 }],
    }),
  );
  expect(verdict(measured, 'stream: MiB/s')).toMatchObject({ bound: '>= 4.5 x', value: 4.49, isMet: false });
  expect(verdict(measured, 'stream: server CPU per 100 MiB')).toMatchObject({ value: 0.3, isMet: true });
  expect(verdict(measured, 'stream: server CPU per 100 MiB, client kcp-go')).toMatchObject({
    bound: '<= 0.6 x',
    value: 0.61,
    isMet: false,
  });
});

test('what is exactly at the bound is met', () => {
  const measured = report(
    scenario('stream', { kcpgate: [{ mibPerSecond: 450 }], 'kcp-go': [{ mibPerSecond: 100 }] }),
  );
  expect(verdict(measured, 'stream: MiB/s').isMet).toBe(true);
});

test('a figure of its own is judged without a peer', () => {
  const measured = report(scenario('idle', { kcpgate: [{ kibPerSession: 2.5, cpuPercent: 1.2 }] }));
  expect(verdict(measured, 'idle: server RSS per session, KiB')).toMatchObject({
    bound: '<= 3',
    isMet: true,
  });
  expect(verdict(measured, 'idle: server CPU, % of a core').isMet).toBe(false);
});

test('what did not run, or ran without the addon, is not judged', () => {
  const contenders = { kcpgate: [{ mibPerSecond: 500 }], 'kcp-go': [{ mibPerSecond: 100 }] };
  const withoutNative = report(scenario('stream', contenders, { kcpgate: { isWithoutNative: true } }));
  expect(verdict(withoutNative, 'stream: MiB/s').isMet).toBeUndefined();
  expect(judgeTargets(report()).every(({ isMet }) => isMet === undefined)).toBe(true);
  expect(formatTargets(withoutNative)).toMatch(/^stream: MiB\/s +>= 4\.5 x +not measured$/m);
});
