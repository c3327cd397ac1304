import type { SwitchConfig } from './switch-config.ts';

/** What watching lines may send: a share of what the session sends and receives, or a little in any case. */
export class ProbeBudget {
  readonly #config: SwitchConfig;
  #tokens: number;
  #earnedAt: number;
  #sessionBytes = -1;
  #spentBytes = 0;

  constructor(now: number, config: SwitchConfig) {
    this.#config = config;
    this.#tokens = config.budgetBurstBytes;
    this.#earnedAt = now;
  }

  /** All that was spent, in bytes. */
  get spentBytes(): number {
    return this.#spentBytes;
  }

  /** @param sessionBytes what the session sent and received so far. */
  earn(now: number, sessionBytes: number): void {
    const { budgetShare, budgetBytesPerSecond, budgetBurstBytes } = this.#config;
    const bytes = this.#sessionBytes < 0 ? 0 : sessionBytes - this.#sessionBytes;
    const earned = Math.max(budgetShare * bytes, (budgetBytesPerSecond * (now - this.#earnedAt)) / 1_000);
    this.#tokens = Math.min(budgetBurstBytes, this.#tokens + Math.max(0, earned));
    this.#earnedAt = now;
    this.#sessionBytes = sessionBytes;
  }

  /** @returns false when there is not that much left: nothing is to be sent. */
  take(bytes: number): boolean {
    if (this.#tokens < bytes) return false;
    this.spend(bytes);
    return true;
  }

  /** For what cannot wait: it is missing later. */
  spend(bytes: number): void {
    this.#tokens = Math.max(-this.#config.budgetBurstBytes, this.#tokens - bytes);
    this.#spentBytes += bytes;
  }
}
