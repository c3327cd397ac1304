import {
  META_ADDRESS,
  META_ECN,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type ReceiveBatch,
} from './carrier.ts';

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

/** A batch over the memory of another: what is left of that when datagrams lost their beginnings or changed their sender. */
export class RowBatch implements ReceiveBatch {
  bytes: Uint8Array = NO_BYTES;
  view: DataView = NO_VIEW;
  readonly meta: Int32Array;
  count = 0;
  moreWaiting = false;

  readonly #maxRows: number;

  constructor(maxRows: number) {
    this.#maxRows = maxRows;
    this.meta = new Int32Array(maxRows * META_STRIDE);
  }

  get isFull(): boolean {
    return this.count === this.#maxRows;
  }

  /** Begins an empty batch over the memory of `inner`. */
  over({ bytes, view }: ReceiveBatch): void {
    this.bytes = bytes;
    this.view = view;
    this.count = 0;
    this.moreWaiting = false;
  }

  /** Adds a row; it must not be full. */
  add(offset: number, length: number, segmentSize: number, slot: number, ecn: number): void {
    const at = this.count++ * META_STRIDE;
    this.meta[at + META_OFFSET] = offset;
    this.meta[at + META_LENGTH] = length;
    this.meta[at + META_SEGMENT_SIZE] = segmentSize;
    this.meta[at + META_ADDRESS] = slot;
    this.meta[at + META_ECN] = ecn;
  }
}
