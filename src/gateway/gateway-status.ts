import type { SocketAddress } from '../base/address.ts';
import type { EndpointStats, LoginStats } from '../endpoint/index.ts';
import type { UpstreamStats } from '../upstream/index.ts';
import type { ListenerConfig } from './config/config.ts';
import type { LoginStats as LoginServiceStats } from './login/login-service.ts';

/** Where a listener really listens, and where its sessions go. */
export interface ListenerStatus {
  readonly name: string;
  readonly type: ListenerConfig['type'];
  readonly address: SocketAddress;
  readonly upstream: string;
  readonly stats: EndpointStats;
}

/** What the listeners and upstreams of one data plane, or of all together, have counted. */
export interface ServingStatus {
  readonly listeners: readonly ListenerStatus[];
  readonly upstreams: Readonly<Record<string, UpstreamStats>>;
  /** Sessions that logged in, on all listeners. */
  readonly sessions: LoginStats | null;
  /** No new sessions are taken; clients were asked to go elsewhere. */
  readonly draining: boolean;
}

/**
 * - `starting`: its thread was made and does not serve yet.
 * - `running`: it serves.
 * - `waiting`: it died and is to be started again.
 * - `ended`: it was stopped.
 */
export type WorkerState = 'starting' | 'running' | 'waiting' | 'ended';

/** One worker thread. */
export interface WorkerStatus extends ServingStatus {
  /** From 0; datagrams with `conv mod workers` of this number are its own. */
  readonly index: number;
  readonly state: WorkerState;
  /** It did not answer in time, or is not running: the counters are those it last gave. */
  readonly stale: boolean;
  /** How often it died. Each time its counters begin at zero again. */
  readonly failures: number;
  /** Why it died last; null when it never did. */
  readonly lastFailure: string | null;
  /** Datagrams that came to its UDP sockets and went on to the worker they are for. */
  readonly handedOn: number;
  /** Log records it dropped, because they came faster than they could be written. */
  readonly droppedLogRecords: number;
}

/** Whether the native addon does the work; if not, why. */
export type NativeStatus =
  { readonly status: 'loaded' } | { readonly status: 'off' | 'missing' | 'broken'; readonly reason: string };

/** A gateway as it is now. Counters and gauges are sums over all workers. */
export interface GatewayStatus extends ServingStatus {
  readonly nodeId: string;
  readonly native: NativeStatus;
  /** What its login counted. */
  readonly login: LoginServiceStats;
  /** The worker threads; empty when the main thread serves. */
  readonly workers: readonly WorkerStatus[];
}
