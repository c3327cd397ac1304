/** Whose run stands in a {@link GatherBuffer}. */
export interface GatherOwner {
  /** Hand on the run now: another owner needs the buffer. */
  flush(): void;
}

/**
 * Memory in which the small pieces of one turn become one write; shared by all connections of an upstream, because only
 * one of them gathers at a time and thousands of idle ones should hold nothing.
 *
 * A *run* is what one owner appended since it last took. A run whose bytes the system copied is overwritten by the next
 * one; a run that a socket still holds is left alone, and the memory is replaced when it is used up.
 */
export class GatherBuffer {
  #memory = Buffer.allocUnsafeSlow(GATHER_BYTES);
  #start = 0;
  #end = 0;
  #owner: GatherOwner | undefined;

  /** How many bytes an owner has in its run. */
  lengthOf(owner: GatherOwner): number {
    return this.#owner === owner ? this.#end - this.#start : 0;
  }

  /**
   * Appends to the owner's run.
   * @returns false when it does not fit: hand on the run and try again, or the piece is larger than any run.
   */
  append(owner: GatherOwner, bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.#owner !== owner) {
      this.#owner?.flush();
      this.#owner = owner;
    }
    if (this.#end + length > GATHER_BYTES) {
      if (this.#start !== this.#end || length > GATHER_BYTES) return false;
      this.#replace();
    }
    this.#memory.set(bytes.subarray(offset, offset + length), this.#end);
    this.#end += length;
    return true;
  }

  /** The run of the owner. Say {@link release} when it was handed on. */
  run(): Buffer {
    return this.#memory.subarray(this.#start, this.#end);
  }

  /** Ends the run. @param kept - whether someone still reads its bytes. */
  release(kept: boolean): void {
    this.#owner = undefined;
    if (kept) this.#start = this.#end;
    else this.#end = this.#start;
  }

  #replace(): void {
    this.#memory = Buffer.allocUnsafeSlow(GATHER_BYTES);
    this.#start = this.#end = 0;
  }
}

/** As much as one read of a socket: larger writes gain nothing. */
const GATHER_BYTES = 65_536;
