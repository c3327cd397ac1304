/** First wait before a closed window is probed. */
const FIRST_PROBE_MS = 500;
/** The longest wait between probes: a lost window announcement costs at most this. */
export const MAX_PROBE_MS = 5_000;

/**
 * When to ask a peer that closed its window whether it is open again: after 0.5 s, then every 1.5 times longer, at most
 * 5 s. (The references wait 5 to 120 s, which is what a lost announcement costs there.) Times are 32-bit wrapped ms.
 */
export class WindowProbe {
  private waitMs = 0;
  private at = 0;

  get isArmed(): boolean {
    return this.waitMs !== 0;
  }

  /** The wrapped time of the next probe; only meaningful while armed. */
  get dueAt(): number {
    return this.at;
  }

  /** The window is closed and something waits: starts counting unless already counting. */
  arm(now: number): void {
    if (this.waitMs !== 0) return;
    this.waitMs = FIRST_PROBE_MS;
    this.at = (now + FIRST_PROBE_MS) | 0;
  }

  /** The window is open, or nothing waits. */
  disarm(): void {
    this.waitMs = 0;
  }

  /** Whether a probe is due. */
  isDue(now: number): boolean {
    return this.waitMs !== 0 && ((now - this.at) | 0) >= 0;
  }

  /** A probe was sent: sets the next one. */
  sent(now: number): void {
    this.waitMs = Math.min(MAX_PROBE_MS, this.waitMs + (this.waitMs >> 1));
    this.at = (now + this.waitMs) | 0;
  }
}
