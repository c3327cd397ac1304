import type { CarrierArena } from './carrier.ts';

/** Integers per datagram in {@link BatchArena.descriptors}. */
export const DESCRIPTOR_STRIDE = 3;
/** Index of the datagram's offset in the arena. */
export const DESCRIPTOR_OFFSET = 0;
/** Index of its length in bytes. */
export const DESCRIPTOR_LENGTH = 1;
/** Index of the address slot it goes to. */
export const DESCRIPTOR_ADDRESS = 2;

export interface BatchArenaOptions {
  /** Memory for one batch. Default 256 KiB. A reservation larger than this never fits. */
  readonly bytes?: number;
  /** The most datagrams in one batch. Default 1024. */
  readonly maxDatagrams?: number;
  /** Room left in front of each datagram, on top of `bytes`, for what frames it on a byte stream. Default 0. */
  readonly headBytes?: number;
}

/**
 * A send arena of fixed size: datagrams stand one after the other, each with a descriptor for the system call.
 *
 * With head room, what lies between two datagrams is the head of the second: once that is filled in, neighbours for one
 * connection are one piece of a byte stream, without having been moved.
 */
export class BatchArena implements CarrierArena {
  bytes: Uint8Array;
  view: DataView;
  target = -1;
  /** (offset, length, address slot) of each committed datagram. */
  readonly descriptors: Int32Array;
  /** Committed datagrams. */
  count = 0;

  /** Bytes in front of each datagram that are for whoever sends them. */
  readonly headBytes: number;

  readonly #maxDatagrams: number;
  readonly #maxBytes: number;
  /** Bytes of committed datagrams, without their heads. */
  #used = 0;
  #end = 0;
  #reserved = -1;

  constructor(options: BatchArenaOptions = {}) {
    this.#maxDatagrams = options.maxDatagrams ?? 1024;
    this.#maxBytes = options.bytes ?? 256 * 1024;
    this.headBytes = options.headBytes ?? 0;
    this.bytes = new Uint8Array(this.#maxBytes + this.#maxDatagrams * this.headBytes);
    this.view = new DataView(this.bytes.buffer);
    this.descriptors = new Int32Array(this.#maxDatagrams * DESCRIPTOR_STRIDE);
  }

  reserve(length: number): number {
    if (this.count === this.#maxDatagrams || length > this.#maxBytes - this.#used) {
      this.#reserved = -1;
      return -1;
    }
    this.#reserved = length;
    return this.#end + this.headBytes;
  }

  /** @throws RangeError when nothing is reserved, or less than `length`: the datagram would overlap another. */
  commit(length: number): void {
    if (length > this.#reserved) {
      throw new RangeError(`cannot commit ${length} bytes: ${this.#reserved} are reserved`);
    }
    const at = this.count * DESCRIPTOR_STRIDE;
    const offset = this.#end + this.headBytes;
    this.descriptors[at + DESCRIPTOR_OFFSET] = offset;
    this.descriptors[at + DESCRIPTOR_LENGTH] = length;
    this.descriptors[at + DESCRIPTOR_ADDRESS] = this.target;
    this.count++;
    this.#used += length;
    this.#end = offset + length;
    this.#reserved = -1;
  }

  /** Empties the arena; its memory is written again. */
  reset(): void {
    this.count = 0;
    this.#used = 0;
    this.#end = 0;
    this.#reserved = -1;
  }

  /** Empties the arena and takes fresh memory, because somebody still reads the old. */
  replace(): void {
    this.bytes = new Uint8Array(this.bytes.length);
    this.view = new DataView(this.bytes.buffer);
    this.reset();
  }
}
