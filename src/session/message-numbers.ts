import { REPLAY_WINDOW, ReplayWindow } from './replay-window.ts';

/**
 * Which messages outside the order a clear session has seen, by their counters. A seal does this for others; here a counter
 * may have been harmed on the way, so one that is far from the rest counts only when the next one agrees with it.
 */
export class MessageNumbers {
  private seen = new ReplayWindow();
  /** Far from the rest; -1 when there is none. */
  private suspect = -1;

  /** Takes a counter of 32 bits, which wraps. @returns whether the message is new. */
  accept(counter: number): boolean {
    const { highest } = this.seen;
    const number = highest < 0 ? counter >>> 0 : highest + ((counter - highest) | 0);
    if (highest >= 0 && Math.abs(number - highest) >= FAR) return this.acceptFar(number);
    this.suspect = -1;
    return this.seen.accept(number);
  }

  private acceptFar(number: number): boolean {
    const agrees = this.suspect >= 0 && Math.abs(number - this.suspect) < NEAR;
    this.suspect = number;
    if (!agrees) return false;
    this.suspect = -1;
    this.seen = new ReplayWindow();
    return this.seen.accept(number);
  }
}

/** What is so far ahead or behind is not told apart from what was harmed. */
const FAR = REPLAY_WINDOW / 2;
const NEAR = 64;
