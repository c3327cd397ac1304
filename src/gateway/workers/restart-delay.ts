/**
 * How long to wait before a worker that died is started again, in ms: 100 at first, twice as long each time, at most 30 s.
 * @param failuresInARow at least 1.
 */
export function restartDelayMs(failuresInARow: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failuresInARow - 1, MAX_DOUBLINGS));
}

/** A worker that ran for so long had recovered: its next failure is the first one again. */
export const RECOVERED_AFTER_MS = 60_000;

const FIRST_MS = 100;
const LONGEST_MS = 30_000;
const MAX_DOUBLINGS = 16;
