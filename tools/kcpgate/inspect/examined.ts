import type { FoundDatagram } from './found-datagram.ts';

/** What the analysis knows about one segment beyond its bytes; bits of {@link ExaminedSegment.marks}. */
export const SegmentMark = {
  /** A PUSH or NEW whose `sn` was sent before in this direction. Neither fast nor timeout: because the session changed its line. */
  retransmission: 1,
  /** A retransmission although the peer's acknowledgement of it had been seen, or was seen to be for an earlier transmission. */
  spurious: 2,
  /** A retransmission because later segments were acknowledged first. */
  fast: 4,
  /** A retransmission because time passed. */
  timeout: 8,
  /** The same bytes captured again, sent once: a copy on another line, or a duplicate by the network. */
  duplicate: 16,
  /** Arrived at the capture behind segments with a higher `sn` that were sent for the first time. */
  outOfOrder: 32,
  /** An ACK that acknowledges nothing new. */
  duplicateAck: 64,
  /** Advertises a window of 0. */
  zeroWindow: 128,
} as const;

/** One segment. The object is reused. */
export interface ExaminedSegment {
  /** Where its header stands in {@link ExaminedDatagram.clear}. */
  at: number;
  conv: number;
  cmd: number;
  frg: number;
  wnd: number;
  ts: number;
  sn: number;
  una: number;
  /** Bytes of payload as the header says, and where it stands in `clear`; less may stand there when the capture cut it off. */
  length: number;
  payloadAt: number;
  /** Sum of {@link SegmentMark}s. */
  marks: number;
  /** Of an ACK: microseconds since the PUSH that it answers was captured; NaN when unknown, and for all else. */
  roundTripUs: number;
}

/**
 * What was recognised:
 * `clear`, `sealed`, `handshake`: of this protocol; `fec`: kcp-go forward error correction around clear segments;
 * `kcp_go_crypt`: kcp-go encryption that a given key opened, whatever is inside (FEC or not);
 * `opaque`: nothing this program can read, such as kcp-go encryption without key; `proxy_header`: only that; `empty`.
 */
export type ExaminedKind =
  'clear' | 'sealed' | 'handshake' | 'fec' | 'kcp_go_crypt' | 'opaque' | 'proxy_header' | 'empty';

/** One datagram and what is known of it. The object is reused; valid until the next datagram. */
export interface ExaminedDatagram {
  found: FoundDatagram;
  kind: ExaminedKind;
  /** Bytes of PROXY or SPP header in front, 0 without. */
  proxyBytes: number;
  /** Bytes before the first segment that are not this protocol's own headers: kcp-go crypt (20) and FEC (8). */
  foreignHeaderBytes: number;
  /** The segments in clear: the datagram's own bytes, or what was decrypted; null when it cannot be read. */
  clear: Uint8Array | null;
  clearAt: number;
  clearLength: number;
  /** null when it was not sealed, or could be opened; else why not. */
  sealedBecause: 'no_key' | 'open_failed' | 'cut_off' | null;
  /** conv, also of what cannot be opened; -1 when there is none. */
  conv: number;
  /** Index of the session in the statistics, -1 when it belongs to none. */
  session: number;
  /** Whether the client of the session sent it. */
  isFromClient: boolean;
  segmentCount: number;
  /** The first `segmentCount` are of this datagram. */
  segments: readonly ExaminedSegment[];
}

/**
 * What is wrong, in words. Each names the packets that show it.
 */
export type ExpertNoteCode =
  | 'spurious_retransmission'
  | 'zero_window_stall'
  | 'una_beyond_sent'
  | 'message_larger_than_window'
  | 'nat_rebinding'
  | 'reset_storm'
  | 'proxy_header_missing'
  | 'mtu_black_hole'
  | 'one_way_silence';

export interface ExpertNote {
  readonly code: ExpertNoteCode;
  readonly severity: 'note' | 'warning' | 'error';
  /** Index of the session, -1 when it concerns none. */
  readonly session: number;
  /** Packets that show it, the most telling first; at most 16. */
  readonly packets: readonly number[];
  /** One or two sentences for people: what was seen, what it means, what to do. */
  readonly text: string;
}
