/**
 * A PATH_CHALLENGE on its way: eight unpredictable bytes, sent until the PATH_RESPONSE that returns them on the same path,
 * three times at most, each after twice the wait of the last.
 */
export class PathChallenge {
  readonly data: Uint8Array;
  private transmits = 0;
  private nextAt = 0;
  private waitMs = 0;

  /** @param data 8 bytes. */
  constructor(data: Uint8Array) {
    this.data = data;
  }

  /** One that was sent already, at that time, in something else. @param ptoMs how long an answer may take. */
  static sentAt(now: number, data: Uint8Array, ptoMs: number): PathChallenge {
    const challenge = new PathChallenge(data);
    challenge.sent(now, ptoMs);
    return challenge;
  }

  isDue(now: number): boolean {
    return this.transmits < MAX_TRANSMITS && now >= this.nextAt;
  }

  /** No answer came to any transmission. */
  isSpent(now: number): boolean {
    return this.transmits >= MAX_TRANSMITS && now >= this.nextAt;
  }

  /** When to look again, in ms: at once before the first transmission. */
  get deadline(): number {
    return this.nextAt;
  }

  /** It is to be sent at once, as if for the first time; answers to what was sent before still count. */
  restart(): void {
    this.transmits = this.nextAt = 0;
  }

  /** It was written. @param ptoMs how long an answer may take. */
  sent(now: number, ptoMs: number): void {
    this.waitMs = this.transmits === 0 ? ptoMs : this.waitMs * 2;
    this.nextAt = now + this.waitMs;
    this.transmits++;
  }
}

const MAX_TRANSMITS = 3;
