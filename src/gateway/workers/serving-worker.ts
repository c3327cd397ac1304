import type { NativeLoad } from '../../../native-bindings/index.ts';
import { GatewayError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { ConnectionListenerConfig } from '../local-data-plane.ts';
import { LocalDataPlane } from '../local-data-plane.ts';
import type { GatewayConfig } from '../config/config.ts';
import { HandOver } from './hand-over.ts';
import type { LineStart } from './line-message.ts';
import type { WorkerCommand, WorkerReport, WorkerServing, WorkerStart } from './message.ts';
import { RelayedCarrier } from './relayed-carrier.ts';
import { SteeredCarrier } from './steered-carrier.ts';
import { NO_SUBJECT_LIMIT, SubjectReports } from './subject-reports.ts';

/** What a {@link ServingWorker} works with. */
export interface ServingWorkerComponents {
  readonly logger: Logger;
  readonly native: NativeLoad;
  /** Takes what it says; the memory of datagrams goes with it. */
  readonly report: (report: WorkerReport) => void;
}

/** What runs in a worker thread: a whole data plane, led by commands, with what joins it to the main thread and the others. */
export class ServingWorker {
  readonly #config: GatewayConfig;
  readonly #logger: Logger;
  readonly #report: (report: WorkerReport) => void;
  readonly #handOver: HandOver;
  readonly #sockets: SteeredCarrier[] = [];
  readonly #lines: RelayedCarrier[] = [];
  #plane!: LocalDataPlane;

  private constructor({ config, workers }: WorkerStart, { logger, report }: ServingWorkerComponents) {
    this.#config = config;
    this.#logger = logger;
    this.#report = report;
    this.#handOver = new HandOver(workers, (worker, handed) => {
      report({ type: 'hand_over', worker, handed });
    });
  }

  /** Opens it. @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed`, `config_invalid`. */
  static async open(start: WorkerStart, components: ServingWorkerComponents): Promise<ServingWorker> {
    const worker = new ServingWorker(start, components);
    await worker.#open(start, components);
    return worker;
  }

  /** What was counted so far. */
  status(): WorkerServing {
    return { ...this.#plane.serving(), handedOn: this.#handOver.handedOn };
  }

  /** Does what the main thread asks. @param whenClosed called after the answer to `close`. */
  obey(command: WorkerCommand, whenClosed: () => void): void {
    const plane = this.#plane;
    const report = this.#report;
    switch (command.type) {
      case 'line':
        return this.#lines[command.input.line]?.hear(command.input);
      case 'take_over':
        report({ type: 'taken_over' });
        return this.#sockets[command.handed.socket]?.take(command.handed);
      case 'handed_over':
        return this.#handOver.arrived(command.worker, command.bytes);
      case 'attach':
        return this.#attach(command.line);
      case 'start':
        return plane.start();
      case 'report':
        return report({ type: 'status', status: this.status() });
      case 'sessions': {
        const { request, query } = command;
        void plane.sessions(query).then((sessions) => report({ type: 'sessions', request, sessions }));
        return;
      }
      case 'kick': {
        const { request, query, code, reason } = command;
        void plane.kick(query, code, reason).then((count) => report({ type: 'kicked', request, count }));
        return;
      }
      case 'start_draining':
        return plane.startDraining(command.notice);
      case 'stop_draining':
        return plane.stopDraining();
      case 'drain':
        void plane.drain(command.timeoutMs).then((cutOff) => report({ type: 'drained', cutOff }));
        return;
      case 'close':
        void plane.close().then(() => {
          report({ type: 'closed', status: this.status() });
          whenClosed();
        });
    }
  }

  async #open(start: WorkerStart, { logger, native }: ServingWorkerComponents): Promise<void> {
    const { index, workers, config, descriptors, epochSeconds, firstSessionId, lines } = start;
    const isLimited = config.login.maxSessionsPerSubject !== null;
    this.#plane = await LocalDataPlane.open(config, {
      logger,
      native,
      descriptors,
      place: {
        worker: index,
        firstSessionId,
        epochSeconds,
        subjects: isLimited ? new SubjectReports(this.#report) : NO_SUBJECT_LIMIT,
        steer: (carrier, mode, socket) => {
          const place = { worker: index, workers, socket, mode };
          const steered = new SteeredCarrier(carrier, place, this.#handOver, logger);
          this.#sockets[socket] = steered;
          return steered;
        },
      },
    });
    for (const line of lines) this.#attach(line);
    if (start.draining !== null) this.#plane.startDraining(start.draining);
    if (start.serving) this.#plane.start();
  }

  #attach(line: LineStart): void {
    const carrier = new RelayedCarrier(
      this.#lines.length,
      line,
      (output) => {
        this.#report({ type: 'line', output });
      },
      this.#logger.child({ component: 'endpoint', listener: line.listener }),
    );
    this.#lines.push(carrier);
    this.#plane.attach(carrier, this.#listenerOf(line));
  }

  #listenerOf({ listener: name }: LineStart): ConnectionListenerConfig {
    const listener = this.#config.listeners.find((each) => each.name === name);
    if (listener?.type === 'kcp-tcp' || listener?.type === 'http') return listener;
    throw new GatewayError('internal', `no listener ${name}`);
  }
}
