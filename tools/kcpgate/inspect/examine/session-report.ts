import type { Flow, FlowEnd, FoundCarrier } from '../found-datagram.ts';

/**
 * What a capture tells of one session. Live: it goes on changing while datagrams are examined.
 *
 * Times are those of the capture, in microseconds since 1970; 0 where the input tells none.
 */
export interface SessionReport {
  /** Counted from 0 in order of appearance; what {@link ExaminedDatagram.session} says. */
  readonly index: number;
  readonly conv: number;
  /**
   * - `stock`: without login; opened with PUSH, or its opening was not captured
   * - `marked`: without login, by a client of this protocol (NEW)
   * - `login_clear`: logged in, not encrypted
   * - `sealed`: logged in and encrypted
   */
  readonly type: SessionType;
  /** What tells who the client is. */
  readonly clientToldBy: ClientEvidence;
  /** The client's end of the flow in use. Behind a proxy that is the proxy: see {@link realClient}. */
  readonly client: FlowEnd;
  readonly gateway: FlowEnd;
  /** The client as the last PROXY or SPP header says; null without. */
  readonly realClient: FlowEnd | null;
  /** Every flow it was seen on, in order of appearance; the first {@link MAX_SESSION_FLOWS} of them. */
  readonly flows: readonly Flow[];
  /** Every carrier it was seen on, in order of appearance. */
  readonly carriers: readonly FoundCarrier[];
  readonly firstUs: number;
  readonly lastUs: number;
  readonly firstPacket: number;
  readonly lastPacket: number;
  /** Whether its beginning is in the capture: a HELLO, or data from `sn` 0. */
  readonly beginningSeen: boolean;
  /** Datagrams that are sealed and could not be opened. */
  readonly unopened: number;
  /** From the first HELLO to the first answer to it, in microseconds; NaN without. */
  readonly handshakeUs: number;
  /** Line changes and rebindings, the first {@link MAX_LINE_CHANGES} of them. */
  readonly lineChanges: readonly LineChange[];
  /** All of them. */
  readonly lineChangeCount: number;
  /** How it ended; null while it goes on, as far as can be read. */
  readonly close: SessionClose | null;
  readonly fromClient: DirectionReport;
  readonly fromGateway: DirectionReport;
}

export type SessionType = 'stock' | 'marked' | 'login_clear' | 'sealed';

/**
 * `handshake`: HELLO and its answer; `key`: the key that opened its datagrams; `command`: one that only clients, or only
 * gateways send; `opening`: it sent the first data; `connected`: it opened the connection; `first_sender`: nothing better;
 * `recording`: whoever recorded it.
 */
export type ClientEvidence =
  'handshake' | 'key' | 'command' | 'opening' | 'connected' | 'first_sender' | 'recording';

/** Flows that a report names. */
export const MAX_SESSION_FLOWS = 64;
/** Line changes that a report names. */
export const MAX_LINE_CHANGES = 64;

/** The session went on over another flow. */
export interface LineChange {
  readonly timeUs: number;
  readonly packet: number;
  readonly from: Flow;
  readonly to: Flow;
  /** The same line of the client, at another address: a NAT gave it one. */
  readonly isRebinding: boolean;
}

export interface SessionClose {
  /** A close code; 1000 for the end of both directions, 3004 for a RESET. */
  readonly code: number;
  readonly by: 'client' | 'gateway' | 'both';
  readonly how: 'kick' | 'fin' | 'reset';
  /** Of a KICK, for people; empty without. */
  readonly reason: string;
  readonly timeUs: number;
  readonly packet: number;
}

/** What one side of a session sent. Counts grow from zero; what could not be read is in `packets` and `bytes` only. */
export interface DirectionReport {
  /** Datagrams, those that came twice included. */
  readonly packets: number;
  /** Bytes of datagrams, as UDP would carry them: without framing, PROXY headers and what is below. */
  readonly bytes: number;
  readonly segments: number;
  /** PUSH and NEW, all transmissions; duplicates left out. */
  readonly pushes: number;
  /** Bytes of ordered data, each once. */
  readonly payloadBytes: number;
  /** `payloadBytes` a second, from the first data to the last; NaN when that is no time. */
  readonly goodputBytesPerSecond: number;
  /** Messages of which the last piece was sent. */
  readonly messages: number;
  /** Pieces of messages, each once, that have more than one. */
  readonly fragments: number;
  readonly retransmissions: RetransmissionCounts;
  /** Captured twice although sent once: by the network, or as copies on two lines. In segments, and whole datagrams. */
  readonly duplicateSegments: number;
  readonly duplicatePackets: number;
  /** Packet numbers between the first and the last captured that were not: the capture or the network lost them. 0 unless sealed. */
  readonly missingNumbers: number;
  /** Datagrams that say they are copies (bit 0x08). */
  readonly copies: number;
  /** Segments that came behind higher ones, and how far behind, in segments. */
  readonly reorderedSegments: number;
  readonly maxReorderDepth: number;
  /** ACK segments, and those of them that said nothing new. */
  readonly acks: number;
  readonly duplicateAcks: number;
  /** Of the data this side sent: from the capture to the other side and back. */
  readonly roundTrip: RoundTripReport;
  /** What this side said it can take, in segments. */
  readonly window: WindowReport;
  /** DATAGRAM segments, each once. */
  readonly datagrams: number;
  /** WASK, WINS, PATH_CHALLENGE, PATH_RESPONSE: what keeps a session and its paths alive. */
  readonly keepalives: number;
  /** PROBE and PROBE_ACK. */
  readonly probes: number;
  readonly firstUs: number;
  readonly lastUs: number;
}

/** Retransmissions of PUSH and NEW, as seen on the wire. */
export interface RetransmissionCounts {
  readonly total: number;
  /** After later segments had been acknowledged. */
  readonly fast: number;
  /** After a change of line: everything that was not acknowledged is sent again. */
  readonly lineChange: number;
  /** All others: time had passed. */
  readonly timeout: number;
  /** Of the total: those whose earlier transmission was not captured, so that only their `ts` shows it. */
  readonly ofUnseen: number;
  /** Of the total: those that were not needed, because an earlier transmission had arrived. */
  readonly spurious: number;
}

/** Microseconds; NaN without samples. Percentiles are within 3 %. */
export interface RoundTripReport {
  readonly count: number;
  readonly minUs: number;
  readonly p50Us: number;
  readonly p95Us: number;
  readonly maxUs: number;
}

export interface WindowReport {
  /** Segments; -1 when it was never told. */
  readonly min: number;
  readonly max: number;
  readonly last: number;
  /** Microseconds during which it was 0, and how often that began. */
  readonly zeroUs: number;
  readonly zeroCount: number;
}
