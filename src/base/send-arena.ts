/**
 * Memory a core writes datagrams into, lent by whoever sends them.
 *
 * A core reserves room, writes one datagram in place and commits its length; the owner sends everything that was
 * committed in one batch. Nothing is copied between the encoder and the system call.
 */
export interface SendArena {
  /** The memory behind every offset. */
  readonly bytes: Uint8Array;
  /** The same memory, for integers. */
  readonly view: DataView;
  /**
   * Borrows `length` writable bytes for one datagram.
   * @returns their offset in `bytes`, or -1 when the arena is full: flush it and try again. At most one reservation
   *   is open at a time; reserving again without a commit takes the same bytes back.
   */
  reserve(length: number): number;
  /** Ends the open reservation as a datagram of `length` bytes (at most what was reserved), from its offset. */
  commit(length: number): void;
}
