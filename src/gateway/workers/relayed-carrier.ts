import type { SocketAddress } from '../../base/address.ts';
import { CloseCode } from '../../base/close-code.ts';
import type { Logger } from '../../base/logger.ts';
import {
  BatchArena,
  DESCRIPTOR_ADDRESS,
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_OFFSET,
  DESCRIPTOR_STRIDE,
} from '../../carrier/batch-arena.ts';
import {
  META_ADDRESS,
  META_LENGTH,
  META_STRIDE,
  type Carrier,
  type CarrierCapabilities,
  type CarrierEvents,
  type CarrierKind,
  type CarrierStats,
  type ConnectionControl,
  type ReceiveBatch,
} from '../../carrier/carrier.ts';
import { ConnectionCounters, type ConnectionEndReason } from '../../carrier/connection-stats.ts';
import { BatchErrors } from '../../carrier/node/batch-errors.ts';
import { BlockBatch, DatagramBlockWriter, type DatagramBlock } from './datagram-block.ts';
import type {
  ConnectionBytes,
  Disconnection,
  LineInput,
  LineOutput,
  LineStart,
  OpenedConnection,
} from './line-message.ts';

/** One connection of the main thread. */
interface RelayedConnection {
  readonly slot: number;
  readonly address: SocketAddress;
  /** Of the connection itself, while it lives, and of everybody who retains the slot. */
  references: number;
  /** `left`: to be ended, with what is in the arena still to be sent. */
  state: 'open' | 'left' | 'gone';
  isConfirmed: boolean;
  /** Bytes posted to the main thread that it has no word of yet. */
  queuedBytes: number;
  /** Too much was queued for it, and `writable` is to be told. */
  isStopped: boolean;
}

/**
 * A line of connections in a worker: the main thread has the connections, messages bring what they receive and take what is
 * sent to them. What a turn has to say leaves in one message.
 */
export class RelayedCarrier implements Carrier {
  readonly kind: CarrierKind;
  readonly capabilities: CarrierCapabilities;
  readonly localAddress: SocketAddress;
  readonly arena = new BatchArena();
  readonly connections: ConnectionControl;
  readonly #maxQueueBytes: number;
  readonly #post: (output: LineOutput) => void;
  readonly #line: number;
  /** By slot. */
  readonly #rows: (RelayedConnection | undefined)[] = [];
  readonly #batchErrors: BatchErrors;
  readonly #counters = new ConnectionCounters();
  #open = 0;
  #onBatch: ((batch: ReceiveBatch) => void) | undefined;
  #events: CarrierEvents = {};
  #isClosed = false;
  // What the next message says.
  readonly #writer = new DatagramBlockWriter();
  #confirmed: number[] = [];
  #taken: ConnectionBytes[] = [];
  #disconnected: Disconnection[] = [];
  #released: number[] = [];
  /** To be done when what is in the arena was sent. */
  readonly #afterFlush: (() => void)[] = [];
  /** Ended by this side, and the user does not know yet. */
  readonly #goneUntold: RelayedConnection[] = [];
  #immediate: NodeJS.Immediate | undefined;

  #receivedDatagrams = 0;
  #receivedBytes = 0;
  #receiveBatches = 0;
  #sentDatagrams = 0;
  #sentBytes = 0;
  #sendDrops = 0;

  /**
   * @param line the place of the line among those that were attached.
   * @param post takes what is for the main thread; the memory of its datagrams goes with it.
   */
  constructor(line: number, start: LineStart, post: (output: LineOutput) => void, logger: Logger) {
    const { kind, localAddress, maxDatagramBytes, highWaterBytes, maxQueueBytes } = start;
    this.#line = line;
    this.kind = kind;
    this.localAddress = localAddress;
    this.#maxQueueBytes = maxQueueBytes;
    this.#post = post;
    this.#batchErrors = new BatchErrors(logger);
    const maxBatch = MAX_BATCH;
    this.capabilities = { maxDatagramBytes, reliable: true, ordered: true, maxBatch, segmentation: false };
    this.connections = {
      highWaterBytes,
      queuedBytes: (slot) => this.#rows[slot]?.queuedBytes ?? 0,
      confirm: (slot) => {
        this.#confirm(slot);
      },
      disconnect: (slot, code, reason) => {
        this.#disconnect(slot, code, reason);
      },
    };
  }

  // ---- Carrier ----

  start(onBatch: (batch: ReceiveBatch) => void, events: CarrierEvents = {}): void {
    this.#onBatch = onBatch;
    this.#events = events;
  }

  /** Posts what is in the arena, and everything else there is to say. */
  flush(): void {
    if (this.arena.count > 0) {
      this.#gather();
      this.arena.reset();
    }
    if (this.#afterFlush.length > 0) for (const run of this.#afterFlush.splice(0)) run();
    this.#say();
  }

  /** @returns the slot of a connection whose peer has that address; none is made. */
  intern({ address, port }: SocketAddress): number {
    for (const row of this.#rows) {
      if (row?.state !== 'open' || row.address.port !== port || row.address.address !== address) continue;
      row.references++;
      return row.slot;
    }
    return -1;
  }

  retain(slot: number): void {
    const row = this.#rows[slot];
    if (row !== undefined) row.references++;
  }

  release(slot: number): void {
    const row = this.#rows[slot];
    if (row !== undefined) this.#afterSending(() => this.#release(row));
  }

  /** @throws RangeError when the slot is not in use: whoever asks forgot to retain it. */
  addressOf(slot: number): SocketAddress {
    const row = this.#rows[slot];
    if (row === undefined) throw new RangeError(`address slot ${slot} is not in use`);
    return row.address;
  }

  /** What crosses, and the connections that this worker has; the main thread counts those of the line. */
  stats(): CarrierStats {
    return {
      receivedDatagrams: this.#receivedDatagrams,
      receivedBytes: this.#receivedBytes,
      receiveBatches: this.#receiveBatches,
      receiveCalls: 0,
      oversizeDrops: 0,
      receiveDrops: 0,
      batchErrors: this.#batchErrors.count,
      sentDatagrams: this.#sentDatagrams,
      sentBytes: this.#sentBytes,
      sendCalls: 0,
      segmentedSends: 0,
      sendDrops: this.#sendDrops,
      socketErrors: 0,
      connections: this.#counters.snapshot(this.#open),
    };
  }

  /** Ends every connection after what was sent to it. The main thread does that, and is not waited for. */
  close(): Promise<void> {
    this.#onBatch = undefined;
    this.#events = {};
    for (const row of this.#rows) if (row?.state === 'open') this.#disconnect(row.slot, CloseCode.drain, '');
    this.flush();
    this.#isClosed = true;
    clearImmediate(this.#immediate);
    return Promise.resolve();
  }

  // ---- from the main thread ----

  /** Takes a message of the main thread. */
  hear({ opened, datagrams, sent, closed }: LineInput): void {
    if (this.#isClosed) return;
    for (const connection of opened) this.#add(connection);
    if (datagrams !== null) this.#receive(datagrams);
    for (const part of sent) this.#acknowledge(part);
    for (const slot of closed) this.#handleClosed(slot);
    this.flush();
  }

  #add({ slot, address }: OpenedConnection): void {
    this.#rows[slot] = {
      slot,
      address,
      references: 1,
      state: 'open',
      isConfirmed: false,
      queuedBytes: 0,
      isStopped: false,
    };
    this.#open++;
    this.#counters.opened++;
  }

  #receive(block: DatagramBlock): void {
    const batch = new BlockBatch(block);
    this.#count(batch);
    if (batch.count === 0 || this.#onBatch === undefined) return;
    this.#receiveBatches++;
    try {
      this.#onBatch(batch);
    } catch (error) {
      this.#batchErrors.add(error);
    }
  }

  /** Keeps the books on a batch, and takes out of it what is of connections that were left meanwhile. */
  #count(batch: BlockBatch): void {
    const { meta, count } = batch;
    let kept = 0;
    let [run, runBytes] = [-1, 0];
    for (let i = 0, at = 0; i < count; i++, at += META_STRIDE) {
      const slot = meta[at + META_ADDRESS]!;
      const length = meta[at + META_LENGTH]!;
      if (slot !== run) {
        if (run >= 0) this.#taken.push({ slot: run, bytes: runBytes });
        [run, runBytes] = [slot, 0];
      }
      runBytes += length;
      if (this.#rows[slot]?.state !== 'open') continue;
      if (kept < i) meta.copyWithin(kept * META_STRIDE, at, at + META_STRIDE);
      kept++;
      this.#receivedDatagrams++;
      this.#receivedBytes += length;
    }
    if (run >= 0) this.#taken.push({ slot: run, bytes: runBytes });
    batch.count = kept;
  }

  #acknowledge({ slot, bytes }: ConnectionBytes): void {
    const row = this.#rows[slot];
    if (row === undefined) return;
    row.queuedBytes -= bytes;
    if (!row.isStopped || row.queuedBytes * 2 >= this.connections.highWaterBytes) return;
    row.isStopped = false;
    if (row.state === 'open') this.#tell(() => this.#events.writable?.(slot));
  }

  #handleClosed(slot: number): void {
    const row = this.#rows[slot];
    if (row === undefined || row.state === 'gone') return;
    const isTold = row.state === 'open';
    this.#end(row, 'peer_closed');
    if (isTold) this.#tell(() => this.#events.disconnected?.(slot));
    this.release(slot);
  }

  // ---- to the main thread ----

  #gather(): void {
    const { descriptors, count, bytes } = this.arena;
    const { maxDatagramBytes } = this.capabilities;
    for (let i = 0, at = 0; i < count; i++, at += DESCRIPTOR_STRIDE) {
      const row = this.#rows[descriptors[at + DESCRIPTOR_ADDRESS]!];
      const length = descriptors[at + DESCRIPTOR_LENGTH]!;
      if (row === undefined || row.state === 'gone' || length === 0 || length > maxDatagramBytes) {
        this.#sendDrops++;
        continue;
      }
      if (row.queuedBytes > 0 && row.queuedBytes + length > this.#maxQueueBytes) {
        this.#sendDrops++;
        this.#fault(row);
        continue;
      }
      if (!this.#writer.fits(length)) this.#say();
      this.#writer.add(bytes, descriptors[at + DESCRIPTOR_OFFSET]!, length, row.slot);
      row.queuedBytes += length;
      if (row.queuedBytes > this.connections.highWaterBytes) row.isStopped = true;
      this.#sentDatagrams++;
      this.#sentBytes += length;
    }
  }

  #say(): void {
    const datagrams = this.#writer.take();
    const isEmpty =
      this.#confirmed.length + this.#taken.length + this.#disconnected.length + this.#released.length === 0;
    if (datagrams === null && isEmpty) return;
    this.#post({
      line: this.#line,
      confirmed: this.#confirmed,
      datagrams,
      taken: this.#taken,
      disconnected: this.#disconnected,
      released: this.#released,
    });
    if (isEmpty) return;
    this.#confirmed = [];
    this.#taken = [];
    this.#disconnected = [];
    this.#released = [];
  }

  /** What there is to say is said when this turn is over, if no flush comes before. */
  #schedule(): void {
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined;
      // What is in the arena may not be complete: it is not for us to send it, and its flush says the rest.
      if (this.arena.count === 0) this.flush();
    });
  }

  // ---- connections ----

  #confirm(slot: number): void {
    const row = this.#rows[slot];
    if (row?.state !== 'open' || row.isConfirmed) return;
    row.isConfirmed = true;
    this.#confirmed.push(slot);
    this.#schedule();
  }

  #disconnect(slot: number, code: CloseCode, reason: string): void {
    const row = this.#rows[slot];
    if (row?.state !== 'open') return;
    row.state = 'left';
    this.#schedule();
    this.#afterSending(() => {
      if (row.state !== 'left') return;
      this.#end(row, 'disconnected');
      this.#disconnected.push({ slot, code, reason });
      this.#release(row);
    });
  }

  /** More is queued for a connection than there may be: it is ended. */
  #fault(row: RelayedConnection): void {
    const wasOpen = row.state === 'open';
    this.#end(row, 'slow_consumer');
    this.#disconnected.push({ slot: row.slot, code: CloseCode.slowConsumer, reason: 'it does not read' });
    if (!wasOpen) return this.release(row.slot);
    // The user is never told from within a call of its own.
    this.#goneUntold.push(row);
    setImmediate(this.#tellGone);
  }

  readonly #tellGone = (): void => {
    for (const { slot } of this.#goneUntold.splice(0)) {
      this.#tell(() => this.#events.disconnected?.(slot));
      this.release(slot);
    }
  };

  #end(row: RelayedConnection, reason: ConnectionEndReason): void {
    row.state = 'gone';
    row.queuedBytes = 0;
    this.#open--;
    this.#counters.close(reason);
  }

  #afterSending(run: () => void): void {
    if (this.arena.count === 0) run();
    else this.#afterFlush.push(run);
  }

  /** Takes a reference; that of a living connection cannot be taken. */
  #release(row: RelayedConnection): void {
    if (row.references === 0 || (row.references === 1 && row.state !== 'gone')) return;
    row.references--;
    if (row.references > 0) return;
    this.#rows[row.slot] = undefined;
    this.#released.push(row.slot);
    this.#schedule();
  }

  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#batchErrors.add(error);
    }
  }
}

/** What one flush, or one message, brings at most. */
const MAX_BATCH = 1024;
