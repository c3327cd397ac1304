import type { GatewayErrorCode } from '../../base/errors.ts';
import type { GatewayConfig } from '../config/config.ts';
import type { ServingStatus } from '../gateway-status.ts';

/** What a worker thread is started with; plain data, as everything that crosses. */
export interface WorkerStart {
  readonly index: number;
  /** With the limits of this one worker. */
  readonly config: GatewayConfig;
  /** Bound UDP descriptors, one for each listener. They belong to the main thread. */
  readonly descriptors: readonly number[];
  /** Memory of the LogBacklog between the two threads. */
  readonly logBacklog: SharedArrayBuffer;
}

/** What the main thread asks of a worker. */
export type WorkerCommand =
  /** Is answered by `status`. */
  | { readonly type: 'report' }
  /** Is answered by `drained`. */
  | { readonly type: 'drain'; readonly timeoutMs: number }
  /** Is answered by `closed`, after which the thread ends by itself. */
  | { readonly type: 'close' };

/** What a worker says. */
export type WorkerReport =
  /** It serves. Comes once. */
  | { readonly type: 'open'; readonly status: ServingStatus }
  /** It could not be opened; the thread ends. */
  | { readonly type: 'failed'; readonly code: GatewayErrorCode; readonly message: string }
  | { readonly type: 'status'; readonly status: ServingStatus }
  | { readonly type: 'drained'; readonly cutOff: number }
  | { readonly type: 'closed'; readonly status: ServingStatus }
  /** A record of the log, for `ForwardedLog.write`. */
  | { readonly type: 'log'; readonly record: string };
