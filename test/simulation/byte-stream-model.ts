import { SeededRandom } from '../../src/base/seeded-random.ts';

/** What the reference model of a session finds wrong. */
export class ModelFault extends Error {}

/** The most bytes one stream can carry. */
export const MAX_STREAM_BYTES = 512 * 1024;
const PATTERN_BYTES = 1024 * 1024;
const PATTERN = makePattern();

/**
 * One direction of a session, as it should be: the bytes given to the sender's `send`, in order, and how many of them came
 * out. What comes out is compared with what went in, at once; in message mode the boundaries are, too.
 */
export class ByteStreamModel {
  /** Bytes the sender's session has taken. */
  taken = 0;
  /** Bytes that came out. */
  delivered = 0;
  /** The sender said that nothing follows. */
  isEnded = false;
  /** The receiver was told so. */
  isEndTold = false;
  readonly name: string;
  readonly isStream: boolean;
  readonly #offset: number;
  /** Where messages end, those not delivered yet first. */
  readonly #ends: number[] = [];

  /** @param number of the stream: no two have the same bytes. */
  constructor(name: string, number: number, isStream: boolean) {
    this.name = name;
    this.isStream = isStream;
    this.#offset = Math.imul(number + 1, 0x9e3779b1) >>> 12;
  }

  /** Everything that went in came out, and so did the end. */
  get isComplete(): boolean {
    return this.delivered === this.taken && this.isEndTold === this.isEnded;
  }

  /** The bytes that come next; to be given to `send`. Shared: nobody changes them. */
  next(length: number): Uint8Array {
    return PATTERN.subarray(this.#offset + this.taken, this.#offset + this.taken + length);
  }

  /** `send` took so many of them: all or nothing in message mode. */
  take(length: number): void {
    if (this.isEnded) throw new ModelFault(`${this.name}: bytes were taken after the end`);
    this.taken += length;
    if (!this.isStream && length > 0) this.#ends.push(this.taken);
  }

  end(): void {
    this.isEnded = true;
  }

  /** The receiver was given a piece. */
  deliver(bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean): void {
    const from = this.delivered;
    const to = from + length;
    if (this.isEndTold) throw new ModelFault(`${this.name}: bytes came after the end`);
    if (to > this.taken)
      throw new ModelFault(`${this.name}: bytes up to ${to} came, ${this.taken} were taken`);
    const first = this.#offset + from;
    for (let i = 0; i < length; i++) {
      if (bytes[offset + i] !== PATTERN[first + i])
        throw new ModelFault(`${this.name}: byte ${from + i} is wrong`);
    }
    this.delivered = to;
    if (this.isStream) {
      if (!endOfMessage) throw new ModelFault(`${this.name}: a piece of a stream is a part of a message`);
      return;
    }
    const end = this.#ends[0]!;
    if (to > end || (to === end) !== endOfMessage)
      throw new ModelFault(`${this.name}: a message ends at ${end}, not at ${to}`);
    if (endOfMessage) this.#ends.shift();
  }

  /** The receiver was told that nothing follows. */
  deliverEnd(): void {
    if (this.isEndTold) throw new ModelFault(`${this.name}: the end came twice`);
    if (!this.isEnded) throw new ModelFault(`${this.name}: an end came that nobody made`);
    if (this.delivered !== this.taken)
      throw new ModelFault(`${this.name}: the end came after ${this.delivered} of ${this.taken} bytes`);
    this.isEndTold = true;
  }
}

/** Messages outside the order, one way: each may come once, or not at all, and none that was not sent. */
export class DatagramModel {
  readonly name: string;
  readonly #number: number;
  readonly #lengths: number[] = [];
  readonly #delivered = new Set<number>();

  constructor(name: string, number: number) {
    this.name = name;
    this.#number = number;
  }

  get sent(): number {
    return this.#lengths.length;
  }

  get delivered(): number {
    return this.#delivered.size;
  }

  /** The next message. @param length at least {@link MIN_DATAGRAM_BYTES}. */
  next(length: number): Uint8Array {
    const index = this.#lengths.length;
    const bytes = PATTERN.slice(index, index + length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.#number);
    view.setUint32(4, index);
    this.#lengths.push(length);
    return bytes;
  }

  deliver(bytes: Uint8Array, offset: number, length: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset, length);
    const index = length < MIN_DATAGRAM_BYTES ? -1 : view.getUint32(4);
    if (length !== this.#lengths[index] || view.getUint32(0) !== this.#number)
      throw new ModelFault(`${this.name}: a message came that nobody sent`);
    if (this.#delivered.has(index)) throw new ModelFault(`${this.name}: message ${index} came twice`);
    this.#delivered.add(index);
    for (let i = MIN_DATAGRAM_BYTES; i < length; i++) {
      if (bytes[offset + i] !== PATTERN[index + i])
        throw new ModelFault(`${this.name}: byte ${i} of message ${index} is wrong`);
    }
  }
}

/** A message outside the order holds its stream and its number. */
const MIN_DATAGRAM_BYTES = 8;

/** Bytes without repetition, so that one that is out of place shows. */
function makePattern(): Uint8Array {
  const random = new SeededRandom(1);
  const words = new Uint32Array((PATTERN_BYTES + MAX_STREAM_BYTES) / 4);
  for (let i = 0; i < words.length; i++) words[i] = random.nextUint32();
  return new Uint8Array(words.buffer);
}
