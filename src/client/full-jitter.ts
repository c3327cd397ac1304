/**
 * How long to wait before an attempt, in ms: evenly distributed from 0 to a bound that doubles with each attempt. Many who
 * lost the same peer at the same time come back spread over time.
 * @param attempt 0 for the first.
 * @param random from 0 to below 1.
 */
export function fullJitterMs(attempt: number, random: number, firstMs = 250, maxMs = 5_000): number {
  return Math.floor(random * Math.min(maxMs, firstMs * 2 ** Math.min(attempt, MAX_DOUBLINGS)));
}

const MAX_DOUBLINGS = 16;
