import { DESCRIPTOR_LENGTH, DESCRIPTOR_OFFSET, DESCRIPTOR_STRIDE } from './batch-arena.ts';
import {
  META_ADDRESS,
  META_ECN,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type ReceiveBatch,
} from './carrier.ts';

/** A receive batch being gathered: datagrams are copied one after the other into memory of fixed size. */
export class ReceiveSlab implements ReceiveBatch {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly meta: Int32Array;
  count = 0;
  moreWaiting = false;

  readonly #maxDatagrams: number;
  #end = 0;

  /** @param byteLength memory for one batch; @param maxDatagrams the most datagrams in one batch. */
  constructor(byteLength: number, maxDatagrams: number) {
    this.#maxDatagrams = maxDatagrams;
    this.bytes = new Uint8Array(byteLength);
    this.view = new DataView(this.bytes.buffer);
    this.meta = new Int32Array(maxDatagrams * META_STRIDE);
  }

  /** Whether one more datagram of that length can be appended. */
  fits(length: number): boolean {
    return this.count < this.#maxDatagrams && length <= this.bytes.length - this.#end;
  }

  /** Appends a copy of one datagram, which must fit. */
  append(datagram: Uint8Array, address: number): void {
    this.bytes.set(datagram, this.#end);
    this.#describe(datagram.length, address);
  }

  /**
   * Appends copies of neighbouring datagrams (`first` up to but not `last` of `descriptors`, standing one after the
   * other in `source`), as many as fit, with a single copy.
   * @returns how many were taken.
   */
  appendRun(
    source: Uint8Array,
    descriptors: Int32Array,
    first: number,
    last: number,
    address: number,
  ): number {
    const start = this.#end;
    const from = descriptors[first * DESCRIPTOR_STRIDE + DESCRIPTOR_OFFSET]!;
    let next = first;
    for (; next < last; next++) {
      const length = descriptors[next * DESCRIPTOR_STRIDE + DESCRIPTOR_LENGTH]!;
      if (!this.fits(length)) break;
      this.#describe(length, address);
    }
    this.bytes.set(source.subarray(from, from + this.#end - start), start);
    return next - first;
  }

  clear(): void {
    this.count = 0;
    this.#end = 0;
  }

  #describe(length: number, address: number): void {
    const at = this.count * META_STRIDE;
    this.meta[at + META_OFFSET] = this.#end;
    this.meta[at + META_LENGTH] = length;
    this.meta[at + META_SEGMENT_SIZE] = 0;
    this.meta[at + META_ADDRESS] = address;
    this.meta[at + META_ECN] = 0;
    this.count++;
    this.#end += length;
  }
}
