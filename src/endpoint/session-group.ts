import { closeCodeName } from '../base/close-code.ts';
import { Admission } from './admission.ts';
import type { SessionGroupConfig } from './endpoint-config.ts';
import type { SessionGroupStats } from './endpoint-stats.ts';

/** The books on sessions that share limits and memory: those of one port without login, or all that logged in. */
export class SessionGroup {
  readonly config: SessionGroupConfig;
  readonly admission: Admission;
  /** Neither lingering nor gone. */
  active = 0;
  lingering = 0;
  private opened = 0;
  private failures = 0;
  private readonly closedByCode = new Map<number, number>();

  constructor(config: SessionGroupConfig) {
    this.config = config;
    this.admission = new Admission(config.admission);
  }

  countOpened(): void {
    this.opened++;
    this.active++;
  }

  /** A session is closed, and remembered for a while. */
  countClosed(code: number): void {
    this.active--;
    this.lingering++;
    this.closedByCode.set(code, (this.closedByCode.get(code) ?? 0) + 1);
  }

  countGone(): void {
    this.lingering--;
  }

  countFailure(): void {
    this.failures++;
  }

  /** How full it is, 0 to 1: sessions or memory, whichever is more. */
  get load(): number {
    const { pool, admission } = this.config;
    return Math.min(1, Math.max(this.active / admission.maxSessions, pool.usedSlots / pool.maxSlots));
  }

  stats(): SessionGroupStats {
    const { pool } = this.config;
    return {
      openSessions: this.active,
      lingeringSessions: this.lingering,
      openedSessions: this.opened,
      closedSessions: Object.fromEntries([...this.closedByCode].map(([code, n]) => [closeCodeName(code), n])),
      sinkFailures: this.failures,
      poolUsedBytes: pool.usedSlots * pool.slotBytes,
      poolHeldBytes: pool.heldBytes,
    };
  }
}
