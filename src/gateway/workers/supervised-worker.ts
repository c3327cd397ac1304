import type { Clock } from '../../base/clock.ts';
import type { CloseCode } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { DrainNotice } from '../../session/index.ts';
import { ForwardedLog, LogBacklog } from '../../telemetry/forwarded-log.ts';
import type { SessionQuery, SessionReport } from '../data-plane.ts';
import type { WorkerState, WorkerStatus } from '../gateway-status.ts';
import type { LineStart } from './line-message.ts';
import {
  transferOf,
  type WorkerCommand,
  type WorkerReport,
  type WorkerServing,
  type WorkerStart,
  type WorkerTraffic,
} from './message.ts';
import { RECOVERED_AFTER_MS, restartDelayMs } from './restart-delay.ts';
import { NOTHING, nothingCounted } from './sum-stats.ts';
import { Requests, Waiters } from './waiters.ts';
import type { StartWorkerThread, WorkerThread } from './worker-thread.ts';

/** What a {@link SupervisedWorker} works with. */
export interface SupervisedWorkerComponents {
  readonly startThread: StartWorkerThread;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly listener: WorkerListener;
}

/** Told what a worker does by itself. */
export interface WorkerListener {
  /** Its clients have something for others. */
  hear(worker: number, traffic: WorkerTraffic): void;
  /** Its thread is gone, and everything it had with it. What it said before has been told. */
  gone(worker: number): void;
}

/** What stays the same whenever a worker is started. */
export type WorkerOrders = Pick<WorkerStart, 'index' | 'workers' | 'config' | 'descriptors' | 'epochSeconds'>;

/**
 * One worker as the main thread sees it: asks it, waits for it in bounded time, writes its log, and starts it again when
 * it died, sooner or later depending on how often that happened. Until it is stopped it never gives up.
 */
export class SupervisedWorker {
  /** Settles when it serves for the first time; rejects when it cannot, and then it stays down. */
  readonly opened: Promise<void>;
  readonly #orders: WorkerOrders;
  readonly #listener: WorkerListener;
  readonly #startThread: StartWorkerThread;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #log: ForwardedLog;
  readonly #backlog: LogBacklog;
  #thread: WorkerThread | undefined;
  #state: WorkerState = 'starting';
  /** What it last said of itself. */
  #said: WorkerServing = { ...NOTHING, handedOn: 0 };
  #servesSince = 0;
  #failures = 0;
  #failuresInARow = 0;
  #lastFailure: string | null = null;
  /** Why the thread that is about to exit does so. */
  #reason: GatewayError | undefined;
  #restart: NodeJS.Timeout | undefined;
  #stopping = false;
  /** What it is to do as soon as it is open. */
  readonly #lines: LineStart[] = [];
  #serving = false;
  #draining: { readonly notice: DrainNotice; readonly endsAt: number } | undefined;
  #settleOpened: { resolve: () => void; reject: (error: GatewayError) => void } | undefined;
  readonly #onStatus = new Waiters<boolean>();
  readonly #onSessions = new Requests<readonly SessionReport[]>();
  readonly #onKicked = new Requests<number>();
  readonly #onDrained = new Waiters<number>();
  readonly #onExit = new Waiters<boolean>();

  /** Starts the thread. */
  constructor(orders: WorkerOrders, components: SupervisedWorkerComponents) {
    const { startThread, clock, logger, listener } = components;
    this.#backlog = new LogBacklog();
    this.#orders = orders;
    this.#listener = listener;
    this.#startThread = startThread;
    this.#clock = clock;
    this.#logger = logger.child({ worker: orders.index });
    this.#log = new ForwardedLog(logger, { worker: orders.index }, this.#backlog);
    this.opened = new Promise((resolve, reject) => {
      this.#settleOpened = { resolve, reject };
    });
    this.#run();
  }

  /** How it stands. When it does not answer within `timeoutMs`, what it last said. */
  async status(timeoutMs: number): Promise<WorkerStatus> {
    let stale = true;
    if (this.#state === 'running') {
      this.#post({ type: 'report' });
      stale = !(await this.#onStatus.next(timeoutMs, false));
    }
    return {
      ...this.#said,
      index: this.#orders.index,
      state: this.#state,
      stale: stale && this.#state !== 'ended',
      failures: this.#failures,
      lastFailure: this.#lastFailure,
      droppedLogRecords: this.#backlog.droppedRecords,
    };
  }

  /** It serves. */
  get isRunning(): boolean {
    return this.#state === 'running';
  }

  /** Says something that needs no answer. Nobody hears it while it does not run. */
  tell(command: WorkerCommand): void {
    this.#post(command);
  }

  /** One more line, also whenever it is started again. Before {@link serve}. */
  attach(line: LineStart): void {
    this.#lines.push(line);
    this.#post({ type: 'attach', line });
  }

  /** It is to receive, now and whenever it is started again. */
  serve(): void {
    this.#serving = true;
    this.#post({ type: 'start' });
  }

  /** The sessions that are asked for; none when it does not answer within `timeoutMs`. */
  sessions(query: SessionQuery, timeoutMs: number): Promise<readonly SessionReport[]> {
    if (this.#state !== 'running') return Promise.resolve([]);
    return this.#onSessions.ask(
      (request) => {
        this.#post({ type: 'sessions', request, query });
      },
      timeoutMs,
      [],
    );
  }

  /** Ends the sessions that are asked for. @returns how many; 0 when it does not answer within `timeoutMs`. */
  kick(query: SessionQuery, code: CloseCode, reason: string, timeoutMs: number): Promise<number> {
    if (this.#state !== 'running') return Promise.resolve(0);
    return this.#onKicked.ask(
      (request) => {
        this.#post({ type: 'kick', request, query, code, reason });
      },
      timeoutMs,
      0,
    );
  }

  /** It takes no new sessions, not when it is started again either, until {@link stopDraining}. */
  startDraining(notice: DrainNotice): void {
    this.#draining = { notice, endsAt: this.#clock.now() + notice.deadlineMs };
    this.#post({ type: 'start_draining', notice });
  }

  stopDraining(): void {
    this.#draining = undefined;
    this.#post({ type: 'stop_draining' });
  }

  /**
   * Lets its sessions end. From now on it is not started again.
   * @returns the number of sessions that are to be cut off, as far as it says so.
   */
  async drain(timeoutMs: number): Promise<number> {
    this.#stop();
    if (this.#thread === undefined) return 0;
    this.#post({ type: 'drain', timeoutMs });
    return this.#onDrained.next(timeoutMs + ANSWER_GRACE_MS, 0);
  }

  /** Ends it: in order if it still can, otherwise by force. Safe to call twice. */
  async close(): Promise<void> {
    this.#stop();
    if (this.#thread === undefined) return;
    this.#post({ type: 'close' });
    if (await this.#onExit.next(CLOSE_TIMEOUT_MS, false)) return;
    this.#logger.error('a worker did not end; it is stopped by force');
    await this.#thread.terminate();
  }

  #post(command: WorkerCommand): void {
    this.#thread?.postMessage(command, transferOf(command));
  }

  #stop(): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
    if (this.#thread === undefined) this.#state = 'ended';
  }

  #run(): void {
    this.#state = 'starting';
    this.#reason = undefined;
    let thread: WorkerThread;
    try {
      thread = this.#startThread({
        ...this.#orders,
        // Ids of sessions are not used again: each life begins behind those of the one before.
        firstSessionId: this.#failures * SESSIONS_OF_ONE_LIFE,
        lines: [...this.#lines],
        logBacklog: this.#backlog.memory,
        serving: this.#serving,
        draining: this.#noticeNow(),
      });
    } catch (error) {
      // The system has no thread to give. It may have one later.
      this.#reason = GatewayError.from(error);
      this.#exited(1);
      return;
    }
    this.#thread = thread;
    thread.on('message', (report) => {
      this.#hear(report);
    });
    thread.on('error', (error) => {
      this.#reason = GatewayError.from(error);
    });
    thread.on('exit', (code) => {
      this.#exited(code);
    });
  }

  /** The drain it is in, with the time that is left. */
  #noticeNow(): DrainNotice | null {
    if (this.#draining === undefined) return null;
    const { notice, endsAt } = this.#draining;
    return { ...notice, deadlineMs: Math.max(0, endsAt - this.#clock.now()) };
  }

  #hear(report: WorkerReport): void {
    switch (report.type) {
      case 'open':
        this.#state = 'running';
        this.#said = report.status;
        this.#servesSince = this.#clock.now();
        this.#settleOpened?.resolve();
        this.#settleOpened = undefined;
        if (this.#failures > 0) this.#logger.info('worker serves again', { failures: this.#failures });
        return;
      case 'failed':
        this.#reason = new GatewayError(report.code, report.message);
        return;
      case 'status':
        this.#said = report.status;
        return this.#onStatus.settle(true);
      case 'line':
      case 'hand_over':
      case 'taken_over':
      case 'subject_came':
      case 'subject_left':
        return this.#listener.hear(this.#orders.index, report);
      case 'sessions':
        return this.#onSessions.settle(report.request, report.sessions);
      case 'kicked':
        return this.#onKicked.settle(report.request, report.count);
      case 'drained':
        return this.#onDrained.settle(report.cutOff);
      case 'closed':
        this.#said = report.status;
        this.#state = 'ended';
        return;
      case 'log':
        return this.#log.write(report.record);
    }
  }

  #exited(code: number): void {
    const inOrder = this.#state === 'ended';
    const reason = this.#reason ?? new GatewayError('internal', `the thread ended with code ${code}`);
    const served = this.#state === 'running';
    this.#thread = undefined;
    this.#state = 'ended';
    if (!inOrder) this.#failed(reason, served);
    this.#listener.gone(this.#orders.index);
    this.#onStatus.settle(false);
    this.#onSessions.settleAll([]);
    this.#onKicked.settleAll(0);
    this.#onDrained.settle(0);
    this.#onExit.settle(true);
  }

  #failed(reason: GatewayError, served: boolean): void {
    this.#failures++;
    this.#said = { ...nothingCounted(this.#said), handedOn: 0 };
    this.#lastFailure = reason.message;
    if (this.#settleOpened !== undefined) {
      // The first start: whoever started it is told, and decides.
      this.#settleOpened.reject(reason);
      this.#settleOpened = undefined;
      return;
    }
    const ranMs = served ? this.#clock.now() - this.#servesSince : 0;
    this.#failuresInARow = ranMs >= RECOVERED_AFTER_MS ? 1 : this.#failuresInARow + 1;
    const delayMs = restartDelayMs(this.#failuresInARow);
    const fields = { failures: this.#failures, err: reason.cause ?? reason };
    if (this.#stopping) {
      this.#logger.error('worker died while stopping', fields);
      return;
    }
    this.#logger.error('worker died; it is started again', { ...fields, delayMs });
    this.#state = 'waiting';
    this.#restart = setTimeout(() => {
      this.#run();
    }, delayMs);
  }
}

/** More than one worker opens before it dies. 1e15 is what ids go up to, see session-id.ts. */
const SESSIONS_OF_ONE_LIFE = 1e10;
/** How much longer than the drain timeout an answer may take. */
const ANSWER_GRACE_MS = 2_000;
/** How long the end of a thread may take: upstreams hand over last data, the carriers close. */
const CLOSE_TIMEOUT_MS = 5_000;
