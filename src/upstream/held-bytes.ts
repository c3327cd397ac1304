/**
 * Bytes that wait for a side which cannot take them now: appended at the end, consumed from the start.
 *
 * Holds no memory while it is empty. It sets no bound: whoever appends stops in time.
 */
export class HeldBytes {
  #memory: Buffer = EMPTY;
  #start = 0;
  #end = 0;

  /** How many bytes are held. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** The memory they stand in, from {@link offset} on. Valid until the next change. */
  get bytes(): Uint8Array {
    return this.#memory;
  }

  get offset(): number {
    return this.#start;
  }

  /** Copies bytes to the end. */
  append(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#end + length > this.#memory.length) this.#makeRoom(length);
    this.#memory.set(bytes.subarray(offset, offset + length), this.#end);
    this.#end += length;
  }

  /** Drops `length` bytes from the start. */
  consume(length: number): void {
    this.#start += length;
    if (this.#start >= this.#end) this.clear();
  }

  /** Hands over everything; the memory belongs to the caller. */
  take(): Buffer {
    const taken = this.#memory.subarray(this.#start, this.#end);
    this.clear();
    return taken;
  }

  /** Drops everything. */
  clear(): void {
    this.#memory = EMPTY;
    this.#start = this.#end = 0;
  }

  #makeRoom(length: number): void {
    const needed = this.length + length;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.length * 2, FIRST_BYTES));
    this.#memory.copy(grown, 0, this.#start, this.#end);
    this.#end = this.length;
    this.#start = 0;
    this.#memory = grown;
  }
}

const EMPTY = Buffer.alloc(0);
const FIRST_BYTES = 1024;
