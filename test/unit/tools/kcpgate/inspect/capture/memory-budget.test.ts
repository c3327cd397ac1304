import { expect, it } from 'vitest';
import {
  MemoryBudget,
  type MemoryHolder,
} from '../../../../../../tools/kcpgate/inspect/capture/memory-budget.ts';

/** Gives all back, and says so. */
class Holder implements MemoryHolder {
  heldBytes = 0;
  gaveUp = 0;
  readonly #budget: MemoryBudget;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  giveUp(): void {
    this.gaveUp++;
    this.#budget.give(this, this.heldBytes);
  }
}

it('who has held something for longest makes room, but not for itself', () => {
  const budget = new MemoryBudget(100);
  const [first, second, third] = [1, 2, 3].map(() => new Holder(budget)) as [Holder, Holder, Holder];
  expect(budget.take(first, 40) && budget.take(second, 40) && budget.take(first, 20)).toBe(true);
  expect(budget.take(first, 1)).toBe(true);
  expect([first.gaveUp, second.gaveUp, budget.used]).toEqual([0, 1, 61]);
  expect(budget.take(third, 60)).toBe(true);
  expect([first.gaveUp, third.gaveUp, budget.used]).toEqual([1, 0, 60]);
  expect(budget.take(third, 41)).toBe(false);
  expect([third.gaveUp, budget.used]).toEqual([0, 60]);
  budget.give(third, 60);
  expect(budget.take(first, 101)).toBe(false);
  expect(budget.take(first, 100)).toBe(true);
});

it('is as fast when very many come and go', () => {
  const budget = new MemoryBudget(50_000);
  const holders = Array.from({ length: 200_000 }, () => new Holder(budget));
  for (const holder of holders) budget.take(holder, 1);
  expect(holders.filter(({ gaveUp }) => gaveUp === 1)).toHaveLength(150_000);
  expect(holders.slice(0, 150_000).every(({ gaveUp }) => gaveUp === 1)).toBe(true);
  expect(budget.used).toBe(50_000);
});
