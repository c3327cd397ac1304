import { MAX_WINDOW } from './config.ts';
import { ahead } from './sequence.ts';
import type { SegmentPool } from './segment-pool.ts';

/** Takes what arrived, in order; the part of a sink that the engine knows. */
export interface SegmentReceiver {
  /**
   * Takes one segment's payload, valid only during the call.
   * @param endOfMessage true on the last piece of a message.
   * @returns false to stop after this one.
   */
  write(bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean): boolean;
}

/**
 * A {@link SegmentReceiver} that may take a message the moment it arrives, from the memory it arrived in. Only whole
 * messages of one piece come this way, so nothing of a message that turns out to be too large was ever handed out.
 */
export interface DirectReceiver extends SegmentReceiver {
  /** Whether `write` may be called now. */
  readonly takesNow: boolean;
}

/** What became of a segment given to {@link ReceiveBuffer.store}; from `beyondWindow` on it is not here. */
export const Stored = {
  /** Kept: new, and the next in order. */
  inOrder: 0,
  /** Kept: new, with a gap before it. */
  early: 1,
  /** Not kept: it is here already. */
  duplicate: 2,
  /** Not kept: before the window; its ACK may have been lost. */
  old: 3,
  /** Not kept: beyond the window. */
  beyondWindow: 4,
  /** Not kept: no payload memory. */
  noMemory: 5,
  /** Not kept: its message is larger than allowed. */
  oversize: 6,
} as const;

/**
 * What arrived and was not taken yet, in one ring indexed by `sn`:
 *
 *     undelivered ........ next ........ undelivered + window
 *         in order          gaps and early segments
 *
 * Only `window` segments are ever held, in order or not, and the advertised window is what is left of them.
 */
export class ReceiveBuffer {
  readonly window: number;
  /** First `sn` the application has not taken. */
  undelivered: number;
  /** First `sn` that has not arrived: the `una` of this side (the reference's rcv_nxt). */
  next: number;
  /** One past the last segment in order that ends a message. */
  private complete: number;
  private readonly pool: SegmentPool;
  private readonly maxMessageBytes: number;
  /** Bytes in order of the message whose last piece is not in order yet. */
  private openBytes = 0;
  private oversize = false;
  private ring: Int32Array = NO_RING;
  private mask = -1;
  /** Segments held beyond `next`. */
  private earlyCount = 0;
  /** First `sn` that will never be taken, once the peer named its end. */
  private end = 0;
  private hasEnd = false;

  /** @param maxMessageBytes the largest message; default: no limit but the window. */
  constructor(pool: SegmentPool, window: number, initialSequence: number, maxMessageBytes = NO_LIMIT) {
    this.pool = pool;
    this.window = window;
    this.maxMessageBytes = maxMessageBytes;
    this.undelivered = this.next = this.complete = initialSequence | 0;
  }

  /** Segments that may still arrive before the application takes some. */
  get freeSegments(): number {
    return this.window - ahead(this.next, this.undelivered);
  }

  /** Whether {@link deliver} has something to give. */
  get hasMessage(): boolean {
    return this.complete !== this.undelivered;
  }

  /** Whether segments are held with something missing before them. */
  get hasGap(): boolean {
    return this.earlyCount > 0;
  }

  /** Whether everything that arrived was taken, with no gap open. */
  get isEmpty(): boolean {
    return this.undelivered === this.next && this.earlyCount === 0;
  }

  /** The window is full of one unfinished message: it has more fragments than fit and can never be completed. */
  get isWedged(): boolean {
    return this.complete === this.undelivered && ahead(this.next, this.undelivered) >= this.window;
  }

  /** The message that comes next in order is larger than allowed: `next` stays before the piece that was too much. */
  get isOversize(): boolean {
    return this.oversize;
  }

  /** Takes one data segment. @returns one of {@link Stored}. */
  store(sn: number, fragment: number, bytes: Uint8Array, offset: number, length: number): number {
    if (ahead(sn, this.next) < 0) return Stored.old;
    // Unsigned: an sn half the number space away would read as negative.
    const distance = ahead(sn, this.undelivered) >>> 0;
    if (distance >= this.window || this.isBeyondEnd(sn)) return Stored.beyondWindow;
    if (distance > this.mask) this.grow(distance);
    const at = this.recordOf(sn);
    if (this.ring[at + LENGTH] !== EMPTY) return Stored.duplicate;
    let slot = -1;
    if (length > 0) {
      // The last slots are for what is in order: it is delivered and gives its slot back, a gap only holds it.
      slot = sn !== this.next && this.pool.isScarce ? -1 : this.pool.acquire();
      if (slot < 0) return Stored.noMemory;
      this.pool.storeReceived(slot, bytes, offset, length);
    }
    this.ring[at + SLOT] = slot;
    this.ring[at + LENGTH] = length;
    this.ring[at + FRAGMENT] = fragment;
    this.ring[at + ACK_SERIAL] = 0;
    if (sn !== this.next) {
      this.earlyCount++;
      return Stored.early;
    }
    if (this.advance(true)) return Stored.inOrder;
    if (slot >= 0) this.pool.release(slot);
    this.ring[at + LENGTH] = EMPTY;
    return Stored.oversize;
  }

  /**
   * Lets a segment pass that is next in order, a message of its own and has nothing before it that waits: the caller gives
   * it to the application at once, so it is not kept.
   * @returns false when that is not so, it is too large, or beyond the peer's end: nothing was done.
   */
  passThrough(sn: number, length: number): boolean {
    if (sn !== this.next || sn !== this.undelivered || this.isBeyondEnd(sn)) return false;
    if (length > this.maxMessageBytes) return false;
    this.next = this.undelivered = this.complete = (sn + 1) | 0;
    if (this.earlyCount > 0) this.advance(false);
    return true;
  }

  /** The peer named its end, at or after `next`: nothing from `sn` on is taken, and what is held from there on is dropped. */
  setEnd(sn: number): void {
    this.end = sn;
    this.hasEnd = true;
    for (let i = Math.max(0, ahead(sn, this.undelivered)); i <= this.mask; i++) {
      const at = this.recordOf((this.undelivered + i) | 0);
      if (this.ring[at + LENGTH] === EMPTY) continue;
      if (this.ring[at + SLOT]! >= 0) this.pool.release(this.ring[at + SLOT]!);
      this.ring[at + LENGTH] = EMPTY;
      this.earlyCount--;
    }
  }

  /** Whether `sn` has not arrived and can be taken now or later: not beyond the peer's end, nor further than any window. */
  mayCome(sn: number): boolean {
    return ahead(sn, this.next) >= 0 && ahead(sn, this.undelivered) <= MAX_WINDOW && !this.isBeyondEnd(sn);
  }

  /** Where an early segment stands in the list of ACKs; 0 = never listed. */
  setAckSerial(sn: number, serial: number): void {
    this.ring[this.recordOf(sn) + ACK_SERIAL] = serial;
  }
  ackSerialOf(sn: number): number {
    return this.ring[this.recordOf(sn) + ACK_SERIAL]!;
  }

  /** Gives complete messages to the receiver until it says stop. @returns false when it did. */
  deliver(receiver: SegmentReceiver): boolean {
    while (this.undelivered !== this.complete) {
      const at = this.recordOf(this.undelivered);
      const slot = this.ring[at + SLOT]!;
      const length = this.ring[at + LENGTH]!;
      const last = this.ring[at + FRAGMENT] === 0;
      const bytes = slot < 0 ? NO_BYTES : this.pool.view(slot, length);
      this.ring[at + LENGTH] = EMPTY;
      this.undelivered = (this.undelivered + 1) | 0;
      try {
        if (!receiver.write(bytes, 0, length, last)) return false;
      } finally {
        // Only now: whoever was called may have queued these very bytes, which takes slots of its own.
        if (slot >= 0) this.pool.release(slot);
      }
    }
    return true;
  }

  /** Gives the ring back when nothing is held. */
  trim(): void {
    if (!this.isEmpty) return;
    this.ring = NO_RING;
    this.mask = -1;
  }

  /** Releases every slot. The buffer is unusable afterwards. */
  dispose(): void {
    for (let at = 0; at < this.ring.length; at += RECORD_INTS) {
      if (this.ring[at + LENGTH] !== EMPTY && this.ring[at + SLOT]! >= 0)
        this.pool.release(this.ring[at + SLOT]!);
    }
    this.undelivered = this.complete = this.next;
    this.earlyCount = 0;
    this.trim();
  }

  private isBeyondEnd(sn: number): boolean {
    return this.hasEnd && ahead(sn, this.end) >= 0;
  }

  private recordOf(sn: number): number {
    return (sn & this.mask) * RECORD_INTS;
  }

  /**
   * Moves `next` over everything that now is in order.
   * @param isFresh the segment at `next` arrived just now; it was never early.
   * @returns false when it is fresh and makes its message larger than allowed: nothing moved.
   */
  private advance(isFresh: boolean): boolean {
    const limited = this.maxMessageBytes !== NO_LIMIT;
    let fresh = isFresh;
    // The ring is a window long at most, so a full turn means the record belongs to an `sn` already counted.
    while (ahead(this.next, this.undelivered) <= this.mask) {
      const at = this.recordOf(this.next);
      if (this.ring[at + LENGTH] === EMPTY) return true;
      if (limited && !this.admit(at)) return !fresh;
      if (!fresh) this.earlyCount--;
      fresh = false;
      this.next = (this.next + 1) | 0;
      if (this.ring[at + FRAGMENT] === 0) this.complete = this.next;
    }
    return true;
  }

  /** Counts a piece that is next in order towards its message. @returns false when that is too large with it. */
  private admit(at: number): boolean {
    const bytes = this.openBytes + this.ring[at + LENGTH]!;
    if (bytes > this.maxMessageBytes) {
      this.oversize = true;
      return false;
    }
    this.openBytes = this.ring[at + FRAGMENT] === 0 ? 0 : bytes;
    return true;
  }

  private grow(distance: number): void {
    let capacity = Math.max(FIRST_CAPACITY, this.mask + 1);
    while (capacity <= distance) capacity *= 2;
    const larger = new Int32Array(capacity * RECORD_INTS);
    for (let at = 0; at < larger.length; at += RECORD_INTS) larger[at + LENGTH] = EMPTY;
    const held = this.mask + 1;
    for (let i = 0; i < held; i++) {
      const sn = (this.undelivered + i) | 0;
      const from = this.recordOf(sn);
      const to = (sn & (capacity - 1)) * RECORD_INTS;
      for (let field = 0; field < RECORD_INTS; field++) larger[to + field] = this.ring[from + field]!;
    }
    this.ring = larger;
    this.mask = capacity - 1;
  }
}

/** In the length field: nothing is here. */
const EMPTY = -1;
const FIRST_CAPACITY = 8;
const NO_RING = new Int32Array(0);
const NO_BYTES = new Uint8Array(0);
const NO_LIMIT = 0x7fffffff;

const SLOT = 0;
const LENGTH = 1;
const FRAGMENT = 2;
const ACK_SERIAL = 3;
const RECORD_INTS = 4;
