import type { RetransmissionCause } from '../kcp/index.ts';
import type { SessionState } from '../session/index.ts';
import { ROW_VALUES, type EventRing } from './event-ring.ts';

/** What a row of an {@link EventRing} is about. */
export const RowKind = {
  /** values: path, bytes on the wire, flags, number of the datagram in its direction. The rows of its segments follow. */
  datagram: 1,
  /** values: `cmd | frg << 8 | wnd << 16`, `ts`, `sn`, `una`, bytes of payload. */
  segment: 2,
  /** values: `sn`, cause. */
  retransmission: 3,
  /** values: smoothed round trip, its deviation, timeout, congestion window, in flight, window of the peer. */
  metrics: 4,
  /** values: state, close code. */
  state: 5,
  /** values: path. */
  pathInUse: 6,
} as const;

/** Flags of a datagram row. */
export const DatagramFlag = { sent: 1, copy: 2, handshake: 4 } as const;

/** Numbers of causes and states in rows are places in these. */
export const CAUSES: readonly RetransmissionCause[] = ['timeout', 'fast', 'path'];
export const STATES: readonly SessionState[] = ['opening', 'open', 'closing', 'lingering', 'gone'];

/** One segment as its header said it; `ts`, `sn` and `una` unsigned. */
export interface RecordedSegment {
  readonly cmd: number;
  readonly frg: number;
  readonly wnd: number;
  readonly ts: number;
  readonly sn: number;
  readonly una: number;
  readonly length: number;
}

/** One event of a session. `timeMs` counts from its beginning, `path` is a place in the paths of the recording. */
export type RecordedEvent =
  | {
      readonly type: 'datagram';
      readonly timeMs: number;
      readonly isSent: boolean;
      readonly isCopy: boolean;
      readonly isHandshake: boolean;
      readonly path: number;
      readonly wireBytes: number;
      /** Counted from 0 in each direction. */
      readonly number: number;
      readonly segments: readonly RecordedSegment[];
    }
  | {
      readonly type: 'retransmission';
      readonly timeMs: number;
      readonly sn: number;
      readonly cause: RetransmissionCause;
    }
  | {
      readonly type: 'metrics';
      readonly timeMs: number;
      readonly srttMs: number;
      readonly rttvarMs: number;
      readonly rtoMs: number;
      /** In segments, as the next two. */
      readonly congestionWindow: number;
      readonly inFlight: number;
      readonly peerWindow: number;
    }
  | {
      readonly type: 'state';
      readonly timeMs: number;
      readonly state: SessionState;
      readonly code: number;
    }
  | { readonly type: 'pathInUse'; readonly timeMs: number; readonly path: number };

/** The events of a ring, the oldest first. Segments whose datagram gave way are left out. */
export function readEvents(ring: EventRing): RecordedEvent[] {
  const events: RecordedEvent[] = [];
  let segments: RecordedSegment[] | undefined;
  ring.forEach((rows, at) => {
    if (rows[at] === RowKind.segment) {
      segments?.push(segmentAt(rows, at));
      return;
    }
    segments = undefined;
    const event = eventAt(rows, at);
    if (event === undefined) return;
    if (event.type === 'datagram') {
      segments = [];
      events.push({ ...event, segments });
    } else {
      events.push(event);
    }
  });
  return events;
}

function segmentAt(rows: Int32Array, at: number): RecordedSegment {
  const [word, ts, sn, una, length] = valuesAt(rows, at);
  return {
    cmd: word & 0xff,
    frg: (word >>> 8) & 0xff,
    wnd: word >>> 16,
    ts: ts >>> 0,
    sn: sn >>> 0,
    una: una >>> 0,
    length,
  };
}

function eventAt(rows: Int32Array, at: number): RecordedEvent | undefined {
  const timeMs = rows[at + 1] ?? 0;
  const [a, b, c, d, e, f] = valuesAt(rows, at);
  switch (rows[at]) {
    case RowKind.datagram:
      return {
        type: 'datagram',
        timeMs,
        isSent: (c & DatagramFlag.sent) !== 0,
        isCopy: (c & DatagramFlag.copy) !== 0,
        isHandshake: (c & DatagramFlag.handshake) !== 0,
        path: a,
        wireBytes: b,
        number: d >>> 0,
        segments: [],
      };
    case RowKind.retransmission:
      return { type: 'retransmission', timeMs, sn: a >>> 0, cause: CAUSES[b] ?? 'timeout' };
    case RowKind.metrics:
      return {
        type: 'metrics',
        timeMs,
        srttMs: a,
        rttvarMs: b,
        rtoMs: c,
        congestionWindow: d,
        inFlight: e,
        peerWindow: f,
      };
    case RowKind.state:
      return { type: 'state', timeMs, state: STATES[a] ?? 'gone', code: b };
    case RowKind.pathInUse:
      return { type: 'pathInUse', timeMs, path: a };
    default:
      return undefined;
  }
}

function valuesAt(rows: Int32Array, at: number): [number, number, number, number, number, number] {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = rows.subarray(at + 2, at + ROW_VALUES);
  return [a, b, c, d, e, f];
}
