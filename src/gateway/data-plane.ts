import type { CloseCode } from '../base/close-code.ts';
import type { Carrier } from '../carrier/carrier.ts';
import type { SessionSummary } from '../endpoint/index.ts';
import type { DrainNotice } from '../session/index.ts';
import type { HttpListenerConfig, KcpTcpListenerConfig } from './config/config.ts';
import type { ServingStatus, WorkerStatus } from './gateway-status.ts';
import type { WorkerHealth } from './health/health-report.ts';

/** What serves the sessions of a gateway: this thread, or several others. */
export interface DataPlane {
  /** Takes a line of connections that somebody accepts; it owns the carrier from now on. Before {@link start}. */
  attach(carrier: Carrier, config: KcpTcpListenerConfig | HttpListenerConfig): void;
  /** Starts to receive. */
  start(): void;
  /** Whether a session has this `conv`, as far as that is known in this thread. */
  isConversationInUse(conv: number): boolean;
  /** How many of its threads serve, as far as that is known in this thread. */
  workerHealth(): WorkerHealth;
  /** How it stands. Answers in bounded time, whatever its threads do. */
  status(): Promise<DataPlaneStatus>;
  /** The open sessions that are asked for, in the order of worker and number. */
  sessions(query: SessionQuery): Promise<readonly SessionReport[]>;
  /**
   * Ends the sessions that are asked for and tells their clients why.
   * @returns how many there were.
   */
  kick(query: SessionQuery, code: CloseCode, reason: string): Promise<number>;
  /** Asks clients that logged in to go elsewhere and lets no new session in, until the deadline or {@link stopDraining}. */
  startDraining(notice: DrainNotice): void;
  /** Takes new sessions again. */
  stopDraining(): void;
  /**
   * Lets no new session in and ends the open ones once everything they hold has arrived, at the latest after `timeoutMs`.
   * @returns the number of sessions that are to be cut off.
   */
  drain(timeoutMs: number): Promise<number>;
  /** Ends what is left and releases everything. Safe to call twice. */
  close(): Promise<void>;
}

export interface DataPlaneStatus extends ServingStatus {
  /** Empty when there are no threads of its own. */
  readonly workers: readonly WorkerStatus[];
}

/** Which sessions are meant: those for which everything given holds. Plain data. */
export interface SessionQuery {
  /** {@link SessionReport.id}. */
  readonly id?: string;
  readonly conv?: number;
  readonly subject?: string;
  /**
   * Only sessions that come after the one of this id, which need not be open any more: those of greater worker numbers,
   * and of the same worker those of greater numbers.
   */
  readonly after?: string;
  /** At most so many; default all. */
  readonly limit?: number;
}

/** A session with a name that holds for the whole gateway. Plain data. */
export interface SessionReport extends Omit<SessionSummary, 'id'> {
  /** `<worker>.<number>`: unique as long as the gateway runs. */
  readonly id: string;
}
