import type { CloseCode } from '../base/close-code.ts';
import type { KcpStats, RetransmissionTrace } from '../kcp/index.ts';
import type { SessionState } from './lifecycle.ts';
import type { SessionConfig } from './session-config.ts';

/** A path as those who look into a session see it. */
export interface TracedPath {
  /** The host's number of the carrier, and the address slot there. */
  readonly port: number;
  readonly slot: number;
}

/** A session as those who look into it see it. */
export interface TracedSession {
  readonly conv: number;
  /** It logged in: it may go from path to path. */
  readonly loggedIn: boolean;
  readonly config: SessionConfig;
  /** In the host's ms. */
  readonly startedAt: number;
  readonly state: SessionState;
  readonly closing: { readonly code: CloseCode; readonly reason: string };
  /** The one in use. */
  readonly path: TracedPath;
  stats(): KcpStats;
}

/**
 * Told of everything a session sends and receives, segments in clear. For tools that look into one: a session without a trace
 * pays one comparison a datagram. Bytes are borrowed for the call. Nothing that is called may throw.
 */
export interface SessionTrace extends RetransmissionTrace {
  /** A turn begins: {@link sent} happens now. `now` is the host's ms. */
  turnBegan(now: number): void;
  /**
   * A datagram arrived: `length` bytes of segments at `at`; for an authentic one it is called before they are read.
   * @param wireBytes its length on the wire. @param port, slot the path it came on, which the session may not know.
   */
  received(
    now: number,
    view: DataView,
    at: number,
    length: number,
    wireBytes: number,
    port: number,
    slot: number,
  ): void;
  /** A datagram was written; what is refused by the system afterwards counts as lost on the way. */
  sent(
    view: DataView,
    at: number,
    length: number,
    wireBytes: number,
    path: TracedPath,
    isCopy: boolean,
  ): void;
  /** A handshake datagram was written. */
  handshakeSent(wireBytes: number, path: TracedPath): void;
  /** The session gave up a path: what comes from that port and slot later is another one. */
  pathReleased(port: number, slot: number): void;
  /** A turn ended: state, path and statistics can be looked at. */
  turnEnded(now: number, session: TracedSession): void;
  /** The session was dropped, from outside a turn. */
  destroyed(session: TracedSession): void;
}

/** Who wants to look into sessions. */
export interface SessionTracer {
  /**
   * A session begins; called before anything is sent or received.
   * @param describe names the ends of a path. @returns undefined: this one is not looked into.
   */
  begin(session: TracedSession, describe: PathDescriber): SessionTrace | undefined;
}

/** Tells the carrier and both ends of a path of a session; addresses as `ip:port`, empty when they are not known. */
export type PathDescriber = (
  port: number,
  slot: number,
) => { readonly carrier: string; readonly local: string; readonly remote: string };
