import { expect, it } from 'vitest';
import { RiseFall } from '../../../../../tools/kcpgate/upstream-check/rise-fall.ts';

/** How many results of a kind it takes until it changes. */
function untilChanged(health: RiseFall, isGood: boolean): number {
  for (let count = 1; count < 1000; count++) if (health.record(isGood)) return count;
  return Infinity;
}

it('changes after so many equal results in a row', () => {
  const health = new RiseFall(3, 2, true);
  for (const isGood of [false, true, false, true, true, false]) expect(health.record(isGood)).toBe(false);
  expect([health.record(false), health.isUp]).toEqual([true, false]);
  for (const isGood of [true, true, false, true, true]) expect(health.record(isGood)).toBe(false);
  expect([health.record(true), health.isUp]).toEqual([true, true]);
});

it('comes up ever later when it falls all the time, and as before when it was well for long', () => {
  const health = new RiseFall(2, 2, true);
  const needed: number[] = [];
  for (let fall = 0; fall < 9; fall++) {
    expect(untilChanged(health, false)).toBe(2);
    needed.push(untilChanged(health, true));
  }
  expect(needed).toEqual([2, 2, 4, 8, 16, 32, 60, 60, 60]);
  for (let count = 0; count < 9 * 300; count++) health.record(true);
  untilChanged(health, false);
  expect(untilChanged(health, true)).toBe(2);
});

it('asks for no less than it was told to, however much that is', () => {
  const health = new RiseFall(100, 1, true);
  for (let fall = 0; fall < 5; fall++) {
    untilChanged(health, false);
    expect(untilChanged(health, true)).toBe(100);
  }
});
