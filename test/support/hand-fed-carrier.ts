import type { SocketAddress } from '../../src/base/address.ts';
import {
  BatchArena,
  DESCRIPTOR_ADDRESS,
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_OFFSET,
  DESCRIPTOR_STRIDE,
} from '../../src/carrier/batch-arena.ts';
import {
  META_ADDRESS,
  META_ECN,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type Carrier,
  type CarrierCapabilities,
  type CarrierStats,
  type ReceiveBatch,
} from '../../src/carrier/carrier.ts';

/** One row of a batch. */
export interface FedRow {
  readonly slot: number;
  /** One datagram, or several glued together. */
  readonly bytes: Uint8Array;
  /** Size of each of the glued ones. Default 0: there is one. */
  readonly segmentSize?: number;
  readonly ecn?: number;
}

/**
 * A carrier that receives what a test hands it, row by row, and keeps what is sent. Like a socket it frees slots that nobody
 * retains when the batch is over: naming one of those throws.
 *
 * Slot `n` is 10.0.0.0/16 counted up by n, port 10000 + n.
 */
export class HandFedCarrier implements Carrier {
  readonly kind = 'memory';
  readonly capabilities: CarrierCapabilities;
  readonly localAddress: SocketAddress = { address: '192.0.2.1', family: 4, port: 4000 };
  readonly arena: BatchArena;
  /** What was sent, in order. */
  readonly sent: { slot: number; bytes: Uint8Array }[] = [];
  sendDrops = 0;
  flushes = 0;
  isClosed = false;
  readonly #references = new Map<number, number>();
  readonly #named = new Set<number>();
  readonly #releasedSlots: number[] = [];
  #onBatch: (batch: ReceiveBatch) => void = () => undefined;

  constructor(capabilities: Partial<CarrierCapabilities> = {}, arenaBytes = 64 * 1024) {
    this.capabilities = {
      maxDatagramBytes: 2048,
      reliable: false,
      ordered: false,
      maxBatch: 256,
      segmentation: false,
      ...capabilities,
    };
    this.arena = new BatchArena({ bytes: arenaBytes, maxDatagrams: this.capabilities.maxBatch });
  }

  /** Slots that somebody retains. */
  get retained(): number[] {
    return [...this.#references.keys()].sort((a, b) => a - b);
  }

  /** Delivers a batch and sends what the callback left in the arena. */
  feed(...rows: FedRow[]): void {
    const bytes = new Uint8Array(rows.reduce((sum, row) => sum + row.bytes.length, 0));
    const meta = new Int32Array(rows.length * META_STRIDE);
    let offset = 0;
    for (const [index, row] of rows.entries()) {
      bytes.set(row.bytes, offset);
      meta[index * META_STRIDE + META_OFFSET] = offset;
      meta[index * META_STRIDE + META_LENGTH] = row.bytes.length;
      meta[index * META_STRIDE + META_SEGMENT_SIZE] = row.segmentSize ?? 0;
      meta[index * META_STRIDE + META_ADDRESS] = row.slot;
      meta[index * META_STRIDE + META_ECN] = row.ecn ?? 0;
      offset += row.bytes.length;
      this.#named.add(row.slot);
    }
    const view = new DataView(bytes.buffer);
    const before = meta.slice();
    try {
      this.#onBatch({ bytes, view, meta, count: rows.length, moreWaiting: false });
    } finally {
      this.flush();
      this.#named.clear();
    }
    // A socket reads them again when it frees the slots.
    if (meta.some((value, index) => value !== before[index])) throw new Error('the batch was written to');
  }

  start(onBatch: (batch: ReceiveBatch) => void): void {
    this.#onBatch = onBatch;
  }

  flush(): void {
    const { bytes, descriptors, count } = this.arena;
    if (count > 0) this.flushes++;
    for (let at = 0; at < count * DESCRIPTOR_STRIDE; at += DESCRIPTOR_STRIDE) {
      const offset = descriptors[at + DESCRIPTOR_OFFSET]!;
      const slot = descriptors[at + DESCRIPTOR_ADDRESS]!;
      if (!this.#isInUse(slot)) this.sendDrops++;
      else
        this.sent.push({ slot, bytes: bytes.slice(offset, offset + descriptors[at + DESCRIPTOR_LENGTH]!) });
    }
    this.arena.reset();
    for (const slot of this.#releasedSlots.splice(0)) this.#releaseNow(slot);
  }

  intern({ port, family }: SocketAddress): number {
    if (family === 6 || port < FIRST_PORT) return -1;
    this.retain(port - FIRST_PORT);
    return port - FIRST_PORT;
  }

  retain(slot: number): void {
    this.#references.set(slot, (this.#references.get(slot) ?? 0) + 1);
  }

  /** What is in the arena for the slot is still sent. */
  release(slot: number): void {
    if (this.arena.count > 0) this.#releasedSlots.push(slot);
    else this.#releaseNow(slot);
  }

  #releaseNow(slot: number): void {
    const left = (this.#references.get(slot) ?? 0) - 1;
    if (left < 0) throw new Error(`slot ${slot} was released once too often`);
    if (left > 0) this.#references.set(slot, left);
    else this.#references.delete(slot);
  }

  addressOf(slot: number): SocketAddress {
    if (!this.#isInUse(slot)) throw new RangeError(`address slot ${slot} is not in use`);
    return addressOfSlot(slot);
  }

  stats(): CarrierStats {
    return { ...NO_STATS, sentDatagrams: this.sent.length, sendDrops: this.sendDrops };
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  #isInUse(slot: number): boolean {
    return this.#references.has(slot) || this.#named.has(slot);
  }
}

export function addressOfSlot(slot: number): SocketAddress {
  return { address: `10.0.${slot >>> 8}.${slot & 255}`, family: 4, port: FIRST_PORT + slot };
}

const FIRST_PORT = 10_000;
const NO_STATS: CarrierStats = {
  receivedDatagrams: 0,
  receivedBytes: 0,
  receiveBatches: 0,
  receiveCalls: 0,
  oversizeDrops: 0,
  receiveDrops: 0,
  batchErrors: 0,
  sentDatagrams: 0,
  sentBytes: 0,
  sendCalls: 0,
  segmentedSends: 0,
  sendDrops: 0,
  socketErrors: 0,
};
