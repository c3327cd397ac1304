/**
 * The 24-byte KCP segment header of the C reference, little-endian:
 *
 *     conv u32 | cmd u8 | frg u8 | wnd u16 | ts u32 | sn u32 | una u32 | len u32 | payload
 *
 * Check the length once with {@link checkSegment}; after that no accessor can fail.
 */

/** Bytes of a segment header. */
export const SEGMENT_HEADER_BYTES = 24;

/** Where each field stands. */
export const SEGMENT_FIELD = { conv: 0, cmd: 4, frg: 5, wnd: 6, ts: 8, sn: 12, una: 16, len: 20 } as const;

/**
 * Whether a whole segment stands at `at` and ends by `end`.
 * @returns the segment's total length (header and payload), or 0 when header or payload is cut off. `blockBytes` is what
 *   stands between header and payload and is not counted by `len`: 20 for NEW, 0 for all others.
 */
export function checkSegment(view: DataView, at: number, end: number, blockBytes: number): number {
  if (end - at < SEGMENT_HEADER_BYTES) return 0;
  const total = SEGMENT_HEADER_BYTES + blockBytes + payloadLengthOf(view, at);
  return total <= end - at ? total : 0;
}

/** `conv` as an unsigned integer. */
export const conversationOf = (view: DataView, at: number): number => view.getUint32(at, true);
export const commandOf = (view: DataView, at: number): number => view.getUint8(at + 4);
/** Fragments still to come after this one; 0 on the last or only one. */
export const fragmentOf = (view: DataView, at: number): number => view.getUint8(at + 5);
/** Free receive slots of the sender, in segments. */
export const windowOf = (view: DataView, at: number): number => view.getUint16(at + 6, true);
/** Sequence numbers and times are signed here: order is the sign of a 32-bit difference. */
export const timestampOf = (view: DataView, at: number): number => view.getInt32(at + 8, true);
export const sequenceOf = (view: DataView, at: number): number => view.getInt32(at + 12, true);
export const unacknowledgedOf = (view: DataView, at: number): number => view.getInt32(at + 16, true);
/** Payload bytes that follow the header. */
export const payloadLengthOf = (view: DataView, at: number): number => view.getUint32(at + 20, true);

/** Writes one header. `ts`, `sn` and `una` may be signed or unsigned: only their low 32 bits count. */
export function writeSegmentHeader(
  view: DataView,
  at: number,
  conv: number,
  cmd: number,
  frg: number,
  wnd: number,
  ts: number,
  sn: number,
  una: number,
  len: number,
): void {
  view.setUint32(at, conv, true);
  view.setUint8(at + 4, cmd);
  view.setUint8(at + 5, frg);
  view.setUint16(at + 6, wnd, true);
  view.setInt32(at + 8, ts, true);
  view.setInt32(at + 12, sn, true);
  view.setInt32(at + 16, una, true);
  view.setUint32(at + 20, len, true);
}
