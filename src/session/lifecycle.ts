import { CloseCode } from '../base/close-code.ts';

/**
 * - `opening`: a client that logged in waits for the gateway's HELLO_ACK; what it is given to send is kept.
 * - `open`: data flows; either direction may have ended.
 * - `closing`: the reason is fixed; what is due is still delivered or sent, for a bounded time.
 * - `lingering`: the sink is gone; only repeats are answered.
 * - `gone`: forget it.
 */
export type SessionState = 'opening' | 'open' | 'closing' | 'lingering' | 'gone';

/** Where a session is in its life, why it ends, and what is still due before it does. Nothing happens here. */
export class Lifecycle {
  /** The KICK said so: when its client may come back; 0: nothing. */
  retryAfterMs = 0;
  private current: SessionState;
  private closeCode: CloseCode = CloseCode.normal;
  private closeReason = '';
  private closeWanted = false;
  private flushWanted = false;
  private deliverWanted = false;
  private until = 0;
  private draining = false;

  constructor(state: 'opening' | 'open') {
    this.current = state;
  }

  get state(): SessionState {
    return this.current;
  }

  /** Neither closing nor closed. */
  get isUsable(): boolean {
    return this.current === 'open' || this.current === 'opening';
  }

  get isGone(): boolean {
    return this.current === 'gone';
  }

  /** Why it ends, or may end. */
  get code(): CloseCode {
    return this.closeCode;
  }
  get reason(): string {
    return this.closeReason;
  }

  /** Its end was asked for, and comes with the next turn. */
  get isCloseWanted(): boolean {
    return this.closeWanted;
  }

  /** The application asked for the close: nothing more is for it. */
  get isDone(): boolean {
    return this.closeWanted && !this.deliverWanted;
  }

  /** Before the end: what is queued towards the peer is to be acknowledged, what arrived to be delivered. */
  get isFlushDue(): boolean {
    return this.flushWanted;
  }
  get isDeliveryDue(): boolean {
    return this.deliverWanted;
  }

  /** The gateway is shutting down: the session ends as soon as nothing is held any more. */
  get isDraining(): boolean {
    return this.draining;
  }

  beginDrain(): void {
    this.draining = true;
  }

  /** The handshake is done. */
  open(): void {
    this.current = 'open';
  }

  because(code: CloseCode, reason: string): void {
    this.closeCode = code;
    this.closeReason = reason;
  }

  /** Asks for the end. @returns false when it was asked for before, or has begun. */
  wantClose(code: CloseCode, reason: string, flush: boolean, deliver: boolean): boolean {
    if (!this.isUsable || this.closeWanted) return false;
    this.because(code, reason);
    this.closeWanted = true;
    this.flushWanted = flush;
    this.deliverWanted = deliver;
    return true;
  }

  /** The end begins. @param lateAt what is due is not waited for beyond this time, in ms. */
  beginClosing(code: CloseCode, reason: string, flush: boolean, deliver: boolean, lateAt: number): void {
    this.because(code, reason);
    this.flushWanted = flush;
    this.deliverWanted = deliver;
    this.until = lateAt;
    this.current = 'closing';
  }

  /** Closing: when it is late; lingering: when it is forgotten; in ms. */
  get deadline(): number {
    return this.until;
  }

  /** Everything is acknowledged, or will never be. */
  flushed(): void {
    this.flushWanted = false;
  }

  /** Everything is delivered, or will never be. */
  delivered(): void {
    this.deliverWanted = false;
  }

  /** It is remembered until then, in ms. */
  beginLingering(until: number): void {
    this.current = 'lingering';
    this.until = until;
  }

  finish(): void {
    this.current = 'gone';
  }
}
