import { expect } from 'vitest';
import { SendError } from '../../src/base/sink.ts';
import { SEGMENT_HEADER_BYTES } from '../../src/wire/segment.ts';
import type { Peer } from './peer.ts';
import { streamByte } from './workloads.ts';

/**
 * One direction of a {@link Pair}, and its model: the list of the messages given to the sender, those still to be given, and
 * what came out of the receiver.
 */
export class Direction {
  readonly sent: Uint8Array[] = [];
  readonly received: Uint8Array[] = [];
  readonly #waiting: { readonly bytes: Uint8Array; taken: number }[] = [];
  readonly #from: Peer;
  readonly #largestBytes: number;
  readonly #segmentBytes: number;
  #offeredBytes = 0;
  #pieces: number[] = [];

  constructor(from: Peer, to: Peer) {
    this.#from = from;
    this.#segmentBytes = from.engine.config.mtu - SEGMENT_HEADER_BYTES;
    // Before the peer has spoken, its window is taken to be 128 segments.
    this.#largestBytes = this.#segmentBytes * Math.min(to.engine.config.receiveWindow, 128);
    from.beforeTransmit = () => {
      this.#offer();
    };
    to.receive = (bytes, offset, length, endOfMessage) => {
      for (let index = 0; index < length; index++) this.#pieces.push(bytes[offset + index] ?? 0);
      if (endOfMessage) {
        this.received.push(Uint8Array.from(this.#pieces));
        this.#pieces = [];
      }
      return true;
    };
  }

  /** Whether everything was given to the sender and came out of the receiver. */
  get isThrough(): boolean {
    return this.#waiting.length === 0 && this.receivedBytes === this.sentBytes;
  }

  get sentBytes(): number {
    return this.sent.reduce((sum, message) => sum + message.length, 0);
  }

  get receivedBytes(): number {
    return this.received.reduce((sum, message) => sum + message.length, 0);
  }

  send(share: number): void {
    const length = Math.max(1, Math.floor((this.#largestBytes * share) / 100));
    const first = this.#offeredBytes;
    this.#offeredBytes += length;
    const bytes = Uint8Array.from({ length }, (_, index) => streamByte(first + index));
    this.#waiting.push({ bytes, taken: 0 });
  }

  /** Fails unless what came out is what went in, message by message unless it was a stream. */
  check(stream: boolean): void {
    const sizes = (messages: readonly Uint8Array[]): number[] => messages.map((message) => message.length);
    if (!stream) expect(sizes(this.received)).toEqual(sizes(this.sent));
    expect(this.receivedBytes).toBe(this.sentBytes);
    expect(Buffer.concat(this.received).equals(Buffer.concat(this.sent))).toBe(true);
  }

  #offer(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const taken = this.#from.engine.send(next.bytes, next.taken, next.bytes.length - next.taken);
      if (taken < 0) {
        this.#dropTooLarge(taken, next.bytes.length);
        continue;
      }
      if (next.taken === 0 && taken > 0) this.sent.push(next.bytes);
      next.taken += taken;
      if (next.taken < next.bytes.length) return;
      this.#waiting.shift();
    }
  }

  /** A message of many fragments may be refused: the largest window the peer has told so far was smaller. */
  #dropTooLarge(error: number, length: number): void {
    if (error !== SendError.tooLarge || length <= this.#segmentBytes * SMALLEST_PEER_WINDOW) {
      throw new Error(`${String(length)} bytes are refused with ${String(error)}`);
    }
    this.#waiting.shift();
  }
}

/** Segments any receiver is taken to hold. */
const SMALLEST_PEER_WINDOW = 32;
