/** A key and its iv, in memory of their own. */
export interface CipherKey {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

/**
 * Keys by slot. A slot is an index with a generation above it: what still names a removed key does not meet the next one
 * in its place. 0 is no slot.
 */
export class KeySlots {
  readonly #slots: number[] = [];
  readonly #keys: (CipherKey | undefined)[] = [];
  readonly #free: number[] = [];

  /** Takes copies. @returns the slot, or 0 when all are in use. */
  add(key: Uint8Array, iv: Uint8Array): number {
    const index = this.#free.pop() ?? this.#slots.length;
    if (index > INDEX_MASK) return 0;
    const slot = (this.#slots[index] ?? index) + FIRST_GENERATION;
    this.#slots[index] = slot > MAX_SLOT ? FIRST_GENERATION + index : slot;
    this.#keys[index] = { key: Uint8Array.from(key), iv: Uint8Array.from(iv) };
    return this.#slots[index];
  }

  find(slot: number): CipherKey | undefined {
    const index = slot & INDEX_MASK;
    return this.#slots[index] === slot ? this.#keys[index] : undefined;
  }

  /** Overwrites the key with zeros and forgets it. */
  remove(slot: number): void {
    const found = this.find(slot);
    if (found === undefined) return;
    found.key.fill(0);
    found.iv.fill(0);
    this.#keys[slot & INDEX_MASK] = undefined;
    this.#free.push(slot & INDEX_MASK);
  }

  /** Removes every key. */
  clear(): void {
    for (const slot of this.#slots) this.remove(slot);
  }
}

const INDEX_MASK = 2 ** 20 - 1;
const FIRST_GENERATION = 2 ** 20;
const MAX_SLOT = 2 ** 31 - 1;
