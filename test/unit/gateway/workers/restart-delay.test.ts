import { expect, it } from 'vitest';
import { restartDelayMs } from '../../../../src/gateway/workers/restart-delay.ts';

it('doubles from 100 ms to 30 s and stays there', () => {
  const delays = [1, 2, 3, 4, 8, 9, 10, 100, 1_000_000].map(restartDelayMs);
  expect(delays).toEqual([100, 200, 400, 800, 12_800, 25_600, 30_000, 30_000, 30_000]);
});
