import type { SocketAddress } from '../base/address.ts';
import type { CloseCode } from '../base/close-code.ts';
import type { SessionPort, Sink } from '../base/sink.ts';
import type { KcpConfig, SegmentPool } from '../kcp/index.ts';
import type { PeerKind, SessionConfig } from '../session/index.ts';
import type { AdmissionConfig } from './admission.ts';

/** What is known of a session when it opens. */
export interface SessionOpening {
  /** Unique within the endpoint's process life. */
  readonly id: number;
  readonly conv: number;
  readonly remoteAddress: SocketAddress;
  readonly peer: PeerKind;
}

/** How an opening session is to be served. */
export interface SessionPlan {
  /** Whether bytes towards the peer are one stream (true) or messages with boundaries. */
  readonly stream: boolean;
  /** Makes the sink. The port may be used at once. */
  bind(port: SessionPort): Sink;
}

/** Decides what becomes of sessions that peers open. */
export interface SessionAcceptor {
  /** A plan, or the close code to refuse with. Must not throw. */
  accept(opening: SessionOpening): SessionPlan | CloseCode;
}

/** How an endpoint behaves; complete. */
export interface EndpointConfig {
  /** For every session; `conv`, `stream` and `announce` are set for each. */
  readonly kcp: KcpConfig;
  readonly session: Omit<SessionConfig, 'kcp' | 'role' | 'peer'>;
  /** Whether stock KCP peers, which prove nothing, may open sessions. */
  readonly allowStock: boolean;
  readonly admission: AdmissionConfig;
  /** Payload memory of all its sessions. */
  readonly pool: SegmentPool;
  /** 32 random bits: places sessions in the table, so that peers cannot choose where theirs go. Default 0: for clients and tests. */
  readonly hashSeed?: number;
}
