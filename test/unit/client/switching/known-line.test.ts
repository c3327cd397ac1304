import { describe, expect, test } from 'vitest';
import { ProbedLine } from '../../../../src/client/lines/probed-line.ts';
import { KnownLine } from '../../../../src/client/switching/known-line.ts';
import { resolveSwitchConfig } from '../../../../src/client/switching/switch-config.ts';
import type { ProbeAck } from '../../../../src/wire/probe-ack.ts';
import { lineOf, v4 } from '../lines/lines.ts';

const ACK: ProbeAck = {
  type: 'probeAck',
  ...{ conv: 0, index: 0, ts: 0, number: 0, nonce: 0, load: 0, draining: false, notReady: false },
  ...{ address: null, nodeId: 1, epochSeconds: 1, retryAfterMs: 0 },
};

/** A line that a survey asked at 0, 100, ... ms; each is answered after so many ms, or not at all. */
function surveyed(...rttsMs: readonly (number | null)[]): (now: number) => KnownLine {
  const probed = new ProbedLine({ line: lineOf('a'), address: v4('192.0.2.1') });
  rttsMs.forEach((_, i) => probed.add(false, 100 * i));
  return (now) => {
    rttsMs.forEach((rttMs, i) => {
      if (rttMs !== null && 100 * i + rttMs <= now) probed.answer(i, ACK, 100 * i + rttMs);
    });
    const known = new KnownLine(0, lineOf('a'), resolveSwitchConfig());
    known.surveyed(now, probed.evidence(now));
    return known;
  };
}

describe('what a survey measured', () => {
  test('and was still waiting for when it ended is not lost', () => {
    const pending = surveyed(150, 150, 150)(260);
    const settled = surveyed(150, 150)(260);
    expect(pending.answers(260)).toBe(true);
    expect(pending.score(260)).toBe(settled.score(260));
  });

  test('and waited for long enough is', () => {
    const lossy = surveyed(150, null, 150)(2_000);
    const whole = surveyed(150, 150, 150)(2_000);
    expect(lossy.score(2_000)).toBeGreaterThan(whole.score(2_000)! + 50);
    expect(surveyed(150, null)(2_000).answers(2_000)).toBe(false);
  });
});
