import type { ServingStatus, WorkerStatus } from './gateway-status.ts';

/** What serves the sessions of a gateway: this thread, or several others. */
export interface DataPlane {
  /** How it stands. Answers in bounded time, whatever its threads do. */
  status(): Promise<DataPlaneStatus>;
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
