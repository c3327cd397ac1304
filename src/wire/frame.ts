/**
 * Datagrams on a byte stream, as RFC 4571 frames them:
 *
 *     length u16, network order | datagram
 *
 * What is no valid frame breaks the stream for good: nothing tells where the next one begins.
 */

/** Bytes in front of each datagram. */
export const FRAME_HEADER_BYTES = 2;

/**
 * The longest datagram that may stand in a frame: what UDP over IPv4 carries, so that a datagram that came in on a stream
 * can be relayed over UDP.
 */
export const MAX_FRAMED_BYTES = 65_507;

/**
 * - `frame_empty`: a length of 0
 * - `frame_oversize`: a length above the limit
 */
export type FrameFault = 'frame_empty' | 'frame_oversize';

/** Writes the header of a frame around `datagramBytes` that follow it. Returns {@link FRAME_HEADER_BYTES}. */
export function writeFrameHeader(view: DataView, at: number, datagramBytes: number): number {
  view.setUint16(at, datagramBytes, false);
  return FRAME_HEADER_BYTES;
}

/**
 * Finds the datagrams in a stream that arrives in chunks. Does no I/O. A carrier has one for each connection:
 *
 *     deframer.begin(chunk, 0, chunk.length);
 *     while (deframer.next()) deliver(deframer.bytes, deframer.at, deframer.length);
 *     if (deframer.fault !== undefined) disconnect(deframer.fault);
 *
 * Whole frames are reported where they stand in the chunk. Only a frame that the end of a chunk cuts is copied: into
 * memory of the deframer, which grows to the longest such frame and no further than `maxDatagramBytes`. So `bytes`,
 * `at` and `length` are valid until the next call of `begin` or `next`, and a datagram that is to live longer is copied.
 */
export class Deframer {
  /** Where the datagram found last stands: in the chunk, or in memory of the deframer. */
  bytes: Uint8Array = NOTHING;
  at = 0;
  length = 0;
  /** Why the stream is broken; from then on nothing more is found. */
  fault: FrameFault | undefined = undefined;

  readonly #maxDatagramBytes: number;
  #chunk: Uint8Array = NOTHING;
  #next = 0;
  #end = 0;
  /** The beginning of a frame that was cut, header included. */
  #held: Uint8Array = NOTHING;
  #heldBytes = 0;

  /**
   * @param maxDatagramBytes longer datagrams are a fault; 1 to {@link MAX_FRAMED_BYTES}, which is the default.
   * @throws RangeError for another number.
   */
  constructor(maxDatagramBytes = MAX_FRAMED_BYTES) {
    if (!(maxDatagramBytes >= 1 && maxDatagramBytes <= MAX_FRAMED_BYTES)) {
      throw new RangeError(`a frame holds 1 to ${MAX_FRAMED_BYTES} bytes, not ${maxDatagramBytes}`);
    }
    this.#maxDatagramBytes = maxDatagramBytes;
  }

  /** Bytes of a frame whose end has not arrived; when the stream ends with some, it was cut. */
  get pendingBytes(): number {
    return this.#heldBytes + this.#end - this.#next;
  }

  /**
   * Takes the next chunk: `length` bytes at `offset`. Everything in the one before must have been taken. After a fault the
   * chunk is ignored.
   */
  begin(chunk: Uint8Array, offset: number, length: number): void {
    if (this.fault !== undefined) return;
    this.#chunk = chunk;
    this.#next = offset;
    this.#end = offset + length;
  }

  /** Goes on to the next whole datagram. False when more bytes must arrive first, or after a fault. */
  next(): boolean {
    if (this.#heldBytes > 0) return this.#finishHeld();
    const left = this.#end - this.#next;
    if (left < FRAME_HEADER_BYTES) return this.#hold(left, FRAME_HEADER_BYTES);
    const length = lengthAt(this.#chunk, this.#next);
    if (!this.#accepts(length)) return false;
    const frameBytes = FRAME_HEADER_BYTES + length;
    if (left < frameBytes) return this.#hold(left, frameBytes);
    const at = this.#next + FRAME_HEADER_BYTES;
    this.#next += frameBytes;
    return this.#found(this.#chunk, at, length);
  }

  #finishHeld(): boolean {
    if (this.#heldBytes < FRAME_HEADER_BYTES && !this.#hold(this.#end - this.#next, FRAME_HEADER_BYTES))
      return false;
    const length = lengthAt(this.#held, 0);
    if (!this.#accepts(length)) return false;
    if (!this.#hold(this.#end - this.#next, FRAME_HEADER_BYTES + length)) return false;
    this.#heldBytes = 0;
    return this.#found(this.#held, FRAME_HEADER_BYTES, length);
  }

  /** Copies up to `available` bytes of the chunk to what is held, until that has `wanted`. Whether it has. */
  #hold(available: number, wanted: number): boolean {
    const held = this.#heldBytes;
    const taken = Math.min(available, wanted - held);
    if (taken > 0) {
      if (wanted > this.#held.length) this.#grow(wanted);
      this.#held.set(this.#chunk.subarray(this.#next, this.#next + taken), held);
      this.#next += taken;
      this.#heldBytes = held + taken;
    }
    return this.#heldBytes === wanted;
  }

  /** Sizes are powers of two, so that a stream of growing frames is not copied for each of them. */
  #grow(wanted: number): void {
    let bytes = SMALLEST_HELD_BYTES;
    while (bytes < wanted) bytes *= 2;
    const grown = new Uint8Array(Math.min(bytes, FRAME_HEADER_BYTES + this.#maxDatagramBytes));
    grown.set(this.#held.subarray(0, this.#heldBytes));
    this.#held = grown;
  }

  #accepts(length: number): boolean {
    if (length > 0 && length <= this.#maxDatagramBytes) return true;
    this.fault = length === 0 ? 'frame_empty' : 'frame_oversize';
    this.#next = this.#end;
    this.#heldBytes = 0;
    this.#held = this.#chunk = this.bytes = NOTHING;
    this.length = 0;
    return false;
  }

  #found(bytes: Uint8Array, at: number, length: number): true {
    this.bytes = bytes;
    this.at = at;
    this.length = length;
    return true;
  }
}

const NOTHING = new Uint8Array(0);
const SMALLEST_HELD_BYTES = 2048;

const lengthAt = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
