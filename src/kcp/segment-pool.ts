/** Options of {@link SegmentPool}. */
export interface SegmentPoolOptions {
  /** Bytes of one slot: the largest payload one segment may have. Default 1536, enough for any peer on a 1500-byte MTU. */
  readonly slotBytes?: number;
  /** The most memory the pool may hold, in bytes. Default 256 MiB. */
  readonly maxBytes?: number;
}

/**
 * Payload memory of all engines of one endpoint: fixed-size slots, so nothing is allocated per segment and one number
 * bounds what every session together can hold. An engine that gets no slot refuses to send or drops what arrived.
 *
 * Memory grows by chunks on demand and goes back, except a small reserve, when the last slot is free.
 */
export class SegmentPool {
  readonly slotBytes: number;
  readonly maxSlots: number;
  private chunks: Uint8Array[] = [];
  /** One exact view per slot, reused while its length stays the same. */
  private views: Uint8Array[] = [];
  /** Free slots, last released on top: it is the one still in the cache. */
  private free: Int32Array = new Int32Array(SLOTS_PER_CHUNK);
  private freeCount = 0;
  private used = 0;
  /** The memory that datagrams arrive in now; see {@link lend}. */
  private lent: Uint8Array | undefined;
  /** Views of {@link viewed}, which was lent when the last one was made; see {@link lentView}. */
  private sourceViews: (Uint8Array | undefined)[] = NO_VIEWS;
  private viewed: Uint8Array | undefined;
  /** A part of an application's bytes on its way into slots; see {@link stage}. */
  private staged: Uint8Array = NO_BYTES;
  private readonly stagedViews: Uint8Array[] = new Array<Uint8Array>(STAGED_SEGMENTS).fill(NO_BYTES);

  constructor(options: SegmentPoolOptions = {}) {
    this.slotBytes = ((options.slotBytes ?? 1536) + 7) & ~7;
    this.maxSlots = Math.max(1, Math.floor((options.maxBytes ?? 256 * 1024 * 1024) / this.slotBytes));
  }

  /** Slots in use. */
  get usedSlots(): number {
    return this.used;
  }

  /** Slots that can still be acquired. */
  get availableSlots(): number {
    return this.maxSlots - this.used;
  }

  /** Less than an eighth is left. */
  get isScarce(): boolean {
    return this.maxSlots - this.used <= this.maxSlots >> 3;
  }

  /** Bytes held from the system, used or not. */
  get heldBytes(): number {
    return this.chunks.length * SLOTS_PER_CHUNK * this.slotBytes;
  }

  /** Takes a slot. @returns its number, or -1 when the pool is at its limit. */
  acquire(): number {
    if (this.freeCount === 0 && !this.grow()) return -1;
    this.used++;
    return this.free[--this.freeCount]!;
  }

  /** Gives a slot back. */
  release(slot: number): void {
    this.free[this.freeCount++] = slot;
    if (--this.used === 0 && this.chunks.length > RESERVE_CHUNKS) this.shrink();
  }

  /**
   * Names the memory received payload lies in: a receive slab, one and the same for a long time. Copies out of it need no
   * new views, wherever they go.
   */
  lend(source: Uint8Array): void {
    this.lent = source;
  }

  /** Copies received payload into a slot. */
  storeReceived(slot: number, source: Uint8Array, offset: number, length: number): void {
    this.lend(source);
    this.store(slot, 0, this.viewOf(source, offset, length), offset, length);
  }

  /** Copies an application's bytes into a slot, from `at` on. */
  storeSent(slot: number, at: number, source: Uint8Array, offset: number, length: number): void {
    this.store(slot, at, this.viewOf(source, offset, length), offset, length);
  }

  /**
   * Copies the next bytes of something larger than a segment to where {@link storeStaged} cuts them up. A copy in one
   * piece needs one view; cutting the source itself would need one for every segment.
   * @param segmentBytes the size that will be cut.
   * @returns how many bytes were taken: all, or a good number of whole segments.
   */
  stage(source: Uint8Array, offset: number, length: number, segmentBytes: number): number {
    if (this.staged.length < STAGED_SEGMENTS * segmentBytes) {
      this.staged = new Uint8Array(STAGED_SEGMENTS * segmentBytes);
      this.stagedViews.fill(NO_BYTES);
    }
    const taken = Math.min(length, STAGED_SEGMENTS * segmentBytes);
    this.staged.set(source.subarray(offset, offset + taken));
    return taken;
  }

  /** Copies staged bytes into a slot: the `index`th segment, `length` bytes at `from`. */
  storeStaged(slot: number, index: number, from: number, length: number): void {
    let view = this.stagedViews[index]!;
    if (view.length !== length || view.byteOffset !== from) {
      view = this.staged.subarray(from, from + length);
      this.stagedViews[index] = view;
    }
    this.store(slot, 0, length <= SMALL_COPY_BYTES ? this.staged : view, from, length);
  }

  /** Copies a slot's payload into a datagram. */
  load(slot: number, length: number, target: Uint8Array, offset: number): void {
    if (length > SMALL_COPY_BYTES) {
      target.set(this.view(slot, length), offset);
      return;
    }
    const chunk = this.chunks[slot >>> CHUNK_SHIFT]!;
    const from = (slot & CHUNK_MASK) * this.slotBytes;
    for (let i = 0; i < length; i++) target[offset + i] = chunk[from + i]!;
  }

  /** The payload of a slot as exactly `length` bytes. Valid until the slot is released. */
  view(slot: number, length: number): Uint8Array {
    const known = this.views[slot]!;
    if (known.length === length) return known;
    const from = (slot & CHUNK_MASK) * this.slotBytes;
    const view = this.chunks[slot >>> CHUNK_SHIFT]!.subarray(from, from + length);
    this.views[slot] = view;
    return view;
  }

  /** Copies `length` bytes: from `source[offset]` when small, else `source` is exactly those bytes. */
  private store(slot: number, at: number, source: Uint8Array, offset: number, length: number): void {
    const chunk = this.chunks[slot >>> CHUNK_SHIFT]!;
    const to = (slot & CHUNK_MASK) * this.slotBytes + at;
    if (length > SMALL_COPY_BYTES) {
      chunk.set(source, to);
      return;
    }
    for (let i = 0; i < length; i++) chunk[to + i] = source[offset + i]!;
  }

  /** What {@link store} wants: all of it for a small copy, else a view of exactly those bytes. */
  private viewOf(source: Uint8Array, offset: number, length: number): Uint8Array {
    if (length <= SMALL_COPY_BYTES || length === source.length) return source;
    if (source === this.lent) return this.lentView(source, offset, length);
    return source.subarray(offset, offset + length);
  }

  /**
   * A view of a receive slab. Full-size datagrams land on the same few offsets again and again, so views are kept in a
   * direct-mapped table; a view costs an allocation, the table makes it none in the steady state.
   */
  private lentView(source: Uint8Array, offset: number, length: number): Uint8Array {
    if (source !== this.viewed) {
      // Endpoints that share a pool take turns with their slabs: the table is made once and cleared.
      this.viewed = source;
      if (this.sourceViews.length === 0) this.sourceViews = new Array<undefined>(SOURCE_VIEWS);
      this.sourceViews.fill(undefined);
    }
    const index = (Math.imul(offset, 0x9e3779b1) >>> SOURCE_VIEW_SHIFT) & (SOURCE_VIEWS - 1);
    const known = this.sourceViews[index];
    if (known?.length === length && known.byteOffset === source.byteOffset + offset) return known;
    const view = source.subarray(offset, offset + length);
    this.sourceViews[index] = view;
    return view;
  }

  private grow(): boolean {
    const first = this.chunks.length * SLOTS_PER_CHUNK;
    const count = Math.min(SLOTS_PER_CHUNK, this.maxSlots - first);
    if (count <= 0) return false;
    this.chunks.push(new Uint8Array(SLOTS_PER_CHUNK * this.slotBytes));
    for (let i = 0; i < count; i++) this.views.push(NO_BYTES);
    if (this.free.length < first + SLOTS_PER_CHUNK) {
      const larger = new Int32Array(this.free.length * 2);
      larger.set(this.free);
      this.free = larger;
    }
    for (let i = count - 1; i >= 0; i--) this.free[this.freeCount++] = first + i;
    return true;
  }

  /** Called when no slot is in use: keeps the reserve, lets the rest go. */
  private shrink(): void {
    const slots = RESERVE_CHUNKS * SLOTS_PER_CHUNK;
    this.chunks.length = RESERVE_CHUNKS;
    this.views.length = slots;
    this.free = new Int32Array(slots);
    for (let i = 0; i < slots; i++) this.free[i] = slots - 1 - i;
    this.freeCount = slots;
  }
}

const CHUNK_SHIFT = 7;
/** 128 slots: about 192 KiB a chunk. */
const SLOTS_PER_CHUNK = 1 << CHUNK_SHIFT;
const CHUNK_MASK = SLOTS_PER_CHUNK - 1;
/** About 3 MiB kept when everything is free, so that a busy-idle-busy rhythm does not allocate. */
const RESERVE_CHUNKS = 16;
/** Below this a byte loop beats making a view and calling `set` (measured: about 40 ns against 100). */
const SMALL_COPY_BYTES = 48;
/** About 45 KiB at the usual MTU: small enough to stay in the cache between the two copies. */
const STAGED_SEGMENTS = 32;
const SOURCE_VIEWS = 2048;
const SOURCE_VIEW_SHIFT = 21;
const NO_VIEWS: undefined[] = [];
const NO_BYTES = new Uint8Array(0);
