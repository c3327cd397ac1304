import type { Carrier } from '../../../src/carrier/carrier.ts';

/** A socket that is written to in batches, whatever the size of what comes. */
export class Outlet {
  readonly carrier: Carrier;
  /** Something may stand in its arena. For whoever flushes it. */
  isDirty = false;

  constructor(carrier: Carrier) {
    this.carrier = carrier;
  }

  /**
   * Copies a datagram into the arena, which is flushed when it is full.
   * @returns where it stands in the arena until the next call; -1 when it is larger than an arena.
   */
  put(slot: number, bytes: Uint8Array, offset: number, length: number): number {
    const { arena } = this.carrier;
    let at = arena.reserve(length);
    if (at < 0) {
      this.carrier.flush();
      at = arena.reserve(length);
      if (at < 0) return -1;
    }
    arena.target = slot;
    arena.bytes.set(bytes.subarray(offset, offset + length), at);
    arena.commit(length);
    return at;
  }

  flush(): void {
    this.isDirty = false;
    this.carrier.flush();
  }
}
