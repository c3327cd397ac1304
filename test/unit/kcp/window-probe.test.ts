import { describe, expect, it } from 'vitest';
import { MAX_PROBE_MS, WindowProbe } from '../../../src/kcp/window-probe.ts';

function probeTimes(startMs: number, count: number): number[] {
  const probe = new WindowProbe();
  probe.arm(startMs | 0);
  const times: number[] = [];
  for (let nowMs = startMs; times.length < count; nowMs++) {
    if (!probe.isDue(nowMs | 0)) continue;
    probe.sent(nowMs | 0);
    times.push(nowMs - startMs);
  }
  return times;
}

describe('the window probe', () => {
  it('asks after half a second, then ever more rarely, at least every five seconds', () => {
    const times = probeTimes(0, 10);
    expect(times.slice(0, 3)).toEqual([500, 500 + 750, 500 + 750 + 1125]);
    const waits = times.map((time, index) => time - (times[index - 1] ?? 0));
    expect(Math.max(...waits)).toBe(MAX_PROBE_MS);
  });

  it.each([0x7fffff00, 0xffffff00])('keeps its rhythm when the clock wraps past %i', (startMs) => {
    expect(probeTimes(startMs, 3)).toEqual(probeTimes(0, 3));
  });

  it('arms once, and starts afresh after it was disarmed', () => {
    const probe = new WindowProbe();
    probe.arm(0);
    probe.arm(400);
    expect(probe.dueAt).toBe(500);
    expect(probe.isDue(499)).toBe(false);
    expect(probe.isDue(500)).toBe(true);
    probe.disarm();
    expect(probe.isArmed).toBe(false);
    expect(probe.isDue(100_000)).toBe(false);
    probe.arm(2000);
    expect(probe.dueAt).toBe(2500);
  });
});
