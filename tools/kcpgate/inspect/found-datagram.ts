/** How datagrams travelled where they were captured. */
export type FoundCarrier = 'udp' | 'tcp' | 'websocket';

/** One end of a flow, as the packets say it. */
export interface FlowEnd {
  /** IPv4 or IPv6 address, as text (RFC 5952); empty when the input tells none. */
  readonly address: string;
  /** 0 when the input tells none. */
  readonly port: number;
}

/** Everything between two ends over one carrier, both directions. Made once: the same object stands in all of its datagrams. */
export interface Flow {
  /** Counted from 0 in order of appearance. */
  readonly index: number;
  readonly carrier: FoundCarrier;
  /** Whoever sent first; on TCP whoever connected, as far as the capture tells. */
  readonly a: FlowEnd;
  readonly b: FlowEnd;
}

/**
 * One datagram found in a capture: what a UDP datagram carried, one frame of a TCP connection, one binary WebSocket message. UDP datagrams
 * that the kernel had glued together when they were captured come one by one, as far as their sizes show.
 * The object and its bytes belong to the reader and are valid only during the call they are handed over in.
 */
export interface FoundDatagram {
  /** Number of the captured packet it ended in, from 1, as Wireshark counts them. */
  packet: number;
  /** Time of that packet: microseconds since 1970 (with a fraction, if the capture has one); 0 when the input tells none. */
  timeUs: number;
  flow: Flow;
  /** Whether {@link Flow.a} sent it. */
  isFromA: boolean;
  /** On UDP a PROXY or SPP header may still stand in front. Carrier framing is gone. */
  bytes: Uint8Array;
  offset: number;
  length: number;
  /** Bytes that the capture did not keep of its end (snapshot length); 0 for a whole one. */
  missingBytes: number;
  /** Not a datagram: the PROXY header at the beginning of a connection. */
  isProxyHeader: boolean;
  /** What the capture file says about the packet (`opt_comment` of pcapng); empty when nothing. */
  comment: string;
  /** What a recording knows beside it; absent in captures. */
  told?: RecordedFacts;
}

/** Why the side that recorded sent a segment again. */
export type RecordedCause = 'timeout' | 'fast' | 'path';

/** What a recording of a session says of a datagram beside its bytes, which are clear in it whatever they were on the wire. */
export interface RecordedFacts {
  readonly isLoggedIn: boolean;
  readonly isSealed: boolean;
  /** It was sent on another path, too. */
  readonly isCopy: boolean;
  /** It was sent or received on the path in use. */
  readonly isInUse: boolean;
  /** By `sn`, of segments in it that are sent again. */
  readonly causes: ReadonlyMap<number, RecordedCause>;
}

/** Takes every datagram of a capture, in the order they were captured in. */
export type FoundDatagramSink = (datagram: FoundDatagram) => void;

/**
 * What a reader met that is no datagram; counted by reason, and told once a packet where a packet is to blame.
 *
 * - `capture_damaged`: the file itself is broken here; reading goes on where possible, else it ends
 * - `capture_cut_off`: the file ends inside a block
 * - `link_type_unknown`, `not_ip`, `not_udp_or_tcp`: other traffic
 * - `header_damaged`: lengths in the headers do not fit
 * - `fragment_missing`: an IP datagram of which fragments never came
 * - `stream_gap`: bytes of a TCP connection are missing; reading resumes at the next frame that can be told
 * - `stream_encrypted`: TLS; nothing can be read
 * - `stream_foreign`: a TCP connection that carries something else
 * - `frame_damaged`: a frame or WebSocket message that cannot be
 */
export type CaptureNoticeCode =
  | 'capture_damaged'
  | 'capture_cut_off'
  | 'link_type_unknown'
  | 'not_ip'
  | 'not_udp_or_tcp'
  | 'header_damaged'
  | 'fragment_missing'
  | 'stream_gap'
  | 'stream_encrypted'
  | 'stream_foreign'
  | 'frame_damaged';
