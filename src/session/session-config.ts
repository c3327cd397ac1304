import type { KcpConfig } from '../kcp/index.ts';

/** Which end of the session this is. The gateway closes by KICK, the client by FIN. */
export type SessionRole = 'gateway' | 'client';

/**
 * What the other end speaks: `stock` knows the four commands of the reference and nothing else; `kcpgate` knows ours, too.
 */
export type PeerKind = 'stock' | 'kcpgate';

/** How a session behaves; complete, checked by whoever makes it. */
export interface SessionConfig {
  readonly role: SessionRole;
  readonly peer: PeerKind;
  readonly kcp: KcpConfig;
  /** Closed with `idle_timeout` when nothing valid arrived for so long, in ms. */
  readonly idleTimeoutMs: number;
  /**
   * A quiet session asks whether the peer is still there so often, in ms; 0 = never. One that logged in sends a
   * PATH_CHALLENGE, a fifth earlier or later; others ask for the peer's window, which any KCP peer answers.
   */
  readonly keepAliveMs: number;
  /** How long a closing session may take to get its data across, in ms; saying goodbye may take 4 s more. */
  readonly closeTimeoutMs: number;
  /** How long a closed session is remembered, to answer repeats and to keep late packets from reviving it, in ms. */
  readonly lingerMs: number;
  /**
   * What is sent again on another path at the peer's wish, in bytes a second and at once; 0 = nothing. What a client sends
   * again it is told each time.
   */
  readonly copyBytesPerSecond: number;
  /** Client: data that waits when the handshake begins goes out with it; it may be replayed. */
  readonly earlyData: boolean;
}
