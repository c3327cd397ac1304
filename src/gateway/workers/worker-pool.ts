import type { NativeUdp } from '../../../native-bindings/index.ts';
import type { CloseCode } from '../../base/close-code.ts';
import type { Logger } from '../../base/logger.ts';
import type { Carrier } from '../../carrier/carrier.ts';
import { NODE_CLOCK } from '../../endpoint/index.ts';
import type { DrainNotice } from '../../session/index.ts';
import { kcpUdpListeners, type GatewayConfig } from '../config/config.ts';
import type { DataPlane, DataPlaneStatus, SessionQuery, SessionReport } from '../data-plane.ts';
import { shareLimits } from './share-limits.ts';
import { SocketGroups } from './socket-groups.ts';
import { sumServing } from './sum-stats.ts';
import { SupervisedWorker } from './supervised-worker.ts';
import type { StartWorkerThread } from './worker-thread.ts';

/** What a {@link WorkerPool} works with. */
export interface WorkerPoolComponents {
  readonly logger: Logger;
  readonly native: NativeUdp;
  readonly startThread: StartWorkerThread;
}

/** Several threads, each a whole data plane on its own sockets. Which one a session is at follows from its `conv`. */
export class WorkerPool implements DataPlane {
  readonly #groups: SocketGroups;
  readonly #workers: readonly SupervisedWorker[];
  #closing: Promise<void> | undefined;

  private constructor(groups: SocketGroups, workers: readonly SupervisedWorker[]) {
    this.#groups = groups;
    this.#workers = workers;
  }

  /**
   * Binds the sockets and starts the workers.
   * @throws GatewayError what binding says, or why a worker cannot serve; nothing is left then.
   */
  static async open(
    config: GatewayConfig,
    count: number,
    { logger, native, startThread }: WorkerPoolComponents,
  ): Promise<WorkerPool> {
    const groups = new SocketGroups(native, kcpUdpListeners(config), count, logger);
    const share = shareLimits(config, count);
    const workers = Array.from({ length: count }, (_, index) => {
      const start = { index, config: share, descriptors: groups.descriptorsOf(index) };
      return new SupervisedWorker(start, { startThread, clock: NODE_CLOCK, logger });
    });
    const pool = new WorkerPool(groups, workers);
    try {
      await Promise.all(workers.map((worker) => worker.opened));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  attach(carrier: Carrier): void {
    void carrier.close();
  }

  start(): void {
    for (const worker of this.#workers) worker.serve();
  }

  /**
   * What the workers have is not known here: false. A login may then give out the `conv` of an open session, one time in
   * 2^24 for each of them; the worker answers its HELLO by RESET, because its secret is another, and the client logs in anew.
   */
  isConversationInUse(_conv: number): boolean {
    return false;
  }

  async sessions(query: SessionQuery): Promise<readonly SessionReport[]> {
    const asked = this.#workersOf(query).map((worker) => worker.sessions(query, ANSWER_TIMEOUT_MS));
    return (await Promise.all(asked)).flat().slice(0, query.limit);
  }

  async kick(query: SessionQuery, code: CloseCode, reason: string): Promise<number> {
    let count = 0;
    if (query.limit === undefined) {
      const asked = this.#workersOf(query).map((worker) =>
        worker.kick(query, code, reason, ANSWER_TIMEOUT_MS),
      );
      for (const answer of await Promise.all(asked)) count += answer;
      return count;
    }
    // One after the other: how many are left to kick follows from what the others had.
    for (const worker of this.#workersOf(query)) {
      const limit = query.limit - count;
      if (limit <= 0) break;
      count += await worker.kick({ ...query, limit }, code, reason, ANSWER_TIMEOUT_MS);
    }
    return count;
  }

  startDraining(notice: DrainNotice): void {
    for (const worker of this.#workers) worker.startDraining(notice);
  }

  stopDraining(): void {
    for (const worker of this.#workers) worker.stopDraining();
  }

  async status(): Promise<DataPlaneStatus> {
    const workers = await Promise.all(this.#workers.map((worker) => worker.status(ANSWER_TIMEOUT_MS)));
    return { ...sumServing(workers), workers };
  }

  async drain(timeoutMs: number): Promise<number> {
    const cutOff = await Promise.all(this.#workers.map((worker) => worker.drain(timeoutMs)));
    return cutOff.reduce((sum, count) => sum + count, 0);
  }

  close(): Promise<void> {
    this.#closing ??= Promise.all(this.#workers.map((worker) => worker.close())).then(() => {
      this.#groups.close();
    });
    return this.#closing;
  }

  /** The workers that may have what is asked for. */
  #workersOf({ id, conv }: SessionQuery): readonly SupervisedWorker[] {
    const workers = this.#workers;
    return workers.filter(
      (_worker, index) =>
        (id === undefined || id.startsWith(`${String(index)}.`)) &&
        (conv === undefined || conv % workers.length === index),
    );
  }
}

/** A worker answers between two turns; one that does not in this time is in trouble. */
const ANSWER_TIMEOUT_MS = 1_000;
