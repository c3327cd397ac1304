import {
  META_ADDRESS,
  META_ECN,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type ReceiveBatch,
} from '../carrier.ts';

/**
 * A receive batch of one connection: datagrams where they stand in what was read or, when the first of them came in
 * pieces, in memory of the batch. Connections of one carrier share a batch: one reads at a time.
 */
export class StreamBatch implements ReceiveBatch {
  bytes = NOTHING;
  view = viewOf(NOTHING);
  readonly meta: Int32Array;
  count = 0;
  moreWaiting = false;

  readonly #maxDatagrams: number;
  /** Memory for what cannot stay where it was read; made when it is needed. */
  #gathered = NOTHING;
  #gatheredView = viewOf(NOTHING);

  /** @param maxDatagrams the most in one batch. */
  constructor(maxDatagrams: number) {
    this.#maxDatagrams = maxDatagrams;
    this.meta = new Int32Array(maxDatagrams * META_STRIDE);
  }

  /** No datagram can be added. */
  get isFull(): boolean {
    return this.count === this.#maxDatagrams;
  }

  /** Begins an empty batch over what was read. */
  begin(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.count = 0;
  }

  /** Begins an empty batch over copies of two pieces, one after the other. */
  beginWith(first: Uint8Array, second: Uint8Array): void {
    const length = first.length + second.length;
    if (this.#gathered.length < length) {
      this.#gathered = new Uint8Array(length);
      this.#gatheredView = viewOf(this.#gathered);
    }
    this.#gathered.set(first);
    this.#gathered.set(second, first.length);
    this.bytes = this.#gathered;
    this.view = this.#gatheredView;
    this.count = 0;
  }

  /** Adds a datagram of the memory it was begun over. */
  add(offset: number, length: number, slot: number): void {
    const at = this.count * META_STRIDE;
    this.meta[at + META_OFFSET] = offset;
    this.meta[at + META_LENGTH] = length;
    this.meta[at + META_SEGMENT_SIZE] = 0;
    this.meta[at + META_ADDRESS] = slot;
    this.meta[at + META_ECN] = 0;
    this.count++;
  }

  /** Empties the batch, and lets go of what was read. */
  clear(): void {
    this.bytes = this.#gathered;
    this.view = this.#gatheredView;
    this.count = 0;
  }
}

const NOTHING = new Uint8Array(0);

const viewOf = (bytes: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
