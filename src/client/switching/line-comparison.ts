import type { HoldDown } from './hold-down.ts';
import type { KnownLine } from './known-line.ts';
import type { KnownLines } from './known-lines.ts';
import { AGE_FACTOR } from './line-in-use.ts';
import type { SwitchConfig } from './switch-config.ts';

/** Compares other lines with the one in use: by what they are to be expected to be like in use. */
export class LineComparison {
  readonly #config: SwitchConfig;
  readonly #lines: KnownLines;
  readonly #holdDown: HoldDown;

  constructor(config: SwitchConfig, lines: KnownLines, holdDown: HoldDown) {
    this.#config = config;
    this.#lines = lines;
    this.#holdDown = holdDown;
  }

  /** What another line is to be expected to be like in use; null when it does not answer. */
  expectedMs(now: number, line: KnownLine): number | null {
    const score = line.score(now);
    return score === null ? null : score + line.experienceMs(now, score);
  }

  /** It seems to be better: worth finding out. */
  looksBetter(now: number, line: KnownLine): boolean {
    const { betterFactor, betterMs, betterSeconds } = this.#config;
    const currentMs = this.#lines.current.score;
    const expectedMs = this.expectedMs(now, line);
    if (currentMs === null || expectedMs === null || line.isUnwanted) return false;
    if (Math.max(line.avoidUntil, this.#holdDown.until) - now > betterSeconds * 1_000) return false;
    return expectedMs * betterFactor + betterMs < currentMs;
  }

  /** It is: long enough and clearly. @param isDegraded the line in use is much worse than usual: sooner. */
  isBetter(now: number, line: KnownLine, isDegraded: boolean): boolean {
    const { betterSeconds, betterFactor, betterMs } = this.#config;
    const experienceMs = line.experienceMs(now, line.score(now) ?? 0);
    const [old, other] = this.#bounds(now, line, betterSeconds);
    if (old !== undefined && other !== undefined) {
      if ((other.max + experienceMs) * betterFactor + betterMs < old.min) return true;
    }
    if (!isDegraded) return false;
    const { degradedSeconds, degradedBetterMs, degradedShare } = this.#config;
    const [lately, otherLately] = this.#bounds(now, line, degradedSeconds);
    if (lately === undefined || otherLately === undefined) return false;
    const expectedMs = otherLately.max + experienceMs;
    return expectedMs <= lately.min - degradedBetterMs && expectedMs < lately.min * degradedShare;
  }

  /**
   * The line of before is alive, and better than the one in use proves to be.
   * @returns its worst and the best of the one in use, in ms; undefined when it is not better.
   */
  wasBetter(
    now: number,
    before: KnownLine,
  ): { readonly expectedMs: number; readonly currentMs: number } | undefined {
    const { degradedSeconds, betterFactor, betterMs } = this.#config;
    const { since, seconds } = this.#lines.current;
    const score = before.score(now);
    const bounds = seconds.latest(degradedSeconds, since);
    const oldBounds = before.seconds.latest(ROLL_BACK_PROBES, since);
    if (score === null || bounds === undefined || oldBounds === undefined) return undefined;
    const expectedMs = oldBounds.max + before.experienceMs(now, score);
    const isBetter = expectedMs * betterFactor + betterMs < bounds.min;
    return isBetter ? { expectedMs, currentMs: bounds.min } : undefined;
  }

  #bounds(now: number, line: KnownLine, count: number) {
    const since = now - AGE_FACTOR * count * 1_000;
    return [this.#lines.current.seconds.latest(count, since), line.seconds.latest(count, since)] as const;
  }
}

/** Answers of the old line since the move, before it is gone back to. */
const ROLL_BACK_PROBES = 2;
