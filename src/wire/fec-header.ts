/**
 * The header kcp-go puts in front of its packets when forward error correction is on, little-endian:
 *
 *     seqid u32 | type u16 | size u16 | shard
 *
 * Data and out-of-band packets have `size`, which counts itself: shard bytes + 2. A parity packet has none: its code
 * words begin where `size` stands, because `size` is part of what they protect.
 */

export const FecType = {
  /** A packet of the session, as it would have been sent without FEC. */
  data: 0xf1,
  /** Code words of a group. */
  parity: 0xf2,
  /** An unreliable message outside the stream: `conv`, then bytes. */
  outOfBand: 0xf3,
} as const;

export type FecType = (typeof FecType)[keyof typeof FecType];

/** Bytes of `seqid` and `type`: where the code words of a parity packet begin. */
export const FEC_HEADER_BYTES = 6;

/** Bytes of `seqid`, `type` and `size`: where the packet inside begins. */
export const FEC_DATA_HEADER_BYTES = 8;

/** Number of the packet among all data and parity packets of its sender, from 0. */
export const fecSequenceOf = (view: DataView, at: number): number => view.getUint32(at, true);
/** Which of {@link FecType} it is; only meaningful in a datagram of kind `fec`. */
export const fecTypeOf = (view: DataView, at: number): number => view.getUint16(at + 4, true);
/** The `size` field of a data or out-of-band packet: the bytes after it, plus 2. */
export const fecSizeOf = (view: DataView, at: number): number => view.getUint16(at + 6, true);

/**
 * The bytes of the packet inside a data or out-of-band packet that ends at `end`.
 * @returns their count, from {@link FEC_DATA_HEADER_BYTES} on, or -1 when the header is cut off or `size` does not fit.
 */
export function fecPayloadLength(view: DataView, at: number, end: number): number {
  if (end - at < FEC_DATA_HEADER_BYTES || fecTypeOf(view, at) === FecType.parity) return -1;
  const length = fecSizeOf(view, at) - 2;
  return length >= 0 && length <= end - at - FEC_DATA_HEADER_BYTES ? length : -1;
}

/** Writes the header of a data or out-of-band packet around `payloadBytes` that follow it. Returns 8. */
export function writeFecHeader(
  view: DataView,
  at: number,
  sequence: number,
  type: FecType,
  payloadBytes: number,
): number {
  view.setUint32(at, sequence, true);
  view.setUint16(at + 4, type, true);
  view.setUint16(at + 6, payloadBytes + 2, true);
  return FEC_DATA_HEADER_BYTES;
}
