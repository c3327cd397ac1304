/** When nginx may be told again: at once after quiet, then at most once an interval; after failures ever less often. */
export class ReloadPacer {
  readonly #intervalMs: number;
  #notBefore = Number.NEGATIVE_INFINITY;
  #failures = 0;

  /** @param intervalMs least time between two reloads. */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** The next attempt is due no earlier than then. */
  get notBefore(): number {
    return this.#notBefore;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Takes note of an attempt that ended. */
  attempted(now: number, hasSucceeded: boolean): void {
    this.#failures = hasSucceeded ? 0 : this.#failures + 1;
    const backoffMs = hasSucceeded ? 0 : FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 16);
    this.#notBefore = now + Math.max(this.#intervalMs, Math.min(backoffMs, LAST_RETRY_MS));
  }
}

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;
