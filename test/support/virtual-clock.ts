import type { Clock } from '../../src/base/clock.ts';

/** A clock that stands still until a test moves it. */
export class VirtualClock implements Clock {
  #nowMs: number;

  /** @param startMs the first reading, whole milliseconds, default 0; start near 2^31 or 2^32 to cross a wrap. */
  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  /** Moves forward by `ms` whole milliseconds. */
  advance(ms: number): void {
    this.advanceTo(this.#nowMs + ms);
  }

  /** Moves forward to an absolute time. Throws when asked to go back or to stand between two milliseconds. */
  advanceTo(nowMs: number): void {
    if (!Number.isInteger(nowMs) || nowMs < this.#nowMs) {
      throw new RangeError(`a clock at ${String(this.#nowMs)} ms cannot move to ${String(nowMs)} ms`);
    }
    this.#nowMs = nowMs;
  }
}
