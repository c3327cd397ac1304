import { FecType } from '../../../../src/wire/fec-header.ts';
import type { FecShards } from './flow-report.ts';

/**
 * Tells the numbers of data and parity packets of kcp-go's FEC from where parity begins and ends in the sequence of one
 * direction. Lost packets hide it for a while.
 */
export class FecTracker {
  shards: FecShards | null = null;
  #last = -1;
  #lastIsParity = false;
  #parityFrom = -1;
  #data = 0;
  #parity = 0;

  /** Takes the number and type of a packet. */
  take(sequence: number, type: number): void {
    if (type !== FecType.data && type !== FecType.parity) return;
    const isParity = type === FecType.parity;
    const isNext = sequence === this.#last + 1;
    if (isNext && isParity && !this.#lastIsParity) this.#beginParity(sequence);
    else if (isNext && !isParity && this.#lastIsParity) this.#beginData(sequence);
    else if (!isNext && sequence > this.#last) this.#parityFrom = -1;
    if (sequence > this.#last || this.#last - sequence > MAX_DISORDER) {
      this.#last = sequence;
      this.#lastIsParity = isParity;
    }
  }

  #beginParity(sequence: number): void {
    this.#parityFrom = sequence;
    if (this.#dataFrom >= 0) this.#data = sequence - this.#dataFrom;
    this.#agree();
  }

  #beginData(sequence: number): void {
    this.#dataFrom = sequence;
    if (this.#parityFrom >= 0) this.#parity = sequence - this.#parityFrom;
    this.#agree();
  }

  #agree(): void {
    const data = this.#data;
    const parity = this.#parity;
    if (data === 0 || parity === 0 || data + parity > MAX_SHARDS) return;
    if (this.shards?.data !== data || this.shards.parity !== parity) this.shards = { data, parity };
  }

  #dataFrom = -1;
}

/** Late packets change nothing, up to so far behind; then the sequence began anew. */
const MAX_DISORDER = 1024;
const MAX_SHARDS = 256;
