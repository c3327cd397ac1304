import { NEVER } from '../base/clock.ts';

/**
 * When what happened last in a session: by it the session knows whether its peer is alive, when to ask, and when it is quiet
 * enough to give memory back. All times are the host's ms.
 */
export class Liveness {
  /** When an authentic datagram came last, on any path. */
  heardAt: number;
  /** When one came last on the path in use; and when that became the one in use. */
  heardHereAt: number;
  pathSince: number;
  /** The last turn in which no gap was open in what arrived, or it moved. */
  private progressAt: number;
  private progressSn: number;
  /** The last turn in which anything was sent or arrived; a session quiet since then is trimmed. */
  private activeAt: number;
  private touched = false;
  private trimmed = false;
  /** Quiet for so long, it asks for a sign of life; and when that is next to be looked at. */
  private keepAliveWaitMs: number;
  private keepAliveAt: number;
  /** The same, while something is missing that the peer has sent. */
  private missingWaitMs = MISSING_WAIT_MS;
  private askedAt = 0;

  /** @param expectedSn the first `sn` to arrive. @param keepAliveWaitMs until the first question; NEVER: none is asked. */
  constructor(now: number, expectedSn: number, keepAliveWaitMs: number) {
    this.heardAt = this.heardHereAt = this.pathSince = this.progressAt = this.activeAt = now;
    this.progressSn = expectedSn;
    this.keepAliveWaitMs = keepAliveWaitMs;
    this.keepAliveAt = now + keepAliveWaitMs;
  }

  heard(now: number): void {
    this.heardAt = now;
    this.touched = true;
  }

  /** Something is to be sent. */
  touch(): void {
    this.touched = true;
  }

  /** Another path is in use. */
  moved(now: number): void {
    this.pathSince = this.heardHereAt = now;
  }

  /** To be called each turn with how far what arrived goes. */
  noteProgress(now: number, hasGap: boolean, expectedSn: number): void {
    if (expectedSn !== this.progressSn) this.missingWaitMs = MISSING_WAIT_MS;
    else if (hasGap) return;
    this.progressSn = expectedSn;
    this.progressAt = now;
  }

  /** Nothing came for so long. */
  isSilent(now: number, forMs: number): boolean {
    return now - this.heardAt >= forMs;
  }

  /** The same gap has been open for so long. */
  isStuck(now: number, forMs: number): boolean {
    return now - this.progressAt >= forMs;
  }

  /** To be called each turn. @returns whether it has been quiet for a while: true once until something happens. */
  becameQuiet(now: number): boolean {
    if (this.touched) {
      this.touched = false;
      this.trimmed = false;
      this.activeAt = now;
    } else if (!this.trimmed && now - this.activeAt >= TRIM_AFTER_MS) {
      this.trimmed = true;
      return true;
    }
    return false;
  }

  /** Whether the peer is to be asked for a sign of life. @param isMissing something that it has sent. */
  isKeepAliveDue(now: number, isMissing: boolean): boolean {
    if (isMissing && now >= this.missingAt) return true;
    if (now < this.keepAliveAt) return false;
    if (now - this.heardAt >= this.keepAliveWaitMs) return true;
    this.keepAliveAt = this.heardAt + this.keepAliveWaitMs;
    return false;
  }

  /** It was asked. @param waitMs until it is asked again. @param isMissing as above. */
  asked(now: number, waitMs: number, isMissing: boolean): void {
    this.keepAliveWaitMs = waitMs;
    this.keepAliveAt = now + waitMs;
    if (isMissing && now >= this.missingAt) this.missingWaitMs *= 2;
    this.askedAt = now;
  }

  /** When any of this is next to be looked at. @param gapTimeoutMs NEVER while there is no gap. @param isMissing as above. */
  deadline(idleTimeoutMs: number, gapTimeoutMs: number, isMissing: boolean): number {
    const trimAt = this.trimmed ? NEVER : onGrid(this.activeAt + TRIM_AFTER_MS);
    const idleAt = onGrid(this.heardAt + idleTimeoutMs);
    const gapAt = gapTimeoutMs === NEVER ? NEVER : onGrid(this.progressAt + gapTimeoutMs);
    const missingAt = isMissing ? this.missingAt : NEVER;
    return Math.min(idleAt, gapAt, trimAt, this.keepAliveAt, missingAt);
  }

  /** When it is asked because something is missing. */
  private get missingAt(): number {
    if (this.keepAliveWaitMs === NEVER) return NEVER;
    return Math.max(this.heardAt, this.askedAt) + this.missingWaitMs;
  }
}

/** Rounds a far deadline up to whole seconds: thousands of quiet sessions then wake the process once a second at most. */
export function onGrid(at: number): number {
  return Math.ceil(at / 1000) * 1000;
}

const TRIM_AFTER_MS = 2000;
/** The first wait; each one that follows is twice as long, until something more arrives. */
const MISSING_WAIT_MS = 1000;
