/** A line that is asked, beside the one in use, whether it leads to the gateway. */
export interface Preparation {
  readonly line: string;
  readonly startedAt: number;
  /** When it was asked last, and when it answered last; -Infinity: not yet. */
  askedAt: number;
  answeredAt: number;
}

/** The lines that are prepared or being prepared. */
export class Preparations {
  readonly #byLine = new Map<string, Preparation>();

  get size(): number {
    return this.#byLine.size;
  }

  has(line: string): boolean {
    return this.#byLine.has(line);
  }

  get(line: string): Preparation | undefined {
    return this.#byLine.get(line);
  }

  [Symbol.iterator](): IterableIterator<Preparation> {
    return this.#byLine.values();
  }

  /** Those that answered since then. */
  answeredSince(since: number): readonly Preparation[] {
    return [...this].filter(({ answeredAt }) => answeredAt >= since);
  }

  /** Begins, or asks again. */
  ask(now: number, line: string): void {
    const known = this.#byLine.get(line);
    if (known !== undefined) known.askedAt = now;
    else this.#byLine.set(line, { line, startedAt: now, askedAt: now, answeredAt: -Infinity });
  }

  delete(line: string): boolean {
    return this.#byLine.delete(line);
  }

  /** The one that answered last, since then; undefined when none did. */
  latestAnswer(since: number): Preparation | undefined {
    let latest: Preparation | undefined;
    for (const one of this) {
      if (one.answeredAt >= since && one.answeredAt > (latest?.answeredAt ?? -Infinity)) latest = one;
    }
    return latest;
  }

  /** The one that was begun first of those that never answered. */
  oldestUnanswered(): Preparation | undefined {
    let oldest: Preparation | undefined;
    for (const one of this) {
      if (one.answeredAt === -Infinity && one.startedAt < (oldest?.startedAt ?? Infinity)) oldest = one;
    }
    return oldest;
  }
}
