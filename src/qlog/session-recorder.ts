import type { RetransmissionCause } from '../kcp/index.ts';
import type { PathDescriber, SessionTrace, TracedPath, TracedSession } from '../session/index.ts';
import { addressBlockBytesOf } from '../wire/data-segment.ts';
import {
  SEGMENT_HEADER_BYTES,
  checkSegment,
  commandOf,
  fragmentOf,
  payloadLengthOf,
  sequenceOf,
  timestampOf,
  unacknowledgedOf,
  windowOf,
} from '../wire/segment.ts';
import type { EventRing } from './event-ring.ts';
import { CAUSES, DatagramFlag, RowKind, STATES } from './event-row.ts';

/** One path of a recorded session, as it was when it was first met. */
export interface RecordedPath {
  readonly carrier: string;
  readonly local: string;
  readonly remote: string;
}

/** Who is told how a recording goes on. */
export interface RecorderHost {
  /** A turn ended: what is recorded may be taken. */
  recorded(recorder: SessionRecorder): void;
  /** The session is over: nothing follows. */
  ended(recorder: SessionRecorder): void;
}

/** Writes what a session sends and receives into a ring. Allocates nothing per datagram, payload is not kept. */
export class SessionRecorder implements SessionTrace {
  readonly session: TracedSession;
  readonly ring: EventRing;
  /** All paths it was seen on; bounded, further ones have no number (-1). */
  readonly paths: RecordedPath[] = [];
  /** Where the paths it has now are in {@link paths}; a place that is another's meanwhile gets a new number. */
  private readonly places: PathPlace[] = [];
  private readonly host: RecorderHost;
  private readonly describe: PathDescriber;
  private now: number;
  private sentCount = 0;
  private receivedCount = 0;
  /** Something happened that may have changed the metrics. */
  private isMoved = true;
  private state = -1;
  private pathInUse = -1;
  private lastSrttMs = -1;
  private lastWindow = -1;
  private lastInFlight = -1;
  private lastPeerWindow = -1;
  private hasEnded = false;

  constructor(session: TracedSession, describe: PathDescriber, ring: EventRing, host: RecorderHost) {
    this.session = session;
    this.describe = describe;
    this.ring = ring;
    this.host = host;
    this.now = session.startedAt;
  }

  turnBegan(now: number): void {
    this.now = now;
  }

  received(
    now: number,
    view: DataView,
    at: number,
    length: number,
    wireBytes: number,
    port: number,
    slot: number,
  ): void {
    this.now = now;
    this.isMoved = true;
    this.note(RowKind.datagram, this.pathAt(port, slot), wireBytes, 0, this.receivedCount++);
    this.noteSegments(view, at, at + length);
  }

  sent(
    view: DataView,
    at: number,
    length: number,
    wireBytes: number,
    path: TracedPath,
    isCopy: boolean,
  ): void {
    const flags = DatagramFlag.sent | (isCopy ? DatagramFlag.copy : 0);
    this.isMoved = true;
    this.note(RowKind.datagram, this.pathAt(path.port, path.slot), wireBytes, flags, this.sentCount++);
    this.noteSegments(view, at, at + length);
  }

  handshakeSent(wireBytes: number, path: TracedPath): void {
    const flags = DatagramFlag.sent | DatagramFlag.handshake;
    this.note(RowKind.datagram, this.pathAt(path.port, path.slot), wireBytes, flags, this.sentCount++);
  }

  retransmitted(sn: number, cause: RetransmissionCause): void {
    this.note(RowKind.retransmission, sn, CAUSES.indexOf(cause));
  }

  turnEnded(now: number, session: TracedSession): void {
    this.now = now;
    if (this.isMoved) this.noteMetrics(session);
    const { port, slot } = session.path;
    const path = this.pathAt(port, slot);
    if (path !== this.pathInUse) {
      this.pathInUse = path;
      this.note(RowKind.pathInUse, path);
    }
    this.noteState(session);
    if (!this.hasEnded) this.host.recorded(this);
  }

  pathReleased(port: number, slot: number): void {
    const { places } = this;
    const at = places.findIndex((place) => place.port === port && place.slot === slot);
    if (at >= 0) places.splice(at, 1);
  }

  destroyed(session: TracedSession): void {
    this.noteState(session);
  }

  private noteState(session: TracedSession): void {
    const state = STATES.indexOf(session.state);
    if (state === this.state) return;
    this.state = state;
    this.note(RowKind.state, state, session.closing.code);
    if ((session.state !== 'lingering' && session.state !== 'gone') || this.hasEnded) return;
    this.hasEnded = true;
    this.host.ended(this);
  }

  private noteMetrics(session: TracedSession): void {
    this.isMoved = false;
    const { srttMs, rttvarMs, rtoMs, congestionWindow, inFlight, peerWindow } = session.stats();
    if (
      srttMs === this.lastSrttMs &&
      congestionWindow === this.lastWindow &&
      inFlight === this.lastInFlight &&
      peerWindow === this.lastPeerWindow
    )
      return;
    this.lastSrttMs = srttMs;
    this.lastWindow = congestionWindow;
    this.lastInFlight = inFlight;
    this.lastPeerWindow = peerWindow;
    this.note(RowKind.metrics, srttMs, rttvarMs, rtoMs, congestionWindow, inFlight, peerWindow);
  }

  private noteSegments(view: DataView, from: number, end: number): void {
    for (let at = from; end - at >= SEGMENT_HEADER_BYTES;) {
      const cmd = commandOf(view, at);
      const total = checkSegment(view, at, end, addressBlockBytesOf(cmd));
      if (total === 0) return;
      this.note(
        RowKind.segment,
        cmd | (fragmentOf(view, at) << 8) | (windowOf(view, at) << 16),
        timestampOf(view, at),
        sequenceOf(view, at),
        unacknowledgedOf(view, at),
        payloadLengthOf(view, at),
      );
      at += total;
    }
  }

  private note(kind: number, a: number, b = 0, c = 0, d = 0, e = 0, f = 0): void {
    if (this.hasEnded) return;
    // A turn may have begun in the millisecond before the session did.
    this.ring.append(kind, Math.max(0, this.now - this.session.startedAt), a, b, c, d, e, f);
  }

  private pathAt(port: number, slot: number): number {
    const { places, paths } = this;
    for (const place of places) if (place.port === port && place.slot === slot) return place.index;
    if (paths.length >= MAX_PATHS) return -1;
    const index = paths.push(this.describe(port, slot)) - 1;
    places.push({ port, slot, index });
    return index;
  }
}

interface PathPlace {
  readonly port: number;
  readonly slot: number;
  readonly index: number;
}

const MAX_PATHS = 64;
