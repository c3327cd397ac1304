import type { SendArena } from '../../src/base/send-arena.ts';

/** A send arena of fixed size that hands out what was committed, datagram by datagram. */
export class DatagramArena implements SendArena {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #ends: number[] = [];
  #used = 0;

  /** @param sizeBytes small sizes make engines meet a full arena; default 16 KiB. */
  constructor(sizeBytes = 16 * 1024) {
    this.bytes = new Uint8Array(sizeBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Datagrams committed since the last {@link drain}. */
  get count(): number {
    return this.#ends.length;
  }

  reserve(length: number): number {
    return this.#used + length <= this.bytes.length ? this.#used : -1;
  }

  commit(length: number): void {
    this.#used += length;
    this.#ends.push(this.#used);
  }

  /** Passes on every committed datagram, in order, and empties the arena. */
  drain(take: (bytes: Uint8Array, offset: number, length: number) => void): void {
    let start = 0;
    for (const end of this.#ends) {
      take(this.bytes, start, end - start);
      start = end;
    }
    this.#ends.length = 0;
    this.#used = 0;
  }
}
