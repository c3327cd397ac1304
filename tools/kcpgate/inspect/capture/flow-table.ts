import { FLOW_KEY_WORDS, reverseKey, type FlowKey } from './flow-key.ts';

/**
 * Finds what belongs to two ends, whichever of them sent, without making anything for a packet.
 *
 * It is bounded: when it is full, everything that was not looked up since it was full before is forgotten.
 */
export class FlowTable<T> {
  /** After {@link find}: whether the key is the one {@link add} was called with, not its reverse. */
  isForward = true;
  readonly #capacity: number;
  readonly #forgotten: ((value: T) => void) | undefined;
  readonly #reverse: FlowKey = new Int32Array(FLOW_KEY_WORDS);
  #current = new Generation<T>();
  #previous = new Generation<T>();

  /**
   * @param capacity remembered at least; at most twice as many.
   * @param forgotten called with each that is forgotten.
   */
  constructor(capacity: number, forgotten?: (value: T) => void) {
    this.#capacity = capacity;
    this.#forgotten = forgotten;
  }

  find(key: FlowKey): T | undefined {
    const entry = this.#current.find(key);
    if (entry !== 0) {
      this.isForward = entry > 0;
      return this.#current.values[Math.abs(entry) - 1];
    }
    return this.#findPrevious(key);
  }

  /** Remembers what {@link find} did not find. */
  add(key: FlowKey, value: T): void {
    if (this.#current.values.length >= this.#capacity) this.#forgetPrevious();
    reverseKey(key, this.#reverse);
    this.#current.add(key, this.#reverse, value);
    this.isForward = true;
  }

  /** Puts `value` in place of what is found for `key`, in the same direction. */
  replace(key: FlowKey, value: T): void {
    const entry = this.#current.find(key);
    if (entry !== 0) this.#current.values[Math.abs(entry) - 1] = value;
  }

  /** Calls `visit` for everything remembered. */
  forEach(visit: (value: T) => void): void {
    for (const generation of [this.#previous, this.#current]) {
      for (const value of generation.values) if (value !== undefined) visit(value);
    }
  }

  #findPrevious(key: FlowKey): T | undefined {
    const entry = this.#previous.find(key);
    if (entry === 0) return undefined;
    const at = Math.abs(entry) - 1;
    const value = this.#previous.values[at];
    if (value === undefined) return undefined;
    this.#previous.values[at] = undefined;
    if (this.#current.values.length >= this.#capacity) this.#forgetPrevious();
    reverseKey(key, this.#reverse);
    if (entry > 0) this.#current.add(key, this.#reverse, value);
    else this.#current.add(this.#reverse, key, value);
    this.isForward = entry > 0;
    return value;
  }

  #forgetPrevious(): void {
    const previous = this.#previous;
    this.#previous = this.#current;
    this.#current = new Generation();
    if (this.#forgotten === undefined) return;
    for (const value of previous.values) if (value !== undefined) this.#forgotten(value);
  }
}

/** A hash table with linear probing, at most half full. */
class Generation<T> {
  readonly values: (T | undefined)[] = [];
  #mask = 63;
  #keys = new Int32Array((this.#mask + 1) * FLOW_KEY_WORDS);
  /** 0 is empty; else 1 + index of the value, negative for the reverse direction. */
  #entries = new Int32Array(this.#mask + 1);

  find(key: FlowKey): number {
    return this.#entries[this.#slotOf(key)]!;
  }

  add(key: FlowKey, reverse: FlowKey, value: T): void {
    this.values.push(value);
    if (this.values.length * 4 > this.#mask) this.#grow();
    this.#put(reverse, -this.values.length);
    // Where both ends are the same, the direction is forward always.
    this.#put(key, this.values.length);
  }

  #put(key: FlowKey, entry: number): void {
    const slot = this.#slotOf(key);
    this.#entries[slot] = entry;
    this.#keys.set(key, slot * FLOW_KEY_WORDS);
  }

  /** Where the key is, or would be put. */
  #slotOf(key: FlowKey): number {
    let slot = hashOf(key) & this.#mask;
    while (this.#entries[slot] !== 0 && !this.#isAt(slot, key)) slot = (slot + 1) & this.#mask;
    return slot;
  }

  #isAt(slot: number, key: FlowKey): boolean {
    const at = slot * FLOW_KEY_WORDS;
    // Backwards: ports differ most.
    for (let word = FLOW_KEY_WORDS - 1; word >= 0; word--) {
      if (this.#keys[at + word] !== key[word]) return false;
    }
    return true;
  }

  #grow(): void {
    const [keys, entries] = [this.#keys, this.#entries];
    this.#mask = this.#mask * 2 + 1;
    this.#keys = new Int32Array((this.#mask + 1) * FLOW_KEY_WORDS);
    this.#entries = new Int32Array(this.#mask + 1);
    for (let slot = 0; slot < entries.length; slot++) {
      const entry = entries[slot]!;
      if (entry === 0) continue;
      this.#put(keys.subarray(slot * FLOW_KEY_WORDS, (slot + 1) * FLOW_KEY_WORDS), entry);
    }
  }
}

function hashOf(key: FlowKey): number {
  let hash = 0x9e37;
  for (let word = 0; word < FLOW_KEY_WORDS; word++) {
    hash = Math.imul(hash ^ key[word]!, 0x85eb_ca6b);
    hash ^= hash >>> 15;
  }
  return hash;
}
