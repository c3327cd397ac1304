import type { CarrierStats } from '../carrier/carrier.ts';
import type { DropReason } from './drop-reason.ts';

/** What a group of sessions counted since it began. */
export interface SessionGroupStats {
  /** Sessions open now (not lingering). */
  readonly openSessions: number;
  /** Closed sessions still remembered. */
  readonly lingeringSessions: number;
  readonly openedSessions: number;
  /** Sessions closed, by the name of their close code. */
  readonly closedSessions: Readonly<Record<string, number>>;
  /** Sinks that threw; each such session was destroyed. A bug. */
  readonly sinkFailures: number;
  /** Payload memory in use and held, in bytes. */
  readonly poolUsedBytes: number;
  readonly poolHeldBytes: number;
}

/** What one port counted since it began; its sessions are those without login. */
export interface EndpointStats extends SessionGroupStats {
  /** Datagrams dropped, by reason. */
  readonly drops: Readonly<Record<DropReason, number>>;
  /** PROBEs that were answered. */
  readonly probesAnswered: number;
  /** Datagrams of sessions that are not known that were answered by RESET; they count as dropped, too. */
  readonly resetsSent: number;
  readonly carrier: CarrierStats;
}

/** What the sessions that logged in counted, on all ports together. */
export interface LoginStats extends SessionGroupStats {
  /** Handshakes that are answered and not finished. */
  readonly halfOpen: number;
  /** HELLOs whose ticket and seal were right. */
  readonly hellos: number;
  /** HELLOs that were answered by a refusal, by the name of the close code. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Sessions that have no encryption of their own, open now. */
  readonly clearSessions: number;
  /** How often sessions went to another path. */
  readonly moves: number;
  /** Datagrams sent on to the gateway that owns their session. */
  readonly relayed: number;
}
