import type { CloseCode } from '../../base/close-code.ts';
import type { GatewayErrorCode } from '../../base/errors.ts';
import type { DrainNotice } from '../../session/index.ts';
import type { GatewayConfig } from '../config/config.ts';
import type { SessionQuery, SessionReport } from '../data-plane.ts';
import type { ServingStatus } from '../gateway-status.ts';

/** What a worker thread is started with; plain data, as everything that crosses. */
export interface WorkerStart {
  readonly index: number;
  /** With the limits of this one worker. */
  readonly config: GatewayConfig;
  /** Bound UDP descriptors, one for each listener. They belong to the main thread. */
  readonly descriptors: readonly number[];
  /** It is to receive at once; otherwise when it is told to. */
  readonly serving: boolean;
  /** It takes no new sessions. */
  readonly draining: DrainNotice | null;
  /** Memory of the LogBacklog between the two threads. */
  readonly logBacklog: SharedArrayBuffer;
}

/** What the main thread asks of a worker. */
export type WorkerCommand =
  /** It is to receive. */
  | { readonly type: 'start' }
  /** Is answered by `sessions` with the same number. */
  | { readonly type: 'sessions'; readonly request: number; readonly query: SessionQuery }
  /** Is answered by `kicked` with the same number. */
  | {
      readonly type: 'kick';
      readonly request: number;
      readonly query: SessionQuery;
      readonly code: CloseCode;
      readonly reason: string;
    }
  | { readonly type: 'start_draining'; readonly notice: DrainNotice }
  | { readonly type: 'stop_draining' }
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
  | { readonly type: 'sessions'; readonly request: number; readonly sessions: readonly SessionReport[] }
  | { readonly type: 'kicked'; readonly request: number; readonly count: number }
  | { readonly type: 'drained'; readonly cutOff: number }
  | { readonly type: 'closed'; readonly status: ServingStatus }
  /** A record of the log, for `ForwardedLog.write`. */
  | { readonly type: 'log'; readonly record: string };
