import type { MemoryBudget } from './memory-budget.ts';

/** Where each field of a slot stands. */
export const SLOT = {
  /** Microseconds of the transmission that was captured first. */
  firstUs: 0,
  sn: 8,
  firstTs: 12,
  /** `ts` of the newest transmission. */
  lastTs: 16,
  /** Tells duplicates from retransmissions within a millisecond. */
  fingerprint: 20,
  /** Of the first transmission. */
  packet: 24,
  /** Number of the newest retransmission's record, plus 1; 0 without. */
  record: 28,
  /** The packet that acknowledged it first. */
  acknowledgedBy: 32,
  /** Of the newest transmission. */
  epoch: 36,
  /** Of the first transmission: bytes of the datagram it was in. */
  datagramBytes: 38,
  /** Bytes with its header. */
  segmentBytes: 40,
  /** {@link SlotState} bits. */
  state: 42,
  /** Transmissions that were captured, at most 255. */
  sent: 43,
} as const;

export const SlotState = {
  present: 1,
  acknowledged: 2,
  /** The newest transmission was captured as a copy. */
  copy: 4,
  /** What was captured first had been sent before. */
  again: 8,
} as const;

const SLOT_BYTES = 48;
const FIRST_SLOTS = 16;
const MAX_SLOTS = 1 << 16;
/** Most slots that are taken only to remember what was acknowledged a moment ago. */
const MAX_SLOTS_TO_REMEMBER = 1 << 14;
/** So long a segment is remembered after it was acknowledged, room permitting: it may be sent again. */
const REMEMBER_US = 2e6;

/**
 * What was sent in one direction, by `sn`: a ring that grows while much is under way. A newer segment takes the place of the
 * one a ring before it.
 */
export class SentSlots {
  view: DataView = NO_SLOTS;
  #mask = -1;
  /** Segments in the ring that are not acknowledged. */
  live = 0;
  readonly #budget: MemoryBudget;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  get capacity(): number {
    return this.#mask + 1;
  }

  /** Where `sn` has its slot. */
  slotOf(sn: number): number {
    return (sn & this.#mask) * SLOT_BYTES;
  }

  /** Where `sn` stands, or -1 when it is not in the ring. */
  find(sn: number): number {
    if (this.#mask < 0) return -1;
    const at = this.slotOf(sn);
    const isThere = this.view.getInt32(at + SLOT.sn, true) === sn && this.#isTaken(at);
    return isThere ? at : -1;
  }

  /** Makes the slot of `sn` its own. @returns where it stands; -1 when there is no memory at all. */
  claim(sn: number, nowUs: number): number {
    if (this.#mask < 0 && !this.#resize(FIRST_SLOTS)) return -1;
    let at = this.slotOf(sn);
    while (this.#isTaken(at) && this.#deservesRoom(at, nowUs) && this.#resize(2 * this.capacity)) {
      at = this.slotOf(sn);
    }
    if (this.#isTaken(at) && !this.isAcknowledged(at)) this.live--;
    this.view.setInt32(at + SLOT.sn, sn, true);
    this.view.setUint8(at + SLOT.state, SlotState.present);
    this.live++;
    return at;
  }

  /** @param flag one of {@link SlotState}. */
  hasState(at: number, flag: number): boolean {
    return (this.view.getUint8(at + SLOT.state) & flag) !== 0;
  }

  setState(at: number, flag: number, isSet: boolean): void {
    const without = this.view.getUint8(at + SLOT.state) & ~flag;
    this.view.setUint8(at + SLOT.state, isSet ? without | flag : without);
  }

  isAcknowledged(at: number): boolean {
    return this.hasState(at, SlotState.acknowledged);
  }

  acknowledge(at: number, packet: number): void {
    if (this.isAcknowledged(at)) return;
    this.setState(at, SlotState.acknowledged, true);
    this.view.setUint32(at + SLOT.acknowledgedBy, packet, true);
    this.live--;
  }

  /** Forgets all. */
  clear(): void {
    this.#budget.giveBack(this.capacity * SLOT_BYTES);
    this.view = NO_SLOTS;
    this.#mask = -1;
    this.live = 0;
  }

  #isTaken(at: number): boolean {
    return this.hasState(at, SlotState.present);
  }

  /** Whether what stands in a slot is worth a larger ring. One that is mostly empty does not grow: its numbers were made up. */
  #deservesRoom(at: number, nowUs: number): boolean {
    const { capacity } = this;
    if (!this.isAcknowledged(at)) return capacity < MAX_SLOTS && this.live * 4 >= capacity;
    return capacity < MAX_SLOTS_TO_REMEMBER && nowUs - this.view.getFloat64(at, true) < REMEMBER_US;
  }

  #resize(capacity: number): boolean {
    if (!this.#budget.take((capacity - this.capacity) * SLOT_BYTES)) return false;
    const old = this.view;
    this.view = new DataView(new ArrayBuffer(capacity * SLOT_BYTES));
    this.#mask = capacity - 1;
    for (let from = 0; from < old.byteLength; from += SLOT_BYTES) {
      if ((old.getUint8(from + SLOT.state) & SlotState.present) === 0) continue;
      const to = this.slotOf(old.getInt32(from + SLOT.sn, true));
      for (let i = 0; i < SLOT_BYTES; i += 4) this.view.setInt32(to + i, old.getInt32(from + i));
    }
    return true;
  }
}

const NO_SLOTS = new DataView(new ArrayBuffer(0));
