import type { MemoryBudget } from './memory-budget.ts';

/** Where each field of a record stands. */
export const RECORD = {
  /** Microseconds. */
  us: 0,
  sn: 8,
  ts: 12,
  /** Number of the record of the retransmission before it, plus 1; 0 when that was the first transmission. */
  previous: 16,
  packet: 20,
  datagramBytes: 24,
  /** 1 once it is known to be spurious. */
  isSpurious: 26,
} as const;

const RECORD_BYTES = 32;
const FIRST_RECORDS = 16;
const MAX_RECORDS = 1 << 12;

/** The newest retransmissions of one direction, at most 4096, each with a number that counts up. */
export class RetransmissionRecords {
  view: DataView = NO_RECORDS;
  count = 0;
  readonly #budget: MemoryBudget;
  #capacity = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  /** Takes the next record. @returns its number, or -1 when there is no memory at all. */
  add(us: number, sn: number, ts: number, previous: number, packet: number, datagramBytes: number): number {
    if (this.count >= this.#capacity && this.#capacity < MAX_RECORDS) this.#grow();
    if (this.#capacity === 0) return -1;
    const number = this.count++;
    const at = (number & (this.#capacity - 1)) * RECORD_BYTES;
    const { view } = this;
    view.setFloat64(at + RECORD.us, us, true);
    view.setInt32(at + RECORD.sn, sn, true);
    view.setInt32(at + RECORD.ts, ts, true);
    view.setUint32(at + RECORD.previous, previous, true);
    view.setUint32(at + RECORD.packet, packet, true);
    view.setUint16(at + RECORD.datagramBytes, Math.min(datagramBytes, 0xffff), true);
    view.setUint8(at + RECORD.isSpurious, 0);
    return number;
  }

  /** Where record `number` of `sn` stands; -1 when it is no more. */
  find(number: number, sn: number): number {
    if (number < 0 || number < this.count - this.#capacity || number >= this.count) return -1;
    const at = (number & (this.#capacity - 1)) * RECORD_BYTES;
    return this.view.getInt32(at + RECORD.sn, true) === sn ? at : -1;
  }

  /** Number of the record before the one at `at`, -1 when that was the first transmission. */
  previousOf(at: number): number {
    return this.view.getUint32(at + RECORD.previous, true) - 1;
  }

  /** Forgets all. */
  clear(): void {
    this.#budget.giveBack(this.#capacity * RECORD_BYTES);
    this.#capacity = 0;
    this.view = NO_RECORDS;
  }

  #grow(): void {
    const old = this.view;
    const oldCapacity = this.#capacity;
    const capacity = oldCapacity === 0 ? FIRST_RECORDS : 2 * oldCapacity;
    if (!this.#budget.take((capacity - oldCapacity) * RECORD_BYTES)) return;
    this.view = new DataView(new ArrayBuffer(capacity * RECORD_BYTES));
    this.#capacity = capacity;
    for (let number = Math.max(0, this.count - oldCapacity); number < this.count; number++) {
      const from = (number & (oldCapacity - 1)) * RECORD_BYTES;
      const to = (number & (capacity - 1)) * RECORD_BYTES;
      for (let i = 0; i < RECORD_BYTES; i += 4) this.view.setInt32(to + i, old.getInt32(from + i));
    }
  }
}

const NO_RECORDS = new DataView(new ArrayBuffer(0));
