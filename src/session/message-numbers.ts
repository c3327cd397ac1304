import { REPLAY_WINDOW, ReplayWindow } from './replay-window.ts';

/**
 * Which messages outside the order a session has seen, by their counters: a copy on another path brings one again, and so may
 * the network where nothing is sealed. There a counter may also have been harmed on the way, so one that is far from the rest
 * counts only when the next one agrees with it.
 */
export class MessageNumbers {
  private readonly isSealed: boolean;
  private seen = new ReplayWindow();
  /** Far from the rest; -1 when there is none. */
  private suspect = -1;

  /** @param isSealed what comes is what was sent. */
  constructor(isSealed: boolean) {
    this.isSealed = isSealed;
  }

  /** Takes a counter of 32 bits, which wraps. @returns whether the message is new. */
  accept(counter: number): boolean {
    const { highest } = this.seen;
    const number = highest < 0 ? counter >>> 0 : highest + ((counter - highest) | 0);
    if (!this.isSealed && highest >= 0 && Math.abs(number - highest) >= FAR) return this.acceptFar(number);
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
