import { expect, test } from 'vitest';
import { fullJitterMs } from '../../../src/client/full-jitter.ts';

test('the wait is from 0 to a bound that doubles up to a limit', () => {
  const most = (attempt: number): number => fullJitterMs(attempt, 1 - 1e-12, 100, 1000);
  expect([0, 1, 2, 3, 4, 100].map(most)).toEqual([99, 199, 399, 799, 999, 999]);
  expect([0, 5, 1e6].map((attempt) => fullJitterMs(attempt, 0))).toEqual([0, 0, 0]);
  expect(fullJitterMs(2, 0.5, 100, 1000)).toBe(200);
});
