import { NEVER } from '../../base/clock.ts';

/** When a session leaves a gateway that is being drained. */
export class DrainPlan {
  /** When the gateway ends it. */
  readonly endsAt: number;
  /** When it leaves; NEVER while that is under way, done, or not possible. */
  leaveAt: number;
  /** The record of it. */
  decisionId = -1;

  constructor(endsAt: number, leaveAt: number) {
    this.endsAt = endsAt;
    this.leaveAt = leaveAt;
  }

  /** Leaving came to nothing: once more, before it is too late. */
  again(now: number, random: number): void {
    const leftMs = this.endsAt - now;
    this.leaveAt = leftMs <= 0 ? NEVER : now + MIN_AGAIN_MS + random * Math.min(MAX_AGAIN_MS, leftMs / 2);
  }
}

const MIN_AGAIN_MS = 500;
const MAX_AGAIN_MS = 10_000;
