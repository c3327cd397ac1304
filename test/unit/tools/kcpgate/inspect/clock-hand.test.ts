import { expect, it } from 'vitest';
import { ClockHand } from '../../../../../tools/kcpgate/inspect/clock-hand.ts';

it('goes round, whatever comes and goes meanwhile', () => {
  const items = new Set(['a', 'b', 'c']);
  const hand = new ClockHand(() => items.values());
  const take = (count: number): (string | undefined)[] => Array.from({ length: count }, () => hand.next());
  expect(take(4)).toEqual(['a', 'b', 'c', 'a']);
  items.delete('b');
  items.add('d');
  expect(take(3)).toEqual(['c', 'd', 'a']);
  items.clear();
  expect(take(2)).toEqual([undefined, undefined]);
  items.add('e');
  expect(take(2)).toEqual(['e', 'e']);
});
