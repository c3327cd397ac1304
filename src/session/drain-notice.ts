import { NEVER } from '../base/clock.ts';
import type { SendArena } from '../base/send-arena.ts';
import { DRAIN_MAX_BYTES, writeDrain } from '../wire/drain.ts';

/** What a gateway that is being drained tells a client. */
export interface DrainNotice {
  /** The session ends in so many ms. */
  readonly deadlineMs: number;
  /** The client moves at a random time within so many ms. */
  readonly jitterMs: number;
  /** Ids of lines to prefer, best first. */
  readonly lines: readonly string[];
}

/** A DRAIN on its way. Nothing acknowledges it, so it is sent three times, with the time that is left. */
export class DrainAnnouncement {
  private readonly notice: DrainNotice;
  private readonly startedAt: number;
  private transmits = 0;
  private nextAt = 0;

  constructor(notice: DrainNotice, now: number) {
    this.notice = notice;
    this.startedAt = now;
  }

  isDue(now: number): boolean {
    return this.transmits < MAX_TRANSMITS && now >= this.nextAt;
  }

  /** When to look again, in ms. */
  get deadline(): number {
    return this.transmits < MAX_TRANSMITS ? this.nextAt : NEVER;
  }

  /** @returns false when the arena was full. */
  write(now: number, arena: SendArena, conv: number, wnd: number, una: number, ptoMs: number): boolean {
    const at = arena.reserve(DRAIN_MAX_BYTES);
    if (at < 0) return false;
    const passed = now - this.startedAt;
    const deadlineMs = Math.max(0, this.notice.deadlineMs - passed);
    const { jitterMs, lines } = this.notice;
    arena.commit(writeDrain(arena, at, { type: 'drain', conv, wnd, una, deadlineMs, jitterMs, lines }));
    this.transmits++;
    this.nextAt = now + ptoMs * this.transmits;
    return true;
  }
}

const MAX_TRANSMITS = 3;
