import type { CarrierArena } from './carrier.ts';

/** What a {@link HeadedArena} asks of whoever gives out its address slots. */
export interface HeadedSlots {
  /** Bytes of what goes in front of each datagram to a slot; 0: nothing does. */
  headBytesOf(slot: number): number;
  /** Writes those bytes. Not called when there are none. */
  writeHead(slot: number, bytes: Uint8Array, at: number): void;
  /** The slot of the carrier beneath that stands for the same peer; -1 when nothing is to be sent there any more. */
  peerSlotOf(slot: number): number;
}

/**
 * The arena of a carrier that is put on top of another: it translates address slots, and puts a head in front of datagrams
 * without moving them. The head has its room from `reserve` on, so `target` is set before; what was reserved and
 * committed stands where it stood, and may be changed in place until the flush.
 */
export class HeadedArena implements CarrierArena {
  target = -1;
  readonly #inner: CarrierArena;
  readonly #slots: HeadedSlots;
  #at = 0;
  #headBytes = 0;

  constructor(inner: CarrierArena, slots: HeadedSlots) {
    this.#inner = inner;
    this.#slots = slots;
  }

  get bytes(): Uint8Array {
    return this.#inner.bytes;
  }

  get view(): DataView {
    return this.#inner.view;
  }

  reserve(length: number): number {
    const headBytes = this.#slots.headBytesOf(this.target);
    this.#headBytes = headBytes;
    this.#at = this.#inner.reserve(length + headBytes);
    return this.#at < 0 ? -1 : this.#at + headBytes;
  }

  /** @throws RangeError as every arena, and when `target` became a slot with another head since `reserve`. */
  commit(length: number): void {
    const { target } = this;
    const headBytes = this.#headBytes;
    if (this.#slots.headBytesOf(target) !== headBytes) {
      throw new RangeError('the target was changed after its room was reserved');
    }
    this.#inner.target = this.#slots.peerSlotOf(target);
    this.#inner.commit(length + headBytes);
    if (headBytes > 0) this.#slots.writeHead(target, this.#inner.bytes, this.#at);
  }
}
