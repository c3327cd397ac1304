/*
 * A packet number on the wire: 48 bits, little-endian.
 */

/** The 48 bits at `at`; a double holds them exactly. */
export const readPacketNumber = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32;

/** Writes `pn`, 0 to 2^48 - 1, at `at`. */
export function writePacketNumber(view: DataView, at: number, pn: number): void {
  view.setUint32(at, pn, true);
  view.setUint16(at + 4, Math.floor(pn / 2 ** 32), true);
}
