/** The memory of a ring; can be given to another thread. */
export interface SharedRingMemory {
  readonly control: SharedArrayBuffer;
  readonly entries: SharedArrayBuffer;
  readonly bytes: SharedArrayBuffer;
}

/** @param byteLength room for datagrams. @param maxEntries a power of two. */
export function createRingMemory(byteLength: number, maxEntries: number): SharedRingMemory {
  return {
    control: new SharedArrayBuffer(CONTROL_INTEGERS * 4),
    entries: new SharedArrayBuffer(maxEntries * ENTRY_STRIDE * 4),
    bytes: new SharedArrayBuffer(byteLength),
  };
}

/** What an entry is: its segment size, or this for the address behind a slot, as text. */
export const ADDRESS_ENTRY = -1;

/** Integers per entry. */
const ENTRY_STRIDE = 4;
export const ENTRY_OFFSET = 0;
export const ENTRY_LENGTH = 1;
/** As in a receive batch: 0, or the size of each of several datagrams in one entry; or {@link ADDRESS_ENTRY}. */
export const ENTRY_SEGMENT_SIZE = 2;
export const ENTRY_SLOT = 3;

/**
 * The writing end of a ring of datagrams between two threads. Each entry lies in one piece, one after the other, so that a
 * reader can take many of them as one.
 */
export class RingWriter {
  readonly bytes: Uint8Array;
  private readonly control: Int32Array;
  private readonly entries: Int32Array;
  private readonly maxEntries: number;
  /** Entries written, whether published or not. */
  private written = 0;
  private end = 0;
  private reservedAt = -1;

  constructor({ control, entries, bytes }: SharedRingMemory) {
    this.control = new Int32Array(control);
    this.entries = new Int32Array(entries);
    this.bytes = new Uint8Array(bytes);
    this.maxEntries = this.entries.length / ENTRY_STRIDE;
  }

  /** @returns where `length` bytes (less than half of the ring) may be written, or -1 when it is full. */
  reserve(length: number): number {
    this.reservedAt = this.placeFor(length);
    return this.reservedAt;
  }

  /** Makes an entry of the first `length` reserved bytes; the reader sees it after {@link publish}. */
  commit(length: number, segmentSize: number, slot: number): void {
    const at = (this.written & (this.maxEntries - 1)) * ENTRY_STRIDE;
    this.entries[at + ENTRY_OFFSET] = this.reservedAt;
    this.entries[at + ENTRY_LENGTH] = length;
    this.entries[at + ENTRY_SEGMENT_SIZE] = segmentSize;
    this.entries[at + ENTRY_SLOT] = slot;
    this.end = this.reservedAt + length;
    this.written = (this.written + 1) | 0;
  }

  /** Shows the reader what was committed. @returns whether it sleeps and has to be woken. */
  publish(): boolean {
    if (Atomics.load(this.control, PUBLISHED) === this.written) return false;
    Atomics.store(this.control, PUBLISHED, this.written);
    return Atomics.exchange(this.control, SLEEPING, 0) === 1;
  }

  /** Blocks this thread until the reader has taken something, or there was nothing to take, or the time is over. */
  waitForRoom(timeoutMs: number): void {
    const consumed = Atomics.load(this.control, CONSUMED);
    if (consumed !== this.written) Atomics.wait(this.control, CONSUMED, consumed, timeoutMs);
  }

  private placeFor(length: number): number {
    const consumed = Atomics.load(this.control, CONSUMED);
    const waiting = (this.written - consumed) | 0;
    if (waiting === this.maxEntries) return -1;
    // Strictly less: an end that has caught up with the reader would look like an empty ring.
    const tail = Atomics.load(this.control, TAIL);
    if (this.end < tail) return length < tail - this.end ? this.end : -1;
    if (length <= this.bytes.length - this.end) return this.end;
    return length < tail ? 0 : -1;
  }
}

/** The reading end. */
export class RingReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly entries: Int32Array;
  private readonly control: Int32Array;
  private readonly entryMask: number;
  private consumed = 0;

  constructor({ control, entries, bytes }: SharedRingMemory) {
    this.control = new Int32Array(control);
    this.entries = new Int32Array(entries);
    this.bytes = new Uint8Array(bytes);
    this.view = new DataView(bytes);
    this.entryMask = this.entries.length / ENTRY_STRIDE - 1;
  }

  /** Entries that were published and not taken. */
  available(): number {
    return (Atomics.load(this.control, PUBLISHED) - this.consumed) | 0;
  }

  /** Where in {@link entries} the entry stands that comes `ahead` after the next one. */
  entryAt(ahead: number): number {
    return ((this.consumed + ahead) & this.entryMask) * ENTRY_STRIDE;
  }

  /** Gives the memory of the next `count` entries back to the writer. */
  consume(count: number): void {
    const last = this.entryAt(count - 1);
    const tail = (this.entries[last + ENTRY_OFFSET] ?? 0) + (this.entries[last + ENTRY_LENGTH] ?? 0);
    this.consumed = (this.consumed + count) | 0;
    Atomics.store(this.control, TAIL, tail);
    Atomics.store(this.control, CONSUMED, this.consumed);
    Atomics.notify(this.control, CONSUMED);
  }

  /** Says that the next {@link RingWriter.publish} has to wake this side. @returns false when something came meanwhile. */
  sleep(): boolean {
    Atomics.store(this.control, SLEEPING, 1);
    if (this.available() === 0) return true;
    // Either this takes the flag back, or the writer has seen it and a wake-up is on its way, which does no harm.
    Atomics.store(this.control, SLEEPING, 0);
    return false;
  }
}

/** Far apart, so that the two threads do not write to one cache line. */
const PUBLISHED = 0;
const SLEEPING = 16;
const CONSUMED = 32;
const TAIL = 33;
const CONTROL_INTEGERS = 64;
