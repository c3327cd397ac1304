import { expect, test } from 'vitest';
import { runKcpgate } from '../support/kcpgate-command.ts';

interface SoakReport {
  readonly samples: readonly { readonly openedSessions: number; readonly verifiedBytes: number }[];
  readonly finishedSessions: number;
  readonly cutOffSessions: number;
  readonly faults: readonly string[];
}

test('a few seconds of load and churn leave nothing behind', { timeout: 110_000 }, async () => {
  const flags = ['--minutes', '0.1', '--sample', '1s', '--sessions', '12', '--json'];
  const { code, output, errorOutput } = await runKcpgate(['soak', ...flags]);
  expect(errorOutput).toBe('');
  const report = JSON.parse(output) as SoakReport;
  expect({ code, faults: report.faults }).toEqual({ code: 0, faults: [] });
  expect(report.samples.length).toBeGreaterThan(3);
  expect(report.finishedSessions).toBeGreaterThan(0);
  expect(report.cutOffSessions).toBeGreaterThan(0);
  expect(report.samples.at(-1)!.verifiedBytes).toBeGreaterThan(0);
});
