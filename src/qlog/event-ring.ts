/** Integers of a row: its kind, its time, six values. */
export const ROW_VALUES = 8;

/**
 * The newest events of one session as rows of integers. It grows on demand; at its bound, or when there is no memory for more,
 * the oldest rows give way.
 */
export class EventRing {
  /** Rows that gave way since the ring was last emptied. */
  overwritten = 0;
  private readonly maxRows: number;
  private readonly mayGrow: (bytes: number) => boolean;
  private rows: Int32Array = NO_ROWS;
  private first = 0;
  private length = 0;

  /**
   * @param maxRows at least 1.
   * @param mayGrow asked before memory is taken; what it granted is told by {@link bytes}.
   */
  constructor(maxRows: number, mayGrow: (bytes: number) => boolean) {
    this.maxRows = maxRows;
    this.mayGrow = mayGrow;
  }

  /** Rows it holds. */
  get size(): number {
    return this.length;
  }

  /** Memory it takes. */
  get bytes(): number {
    return this.rows.byteLength;
  }

  append(
    kind: number,
    timeMs: number,
    a: number,
    b: number,
    c: number,
    d: number,
    e: number,
    f: number,
  ): void {
    const { rows } = this;
    const capacity = rows.length / ROW_VALUES;
    if (this.length === capacity && !this.grow(capacity)) {
      if (capacity === 0) {
        this.overwritten++;
        return;
      }
      this.first = (this.first + 1) % capacity;
      this.length--;
      this.overwritten++;
    }
    const at = ((this.first + this.length++) % (this.rows.length / ROW_VALUES)) * ROW_VALUES;
    const target = this.rows;
    target[at] = kind;
    target[at + 1] = timeMs;
    target[at + 2] = a;
    target[at + 3] = b;
    target[at + 4] = c;
    target[at + 5] = d;
    target[at + 6] = e;
    target[at + 7] = f;
  }

  /** Gives every row, the oldest first: `take` gets the memory and where the row begins in it. */
  forEach(take: (rows: Int32Array, at: number) => void): void {
    const capacity = this.rows.length / ROW_VALUES;
    for (let i = 0; i < this.length; i++) take(this.rows, ((this.first + i) % capacity) * ROW_VALUES);
  }

  /** Forgets all rows; the memory stays. */
  clear(): void {
    this.first = this.length = this.overwritten = 0;
  }

  /** As {@link clear}; the memory is given back. */
  release(): void {
    this.clear();
    this.rows = NO_ROWS;
  }

  private grow(capacity: number): boolean {
    const wanted = Math.min(this.maxRows, Math.max(FIRST_ROWS, capacity * 2));
    if (wanted <= capacity) return false;
    const more = (wanted - capacity) * ROW_VALUES * Int32Array.BYTES_PER_ELEMENT;
    if (!this.mayGrow(more)) return false;
    const larger = new Int32Array(wanted * ROW_VALUES);
    const head = this.rows.subarray(this.first * ROW_VALUES);
    larger.set(head);
    larger.set(this.rows.subarray(0, this.first * ROW_VALUES), head.length);
    this.first = 0;
    this.rows = larger;
    return true;
  }
}

const NO_ROWS = new Int32Array(0);
const FIRST_ROWS = 64;
