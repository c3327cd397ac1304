import {
  META_ADDRESS,
  META_ECN,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type ReceiveBatch,
} from '../carrier.ts';

/** A receive batch over memory of somebody else: datagrams of one connection, where they stand in what was read. */
export class StreamBatch implements ReceiveBatch {
  bytes = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);
  readonly meta: Int32Array;
  count = 0;
  moreWaiting = false;

  readonly #maxDatagrams: number;

  /** @param maxDatagrams the most in one batch. */
  constructor(maxDatagrams: number) {
    this.#maxDatagrams = maxDatagrams;
    this.meta = new Int32Array(maxDatagrams * META_STRIDE);
  }

  /** No datagram can be added. */
  get isFull(): boolean {
    return this.count === this.#maxDatagrams;
  }

  /** Begins an empty batch over other memory. */
  begin(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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

  /** Lets go of the memory. */
  clear(): void {
    this.begin(NOTHING);
  }
}

const NOTHING = new Uint8Array(0);
