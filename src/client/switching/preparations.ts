import { NEVER } from '../../base/clock.ts';
import type { SwitchConfig } from './switch-config.ts';
import type { CommandSink } from './switch-decision.ts';

/** A line that is asked, beside the one in use, whether it leads to the gateway. */
export interface Preparation {
  readonly line: string;
  readonly startedAt: number;
  /** When it was asked last, and when it answered last; -Infinity: not yet. */
  askedAt: number;
  answeredAt: number;
}

/** The lines that are prepared or being prepared, which of them gets copies, and when what is left over is given up. */
export class Preparations {
  readonly #config: SwitchConfig;
  readonly #command: CommandSink;
  readonly #byLine = new Map<string, Preparation>();
  #copyLine: string | undefined;
  #copyingSince = NEVER;
  #releaseAt = NEVER;

  constructor(config: SwitchConfig, command: CommandSink) {
    this.#config = config;
    this.#command = command;
  }

  get size(): number {
    return this.#byLine.size;
  }

  has(line: string): boolean {
    return this.#byLine.has(line);
  }

  // ---- one line ----

  /** Begins, or asks again. */
  prepare(now: number, line: string): void {
    const known = this.#byLine.get(line);
    if (known !== undefined) known.askedAt = now;
    else this.#byLine.set(line, { line, startedAt: now, askedAt: now, answeredAt: -Infinity });
    this.#command({ type: 'prepare', line });
  }

  /** @returns false when nobody waits for that. */
  answered(now: number, line: string): boolean {
    const preparation = this.#byLine.get(line);
    if (preparation !== undefined) preparation.answeredAt = now;
    return preparation !== undefined;
  }

  /** Gives it up. */
  release(line: string): void {
    if (this.drop(line)) this.#command({ type: 'release', line });
  }

  /** It broke, or is in use: there is nothing to give up. @returns false when it was not prepared. */
  drop(line: string): boolean {
    if (!this.#byLine.delete(line)) return false;
    if (this.#copyLine === line) this.endCopies();
    return true;
  }

  // ---- copies ----

  /** The line that everything goes out on as well. */
  get copyLine(): string | undefined {
    return this.#copyLine;
  }

  /** Since when it does. */
  get copyingSince(): number {
    return this.#copyingSince;
  }

  copyTo(now: number, line: string): void {
    this.#copyLine = line;
    this.#copyingSince = now;
    this.#command({ type: 'copy', line });
  }

  endCopies(): void {
    if (this.#copyLine === undefined) return;
    this.#copyLine = undefined;
    this.#copyingSince = NEVER;
    this.#command({ type: 'copy', line: null });
  }

  // ---- which ones ----

  /** Those that answered since then. */
  answeredSince(since: number): readonly Preparation[] {
    return [...this.#byLine.values()].filter(({ answeredAt }) => answeredAt >= since);
  }

  /** The one that answered last; undefined when none did. */
  latestAnswer(): Preparation | undefined {
    let latest: Preparation | undefined;
    for (const one of this.#byLine.values()) {
      if (one.answeredAt > (latest?.answeredAt ?? -Infinity)) latest = one;
    }
    return latest;
  }

  /** The one that was begun first of those that never answered. */
  oldestUnanswered(): Preparation | undefined {
    let oldest: Preparation | undefined;
    for (const one of this.#byLine.values()) {
      if (one.answeredAt === -Infinity && one.startedAt < (oldest?.startedAt ?? Infinity)) oldest = one;
    }
    return oldest;
  }

  /** Those that took too long. */
  overdue(now: number): readonly string[] {
    return [...this.#byLine.values()]
      .filter(({ askedAt, answeredAt }) => answeredAt < askedAt)
      .filter(({ askedAt }) => now - askedAt >= this.#config.prepareTimeoutMs)
      .map(({ line }) => line);
  }

  // ---- what is left over ----

  /** There is doubt about the line in use: do they lead to the gateway still? */
  askAgain(now: number): void {
    for (const line of [...this.#byLine.keys()]) this.prepare(now, line);
  }

  /** The doubt is over: those that answered are kept for a while, the others are not waited for. */
  settleDown(now: number): void {
    this.#releaseAt = now + this.#config.keepPreparedMs;
    for (const { line, answeredAt } of [...this.#byLine.values()]) if (answeredAt < 0) this.release(line);
  }

  /** The session is on that line now: the others are kept for a while. */
  used(now: number, line: string): void {
    this.drop(line);
    if (this.size > 0) this.#releaseAt = now + this.#config.keepPreparedMs;
  }

  /** A move came to nothing: what was prepared for it is kept for a while, and nothing for longer. */
  unused(now: number): void {
    this.#releaseAt = Math.min(this.#releaseAt, now + this.#config.keepPreparedMs);
  }

  /** Releases what was kept for long enough. @param goal but not this one: the session is about to move there. */
  releaseLeftOver(now: number, goal: string | undefined): void {
    if (now < this.#releaseAt) return;
    this.#releaseAt = NEVER;
    for (const line of [...this.#byLine.keys()]) if (line !== goal) this.release(line);
  }
}
