import type { SocketAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { CloseCode } from '../base/close-code.ts';
import type { HandshakeCrypto, ResetTokens } from '../base/handshake-crypto.ts';
import type { PacketCipher } from '../base/packet-cipher.ts';
import type { SessionPort, Sink } from '../base/sink.ts';
import type { KcpConfig, SegmentPool } from '../kcp/index.ts';
import type { PeerKind, SessionConfig, TicketOpener } from '../session/index.ts';
import type { AdmissionConfig } from './admission.ts';

/** What is known of a session when it opens. */
export interface SessionOpening {
  /** Unique within the endpoint's process life. */
  readonly id: number;
  readonly conv: number;
  /** The client's address as far as it is known: where its datagrams come from, or what a trusted proxy said. */
  readonly remoteAddress: SocketAddress;
  readonly peer: PeerKind;
  /** The name of the port it opened on. */
  readonly port: string;
  /** Where that port listens. */
  readonly localAddress: SocketAddress;
  /** Who logged in; undefined for sessions without login. */
  readonly login: SessionLogin | undefined;
}

/** What the ticket of a session says. */
export interface SessionLogin {
  readonly subject: string;
  /** JSON text, or empty. */
  readonly claims: string;
  /** It has no encryption of its own. */
  readonly isClear: boolean;
}

/** How an opening session is to be served. */
export interface SessionPlan {
  /** Whether bytes towards the peer are one stream (true) or messages with boundaries. */
  readonly stream: boolean;
  /** Where its data goes: the name of the upstream. */
  readonly upstream?: string;
  /** Makes the sink. The port may be used at once. */
  bind(port: SessionPort): Sink;
}

/** Decides what becomes of sessions that peers open. */
export interface SessionAcceptor {
  /** A plan, or the close code to refuse with. Must not throw. */
  accept(opening: SessionOpening): SessionPlan | CloseCode;
}

/** How a kind of sessions behaves, and what they share. */
export interface SessionGroupConfig {
  /** For every session; `conv`, `stream` and `limitUntilHeard` are set for each. */
  readonly kcp: KcpConfig;
  readonly session: Pick<SessionConfig, 'idleTimeoutMs' | 'keepAliveMs' | 'closeTimeoutMs' | 'lingerMs'> &
    Partial<Pick<SessionConfig, 'copyBytesPerSecond'>>;
  readonly admission: AdmissionConfig;
  /** Payload memory of all of them. */
  readonly pool: SegmentPool;
}

/** One carrier of an endpoint, and the sessions without login that open on it. */
export interface PortConfig extends SessionGroupConfig {
  /** Names the port in openings, summaries and statistics. */
  readonly name: string;
  /** Whether peers that prove nothing may open sessions: stock KCP, and ours without a login. */
  readonly allowStock: boolean;
  /** Whether sessions that logged in may do without a seal here: the line is confidential, or the operator says so. Default false. */
  readonly allowClear?: boolean;
  /** Whether data within a HELLO is taken. Default false. */
  readonly earlyData?: boolean;
  /** Whether what is sent arrives, in order, while the connection lives. Default: as the carrier says. */
  readonly reliable?: boolean;
  /** Whose address blocks are believed. Default: nobody's. */
  readonly isTrustedProxy?: (address: string) => boolean;
  /** Client: the carrier is closed when its last path is given up. Default false. */
  readonly closeWhenUnused?: boolean;
}

/** Sessions that logged in, on all ports of the endpoint. */
export interface LoginSessionsConfig extends SessionGroupConfig {
  /** Handshakes that are not finished, at most. */
  readonly maxHalfOpen: number;
  /** Sessions of one subject at most; the oldest gives way (`replaced`). Default: no limit. */
  readonly maxSessionsPerSubject?: number;
}

/** How an endpoint behaves; complete. */
export interface EndpointConfig {
  /** Present where sessions that logged in are accepted. */
  readonly login?: LoginSessionsConfig;
  /** Owner of the sessions of this endpoint: the top byte of their `conv`. Default 0. */
  readonly gatewayId?: number;
  /**
   * What stands in front of this gateway brings clients to the owner of their `conv`, as long as that one is up: when a
   * conversation of another owner comes here, and that one does not answer, its client is told that it is gone. Default false.
   */
  readonly ownersAreRouted?: boolean;
  /** Names this node in PROBE_ACK. Default 0. */
  readonly nodeNumber?: number;
  /** When this process started, in seconds of Unix time; in PROBE_ACK. Default 0. */
  readonly epochSeconds?: number;
  /** 32 random bits: places sessions in the table, so that peers cannot choose where theirs go. Default 0: for clients and tests. */
  readonly hashSeed?: number;
  /** The id of its first session; they are counted up from there. Default 0. */
  readonly firstSessionId?: number;
}

/** What sealed sessions need. */
export interface EndpointSecurity {
  readonly crypto: HandshakeCrypto;
  /** Owned by the caller. */
  readonly cipher: PacketCipher;
  /** Gateway: opens tickets. */
  readonly tickets?: TicketOpener;
  /** Gateway: makes RESETs believable. Without it none are sent. */
  readonly resetTokens?: ResetTokens;
  /** Gateway: Unix time in ms, for tickets. */
  readonly wallClock?: Clock;
}
