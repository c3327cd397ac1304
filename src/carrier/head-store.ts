const FIRST_ROWS = 64;

/** Per numbered row a few bytes that go in front of datagrams, kept so that they are written once and then only copied. */
export class HeadStore {
  readonly #stride: number;
  #lengths = new Uint8Array(FIRST_ROWS);
  #bytes: Uint8Array;

  /** @param maxBytes of one row, at most 255. */
  constructor(maxBytes: number) {
    this.#stride = maxBytes;
    this.#bytes = new Uint8Array(FIRST_ROWS * maxBytes);
  }

  /** Keeps a copy of `length` bytes at `at`, as those of a row. */
  set(row: number, bytes: Uint8Array, at: number, length: number): void {
    if (row >= this.#lengths.length) this.#grow(row);
    this.#lengths[row] = length;
    const to = row * this.#stride;
    for (let i = 0; i < length; i++) this.#bytes[to + i] = bytes[at + i]!;
  }

  /** Bytes kept for a row that was set. */
  lengthOf(row: number): number {
    return this.#lengths[row]!;
  }

  /** Writes what is kept for a row. */
  copyTo(row: number, bytes: Uint8Array, at: number): void {
    const from = row * this.#stride;
    const length = this.#lengths[row]!;
    for (let i = 0; i < length; i++) bytes[at + i] = this.#bytes[from + i]!;
  }

  #grow(row: number): void {
    let rows = this.#lengths.length;
    while (rows <= row) rows *= 2;
    const lengths = new Uint8Array(rows);
    lengths.set(this.#lengths);
    this.#lengths = lengths;
    const bytes = new Uint8Array(rows * this.#stride);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}
