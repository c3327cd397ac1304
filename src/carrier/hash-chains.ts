const NONE = -1;
const UNLINKED = -2;
const FIRST_CAPACITY = 64;

/**
 * Finds numbered rows of a table by a hash. It knows no keys: it gives the rows that may be meant, and whoever asks
 * compares. Allocates only when it grows with the table.
 *
 *     for (let row = chains.first(hash); row >= 0; row = chains.after(row)) ...
 */
export class HashChains {
  /** First row of each chain: a power of two of them, at least as many as rows. */
  #chains = new Int32Array(FIRST_CAPACITY).fill(NONE);
  /** Per row: the next of its chain. */
  #next = new Int32Array(FIRST_CAPACITY).fill(UNLINKED);
  #hashes = new Int32Array(FIRST_CAPACITY);

  /** The first row that may have this hash; -1 when there is none. */
  first(hash: number): number {
    return this.#chains[hash & (this.#chains.length - 1)]!;
  }

  /** The row after this one in its chain; -1 at the end. */
  after(row: number): number {
    return this.#next[row]!;
  }

  /** Adds a row that is not in. Rows are small numbers: memory is proportional to the largest. */
  link(row: number, hash: number): void {
    if (row >= this.#next.length) this.#grow(row);
    this.#hashes[row] = hash;
    this.#insert(row);
  }

  /** Takes a row out that is in. */
  unlink(row: number): void {
    const chain = this.#hashes[row]! & (this.#chains.length - 1);
    if (this.#chains[chain] === row) {
      this.#chains[chain] = this.#next[row]!;
    } else {
      let before = this.#chains[chain]!;
      while (this.#next[before] !== row) before = this.#next[before]!;
      this.#next[before] = this.#next[row]!;
    }
    this.#next[row] = UNLINKED;
  }

  #insert(row: number): void {
    const chain = this.#hashes[row]! & (this.#chains.length - 1);
    this.#next[row] = this.#chains[chain]!;
    this.#chains[chain] = row;
  }

  #grow(row: number): void {
    const before = this.#next;
    let capacity = before.length;
    while (capacity <= row) capacity *= 2;
    const hashes = new Int32Array(capacity);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    this.#next = new Int32Array(capacity).fill(UNLINKED);
    this.#chains = new Int32Array(capacity).fill(NONE);
    for (let known = 0; known < before.length; known++) if (before[known] !== UNLINKED) this.#insert(known);
  }
}
