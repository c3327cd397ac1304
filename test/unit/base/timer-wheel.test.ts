import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NEVER } from '../../../src/base/clock.ts';
import { TimerWheel } from '../../../src/base/timer-wheel.ts';

function fired(wheel: TimerWheel, now: number): number[] {
  const ids: number[] = [];
  wheel.advance(now, (id) => ids.push(id));
  return ids;
}

describe('TimerWheel', () => {
  test('fires at the deadline and not before', () => {
    const wheel = new TimerWheel(1000);
    wheel.schedule(7, 1005);
    expect(fired(wheel, 1004)).toEqual([]);
    expect(fired(wheel, 1005)).toEqual([7]);
    expect(fired(wheel, 9999)).toEqual([]);
  });

  test('has no deadline when it is empty', () => {
    const wheel = new TimerWheel(1000);
    expect(wheel.nextDeadline()).toBe(NEVER);
    wheel.schedule(1, 2000);
    wheel.cancel(1);
    expect(wheel.nextDeadline()).toBe(NEVER);
    expect(wheel.size).toBe(0);
  });

  test('keeps one deadline an id: the last one', () => {
    const wheel = new TimerWheel(0);
    wheel.schedule(3, 10);
    wheel.schedule(3, 500);
    expect(wheel.size).toBe(1);
    expect(wheel.deadlineOf(3)).toBe(500);
    expect(fired(wheel, 499)).toEqual([]);
    expect(fired(wheel, 500)).toEqual([3]);
    expect(wheel.deadlineOf(3)).toBe(NEVER);
  });

  test('a deadline of NEVER, or of no number, cancels', () => {
    const wheel = new TimerWheel(0);
    for (const deadline of [NEVER, Number.NaN, Number.MAX_VALUE]) {
      wheel.schedule(3, 10);
      wheel.schedule(3, deadline);
      expect(wheel.size).toBe(0);
    }
    expect(fired(wheel, 1e9)).toEqual([]);
  });

  test('ids that were never seen have no deadline, and cancelling them does nothing', () => {
    const wheel = new TimerWheel(0, 1);
    wheel.cancel(5000);
    expect(wheel.deadlineOf(5000)).toBe(NEVER);
  });

  test('grows when a larger id appears', () => {
    const wheel = new TimerWheel(0, 1);
    wheel.schedule(0, 5);
    wheel.schedule(10_000, 4);
    expect(fired(wheel, 10)).toEqual([10_000, 0]);
  });

  test('a deadline that passed is due at once and fires at the next advance', () => {
    const wheel = new TimerWheel(1000);
    wheel.schedule(1, 10);
    expect(wheel.nextDeadline()).toBe(1000);
    expect(fired(wheel, 1000)).toEqual([1]);
  });

  test('a fraction in a deadline is rounded up, in a time down', () => {
    const wheel = new TimerWheel(0);
    wheel.schedule(1, 9.25);
    expect(fired(wheel, 9.9)).toEqual([]);
    expect(fired(wheel, 10.1)).toEqual([1]);
  });

  test('time that goes backwards fires nothing twice and loses nothing', () => {
    const wheel = new TimerWheel(100);
    wheel.schedule(1, 150);
    wheel.advance(140, () => undefined);
    expect(fired(wheel, 20)).toEqual([]);
    expect(fired(wheel, 150)).toEqual([1]);
  });

  test('deadlines days and years away fire on time', () => {
    const wheel = new TimerWheel(0);
    const day = 86_400_000;
    const deadlines = [
      3 * day,
      400 * day,
      2 ** 31 - 1,
      2 ** 31,
      2 ** 32 + 5,
      2 ** 45 + 1,
      Number.MAX_SAFE_INTEGER,
    ];
    deadlines.forEach((deadline, id) => {
      wheel.schedule(id, deadline);
    });
    for (const deadline of [...deadlines].sort((a, b) => a - b)) {
      expect(fired(wheel, deadline - 1)).toEqual([]);
      expect(fired(wheel, deadline)).toEqual([deadlines.indexOf(deadline)]);
    }
  });

  test('following nextDeadline reaches any deadline within one wake a level', () => {
    const wheel = new TimerWheel(12_345);
    wheel.schedule(1, 2 ** 50 + 98_765);
    let wakes = 0;
    while (wheel.size > 0) {
      fired(wheel, wheel.nextDeadline());
      wakes++;
    }
    expect(wakes).toBeLessThanOrEqual(11);
  });

  test('what a callback makes overdue fires at the next advance, so a run always ends', () => {
    const wheel = new TimerWheel(0);
    wheel.schedule(1, 5);
    let calls = 0;
    const again = (id: number): void => {
      calls++;
      wheel.schedule(id, 6);
    };
    wheel.advance(1000, again);
    expect(calls).toBe(1);
    expect(wheel.nextDeadline()).toBe(1000);
    wheel.advance(1000, again);
    expect(calls).toBe(2);
  });

  test('a callback may cancel one that is due in the same slot', () => {
    const wheel = new TimerWheel(0);
    const ids = [1, 2, 3];
    for (const id of ids) wheel.schedule(id, 5);
    const seen: number[] = [];
    wheel.advance(5, (id) => {
      seen.push(id);
      for (const other of ids) wheel.cancel(other);
    });
    expect(seen).toHaveLength(1);
    expect(wheel.size).toBe(0);
  });

  test('a callback that throws loses only its own id', () => {
    const wheel = new TimerWheel(50);
    for (const id of [1, 2, 3]) wheel.schedule(id, 10);
    expect(() => {
      wheel.advance(60, () => {
        throw new Error('broken callback');
      });
    }).toThrow('broken callback');
    expect(wheel.nextDeadline()).toBeLessThanOrEqual(60);
    expect(fired(wheel, 60)).toHaveLength(2);
  });

  test('does what a sorted list does, whatever the calls', () => {
    const delay = fc.oneof(
      fc.integer({ min: -50, max: 200 }),
      fc.integer({ min: 0, max: 100_000 }),
      fc.integer({ min: 0, max: 2 ** 34 }),
    );
    const id = fc.integer({ min: 0, max: 40 });
    const call = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('schedule' as const), id, delay }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), id }) },
      // In a callback: schedule `id` again `delay` after now, and cancel `other`.
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('advance' as const), by: delay, again: delay, other: id }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('follow' as const) }) },
    );
    const start = fc.constantFrom(0, 31, 1_000_000, 2 ** 31 - 3, 2 ** 32 - 1, 2 ** 40 - 7, 2 ** 50);
    fc.assert(
      fc.property(start, fc.array(call, { maxLength: 120 }), (startAt, calls) => {
        const wheel = new TimerWheel(startAt, 1);
        const model = new Map<number, number>();
        let now = startAt;
        const set = (which: number, deadline: number): void => {
          wheel.schedule(which, deadline);
          model.set(which, deadline);
        };
        for (const step of calls) {
          if (step.kind === 'schedule') set(step.id, now + step.delay);
          else if (step.kind === 'cancel') {
            wheel.cancel(step.id);
            model.delete(step.id);
          } else {
            if (step.kind === 'follow') {
              const next = wheel.nextDeadline();
              if (next === NEVER) continue;
              const before = wheel.nextDeadline();
              now = Math.max(now, next);
              let count = 0;
              wheel.advance(now, (which) => {
                count++;
                expect(model.get(which)).toBeLessThanOrEqual(now);
                model.delete(which);
              });
              // Progress: something fired or the next wake is later.
              expect(count > 0 || wheel.nextDeadline() > before).toBe(true);
            } else {
              now += Math.max(0, step.by);
              const due = new Set(
                [...model].filter(([, deadline]) => deadline <= now).map(([which]) => which),
              );
              let last = -Infinity;
              wheel.advance(now, (which) => {
                expect(due.delete(which)).toBe(true);
                const deadline = model.get(which) ?? NaN;
                model.delete(which);
                // Overdue ones come first, in any order; then the order of deadlines.
                if (deadline > now - step.by) {
                  expect(deadline).toBeGreaterThanOrEqual(last);
                  last = deadline;
                }
                if (which !== step.other) {
                  due.delete(step.other);
                  wheel.cancel(step.other);
                  model.delete(step.other);
                }
                if (which % 3 === 0) set(which, now + step.again);
              });
              expect([...due]).toEqual([]);
            }
          }
          expect(wheel.size).toBe(model.size);
          for (const [which, deadline] of model) expect(wheel.deadlineOf(which)).toBe(deadline);
          const earliest = Math.max(now, Math.min(...model.values(), NEVER));
          expect(wheel.nextDeadline()).toBeLessThanOrEqual(earliest);
          if (model.size > 0) expect(wheel.nextDeadline()).toBeGreaterThanOrEqual(now);
        }
      }),
      { numRuns: 500 },
    );
  });
});
