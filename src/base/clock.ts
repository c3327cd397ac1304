/**
 * Where the edges of the program take time from. Cores never hold one: they are given `now`.
 *
 * All times are whole milliseconds from one monotonic source whose zero means nothing.
 */
export interface Clock {
  /** The current time in whole milliseconds; never goes backwards. */
  now(): number;
}

/** "No deadline": later than any time a clock reports. */
export const NEVER = Number.POSITIVE_INFINITY;
