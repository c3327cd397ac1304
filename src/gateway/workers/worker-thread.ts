import { Worker } from 'node:worker_threads';
import type { WorkerCommand, WorkerReport, WorkerStart } from './message.ts';

/** A running thread, as far as it is used here. */
export interface WorkerThread {
  on(event: 'message', listener: (report: WorkerReport) => void): unknown;
  /** It threw; `exit` follows. */
  on(event: 'error', listener: (error: unknown) => void): unknown;
  /** It is gone; everything it said before has been delivered. */
  on(event: 'exit', listener: (code: number) => void): unknown;
  /** @param transfer memory that goes with it; it cannot be used here any more. */
  postMessage(command: WorkerCommand, transfer: readonly ArrayBuffer[]): void;
  /** Ends it at once. */
  terminate(): Promise<number>;
}

/** Makes the thread of a worker. */
export type StartWorkerThread = (start: WorkerStart) => WorkerThread;

/** A thread of this process. */
export function startWorkerThread(start: WorkerStart): WorkerThread {
  return new Worker(MODULE, { name: `kcpgate worker ${start.index}`, workerData: start });
}

/** The compiled module lies beside this one, under the same extension. */
const MODULE = new URL(
  import.meta.url.endsWith('.ts') ? './worker-main.ts' : './worker-main.js',
  import.meta.url,
);
