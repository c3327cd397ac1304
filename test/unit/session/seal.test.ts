import { expect, it } from 'vitest';
import { Seal } from '../../../src/session/index.ts';

it('a seal is spent when either direction has used up 2^40 numbers', () => {
  const sending = new Seal(1, 2);
  sending.nextPn = 2 ** 40 - 1;
  expect(sending.isSpent).toBe(false);
  sending.nextPn++;
  expect(sending.isSpent).toBe(true);
  const receiving = new Seal(1, 2);
  receiving.replay.accept(2 ** 40 - 1);
  expect(receiving.isSpent).toBe(false);
  receiving.replay.accept(2 ** 40);
  expect(receiving.isSpent).toBe(true);
});
