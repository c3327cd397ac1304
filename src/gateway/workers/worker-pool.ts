import type { NativeUdp } from '../../../native-bindings/index.ts';
import type { Logger } from '../../base/logger.ts';
import { NODE_CLOCK } from '../../endpoint/index.ts';
import { kcpUdpListeners, type GatewayConfig } from '../config/config.ts';
import type { DataPlane, DataPlaneStatus } from '../data-plane.ts';
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

  async status(): Promise<DataPlaneStatus> {
    const workers = await Promise.all(this.#workers.map((worker) => worker.status(STATUS_TIMEOUT_MS)));
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
}

/** A worker answers between two turns; one that does not in this time is in trouble. */
const STATUS_TIMEOUT_MS = 1_000;
