/** The best and the worst that was seen. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Scores of one line, by the second: how good and how bad it was in each of the latest seconds in which it was measured. */
export class SecondScores {
  readonly #seconds: { second: number; min: number; max: number }[] = [];

  /** In how many of the latest seconds it was measured. */
  get size(): number {
    return this.#seconds.length;
  }

  note(now: number, score: number): void {
    const second = Math.floor(now / 1_000);
    const last = this.#seconds.at(-1);
    if (last?.second === second) {
      last.min = Math.min(last.min, score);
      last.max = Math.max(last.max, score);
      return;
    }
    this.#seconds.push({ second, min: score, max: score });
    if (this.#seconds.length > MAX_SECONDS) this.#seconds.shift();
  }

  /**
   * Over the latest `count` seconds with a measurement.
   * @returns undefined when there are not that many since `since`.
   */
  latest(count: number, since: number): Bounds | undefined {
    const latest = this.#seconds.slice(-count);
    const first = latest[0];
    if (first === undefined || latest.length < count || first.second < Math.floor(since / 1_000))
      return undefined;
    return {
      min: Math.min(...latest.map(({ min }) => min)),
      max: Math.max(...latest.map(({ max }) => max)),
    };
  }
}

const MAX_SECONDS = 64;
