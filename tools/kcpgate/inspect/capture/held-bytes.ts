import type { MemoryBudget, MemoryHolder } from './memory-budget.ts';

/** Bytes of a stream that wait for more, back to back; their memory counts in a budget. */
export class HeldBytes {
  /** Valid from 0 to {@link length}, until the next call. */
  bytes: Uint8Array = NOTHING;
  length = 0;
  readonly #holder: MemoryHolder;
  readonly #budget: MemoryBudget;
  readonly #limit: number;

  /** @param limit held at most. */
  constructor(holder: MemoryHolder, budget: MemoryBudget, limit: number) {
    this.#holder = holder;
    this.#budget = budget;
    this.#limit = limit;
  }

  /** False when there is no memory for them; what was held stays. */
  append(bytes: Uint8Array, at: number, length: number): boolean {
    const wanted = this.length + length;
    if (wanted > this.bytes.length && !this.#grow(wanted)) return false;
    this.bytes.set(bytes.subarray(at, at + length), this.length);
    this.length = wanted;
    return true;
  }

  /** Forgets the first bytes. */
  consume(bytes: number): void {
    this.bytes.copyWithin(0, bytes, this.length);
    this.length -= bytes;
    if (this.length === 0 && this.bytes.length > KEPT_BYTES) this.clear();
  }

  /** Forgets everything, and gives the memory back. */
  clear(): void {
    if (this.bytes.length > 0) this.#budget.give(this.#holder, this.bytes.length);
    this.bytes = NOTHING;
    this.length = 0;
  }

  #grow(wanted: number): boolean {
    if (wanted > this.#limit) return false;
    const size = Math.max(SMALLEST_BYTES, 2 ** Math.ceil(Math.log2(wanted)));
    if (!this.#budget.take(this.#holder, size - this.bytes.length)) return false;
    const grown = new Uint8Array(size);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    return true;
  }
}

const NOTHING = new Uint8Array(0);
const SMALLEST_BYTES = 512;
/** Memory that an empty one keeps, so that a stream of small frames does not ask for it each time. */
const KEPT_BYTES = 4096;
