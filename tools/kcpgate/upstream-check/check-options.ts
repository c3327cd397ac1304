/** How gateways are watched. */
export interface CheckOptions {
  /** From the start of one round of probes of a gateway to that of the next, in milliseconds. */
  readonly intervalMs: number;
  /** Rounds come earlier by a random part of the interval, at most this; 0 to 0.5. Never later: see {@link worstDetectionMs}. */
  readonly jitter: number;
  /** How long an answer may take, in milliseconds; less than the shortest interval. */
  readonly timeoutMs: number;
  /** Answers in a row that make a gateway up again. 1 or more. */
  readonly rise: number;
  /** Failures in a row that make it down. 1 or more. */
  readonly fall: number;
  /** A gateway that tells a higher load counts as draining until it is well below; 1 to 255, null: load does not matter. */
  readonly maxLoad: number | null;
  /** Least time between two reloads of nginx, in milliseconds. */
  readonly reloadIntervalMs: number;
}

/**
 * After so many milliseconds at most a gateway that answers no more is down, whenever it stopped: its last answer may have
 * come right after a probe was sent. With `fall` 2 less than three intervals.
 */
export function worstDetectionMs({ intervalMs, fall, timeoutMs }: CheckOptions): number {
  return fall * intervalMs + timeoutMs;
}
