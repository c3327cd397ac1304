import { NEVER } from '../base/clock.ts';

/**
 * The gateway's goodbye: a KICK, repeated one retransmission timeout apart until a FIN answers it; afterwards, to a peer
 * that speaks although it never answered, once a second at most. A stock peer does not know the command and is sent one.
 */
export class KickExchange {
  private readonly most: number;
  private transmits = 0;
  private nextAt = NEVER;
  private answered = false;

  /** @param knowsKick the peer is no stock peer. */
  constructor(knowsKick: boolean) {
    this.most = knowsKick ? MAX_KICKS : 1;
  }

  /** A KICK was sent. */
  get isBegun(): boolean {
    return this.transmits > 0;
  }

  get isAnswered(): boolean {
    return this.answered;
  }

  /** When to look again, in ms. */
  get deadline(): number {
    return this.answered ? NEVER : this.nextAt;
  }

  /** The peer knows: nothing more is to be said. */
  answer(): void {
    this.answered = true;
  }

  /** Whether a KICK is to be sent now. */
  isDue(now: number): boolean {
    if (this.answered || this.transmits >= this.most) return false;
    return this.transmits === 0 || now >= this.nextAt;
  }

  /** Whether nothing more is to be waited for. */
  isOver(now: number): boolean {
    if (this.answered) return true;
    return this.transmits >= this.most && (this.most === 1 || now >= this.nextAt);
  }

  /** Whether a peer that still sends is to be told again. */
  isReminderDue(now: number): boolean {
    return !this.answered && this.most > 1 && this.transmits > 0 && now >= this.nextAt;
  }

  /** A KICK was written. */
  sent(now: number, rtoMs: number): void {
    this.transmits++;
    this.nextAt = now + (this.transmits > this.most ? REMINDER_MS : Math.min(rtoMs, MAX_WAIT_MS));
  }
}

const MAX_KICKS = 3;
const MAX_WAIT_MS = 1000;
const REMINDER_MS = 1000;
