import { NEVER } from './clock.ts';

/**
 * Deadlines for many small integer ids: one deadline an id, constant time for every operation, and nothing allocated
 * per operation (memory grows by doubling when a larger id appears, and never shrinks).
 *
 * It owns no clock. Its owner asks for {@link nextDeadline}, sleeps until then on one runtime timer, and calls
 * {@link advance}.
 *
 * Times are whole milliseconds from 0 to `Number.MAX_SAFE_INTEGER`, as a clock of `Clock` gives them; a fraction in a
 * deadline is rounded up.
 */
export class TimerWheel {
  // A deadline is read as a number of base 32. It stands on the level of the highest digit in which it differs from
  // `#current`, in the slot of that digit. So a lower level is always earlier than a higher one, and within a level a
  // lower slot is earlier than a higher one: the next slot is the lowest bit of the lowest occupied level.
  readonly #head = new Int32Array(LIST_COUNT).fill(NONE);
  /** One word a level, one bit a slot. */
  readonly #slots = new Int32Array(LEVEL_COUNT);
  /** One bit a level: its word in `#slots` is not 0. */
  #levels = 0;

  // Indexed by id.
  #deadline: Float64Array;
  #list: Int32Array;
  #next: Int32Array;
  #previous: Int32Array;

  /** Where the wheel stands: every deadline on a level is at or after it. */
  #current: number;
  /** The `now` of the last (or running) `advance`: a deadline up to here is overdue. */
  #advancedTo: number;
  #size = 0;

  /**
   * @param now - the time the wheel starts at; a deadline up to here is overdue at once.
   * @param capacity - how many ids to make room for at first, at least 1.
   */
  constructor(now = 0, capacity = 64) {
    this.#current = this.#advancedTo = Math.max(0, Math.floor(now));
    this.#deadline = new Float64Array(capacity);
    this.#list = new Int32Array(capacity).fill(NONE);
    this.#next = new Int32Array(capacity);
    this.#previous = new Int32Array(capacity);
  }

  /** How many ids have a deadline. */
  get size(): number {
    return this.#size;
  }

  /** The deadline of an id; `NEVER` when it has none. */
  deadlineOf(id: number): number {
    return id < this.#list.length && this.#list[id] !== NONE ? (this.#deadline[id] ?? NEVER) : NEVER;
  }

  /**
   * Sets the deadline of an id (0 to 2^31 - 1), in place of the one it had. One that already passed fires at the next
   * `advance`, also when it is set from within one. `NEVER` (or anything beyond the range of times) cancels.
   */
  schedule(id: number, deadlineMs: number): void {
    if (!(deadlineMs <= Number.MAX_SAFE_INTEGER)) {
      this.cancel(id);
      return;
    }
    if (id >= this.#list.length) this.#grow(id);
    const deadline = Math.ceil(deadlineMs);
    if (this.#list[id] !== NONE) {
      if (this.#deadline[id] === deadline) return;
      this.#unlink(id);
    }
    this.#deadline[id] = deadline;
    this.#link(id, deadline <= this.#advancedTo ? OVERDUE : this.#place(deadline));
  }

  /** Forgets the deadline of an id; does nothing when it has none. */
  cancel(id: number): void {
    if (id < this.#list.length && this.#list[id] !== NONE) this.#unlink(id);
  }

  /**
   * Fires every id whose deadline is at or before `now`, none earlier than its deadline, each at most once: overdue
   * ones first, the others in the order of their deadlines. A time before an earlier `now` fires only what is overdue.
   * @param onExpire - its id has no deadline any more when it is called; it may schedule and cancel any id, but not advance.
   */
  advance(now: number, onExpire: (id: number) => void): void {
    const target = Math.max(this.#advancedTo, Math.floor(now));
    this.#advancedTo = target;
    this.#moveOverdueToFiring();
    this.#fire(FIRING, onExpire);
    while (this.#levels !== 0) {
      const level = lowestBit(this.#levels);
      const slot = lowestBit(this.#slots[level] ?? 0);
      const start = this.#slotStart(level, slot);
      if (start > target) break;
      this.#current = start;
      const list = level * SLOTS_PER_LEVEL + slot;
      if (level === 0) this.#fire(list, onExpire);
      else this.#cascade(list);
    }
    this.#current = target;
  }

  /**
   * When to call `advance` next, `NEVER` when no id has a deadline. Never later than the earliest deadline. It may be
   * earlier: then that `advance` moves far deadlines nearer, and the next answer is later.
   */
  nextDeadline(): number {
    if (this.#head[OVERDUE] !== NONE || this.#head[FIRING] !== NONE) return this.#advancedTo;
    if (this.#levels === 0) return NEVER;
    const level = lowestBit(this.#levels);
    return this.#slotStart(level, lowestBit(this.#slots[level] ?? 0));
  }

  /** The list a deadline at or after `#current` belongs in. */
  #place(deadline: number): number {
    const currentHigh = Math.floor(this.#current / HALF_SPAN);
    const deadlineHigh = Math.floor(deadline / HALF_SPAN);
    const level =
      currentHigh === deadlineHigh
        ? highestDigit((this.#current ^ deadline) & HALF_MASK)
        : HALF_LEVELS + highestDigit(currentHigh ^ deadlineHigh);
    // `&` takes the low 32 bits of a number of any size, so this is its digit on that level.
    const slot = Math.floor(deadline / (SPANS[level] ?? 1)) & (SLOTS_PER_LEVEL - 1);
    return level * SLOTS_PER_LEVEL + slot;
  }

  /** The first time that belongs in a slot. */
  #slotStart(level: number, slot: number): number {
    const span = SPANS[level] ?? 1;
    const round = span * SLOTS_PER_LEVEL;
    return Math.floor(this.#current / round) * round + slot * span;
  }

  /** Takes ids off a list and fires them until it is empty: whatever a callback does to the list is seen. */
  #fire(list: number, onExpire: (id: number) => void): void {
    for (let id = this.#head[list] ?? NONE; id !== NONE; id = this.#head[list] ?? NONE) {
      this.#unlink(id);
      onExpire(id);
    }
  }

  /** Moves the ids of a slot that begins at `#current` to the levels below. */
  #cascade(list: number): void {
    for (let id = this.#head[list] ?? NONE; id !== NONE; id = this.#head[list] ?? NONE) {
      this.#unlink(id);
      this.#link(id, this.#place(this.#deadline[id] ?? 0));
    }
  }

  /** What a callback makes overdue waits for the next `advance`; otherwise one that always re-schedules would not end. */
  #moveOverdueToFiring(): void {
    for (let id = this.#head[OVERDUE] ?? NONE; id !== NONE; id = this.#head[OVERDUE] ?? NONE) {
      this.#unlink(id);
      this.#link(id, FIRING);
    }
  }

  #link(id: number, list: number): void {
    const head = this.#head[list] ?? NONE;
    this.#list[id] = list;
    this.#next[id] = head;
    this.#previous[id] = NONE;
    if (head !== NONE) this.#previous[head] = id;
    this.#head[list] = id;
    this.#size++;
    if (list >= OVERDUE) return;
    const level = list >>> SLOT_BITS;
    this.#slots[level] = (this.#slots[level] ?? 0) | (1 << (list & (SLOTS_PER_LEVEL - 1)));
    this.#levels |= 1 << level;
  }

  #unlink(id: number): void {
    const list = this.#list[id] ?? NONE;
    const next = this.#next[id] ?? NONE;
    const previous = this.#previous[id] ?? NONE;
    if (next !== NONE) this.#previous[next] = previous;
    if (previous !== NONE) this.#next[previous] = next;
    else this.#head[list] = next;
    this.#list[id] = NONE;
    this.#size--;
    if (list >= OVERDUE || this.#head[list] !== NONE) return;
    const level = list >>> SLOT_BITS;
    const slots = (this.#slots[level] ?? 0) & ~(1 << (list & (SLOTS_PER_LEVEL - 1)));
    this.#slots[level] = slots;
    if (slots === 0) this.#levels &= ~(1 << level);
  }

  #grow(id: number): void {
    let capacity = Math.max(1, this.#list.length);
    while (capacity <= id) capacity *= 2;
    const deadline = new Float64Array(capacity);
    const list = new Int32Array(capacity).fill(NONE);
    const next = new Int32Array(capacity);
    const previous = new Int32Array(capacity);
    deadline.set(this.#deadline);
    list.set(this.#list);
    next.set(this.#next);
    previous.set(this.#previous);
    this.#deadline = deadline;
    this.#list = list;
    this.#next = next;
    this.#previous = previous;
  }
}

const NONE = -1;
const SLOT_BITS = 5;
/** 32: one word holds the bits of a level. */
const SLOTS_PER_LEVEL = 32;
/** 11 digits of 5 bits reach beyond the 53 bits of a safe integer. */
const LEVEL_COUNT = 11;
/** Ids whose deadline passed before they were scheduled. */
const OVERDUE = LEVEL_COUNT * SLOTS_PER_LEVEL;
/** Overdue ids that the running `advance` fires. */
const FIRING = OVERDUE + 1;
const LIST_COUNT = OVERDUE + 2;

/** Bit operations see 32 bits, so a time is looked at in two halves; the lower one holds the first 6 levels. */
const HALF_LEVELS = 6;
const HALF_SPAN = 2 ** (HALF_LEVELS * SLOT_BITS);
const HALF_MASK = HALF_SPAN - 1;

/** Milliseconds of one slot, by level. */
const SPANS = Float64Array.from({ length: LEVEL_COUNT }, (_, level) => 2 ** (SLOT_BITS * level));

const lowestBit = (word: number): number => 31 - Math.clz32(word & -word);

/** The index of the highest base-32 digit that is not 0; 0 for 0. */
const highestDigit = (word: number): number => Math.trunc((31 - Math.clz32(word)) / SLOT_BITS);
