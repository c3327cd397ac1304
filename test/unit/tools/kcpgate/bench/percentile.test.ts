import { expect, test } from 'vitest';
import { median, summarizeLatency } from '../../../../../tools/kcpgate/bench/percentile.ts';

test('latencies are summarised from unsorted samples', () => {
  const samples = Float64Array.from({ length: 101 }, (_, i) => (i * 37) % 101);
  expect(summarizeLatency(samples)).toEqual({ avg: 50, p50: 50, p90: 90, p95: 95, p99: 99, max: 100 });
});

test('no samples are all zero', () => {
  expect(summarizeLatency(new Float64Array(0))).toMatchObject({ avg: 0, p50: 0, max: 0 });
});

test('the median is the middle, or between the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 10, 2])).toBe(3);
  expect(median([5])).toBe(5);
  expect(median([])).toBeNaN();
});
