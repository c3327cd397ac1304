import type { WindowReport } from './session-report.ts';

/** What one side said it can take. */
export class WindowTracker implements WindowReport {
  min = -1;
  max = -1;
  last = -1;
  zeroCount = 0;
  /** When it became 0, and in which packet; meaningful while `last` is 0. */
  zeroSinceUs = 0;
  zeroPacket = 0;
  #nowUs = 0;
  #endedZeroUs = 0;

  get zeroUs(): number {
    return this.#endedZeroUs + (this.last === 0 ? this.#nowUs - this.zeroSinceUs : 0);
  }

  /** Takes a window that was told. @returns for how many microseconds it had been 0 before this one, 0 when it was not. */
  tell(window: number, timeUs: number, packet: number): number {
    const ended = this.last === 0 && window > 0 ? timeUs - this.zeroSinceUs : 0;
    if (window === 0 && this.last !== 0) {
      this.zeroCount++;
      this.zeroSinceUs = timeUs;
      this.zeroPacket = packet;
    }
    this.#endedZeroUs += ended;
    this.last = window;
    this.#nowUs = timeUs;
    if (this.min < 0 || window < this.min) this.min = window;
    if (window > this.max) this.max = window;
    return ended;
  }

  /** Time goes on: a window of 0 lasts. */
  pass(timeUs: number): void {
    this.#nowUs = Math.max(this.#nowUs, timeUs);
  }
}
