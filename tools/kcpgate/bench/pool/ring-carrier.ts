import type { SocketAddress } from '../../../../src/base/address.ts';
import {
  META_ADDRESS,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type Carrier,
  type CarrierArena,
  type CarrierCapabilities,
  type CarrierStats,
  type ReceiveBatch,
} from '../../../../src/carrier/carrier.ts';
import {
  ADDRESS_ENTRY,
  ENTRY_LENGTH,
  ENTRY_OFFSET,
  ENTRY_SEGMENT_SIZE,
  ENTRY_SLOT,
  RingReader,
  RingWriter,
  type SharedRingMemory,
} from './shared-ring.ts';

/** The two rings between the I/O loop and one thread of the pool. */
export interface RingPair {
  readonly toPool: SharedRingMemory;
  readonly fromPool: SharedRingMemory;
}

/**
 * The carrier of a pool thread: its socket is another thread. Batches are read where the I/O loop wrote them, and datagrams
 * are written where the I/O loop reads them.
 */
export class RingCarrier implements Carrier {
  readonly kind = 'memory';
  readonly capabilities: CarrierCapabilities = {
    maxDatagramBytes: 2048,
    reliable: false,
    ordered: false,
    maxBatch: MAX_BATCH,
    segmentation: false,
  };
  readonly localAddress: SocketAddress;
  readonly arena: RingArena;
  private readonly reader: RingReader;
  private readonly batch: RingBatch;
  private readonly wakeIoLoop: () => void;
  /** By slot; the I/O loop keeps a slot for as long as it lives. */
  private readonly addresses: SocketAddress[] = [];
  private onBatch: ((batch: ReceiveBatch) => void) | undefined;
  private again: NodeJS.Immediate | undefined;
  private receivedDatagrams = 0;
  private receivedBytes = 0;
  private receiveBatches = 0;

  constructor(rings: RingPair, localAddress: SocketAddress, wakeIoLoop: () => void) {
    this.localAddress = localAddress;
    this.reader = new RingReader(rings.toPool);
    this.batch = new RingBatch(this.reader);
    this.arena = new RingArena(new RingWriter(rings.fromPool));
    this.wakeIoLoop = wakeIoLoop;
  }

  start(onBatch: (batch: ReceiveBatch) => void): void {
    this.onBatch = onBatch;
    this.readAgain();
  }

  /** The I/O loop woke this thread: takes what it has left here. */
  wake(): void {
    if (this.again === undefined) this.read();
  }

  private readonly read = (): void => {
    this.again = undefined;
    const waiting = this.reader.available();
    if (waiting === 0) {
      if (!this.reader.sleep()) this.readAgain();
      return;
    }
    const taken = Math.min(waiting, MAX_BATCH);
    this.deliver(taken, taken < waiting);
    this.reader.consume(taken);
    // Timers and messages come in between.
    this.readAgain();
  };

  flush(): void {
    if (this.arena.publish()) this.wakeIoLoop();
  }

  intern(_address: SocketAddress): number {
    return -1;
  }

  retain(_slot: number): void {
    // The I/O loop keeps them all.
  }

  release(_slot: number): void {
    // The I/O loop keeps them all.
  }

  addressOf(slot: number): SocketAddress {
    return this.addresses[slot] ?? { address: '0.0.0.0', family: 4, port: 0 };
  }

  stats(): CarrierStats {
    return {
      receivedDatagrams: this.receivedDatagrams,
      receivedBytes: this.receivedBytes,
      receiveBatches: this.receiveBatches,
      oversizeDrops: 0,
      receiveDrops: 0,
      batchErrors: 0,
      sentDatagrams: this.arena.sentDatagrams,
      sentBytes: this.arena.sentBytes,
      sendDrops: 0,
      socketErrors: 0,
      receiveCalls: this.receiveBatches,
      sendCalls: 0,
      segmentedSends: 0,
    };
  }

  close(): Promise<void> {
    clearImmediate(this.again);
    this.onBatch = undefined;
    return Promise.resolve();
  }

  private readAgain(): void {
    this.again ??= setImmediate(this.read);
  }

  private deliver(count: number, moreWaiting: boolean): void {
    const { batch, reader } = this;
    batch.clear(moreWaiting);
    for (let i = 0; i < count; i++) {
      const at = reader.entryAt(i);
      if (reader.entries[at + ENTRY_SEGMENT_SIZE] === ADDRESS_ENTRY) this.learnAddress(at);
      else this.receivedBytes += batch.add(at);
    }
    if (batch.count === 0) return;
    this.receivedDatagrams += batch.count;
    this.receiveBatches++;
    this.onBatch?.(batch);
    this.flush();
  }

  private learnAddress(at: number): void {
    const { entries, bytes } = this.reader;
    const offset = entries[at + ENTRY_OFFSET] ?? 0;
    // A copy: text decoders refuse shared memory.
    const text = new TextDecoder().decode(bytes.slice(offset, offset + (entries[at + ENTRY_LENGTH] ?? 0)));
    this.addresses[entries[at + ENTRY_SLOT] ?? 0] = JSON.parse(text) as SocketAddress;
  }
}

/** A batch that is read in the ring. */
class RingBatch implements ReceiveBatch {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly meta = new Int32Array(MAX_BATCH * META_STRIDE);
  count = 0;
  moreWaiting = false;
  private readonly entries: Int32Array;

  constructor({ bytes, view, entries }: RingReader) {
    this.bytes = bytes;
    this.view = view;
    this.entries = entries;
  }

  clear(moreWaiting: boolean): void {
    this.count = 0;
    this.moreWaiting = moreWaiting;
  }

  /** @param at the entry. @returns its length in bytes. */
  add(at: number): number {
    const { entries, meta } = this;
    const to = this.count++ * META_STRIDE;
    const length = entries[at + ENTRY_LENGTH] ?? 0;
    meta[to + META_OFFSET] = entries[at + ENTRY_OFFSET] ?? 0;
    meta[to + META_LENGTH] = length;
    meta[to + META_SEGMENT_SIZE] = entries[at + ENTRY_SEGMENT_SIZE] ?? 0;
    meta[to + META_ADDRESS] = entries[at + ENTRY_SLOT] ?? 0;
    return length;
  }
}

/** Writes datagrams into the ring towards the I/O loop. */
class RingArena implements CarrierArena {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  target = -1;
  sentDatagrams = 0;
  sentBytes = 0;
  private readonly writer: RingWriter;
  private isFull = false;

  constructor(writer: RingWriter) {
    this.writer = writer;
    this.bytes = writer.bytes;
    this.view = new DataView(this.bytes.buffer);
  }

  reserve(length: number): number {
    const at = this.writer.reserve(length);
    this.isFull = at < 0;
    return at;
  }

  commit(length: number): void {
    this.writer.commit(length, 0, this.target);
    this.sentDatagrams++;
    this.sentBytes += length;
  }

  /** @returns whether the I/O loop has to be woken. A full ring blocks this thread: the I/O loop empties it. */
  publish(): boolean {
    const hasToWake = this.writer.publish();
    if (this.isFull && !hasToWake) {
      this.writer.waitForRoom(MAX_WAIT_MS);
      this.isFull = false;
    }
    return hasToWake;
  }
}

const MAX_BATCH = 1024;
const MAX_WAIT_MS = 20;
