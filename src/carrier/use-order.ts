const RING = 0;
const FIRST_CAPACITY = 64;

/** The order in which numbered rows of a table were used, for giving up the one that was used least recently. */
export class UseOrder {
  // A ring of places, closed by place 0, which is no row's; row `i` has place `i + 1`.
  #older = new Int32Array(FIRST_CAPACITY);
  #newer = new Int32Array(FIRST_CAPACITY);

  /** The row used least recently; -1 when none is in. */
  get oldest(): number {
    return this.#newer[RING]! - 1;
  }

  /** Adds a row that is not in, as the one used last. */
  add(row: number): void {
    const place = row + 1;
    if (place >= this.#older.length) this.#grow(place);
    const newest = this.#older[RING]!;
    this.#older[place] = newest;
    this.#newer[newest] = place;
    this.#newer[place] = RING;
    this.#older[RING] = place;
  }

  /** Takes a row out that is in. */
  remove(row: number): void {
    const older = this.#older[row + 1]!;
    const newer = this.#newer[row + 1]!;
    this.#newer[older] = newer;
    this.#older[newer] = older;
  }

  #grow(place: number): void {
    let capacity = this.#older.length;
    while (capacity <= place) capacity *= 2;
    const older = new Int32Array(capacity);
    const newer = new Int32Array(capacity);
    older.set(this.#older);
    newer.set(this.#newer);
    this.#older = older;
    this.#newer = newer;
  }
}
