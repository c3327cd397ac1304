import type { CloseCode } from '../../base/close-code.ts';
import type { GatewayErrorCode } from '../../base/errors.ts';
import type { DrainNotice } from '../../session/index.ts';
import type { GatewayConfig } from '../config/config.ts';
import type { SessionQuery, SessionReport } from '../data-plane.ts';
import type { ServingStatus } from '../gateway-status.ts';
import type { HandedDatagrams } from './hand-over.ts';
import type { LineInput, LineOutput, LineStart } from './line-message.ts';

/** What a worker thread is started with; plain data, as everything that crosses. */
export interface WorkerStart {
  readonly index: number;
  /** How many workers there are. */
  readonly workers: number;
  /** With the limits of this one worker. */
  readonly config: GatewayConfig;
  /** Bound UDP descriptors, one for each listener that has one. They belong to the main thread. */
  readonly descriptors: readonly number[];
  /** When the gateway started, in seconds of Unix time. */
  readonly epochSeconds: number;
  /** The number of its first session. */
  readonly firstSessionId: number;
  /** Lines of connections that the main thread accepts, in the order they were attached. */
  readonly lines: readonly LineStart[];
  /** It is to receive at once; otherwise when it is told to. */
  readonly serving: boolean;
  /** It takes no new sessions. */
  readonly draining: DrainNotice | null;
  /** Memory of the LogBacklog between the two threads. */
  readonly logBacklog: SharedArrayBuffer;
}

/** How a worker stands, as it says itself. */
export interface WorkerServing extends ServingStatus {
  /** Datagrams that came to its sockets and went on to the worker they are for. */
  readonly handedOn: number;
}

/** What the main thread asks of a worker. */
export type WorkerCommand =
  /** One more line; comes before `start`. */
  | { readonly type: 'attach'; readonly line: LineStart }
  /** It is to receive. */
  | { readonly type: 'start' }
  /** From connections of a line. */
  | { readonly type: 'line'; readonly input: LineInput }
  /** From the sockets of another worker. Is answered by `taken_over`. */
  | { readonly type: 'take_over'; readonly handed: HandedDatagrams }
  /** So many bytes that were handed over have arrived at that worker, or are lost. */
  | { readonly type: 'handed_over'; readonly worker: number; readonly bytes: number }
  /** Is answered by `status`. */
  | { readonly type: 'report' }
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
  /** Is answered by `drained`. */
  | { readonly type: 'drain'; readonly timeoutMs: number }
  /** Is answered by `closed`, after which the thread ends by itself. */
  | { readonly type: 'close' };

/** What a worker says without being asked, because of what its clients do. */
export type WorkerTraffic =
  /** For connections of a line. */
  | { readonly type: 'line'; readonly output: LineOutput }
  /** For another worker. Is answered by `handed_over`. */
  | { readonly type: 'hand_over'; readonly worker: number; readonly handed: HandedDatagrams }
  /** Took one `take_over`. */
  | { readonly type: 'taken_over' }
  /** A session of somebody who logged in is open; only where subjects are held to so many. */
  | { readonly type: 'subject_came'; readonly subject: string; readonly session: number }
  /** It is not any more. */
  | { readonly type: 'subject_left'; readonly subject: string; readonly session: number };

/** What a worker says. */
export type WorkerReport =
  | WorkerTraffic
  /** It serves. Comes once. */
  | { readonly type: 'open'; readonly status: WorkerServing }
  /** It could not be opened; the thread ends. */
  | { readonly type: 'failed'; readonly code: GatewayErrorCode; readonly message: string }
  | { readonly type: 'status'; readonly status: WorkerServing }
  | { readonly type: 'sessions'; readonly request: number; readonly sessions: readonly SessionReport[] }
  | { readonly type: 'kicked'; readonly request: number; readonly count: number }
  | { readonly type: 'drained'; readonly cutOff: number }
  | { readonly type: 'closed'; readonly status: WorkerServing }
  /** A record of the log, for `ForwardedLog.write`. */
  | { readonly type: 'log'; readonly record: string };

/** The memory that goes with a message instead of being copied. */
export function transferOf(message: WorkerCommand | WorkerReport): ArrayBuffer[] {
  switch (message.type) {
    case 'line': {
      const { datagrams } = 'input' in message ? message.input : message.output;
      return datagrams === null ? [] : [datagrams.memory];
    }
    case 'take_over':
    case 'hand_over':
      return [message.handed.datagrams.memory];
    default:
      return [];
  }
}
