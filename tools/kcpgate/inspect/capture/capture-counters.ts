import type { CaptureNoticeCode } from '../found-datagram.ts';

/** What a reader has met so far. Plain integers, always current. */
export interface CaptureCounters {
  /** Bytes of the capture that were pushed. */
  bytes: number;
  /** Captured packets; for hex text, datagrams of it. */
  packets: number;
  /** What the sink was handed. */
  datagrams: number;
  /** Packets that were not captured because there were too many, as far as the capture says. */
  lostPackets: number;
  /** How often each notice applied. */
  readonly notices: Record<CaptureNoticeCode, number>;
}

/** Told once for each packet to blame. `packet` is its number from 1, 0 when none is; a line number for hex text. */
export type CaptureNotice = (code: CaptureNoticeCode, packet: number, text: string) => void;

/** Everything at 0. */
export function newCaptureCounters(): CaptureCounters {
  return {
    bytes: 0,
    packets: 0,
    datagrams: 0,
    lostPackets: 0,
    notices: {
      capture_damaged: 0,
      capture_cut_off: 0,
      link_type_unknown: 0,
      not_ip: 0,
      not_udp_or_tcp: 0,
      header_damaged: 0,
      fragment_missing: 0,
      stream_gap: 0,
      stream_encrypted: 0,
      stream_foreign: 0,
      frame_damaged: 0,
    },
  };
}
