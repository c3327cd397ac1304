import type { NativeUdp } from '../../../native-bindings/index.ts';
import { CloseCode } from '../../base/close-code.ts';
import type { Logger } from '../../base/logger.ts';
import type { Carrier } from '../../carrier/carrier.ts';
import { NODE_CLOCK } from '../../endpoint/index.ts';
import type { DrainNotice } from '../../session/index.ts';
import { udpListeners, type GatewayConfig } from '../config/config.ts';
import type { DataPlane, DataPlaneStatus, SessionQuery, SessionReport } from '../data-plane.ts';
import type { ListenerStatus, WorkerStatus } from '../gateway-status.ts';
import type { WorkerHealth } from '../health/health-report.ts';
import type { ConnectionListenerConfig } from '../local-data-plane.ts';
import { parseSessionId } from '../session-id.ts';
import { ConnectionRelay, type RelayWorkers } from './connection-relay.ts';
import { HandOverLedger } from './hand-over-ledger.ts';
import type { LineOutput } from './line-message.ts';
import type { WorkerTraffic } from './message.ts';
import { shareLimits } from './share-limits.ts';
import { SocketGroups } from './socket-groups.ts';
import { SubjectLedger } from './subject-ledger.ts';
import { sumServing } from './sum-stats.ts';
import { SupervisedWorker, type WorkerListener } from './supervised-worker.ts';
import type { StartWorkerThread } from './worker-thread.ts';
import { WorkerWatch } from './worker-watch.ts';

/** What a {@link WorkerPool} works with. */
export interface WorkerPoolComponents {
  readonly logger: Logger;
  readonly native: NativeUdp;
  readonly startThread: StartWorkerThread;
}

/** A line of connections. */
interface RelayedLine {
  readonly listener: string;
  readonly relay: ConnectionRelay;
}

/**
 * Several threads, each a whole data plane on its own UDP sockets. Which one a session is at follows from its `conv`; what
 * comes in elsewhere, by connections or by the wrong socket, is carried there.
 */
export class WorkerPool implements DataPlane, WorkerListener, RelayWorkers {
  readonly #groups: SocketGroups;
  readonly #workers: readonly SupervisedWorker[];
  readonly #lines: RelayedLine[] = [];
  readonly #handOvers: HandOverLedger;
  /** Undefined where subjects may have any number of sessions. */
  readonly #subjects: SubjectLedger | undefined;
  readonly #watch = new WorkerWatch(() => this.#workerStatus(), NODE_CLOCK);
  #isDraining = false;
  #closing: Promise<void> | undefined;

  private constructor(config: GatewayConfig, count: number, components: WorkerPoolComponents) {
    const { logger, native, startThread } = components;
    this.#groups = new SocketGroups(native, udpListeners(config), count, logger);
    this.#handOvers = new HandOverLedger({
      count,
      isRunning: (worker) => this.isRunning(worker),
      giveTo: (worker, handed) => this.#workers[worker]?.tell({ type: 'take_over', handed }),
      tell: (worker, to, bytes) => this.#workers[worker]?.tell({ type: 'handed_over', worker: to, bytes }),
    });
    const { maxSessionsPerSubject } = config.login;
    this.#subjects = maxSessionsPerSubject === null ? undefined : new SubjectLedger(maxSessionsPerSubject);
    const shared = {
      workers: count,
      config: shareLimits(config, count),
      epochSeconds: Math.floor(Date.now() / 1000),
    };
    this.#workers = Array.from({ length: count }, (_, index) => {
      const orders = { ...shared, index, descriptors: this.#groups.descriptorsOf(index) };
      return new SupervisedWorker(orders, { startThread, clock: NODE_CLOCK, logger, listener: this });
    });
  }

  /**
   * Binds the UDP sockets and starts the workers.
   * @throws GatewayError what binding says, or why a worker cannot serve; nothing is left then.
   */
  static async open(
    config: GatewayConfig,
    count: number,
    components: WorkerPoolComponents,
  ): Promise<WorkerPool> {
    const pool = new WorkerPool(config, count, components);
    try {
      await Promise.all(pool.#workers.map((worker) => worker.opened));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  attach(carrier: Carrier, { name, maxQueueBytes }: ConnectionListenerConfig): void {
    const relay = new ConnectionRelay(this.#lines.length, carrier, this);
    this.#lines.push({ listener: name, relay });
    const { kind, localAddress, capabilities, connections } = carrier;
    const line = {
      listener: name,
      kind,
      localAddress,
      maxDatagramBytes: capabilities.maxDatagramBytes,
      highWaterBytes: connections?.highWaterBytes ?? 0,
      maxQueueBytes,
    };
    for (const worker of this.#workers) worker.attach(line);
  }

  start(): void {
    for (const worker of this.#workers) worker.serve();
    for (const { relay } of this.#lines) relay.start();
  }

  /**
   * What the workers have is not known here: false. A login may then give out the `conv` of an open session, one time in
   * 2^24 for each of them; the worker answers its HELLO by RESET, because its secret is another, and the client logs in anew.
   */
  isConversationInUse(_conv: number): boolean {
    return false;
  }

  workerHealth(): WorkerHealth {
    const expected = this.#workers.length;
    const running = this.#workers.filter(({ isRunning }) => isRunning).length;
    return { expected, running: Math.min(running, expected - this.#watch.silent()) };
  }

  async sessions(query: SessionQuery): Promise<readonly SessionReport[]> {
    const asked = this.#workersOf(query).map((worker) => worker.sessions(query, ANSWER_TIMEOUT_MS));
    return (await Promise.all(asked)).flat().slice(0, query.limit);
  }

  async kick(query: SessionQuery, code: CloseCode, reason: string): Promise<number> {
    const { limit } = query;
    const kick = (worker: SupervisedWorker, asked: SessionQuery): Promise<number> =>
      worker.kick(asked, code, reason, ANSWER_TIMEOUT_MS);
    if (limit === undefined) {
      return sumOf(await Promise.all(this.#workersOf(query).map((worker) => kick(worker, query))));
    }
    let count = 0;
    // One after the other: how many are left to kick follows from what the others had.
    for (const worker of this.#workersOf(query)) {
      if (count < limit) count += await kick(worker, { ...query, limit: limit - count });
    }
    return count;
  }

  startDraining(notice: DrainNotice): void {
    this.#isDraining = true;
    for (const worker of this.#workers) worker.startDraining(notice);
  }

  stopDraining(): void {
    this.#isDraining = false;
    for (const worker of this.#workers) worker.stopDraining();
  }

  async status(): Promise<DataPlaneStatus> {
    const workers = await this.#workerStatus();
    const sum = sumServing(workers);
    return {
      ...sum,
      listeners: sum.listeners.map((listener) => this.#withConnections(listener)),
      draining: sum.draining || this.#isDraining,
      workers,
    };
  }

  async drain(timeoutMs: number): Promise<number> {
    return sumOf(await Promise.all(this.#workers.map((worker) => worker.drain(timeoutMs))));
  }

  /** Workers first: what they say last goes out by the connections. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  // ---- RelayWorkers ----

  get count(): number {
    return this.#workers.length;
  }

  isRunning(worker: number): boolean {
    return this.#workers[worker]?.isRunning === true;
  }

  post(...[worker, input]: Parameters<RelayWorkers['post']>): void {
    this.#workers[worker]?.tell({ type: 'line', input });
  }

  // ---- WorkerListener ----

  hear(worker: number, traffic: WorkerTraffic): void {
    switch (traffic.type) {
      case 'line':
        return this.#hearLine(worker, traffic.output);
      case 'hand_over':
        return this.#handOvers.pass(worker, traffic.worker, traffic.handed);
      case 'taken_over':
        return this.#handOvers.taken(worker);
      case 'subject_came':
        return this.#addSession(worker, traffic.subject, traffic.session);
      case 'subject_left':
        return this.#subjects?.remove(traffic.subject, worker, traffic.session);
    }
  }

  gone(worker: number): void {
    for (const { relay } of this.#lines) relay.handleDeath(worker);
    this.#handOvers.handleDeath(worker);
    this.#subjects?.forget(worker);
  }

  #hearLine(worker: number, output: LineOutput): void {
    this.#lines[output.line]?.relay.hear(worker, output);
  }

  #addSession(worker: number, subject: string, session: number): void {
    const surplus = this.#subjects?.add(subject, worker, session);
    if (surplus === undefined) return;
    const id = `${surplus.worker}.${surplus.session}`;
    void this.kick({ id }, CloseCode.replaced, 'too many sessions of this subject');
  }

  /** The connections of a line are counted here, the datagrams that nobody could be found for as well. */
  #workerStatus(): Promise<readonly WorkerStatus[]> {
    return Promise.all(this.#workers.map((worker) => worker.status(ANSWER_TIMEOUT_MS)));
  }

  #withConnections(listener: ListenerStatus): ListenerStatus {
    const relay = this.#lines.find((line) => line.listener === listener.name)?.relay;
    if (relay === undefined) return listener;
    const { stats } = listener;
    const drops = { ...stats.drops };
    for (const [reason, count] of relay.drops()) drops[reason] += count;
    return { ...listener, stats: { ...stats, drops, carrier: relay.carrierStats() } };
  }

  /** The workers that may have what is asked for, in order. */
  #workersOf({ id, conv, after }: SessionQuery): readonly SupervisedWorker[] {
    const only = id === undefined ? undefined : (parseSessionId(id)?.worker ?? -1);
    const first = after === undefined ? 0 : (parseSessionId(after)?.worker ?? 0);
    return this.#workers.filter(
      (_worker, index) =>
        (only === undefined || only === index) &&
        (conv === undefined || conv % this.count === index) &&
        index >= first,
    );
  }

  async #close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
    await Promise.all(this.#lines.map(({ relay }) => relay.close()));
    this.#groups.close();
  }
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

/** A worker answers between two turns; one that does not in this time is in trouble. */
const ANSWER_TIMEOUT_MS = 1_000;
