/**
 * Goes round a set or map, over and over: what comes next is what it passed by longest ago, or never.
 *
 * Beginning anew each time would give the same, but slower the more was deleted: a set keeps the places of what was deleted for a while,
 * and steps over them.
 */
export class ClockHand<T> {
  readonly #begin: () => IterableIterator<T>;
  #items: IterableIterator<T>;

  /** @param begin begins to go through it, in the order of insertion; as `values()` of a set does. */
  constructor(begin: () => IterableIterator<T>) {
    this.#begin = begin;
    this.#items = begin();
  }

  /** undefined when there is nothing. */
  next(): T | undefined {
    let item = this.#items.next();
    if (item.done === true) {
      this.#items = this.#begin();
      item = this.#items.next();
    }
    return item.done === true ? undefined : item.value;
  }
}
