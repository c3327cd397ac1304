/**
 * Serial number arithmetic over 32 bits, for `sn`, `una` and `ts`: values are signed 32-bit integers, order is the sign of
 * their wrapped difference, and distances up to 2^31 - 1 are meaningful (as in RFC 1982).
 */

/** How far `a` is ahead of `b`; negative when it is behind. */
export function ahead(a: number, b: number): number {
  return (a - b) | 0;
}

/** Whether `a` comes before `b`. */
export function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** The number after `sn`. */
export function successor(sn: number): number {
  return (sn + 1) | 0;
}
