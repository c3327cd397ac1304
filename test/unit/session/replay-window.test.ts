import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REPLAY_WINDOW, ReplayWindow } from '../../../src/session/replay-window.ts';

/** What the window should be: a set of all that was seen, with the same width. */
class Model {
  readonly seen = new Set<number>();
  highest = -1;

  accept(pn: number): boolean {
    if (this.seen.has(pn) || this.highest - pn >= REPLAY_WINDOW) return false;
    this.seen.add(pn);
    this.highest = Math.max(this.highest, pn);
    return true;
  }
}

describe('a replay window', () => {
  it('takes each number once, whatever their order, and none that is too old to tell', () => {
    const step = fc.oneof(
      fc.integer({ min: -3, max: 40 }),
      fc.integer({ min: -2 * REPLAY_WINDOW, max: 2 * REPLAY_WINDOW }),
      fc.constantFrom(-REPLAY_WINDOW, 1 - REPLAY_WINDOW, REPLAY_WINDOW - 1, REPLAY_WINDOW, 2 ** 33, 2 ** 47),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const window = new ReplayWindow();
        const model = new Model();
        for (const by of steps) {
          const pn = Math.min(2 ** 48 - 1, Math.max(0, model.highest + by));
          const may = window.mayAccept(pn);
          const expected = model.accept(pn);
          expect([may, window.accept(pn)]).toEqual([expected, expected]);
          expect(window.highest).toBe(model.highest);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('only looks when it is asked whether it may', () => {
    const window = new ReplayWindow();
    expect(window.mayAccept(5)).toBe(true);
    expect(window.mayAccept(5)).toBe(true);
    expect(window.highest).toBe(-1);
    expect(window.accept(5)).toBe(true);
    expect(window.mayAccept(5)).toBe(false);
  });

  it('tells the newest 4096 apart, to the edge', () => {
    const window = new ReplayWindow();
    window.accept(10_000);
    expect(window.accept(10_000 - REPLAY_WINDOW)).toBe(false);
    expect(window.accept(10_001 - REPLAY_WINDOW)).toBe(true);
    expect(window.accept(10_001 - REPLAY_WINDOW)).toBe(false);
  });

  it('takes what a jump skipped, also after a jump by its whole width', () => {
    const window = new ReplayWindow();
    for (let pn = 0; pn < 100; pn++) window.accept(pn);
    window.accept(REPLAY_WINDOW + 50);
    expect(window.accept(REPLAY_WINDOW + 1)).toBe(true);
    expect(window.accept(60)).toBe(false);
    window.accept(3 * REPLAY_WINDOW + 50);
    for (let pn = 2 * REPLAY_WINDOW + 51; pn < 3 * REPLAY_WINDOW + 50; pn++) {
      expect(window.accept(pn)).toBe(true);
    }
  });
});
