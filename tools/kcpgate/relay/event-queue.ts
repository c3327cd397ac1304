import { NEVER } from '../../../src/base/clock.ts';

interface Entry<Event> {
  readonly atMs: number;
  /** Order of insertion: events of the same millisecond come out as they went in. */
  readonly order: number;
  readonly event: Event;
}

/** Events by time, ties by insertion: the same insertions always come out in the same order. */
export class EventQueue<Event> {
  readonly #heap: Entry<Event>[] = [];
  #inserted = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The time of the earliest event, or NEVER. */
  nextAtMs(): number {
    return this.#heap[0]?.atMs ?? NEVER;
  }

  push(atMs: number, event: Event): void {
    const heap = this.#heap;
    heap.push({ atMs, order: this.#inserted++, event });
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#isBefore(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  /** Takes the earliest event that is due at `nowMs`, or undefined. */
  popDue(nowMs: number): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) {
      heap[0] = last;
      this.#sink();
    }
    return first.event;
  }

  #sink(): void {
    const length = this.#heap.length;
    for (let parent = 0; ;) {
      const left = 2 * parent + 1;
      const right = left + 1;
      let smallest = parent;
      if (left < length && this.#isBefore(left, smallest)) smallest = left;
      if (right < length && this.#isBefore(right, smallest)) smallest = right;
      if (smallest === parent) return;
      this.#swap(smallest, parent);
      parent = smallest;
    }
  }

  #isBefore(left: number, right: number): boolean {
    const a = this.#heap[left];
    const b = this.#heap[right];
    if (a === undefined || b === undefined) return false;
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  }

  #swap(left: number, right: number): void {
    const a = this.#heap[left];
    const b = this.#heap[right];
    if (a === undefined || b === undefined) return;
    this.#heap[left] = b;
    this.#heap[right] = a;
  }
}
