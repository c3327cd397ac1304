import { describe, expect, test } from 'vitest';
import type { LineEvidence, LineReport } from '../../../../src/client/lines/line-report.ts';
import { scoreProbes } from '../../../../src/client/lines/line-score.ts';
import { probe, type ProbeCommandOptions } from '../../../../tools/kcpgate/probe/probe.ts';
import { reportText } from '../../../../tools/kcpgate/probe/report-text.ts';
import { lineOf, v4 } from '../../client/lines/lines.ts';

const OPTIONS: ProbeCommandOptions = { timeout: 200, json: false, watch: false, every: 1_000 };

test.each([
  [[], {}, /lines or --login are required/],
  [[lineOf('a')], { login: new URL('http://127.0.0.1:1/') }, /not both/],
  [[lineOf('a')], { tokenFile: 'none' }, /--token-file goes with --login/],
])('what cannot be meant is refused', async (lines, more, words) => {
  await expect(probe(lines, { ...OPTIONS, ...more })).rejects.toThrow(words);
});

function evidence(id: string, more: Partial<LineEvidence> = {}): LineEvidence {
  const rttsMs = [20, 22, 21];
  return {
    line: lineOf(id),
    address: v4('192.0.2.1'),
    sent: 3,
    answered: 3,
    rttsMs,
    medianRttMs: 21,
    jitterMs: 1.5,
    fullSize: true,
    load: 51,
    draining: false,
    notReady: false,
    seenAs: null,
    score: scoreProbes({ rttsMs, lost: 0, isConnection: false, load: 51 }),
    fault: null,
    ...more,
  };
}

function report(lines: readonly LineEvidence[], more: Partial<LineReport> = {}): LineReport {
  return {
    best: lines[0]!.line,
    lines,
    otherAddresses: [],
    reason: 'the only line: score 33.3 ms',
    tookMs: 150.4,
    ...more,
  };
}

describe('the table of a report', () => {
  test('has every figure, the line to use first and marked', () => {
    const other = evidence('eu', { address: v4('192.0.2.2'), medianRttMs: 90 });
    const text = reportText(
      report([evidence('eu', { seenAs: v4('198.51.100.7') })], { otherAddresses: [other] }),
    );
    expect(text).toBe(
      `  LINE  BY   ADDRESS         ANSWERS   RTT  JITTER  SCORE     BOUNDS  LOAD
* eu    udp  192.0.2.1:4000      3/3  21.0     1.5   34.4  26.0-40.0  20 %
  eu    udp  192.0.2.2:4000      3/3  90.0     1.5   34.4  26.0-40.0  20 %

eu: the only line: score 33.3 ms (150 ms of probing)
this host is seen as 198.51.100.7:4000
`,
    );
  });

  test('takes no probe for lost that was on its way when the measurement ended', () => {
    const pending = evidence('eu', { sent: 2, answered: 2, rttsMs: [20, 22, null] });
    expect(reportText(report([pending]))).toContain('  2/2 ');
    const lossy = evidence('eu', { sent: 3, answered: 2, rttsMs: [20, null, 22] });
    expect(reportText(report([lossy]))).toContain('  2/3 ');
    const silent = evidence('eu', { sent: 0, answered: 0, rttsMs: [null, null] });
    expect(reportText(report([silent]))).toContain('  0/2 ');
  });

  test('says what is wrong with a line', () => {
    const none = {
      sent: 0,
      answered: 0,
      rttsMs: [],
      medianRttMs: null,
      jitterMs: null,
      load: null,
      score: null,
    };
    const lines = [
      evidence('narrow', { fullSize: false, draining: true }),
      evidence('starting', { notReady: true, line: lineOf('starting', { priority: 7 }) }),
      evidence('silent', { ...none, rttsMs: [null, null, null, null, null], fault: 'no_answer' }),
      evidence('odd', { ...none, address: undefined, fault: 'io_failed' }),
    ];
    const rows = reportText(report(lines)).split('\n');
    expect(rows[1]).toMatch(/draining, 1200 bytes do not pass$/);
    expect(rows[2]).toMatch(/not ready, priority 7$/);
    expect(rows[3]).toMatch(/0\/5 +no answer$/);
    expect(rows[4]).toMatch(/^ {2}odd +udp +io_failed$/);
  });

  test('shows nothing that a terminal would obey', () => {
    const line = lineOf('a\u001b[2J');
    const text = reportText(report([evidence('', { line })], { reason: 'chosen \u001b[2J' }));
    expect(text).not.toContain('\u001b');
  });
});
