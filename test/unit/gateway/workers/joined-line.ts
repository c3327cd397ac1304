import { CloseCode } from '../../../../src/base/close-code.ts';
import { NO_LOG } from '../../../../src/base/logger.ts';
import {
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_OFFSET,
  DESCRIPTOR_STRIDE,
  type BatchArena,
} from '../../../../src/carrier/batch-arena.ts';
import { Connection } from '../../../../src/carrier/node/connection.ts';
import { ConnectionCarrier } from '../../../../src/carrier/node/connection-carrier.ts';
import { resolveConnectionConfig } from '../../../../src/carrier/node/connection-options.ts';
import { ReceiveSlab } from '../../../../src/carrier/receive-slab.ts';
import { ConnectionRelay, type RelayWorkers } from '../../../../src/gateway/workers/connection-relay.ts';
import type { LineInput, LineOutput } from '../../../../src/gateway/workers/line-message.ts';
import { RelayedCarrier } from '../../../../src/gateway/workers/relayed-carrier.ts';
import { datagramsOf } from '../../../contract/received.ts';

/** A datagram of a sealed session: `conv`, and a text behind the header. */
export function sealed(conv: number, text: string | Uint8Array = ''): Uint8Array {
  const payload = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  const bytes = new Uint8Array(24 + payload.length);
  new DataView(bytes.buffer).setUint32(0, conv, true);
  bytes[4] = 0xa0;
  bytes.set(payload, 24);
  return bytes;
}

/** A PROBE. */
export function probe(conv: number): Uint8Array {
  const bytes = sealed(conv, 'probe');
  bytes[4] = 87;
  return bytes;
}

export const textOf = (datagram: Uint8Array): string => new TextDecoder().decode(datagram.subarray(24));

/** The socket of a client, in the main thread. */
export class ClientConnection extends Connection {
  isWritable = true;
  /** What the client got. */
  readonly received: string[] = [];
  receivedBytes = 0;
  /** Bytes that the system does not take. */
  queuedBytes = 0;
  isClogged = false;
  isPaused = false;
  ended: { readonly code: CloseCode; readonly reason: string } | undefined;
  wasReset = false;
  readonly #carrier: ConnectionCarrier;
  readonly #slab = new ReceiveSlab(1024 * 1024, 1024);
  readonly #waiting: Uint8Array[] = [];

  constructor(carrier: ConnectionCarrier) {
    super();
    this.#carrier = carrier;
  }

  start(): void {
    // It is fed by hand.
  }

  send({ bytes, descriptors }: BatchArena, first: number, end: number): boolean {
    for (let at = first * DESCRIPTOR_STRIDE; at < end * DESCRIPTOR_STRIDE; at += DESCRIPTOR_STRIDE) {
      const offset = descriptors[at + DESCRIPTOR_OFFSET]!;
      const length = descriptors[at + DESCRIPTOR_LENGTH]!;
      this.received.push(textOf(bytes.subarray(offset, offset + length)));
      this.receivedBytes += length;
      if (this.isClogged) this.queuedBytes += length;
    }
    return true;
  }

  end(code: CloseCode, reason: string): void {
    this.ended = { code, reason };
    // What still arrives is dropped.
    this.isPaused = false;
  }

  destroy(): void {
    this.wasReset = true;
  }

  reset(): void {
    this.wasReset = true;
  }

  override pause(): void {
    this.isPaused = true;
  }

  override resume(): void {
    this.isPaused = false;
    // As a socket does: later, and not more than one read brings.
    setImmediate(() => {
      while (!this.isPaused && this.#waiting.length > 0) this.say(...this.#waiting.splice(0, READ_DATAGRAMS));
    });
  }

  /** The client sends datagrams; while nobody reads they wait. */
  say(...datagrams: readonly Uint8Array[]): void {
    if (this.isPaused) {
      this.#waiting.push(...datagrams);
      return;
    }
    for (const datagram of datagrams) this.#slab.append(datagram, this.slot);
    if (this.#slab.count > 0 && !this.isLeft && !this.isEnding) this.#carrier.deliver(this.#slab);
    this.#slab.clear();
  }

  /** The system takes what it has. */
  unclog(): void {
    this.isClogged = false;
    this.queuedBytes = 0;
    this.#carrier.written(this);
  }

  /** The client is gone. */
  leave(): void {
    this.#carrier.gone(this);
  }
}

/** A worker's end of the line, and what came out there. */
export class WorkerEnd {
  readonly carrier: RelayedCarrier;
  /** Text of each datagram, with its slot. */
  readonly heard: [number, string][] = [];
  /** The size of each batch. */
  readonly batches: number[] = [];
  readonly gone: number[] = [];
  readonly writable: number[] = [];
  isRunning = true;
  /** Messages that were not delivered yet. */
  readonly inbox: LineInput[] = [];
  readonly outbox: LineOutput[] = [];

  constructor(line: JoinedLine, maxQueueBytes: number) {
    const start = {
      listener: 'line',
      kind: 'tcp' as const,
      localAddress: line.carrier.localAddress,
      maxDatagramBytes: 2048,
      highWaterBytes: line.carrier.connections.highWaterBytes,
      maxQueueBytes,
    };
    this.carrier = new RelayedCarrier(0, start, (output) => this.outbox.push(crossing(output)), NO_LOG);
    this.carrier.start(
      (batch) => {
        this.batches.push(batch.count);
        for (const { slot, bytes } of datagramsOf(batch)) this.heard.push([slot, textOf(bytes)]);
      },
      { disconnected: (slot) => this.gone.push(slot), writable: (slot) => this.writable.push(slot) },
    );
  }

  get texts(): string[] {
    return this.heard.map(([, text]) => text);
  }

  /** Sends a datagram to a connection, with the next flush. */
  write(slot: number, text: string | Uint8Array): void {
    const datagram = sealed(1, text);
    const { arena } = this.carrier;
    arena.target = slot;
    let at = arena.reserve(datagram.length);
    if (at < 0) {
      this.carrier.flush();
      arena.target = slot;
      at = arena.reserve(datagram.length);
    }
    arena.bytes.set(datagram, at);
    arena.commit(datagram.length);
  }

  send(slot: number, text: string | Uint8Array): void {
    this.write(slot, text);
    this.carrier.flush();
  }
}

export interface JoinedLineOptions {
  readonly workers?: number;
  readonly maxSlots?: number;
  readonly highWaterBytes?: number;
  /** Of a connection, at a worker. Default: no bound. */
  readonly maxQueueBytes?: number;
  readonly canPause?: boolean;
}

/** A line with its connections in the main thread, its workers, and the messages between them, which a test delivers. */
export class JoinedLine implements RelayWorkers {
  readonly carrier: ConnectionCarrier;
  readonly relay: ConnectionRelay;
  readonly workers: WorkerEnd[];
  readonly #options: JoinedLineOptions;

  constructor(options: JoinedLineOptions = {}) {
    const { workers = 2, maxSlots = 100, highWaterBytes = 1000, canPause = true } = options;
    this.#options = options;
    this.carrier = new ConnectionCarrier(
      {
        kind: 'tcp',
        localAddress: { address: '192.0.2.1', family: 4, port: 4000 },
        headBytes: 2,
        minDatagramBytes: 1,
        maxSlots,
        confirmTimeoutMs: 0,
        closeCode: CloseCode.drain,
        stopAccepting: () => Promise.resolve(),
        left: () => undefined,
      },
      resolveConnectionConfig({ highWaterBytes, maxQueueBytes: 1 << 30 }),
    );
    const { connections } = this.carrier;
    if (!canPause) Object.assign(connections, { pause: undefined, resume: undefined });
    this.workers = Array.from({ length: workers }, () => this.#newWorker());
    this.relay = new ConnectionRelay(0, this.carrier, this);
    this.relay.start();
  }

  get count(): number {
    return this.#options.workers ?? 2;
  }

  isRunning(worker: number): boolean {
    return this.workers[worker]!.isRunning;
  }

  post(worker: number, input: LineInput): void {
    this.workers[worker]!.inbox.push(crossing(input));
  }

  /** A client connects. */
  connect(): ClientConnection {
    const connection = new ClientConnection(this.carrier);
    const port = 10_000 + this.carrier.counters.opened;
    if (!this.carrier.open(connection, { address: '198.51.100.7', family: 4, port }))
      throw new Error('no slot');
    return connection;
  }

  /** Everybody's turn is over, and so much as was said arrives. */
  async deliver(rounds = 4): Promise<void> {
    for (let i = 0; i < rounds; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const worker of this.workers.keys()) {
        this.deliverTo(worker);
        this.deliverFrom(worker);
      }
    }
  }

  deliverTo(worker: number): void {
    const { inbox, carrier } = this.workers[worker]!;
    for (const input of inbox.splice(0)) carrier.hear(input);
  }

  deliverFrom(worker: number): void {
    for (const output of this.workers[worker]!.outbox.splice(0)) this.relay.hear(worker, output);
  }

  /** A worker dies with everything on its way, and another one takes its place. */
  kill(worker: number): void {
    this.workers[worker]!.isRunning = false;
    this.relay.handleDeath(worker);
    this.workers[worker] = this.#newWorker();
  }

  #newWorker(): WorkerEnd {
    return new WorkerEnd(this, this.#options.maxQueueBytes ?? 1 << 30);
  }
}

/** A message as it arrives at the other thread. */
function crossing<T extends LineInput | LineOutput>(message: T): T {
  return structuredClone(message, {
    transfer: message.datagrams === null ? [] : [message.datagrams.memory],
  });
}

const READ_DATAGRAMS = 60;
