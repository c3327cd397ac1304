import { describe, expect, test } from 'vitest';
import { NEVER } from '../../../../../src/base/clock.ts';
import { Schedule } from '../../../../../tools/kcpgate/chaos/schedule.ts';
import { parseScript, parseStep, type Step } from '../../../../../tools/kcpgate/chaos/script.ts';

function stepsOf(text: string): readonly Step[] {
  const parsed = parseScript(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.steps;
}

describe('a script', () => {
  test('has a step a line, in any order, with comments', () => {
    const steps = stepsOf(
      '# a bad day\nat 5s udp blackhole up\r\n\n  every 30s  udp  rebind   # NAT\nat 60s end\n',
    );
    expect(steps.map(({ atMs, everyMs, text }) => [atMs, everyMs, text])).toEqual([
      [5000, null, 'udp blackhole up'],
      [30_000, 30_000, 'udp rebind'],
      [60_000, null, 'end'],
    ]);
  });

  test('is refused with every line that is wrong, and where', () => {
    const parsed = parseScript(
      'at 1s udp loss 5%\nin 2s end\nat soon end\nevery 1ms udp rebind\nat 3s udp loss x',
    );
    if (parsed.ok) throw new Error('it was read');
    expect(parsed.faults.map(({ line, column }) => [line, column])).toEqual([
      [2, 1],
      [3, 4],
      [4, 7],
      [5, 16],
    ]);
    expect(parsed.faults[0]?.error).toBe('a line begins with at or every, not "in"');
  });

  test('as an option may leave out at, and columns count in what was given', () => {
    expect(parseStep('5s udp clear')).toEqual(parseStep('at 5s udp clear'));
    expect(parseStep('every 5s udp rebind')).toMatchObject({ ok: true, steps: [{ everyMs: 5000 }] });
    expect(parseStep('5s upd clear')).toMatchObject({ ok: false, faults: [{ line: 1, column: 4 }] });
  });

  test('has an end', () => {
    expect(parseScript('at 1s udp rebind\n'.repeat(10_000)).ok).toBe(true);
    expect(parseScript('at 1s udp rebind\n'.repeat(10_001)).ok).toBe(false);
    const wrong = parseScript('x\n'.repeat(10_000));
    expect(wrong.ok ? 0 : wrong.faults.length).toBe(20);
  });
});

describe('a schedule', () => {
  const taken = (schedule: Schedule, nowMs: number): string[] => {
    const texts: string[] = [];
    for (let step = schedule.takeDue(nowMs); step !== undefined; step = schedule.takeDue(nowMs))
      texts.push(step.text);
    return texts;
  };

  test('gives what is due, by time and then as written', () => {
    const schedule = new Schedule(stepsOf('at 2s udp clear\nat 1s udp rebind\nat 2s end'));
    expect(schedule.nextAtMs()).toBe(1000);
    expect(taken(schedule, 999)).toEqual([]);
    expect(taken(schedule, 1000)).toEqual(['udp rebind']);
    expect(taken(schedule, 5000)).toEqual(['udp clear', 'end']);
    expect(schedule.nextAtMs()).toBe(NEVER);
  });

  test('repeats without drifting, and leaves out turns that were missed', () => {
    const schedule = new Schedule(stepsOf('every 100ms udp rebind'));
    expect(taken(schedule, 105)).toEqual(['udp rebind']);
    expect(schedule.nextAtMs()).toBe(200);
    expect(taken(schedule, 450)).toEqual(['udp rebind']);
    expect(schedule.nextAtMs()).toBe(500);
    expect(schedule.size).toBe(1);
  });

  test('takes more while it runs', () => {
    const schedule = new Schedule([]);
    const [step] = stepsOf('at 1s end');
    schedule.add({ ...step!, atMs: 70 });
    expect(taken(schedule, 70)).toEqual(['end']);
  });
});
