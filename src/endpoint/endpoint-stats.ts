import type { CarrierStats } from '../carrier/carrier.ts';
import type { DropReason } from './drop-reason.ts';

/** What an endpoint counted since it began. */
export interface EndpointStats {
  /** Sessions open now (not lingering). */
  readonly openSessions: number;
  /** Closed sessions still remembered. */
  readonly lingeringSessions: number;
  readonly openedSessions: number;
  /** Sessions closed, by the name of their close code. */
  readonly closedSessions: Readonly<Record<string, number>>;
  /** Datagrams dropped, by reason. */
  readonly drops: Readonly<Record<DropReason, number>>;
  /** Sinks that threw; each such session was destroyed. A bug. */
  readonly sinkFailures: number;
  /** Payload memory in use and held, in bytes. */
  readonly poolUsedBytes: number;
  readonly poolHeldBytes: number;
  readonly carrier: CarrierStats;
}
