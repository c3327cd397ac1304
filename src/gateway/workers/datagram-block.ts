import {
  META_ADDRESS,
  META_ECN,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type ReceiveBatch,
} from '../../carrier/carrier.ts';

/** Datagrams on their way to another thread, in memory that goes with the message. */
export interface DatagramBlock {
  /** How many. */
  readonly count: number;
  /** So many rows of {@link ReceiveBatch.meta}, then the datagrams; offsets count from the beginning of this memory. */
  readonly memory: ArrayBuffer;
}

/** Gathers datagrams for another thread: copies each once, and hands all of them over at once. */
export class DatagramBlockWriter {
  /** Datagrams in it. */
  count = 0;
  /** Bytes of them. */
  byteLength = 0;
  #bytes = new Uint8Array(FIRST_BYTES);
  readonly #rows = new Int32Array(MAX_BLOCK_DATAGRAMS * META_STRIDE);

  /** Whether one more of that length goes into the block. An empty one takes any. */
  fits(length: number): boolean {
    if (this.count === 0) return true;
    return this.count < MAX_BLOCK_DATAGRAMS && this.byteLength + length <= MAX_BLOCK_BYTES;
  }

  /** Adds one, which must fit. @param slot names its peer. */
  add(bytes: Uint8Array, offset: number, length: number, slot: number): void {
    if (this.byteLength + length > this.#bytes.length) this.#grow(this.byteLength + length);
    this.#bytes.set(bytes.subarray(offset, offset + length), this.byteLength);
    const at = this.count * META_STRIDE;
    this.#rows[at + META_OFFSET] = this.byteLength;
    this.#rows[at + META_LENGTH] = length;
    this.#rows[at + META_SEGMENT_SIZE] = 0;
    this.#rows[at + META_ADDRESS] = slot;
    this.#rows[at + META_ECN] = 0;
    this.count++;
    this.byteLength += length;
  }

  /** Everything that was added; it is empty then. Null when there is nothing. */
  take(): DatagramBlock | null {
    const { count, byteLength } = this;
    if (count === 0) return null;
    const integers = count * META_STRIDE;
    const headBytes = integers * Int32Array.BYTES_PER_ELEMENT;
    const memory = new ArrayBuffer(headBytes + byteLength);
    const rows = new Int32Array(memory, 0, integers);
    rows.set(this.#rows.subarray(0, integers));
    for (let at = 0; at < integers; at += META_STRIDE) rows[at + META_OFFSET]! += headBytes;
    new Uint8Array(memory, headBytes).set(this.#bytes.subarray(0, byteLength));
    this.count = 0;
    this.byteLength = 0;
    return { count, memory };
  }

  #grow(least: number): void {
    const larger = new Uint8Array(Math.max(least, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.byteLength));
    this.#bytes = larger;
  }
}

/** A block as what a carrier receives: its own memory, which whoever gets the batch may change. */
export class BlockBatch implements ReceiveBatch {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly meta: Int32Array;
  /** May be made smaller, when rows are taken out. */
  count: number;
  readonly moreWaiting = false;

  constructor({ count, memory }: DatagramBlock) {
    this.bytes = new Uint8Array(memory);
    this.view = new DataView(memory);
    this.meta = new Int32Array(memory, 0, count * META_STRIDE);
    this.count = count;
  }
}

/** What one block holds at most, unless it is a single datagram. */
const MAX_BLOCK_BYTES = 256 * 1024;
const MAX_BLOCK_DATAGRAMS = 1024;
const FIRST_BYTES = 16 * 1024;
