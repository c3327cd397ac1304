/** A stream that repeats a block of no round length, and the comparison with it. */
export class RepeatedBlock {
  /** Twice, so that any piece of one length stands in one place. */
  readonly #twice: Buffer;

  constructor() {
    const block = Buffer.alloc(BLOCK_BYTES);
    for (let at = 0; at < BLOCK_BYTES; at++) block[at] = Math.imul(at, 2_654_435_761) >>> 24;
    this.#twice = Buffer.concat([block, block]);
  }

  /** What stands at a place of the stream, `limit` bytes at most. */
  from(at: number, limit: number): Uint8Array {
    const first = at % BLOCK_BYTES;
    return this.#twice.subarray(first, first + Math.min(BLOCK_BYTES, limit));
  }

  /** Whether these bytes stand there. */
  isAt(at: number, bytes: Uint8Array): boolean {
    for (let done = 0; done < bytes.length;) {
      const expected = this.from(at + done, bytes.length - done);
      if (Buffer.compare(expected, bytes.subarray(done, done + expected.length)) !== 0) return false;
      done += expected.length;
    }
    return true;
  }
}

const BLOCK_BYTES = 65_521;
