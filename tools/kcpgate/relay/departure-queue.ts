import { NEVER } from '../../../src/base/clock.ts';
import { DatagramStore } from './datagram-store.ts';

/**
 * Datagrams on their way, by the time they leave; those of the same time leave in the order they came. Numbers and bytes stand in
 * arrays that grow and are used again: a datagram makes no object.
 */
export class DepartureQueue<To> {
  readonly #store = new DatagramStore();
  /** A binary heap of entries. */
  #heap = new Int32Array(INITIAL_ENTRIES);
  #size = 0;
  #atMs = new Float64Array(INITIAL_ENTRIES);
  #order = new Float64Array(INITIAL_ENTRIES);
  #block = new Int32Array(INITIAL_ENTRIES);
  #length = new Int32Array(INITIAL_ENTRIES);
  readonly #to: To[] = [];
  readonly #freeEntries: number[] = [];
  #entries = 0;
  #pushed = 0;
  #bytes = 0;
  #held = 0;

  /** Datagrams that were pushed and not freed. */
  get size(): number {
    return this.#held;
  }

  /** The sum of their lengths. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The time of the earliest, or NEVER. */
  nextAtMs(): number {
    return this.#size === 0 ? NEVER : (this.#atMs[this.#heap[0] ?? 0] ?? NEVER);
  }

  /** Takes a copy of a datagram. @returns its entry. */
  push(atMs: number, to: To, bytes: Uint8Array, offset: number, length: number): number {
    const entry = this.hold(to, bytes, offset, length);
    this.#atMs[entry] = atMs;
    this.#order[entry] = this.#pushed++;
    this.#rise(this.#size++, entry);
    return entry;
  }

  /** Takes a copy that waits for something else than time: it counts, and is not popped. */
  hold(to: To, bytes: Uint8Array, offset: number, length: number): number {
    const entry = this.#freeEntries.pop() ?? this.#makeEntry();
    this.#block[entry] = this.#store.put(bytes, offset, length);
    this.#length[entry] = length;
    this.#to[entry] = to;
    this.#bytes += length;
    this.#held++;
    return entry;
  }

  /** Takes the earliest that is due at `nowMs` out of its turn. @returns its entry, to be freed by the caller; -1 when none is. */
  popDue(nowMs: number): number {
    if (this.#size === 0) return -1;
    const first = this.#heap[0] ?? 0;
    if ((this.#atMs[first] ?? NEVER) > nowMs) return -1;
    const last = this.#heap[--this.#size] ?? 0;
    if (this.#size > 0) this.#sink(last);
    return first;
  }

  to(entry: number): To | undefined {
    return this.#to[entry];
  }

  length(entry: number): number {
    return this.#length[entry] ?? 0;
  }

  /** The memory a datagram stands in, from {@link offset} on; valid until the next push. */
  memory(entry: number): Uint8Array {
    return this.#store.bytesOf(this.#block[entry] ?? 0);
  }

  offset(entry: number): number {
    return this.#store.offsetOf(this.#block[entry] ?? 0);
  }

  free(entry: number): void {
    this.#store.free(this.#block[entry] ?? 0);
    this.#bytes -= this.#length[entry] ?? 0;
    this.#held--;
    this.#freeEntries.push(entry);
  }

  #makeEntry(): number {
    const entry = this.#entries++;
    if (this.#entries > this.#heap.length) {
      this.#heap = grown(this.#heap, new Int32Array(2 * this.#heap.length));
      this.#atMs = grown(this.#atMs, new Float64Array(2 * this.#atMs.length));
      this.#order = grown(this.#order, new Float64Array(2 * this.#order.length));
      this.#block = grown(this.#block, new Int32Array(2 * this.#block.length));
      this.#length = grown(this.#length, new Int32Array(2 * this.#length.length));
    }
    return entry;
  }

  /** Puts an entry into the place `child`, or as far above it as it belongs. */
  #rise(child: number, entry: number): void {
    const heap = this.#heap;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const above = heap[parent] ?? 0;
      if (!this.#isBefore(entry, above)) break;
      heap[child] = above;
      child = parent;
    }
    heap[child] = entry;
  }

  /** Puts an entry at the top, or as far below as it belongs. */
  #sink(entry: number): void {
    const heap = this.#heap;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#isBefore(heap[child + 1] ?? 0, heap[child] ?? 0)) child++;
      const below = heap[child] ?? 0;
      if (!this.#isBefore(below, entry)) break;
      heap[parent] = below;
      parent = child;
    }
    heap[parent] = entry;
  }

  #isBefore(left: number, right: number): boolean {
    const a = this.#atMs[left] ?? 0;
    const b = this.#atMs[right] ?? 0;
    return a < b || (a === b && (this.#order[left] ?? 0) < (this.#order[right] ?? 0));
  }
}

function grown<Numbers extends Int32Array | Float64Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}

const INITIAL_ENTRIES = 64;
