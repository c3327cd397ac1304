import type { SocketAddress } from '../base/address.ts';
import type { SessionPort, Sink } from '../base/sink.ts';

/** What carries the data behind the gateway. */
export type UpstreamKind = 'echo' | 'tcp' | 'udp';

/**
 * What the data of a session means to an upstream: a byte `stream` without boundaries, or `message`s whose boundaries
 * must stay.
 */
export type UpstreamMode = 'stream' | 'message';

/** The session an upstream is opened for. */
export interface SessionInfo {
  /** Names the session in logs. */
  readonly id: string;
  /** The client's address as far as the gateway knows it. */
  readonly remoteAddress: SocketAddress;
  readonly conv: number;
  /** Where the line listens that the session came by. Default: not known. */
  readonly lineAddress?: SocketAddress;
  /** Who logged in; empty without a login. Default empty. */
  readonly subject?: string;
}

/** A snapshot of an upstream: counters that grow from zero, and gauges of now. */
export interface UpstreamStats {
  /** Sessions opened so far. */
  readonly sessions: number;
  /** Gauge: sessions that are not closed. */
  readonly activeSessions: number;
  /** Gauge: connections to servers, also those that outlive their session to hand over its last data. */
  readonly connections: number;
  /** Attempts to connect that failed or took too long. */
  readonly connectFailures: number;
  /** Connections that broke after they were made. */
  readonly brokenConnections: number;
  /** Bytes taken from sessions. */
  readonly bytesFromSessions: number;
  /** Bytes handed to sessions. */
  readonly bytesToSessions: number;
  /** Gauge: bytes held in this process because one side takes them slower than the other gives them. */
  readonly heldBytes: number;
}

/** A back end, or several that are alike. Sessions are bound to it one by one. */
export interface Upstream {
  readonly name: string;
  readonly kind: UpstreamKind;
  /** How sessions that lead here are to be set up. */
  readonly mode: UpstreamMode;
  /**
   * Binds a session: its data goes to the sink returned, what comes back goes to `port`. Never throws; what fails, now or
   * later, closes the session by its port.
   */
  open(port: SessionPort, session: SessionInfo): Sink;
  stats(): UpstreamStats;
  /**
   * Lets connections that outlive their sessions finish, for as long as they may, and ends sessions that are still open
   * with `drain`. New sessions end at once. Resolves when nothing is left; safe to call again.
   * @param timeoutMs connections still there after so long are reset; without it each has its own linger timeout.
   */
  close(timeoutMs?: number): Promise<void>;
}
