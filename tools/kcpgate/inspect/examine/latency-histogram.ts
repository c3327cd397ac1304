import type { RoundTripReport } from './session-report.ts';

/** Round trips in microseconds, up to 35 minutes: exact below 64, then within 3 %. Memory only once there is a sample. */
export class LatencyHistogram implements RoundTripReport {
  count = 0;
  minUs = NaN;
  maxUs = NaN;
  #buckets: Uint32Array | null = null;

  get p50Us(): number {
    return this.percentile(0.5);
  }

  get p95Us(): number {
    return this.percentile(0.95);
  }

  /** @param us Anything else than a positive number below 2^31 is left out. */
  add(us: number): void {
    if (!(us >= 0 && us < 0x8000_0000)) return;
    this.#buckets ??= new Uint32Array(BUCKETS);
    const index = bucketOf(us | 0);
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    if (this.count === 0 || us < this.minUs) this.minUs = us;
    if (this.count === 0 || us > this.maxUs) this.maxUs = us;
    this.count++;
  }

  /** @param share 0 to 1. @returns NaN without samples. */
  percentile(share: number): number {
    if (this.#buckets === null) return NaN;
    let left = Math.ceil(share * this.count);
    for (let index = 0; index < BUCKETS; index++) {
      left -= this.#buckets[index] ?? 0;
      if (left <= 0) return Math.min(Math.max(middleOf(index), this.minUs), this.maxUs);
    }
    return this.maxUs;
  }
}

/** Buckets of one power of two, as a power of two. */
const FINENESS = 5;
const BUCKETS = 27 << FINENESS;

function bucketOf(us: number): number {
  const shift = Math.max(0, 31 - Math.clz32(us) - FINENESS);
  return (shift << FINENESS) + (us >> shift);
}

function middleOf(index: number): number {
  const shift = Math.max(0, (index >> FINENESS) - 1);
  const first = (index - (shift << FINENESS)) * 2 ** shift;
  return first + (2 ** shift - 1) / 2;
}
