/** How a stream of bytes falls into records. */
export interface RecordFormat {
  /**
   * Length of the record at `at`, of which `available` bytes are there; a larger number as long as its length cannot be told:
   * so many bytes are needed for that. {@link UNREADABLE} when nothing can be read any more.
   */
  measure(bytes: Uint8Array, view: DataView, at: number, available: number): number;
  /** Takes a whole record. What stands there is not used after the call. */
  take(bytes: Uint8Array, view: DataView, at: number, length: number): void;
}

export const UNREADABLE = -1;

/** Longer records are left out: nothing that is of use here comes near. */
export const MAX_RECORD_BYTES = 1 << 20;

/** Joins chunks of a stream to records. A record that a chunk has whole is not copied. */
export class RecordJoiner {
  readonly #format: RecordFormat;
  /** The beginning of a record that the end of a chunk cut. */
  #held = new Uint8Array(4096);
  #heldView = new DataView(this.#held.buffer);
  #heldBytes = 0;
  /** Bytes to come that are left out. */
  #skipBytes = 0;
  #isUnreadable = false;

  constructor(format: RecordFormat) {
    this.#format = format;
  }

  /** Bytes of a record whose end has not come; more than 0 when some are still to be left out. */
  get pendingBytes(): number {
    return this.#heldBytes + (this.#skipBytes > 0 ? 1 : 0);
  }

  push(chunk: Uint8Array): void {
    if (this.#isUnreadable) return;
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = this.#leaveOut(chunk, 0);
    if (this.#heldBytes > 0) at = this.#finishHeld(chunk, at);
    while (at < chunk.length) {
      const available = chunk.length - at;
      const length = this.#format.measure(chunk, view, at, available);
      if (length === UNREADABLE) return this.#giveUp();
      if (length <= available) {
        this.#format.take(chunk, view, at, length);
        at += length;
      } else if (length > MAX_RECORD_BYTES) {
        at = this.#beginSkip(length, chunk, at);
      } else {
        this.#hold(chunk, at, chunk.length);
        return;
      }
    }
  }

  /** Goes on with the held record. Returns where what follows it begins. */
  #finishHeld(chunk: Uint8Array, from: number): number {
    let at = from;
    while (this.#heldBytes > 0) {
      const length = this.#format.measure(this.#held, this.#heldView, 0, this.#heldBytes);
      if (length === UNREADABLE) {
        this.#giveUp();
        return chunk.length;
      }
      if (length <= this.#heldBytes) {
        at = this.#takeHeld(length, from, at);
      } else if (length > MAX_RECORD_BYTES) {
        const held = this.#heldBytes;
        this.#heldBytes = 0;
        return this.#beginSkip(length - held, chunk, at);
      } else if (at === chunk.length) {
        return at;
      } else {
        const end = Math.min(chunk.length, at + length - this.#heldBytes);
        this.#hold(chunk, at, end);
        at = end;
      }
    }
    return at;
  }

  /** A record may be shorter than what was needed to measure it. What is left goes back to the chunk, if that is where it came from. */
  #takeHeld(length: number, from: number, at: number): number {
    this.#format.take(this.#held, this.#heldView, 0, length);
    this.#heldBytes -= length;
    if (this.#heldBytes <= at - from) {
      const next = at - this.#heldBytes;
      this.#heldBytes = 0;
      return next;
    }
    this.#held.copyWithin(0, length, length + this.#heldBytes);
    return at;
  }

  #hold(chunk: Uint8Array, at: number, end: number): void {
    const heldBytes = this.#heldBytes + end - at;
    if (this.#held.length < heldBytes) {
      const grown = new Uint8Array(2 ** Math.ceil(Math.log2(heldBytes)));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
      this.#heldView = new DataView(grown.buffer);
    }
    this.#held.set(chunk.subarray(at, end), this.#heldBytes);
    this.#heldBytes = heldBytes;
  }

  #beginSkip(bytes: number, chunk: Uint8Array, at: number): number {
    this.#skipBytes = bytes;
    return this.#leaveOut(chunk, at);
  }

  #leaveOut(chunk: Uint8Array, at: number): number {
    const bytes = Math.min(this.#skipBytes, chunk.length - at);
    this.#skipBytes -= bytes;
    return at + bytes;
  }

  #giveUp(): void {
    this.#isUnreadable = true;
    this.#heldBytes = 0;
    this.#held = new Uint8Array(0);
  }
}
