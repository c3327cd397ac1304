import type { SocketAddress } from '../base/address.ts';
import type { CarrierKind } from '../carrier/carrier.ts';
import type { KcpStats } from '../kcp/index.ts';
import type { PeerKind, SessionState } from '../session/index.ts';
import type { EndpointPort } from './endpoint-port.ts';
import type { SessionEntry } from './session-table.ts';

/** One way of a session to its peer, as the endpoint shows it. */
export interface PathSummary {
  /** The name of the port. */
  readonly port: string;
  readonly carrier: CarrierKind;
  readonly id: number;
  readonly validated: boolean;
  /** Its connection broke. */
  readonly lost: boolean;
  /** Round trip of the last challenge in ms; null before the first. */
  readonly rttMs: number | null;
}

/** One open session as the endpoint shows it. */
export interface SessionSummary {
  /** Unique as long as the process lives. */
  readonly id: number;
  readonly conv: number;
  readonly peer: PeerKind;
  readonly state: SessionState;
  /** Who logged in; null without a login. */
  readonly subject: string | null;
  /** Its datagrams are encrypted. */
  readonly sealed: boolean;
  /** The client's address as far as it is known. */
  readonly remoteAddress: SocketAddress | null;
  /** The path in use first. */
  readonly paths: readonly PathSummary[];
  /** How often it went to another path. */
  readonly moves: number;
  /** The name of the upstream it leads to; empty when there is none. */
  readonly upstream: string;
  readonly ageMs: number;
  readonly kcp: KcpStats;
}

/** Which sessions are meant: those for which everything given holds. */
export interface SessionFilter {
  readonly id?: number | undefined;
  readonly conv?: number | undefined;
  readonly subject?: string | undefined;
  /** Only those with a greater id. */
  readonly after?: number | undefined;
  /** At most so many; default all. */
  readonly limit?: number | undefined;
}

export function summaryOf(
  now: number,
  { id, session, hello, upstream }: SessionEntry,
  remoteAddress: SocketAddress | undefined,
  portOf: (number: number) => EndpointPort | undefined,
): SessionSummary {
  return {
    id,
    conv: session.conv,
    peer: session.config.peer,
    state: session.state,
    subject: hello?.ticket.subject ?? null,
    sealed: session.seal !== undefined,
    remoteAddress: remoteAddress ?? null,
    paths: [...session.paths].map((path) => ({
      port: portOf(path.port)?.config.name ?? '',
      carrier: portOf(path.port)?.carrier.kind ?? 'memory',
      id: path.id,
      validated: path.isValidated,
      lost: path.isLost,
      rttMs: path.rttMs < 0 ? null : path.rttMs,
    })),
    moves: session.moves,
    upstream,
    ageMs: now - session.startedAt,
    kcp: session.stats(),
  };
}
