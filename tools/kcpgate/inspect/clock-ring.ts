/**
 * A set with a hand that goes round it, over and over, in the order of insertion: what comes next is what it passed by longest ago, or
 * never. Everything takes constant time.
 *
 * Not an iterator of a `Set`: as long as one lives, all that was deleted since it last moved is kept in memory.
 */
export class ClockRing<T> {
  readonly #places = new Map<T, Place<T>>();
  #first: Place<T> | undefined;
  #last: Place<T> | undefined;
  /** What it stands on; undefined before the first. */
  #hand: Place<T> | undefined;

  get size(): number {
    return this.#places.size;
  }

  /** In the order of insertion. */
  values(): IterableIterator<T> {
    return this.#places.keys();
  }

  add(item: T): void {
    if (this.#places.has(item)) return;
    const place: Place<T> = { item, before: this.#last, after: undefined };
    if (this.#last === undefined) this.#first = place;
    else this.#last.after = place;
    this.#last = place;
    this.#places.set(item, place);
  }

  /** @returns whether it was there. */
  delete(item: T): boolean {
    const place = this.#places.get(item);
    if (place === undefined) return false;
    this.#places.delete(item);
    const { before, after } = place;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    if (this.#hand === place) this.#hand = before;
    return true;
  }

  /** Moves the hand. undefined when there is nothing. */
  next(): T | undefined {
    this.#hand = this.#hand?.after ?? this.#first;
    return this.#hand?.item;
  }
}

interface Place<T> {
  readonly item: T;
  before: Place<T> | undefined;
  after: Place<T> | undefined;
}
