import { NEVER } from '../base/clock.ts';

/**
 * A FIN with the final `sn` and a code, repeated until the FIN_ACK that returns the same code. Code 0 ends one direction:
 * ten transmissions, at the retransmission timeout and then 1.5 times later each time. Any other code is the goodbye of a
 * client that closes: four, at most a second apart.
 */
export class FinExchange {
  readonly code: number;
  private readonly most: number;
  private readonly maxWaitMs: number;
  private transmits = 0;
  private acknowledged = false;
  private nextAt = NEVER;
  private waitMs = 0;

  constructor(code: number) {
    this.code = code;
    this.most = code === 0 ? MAX_END_TRANSMITS : MAX_GOODBYE_TRANSMITS;
    this.maxWaitMs = code === 0 ? NEVER : MAX_GOODBYE_WAIT_MS;
  }

  /** A FIN was sent. */
  get isBegun(): boolean {
    return this.transmits > 0;
  }

  /** The FIN was acknowledged. */
  get isAcknowledged(): boolean {
    return this.acknowledged;
  }

  /** All transmissions were spent without an answer. */
  isSpent(now: number): boolean {
    return !this.acknowledged && this.transmits >= this.most && now >= this.nextAt;
  }

  /** When to look again, in ms. */
  get deadline(): number {
    return this.acknowledged ? NEVER : this.nextAt;
  }

  /** Whether a FIN is to be sent now. */
  isDue(now: number): boolean {
    if (this.acknowledged || this.transmits >= this.most) return false;
    return this.transmits === 0 || now >= this.nextAt;
  }

  /** A FIN was written. @param rtoMs how long its answer may take. */
  sent(now: number, rtoMs: number): void {
    const wait = this.transmits === 0 ? rtoMs : Math.max(rtoMs, this.waitMs + (this.waitMs >> 1));
    this.waitMs = Math.min(wait, this.maxWaitMs);
    this.transmits++;
    this.nextAt = now + this.waitMs;
  }

  /** What was sent went over a path that is not used any more: it is sent again at once, and counts anew. */
  renew(): void {
    if (this.transmits === 0 || this.acknowledged) return;
    this.transmits = 1;
    this.nextAt = this.waitMs = 0;
  }

  /** A FIN_ACK with this code arrived. */
  acknowledge(code: number): void {
    if (this.transmits > 0 && code === this.code) this.acknowledged = true;
  }
}

const MAX_END_TRANSMITS = 10;
const MAX_GOODBYE_TRANSMITS = 4;
const MAX_GOODBYE_WAIT_MS = 1000;
