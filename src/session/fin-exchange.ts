import { NEVER } from '../base/clock.ts';

/** A FIN is given up after this many transmissions. */
const MAX_FIN_TRANSMITS = 10;

/**
 * Ends one direction: a FIN with the final `sn`, repeated until the peer's FIN_ACK, at the retransmission timeout and then
 * 1.5 times longer each time, ten times at most.
 */
export class FinExchange {
  private transmits = 0;
  private acknowledged = false;
  private nextAt = NEVER;
  private waitMs = 0;

  /** The FIN was acknowledged. */
  get isAcknowledged(): boolean {
    return this.acknowledged;
  }

  /** All transmissions were spent without an answer. */
  isSpent(now: number): boolean {
    return !this.acknowledged && this.transmits >= MAX_FIN_TRANSMITS && now >= this.nextAt;
  }

  /** When to look again, in ms. */
  get deadline(): number {
    return this.acknowledged ? NEVER : this.nextAt;
  }

  /** Whether a FIN is to be sent now. */
  isDue(now: number): boolean {
    if (this.acknowledged || this.transmits >= MAX_FIN_TRANSMITS) return false;
    return this.transmits === 0 || now >= this.nextAt;
  }

  /** A FIN was written. */
  sent(now: number, rtoMs: number): void {
    this.waitMs = this.transmits === 0 ? rtoMs : Math.max(rtoMs, this.waitMs + (this.waitMs >> 1));
    this.transmits++;
    this.nextAt = now + this.waitMs;
  }

  /** The peer's FIN_ACK arrived. */
  acknowledge(): void {
    if (this.transmits > 0) this.acknowledged = true;
  }
}
