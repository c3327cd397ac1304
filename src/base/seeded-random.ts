import type { RandomSource } from './random-source.ts';

/**
 * A repeatable random source for tests and simulations: PCG-XSH-RR with 64 bits of state and 32 of output
 * (M. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms", 2014). Not for secrets.
 */
export class SeededRandom implements RandomSource {
  // 64-bit numbers are kept as two 32-bit halves: BigInt would allocate at each step.
  #stateHigh = 0;
  #stateLow = 0;
  readonly #incrementHigh: number;
  readonly #incrementLow: number;

  /**
   * @param seed - any safe integer from 0 on: the same seed gives the same numbers.
   * @param stream - a 31-bit integer: which of the independent sequences of that seed.
   */
  constructor(seed: number, stream = DEFAULT_STREAM) {
    // The increment is the stream's number shifted left, made odd.
    this.#incrementHigh = stream >>> 31;
    this.#incrementLow = ((stream << 1) | 1) >>> 0;
    this.#step();
    this.#add(Math.floor(seed / TWO_32) >>> 0, seed >>> 0);
    this.#step();
  }

  nextUint32(): number {
    const high = this.#stateHigh;
    const low = this.#stateLow;
    this.#step();
    // Output: bits 27 to 58 of (state ^ state >> 18), rotated right by the top 5 bits of the state.
    const mixedHigh = high ^ (high >>> 18);
    const mixedLow = low ^ ((high << 14) | (low >>> 18));
    const word = (mixedHigh << 5) | (mixedLow >>> 27);
    const rotation = high >>> 27;
    return ((word >>> rotation) | (word << (-rotation & 31))) >>> 0;
  }

  /** A number from 0 up to, not including, 1: one of 2^32 evenly spaced ones. */
  nextFloat(): number {
    return this.nextUint32() / TWO_32;
  }

  /** An evenly distributed integer from 0 up to, not including, `bound` (1 to 2^32). */
  nextInt(bound: number): number {
    // The first 2^32 mod bound values would make the small results likelier.
    const unfair = TWO_32 % bound;
    let word = this.nextUint32();
    while (word < unfair) word = this.nextUint32();
    return word % bound;
  }

  /** state = state * multiplier + increment, modulo 2^64. */
  #step(): void {
    const high = this.#stateHigh;
    const low = this.#stateLow;
    const productHigh =
      highProduct(low, MULTIPLIER_LOW) + Math.imul(low, MULTIPLIER_HIGH) + Math.imul(high, MULTIPLIER_LOW);
    this.#stateHigh = productHigh >>> 0;
    this.#stateLow = Math.imul(low, MULTIPLIER_LOW) >>> 0;
    this.#add(this.#incrementHigh, this.#incrementLow);
  }

  #add(high: number, low: number): void {
    const sum = this.#stateLow + low;
    this.#stateLow = sum >>> 0;
    this.#stateHigh = (this.#stateHigh + high + (sum >= TWO_32 ? 1 : 0)) >>> 0;
  }
}

const TWO_32 = 2 ** 32;
const DEFAULT_STREAM = 54;
/** 6364136223846793005, the multiplier of the paper. */
const MULTIPLIER_HIGH = 0x5851f42d;
const MULTIPLIER_LOW = 0x4c957f2d;

/** The upper 32 bits of the product of two unsigned 32-bit integers. */
function highProduct(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = ((aLow * bHigh + (middle & 0xffff)) / 0x10000) >>> 0;
  return aHigh * bHigh + Math.floor(middle / 0x10000) + carry;
}
