import type { LineReport } from '../lines/line-report.ts';
import { roundMs, type Decisions } from './decisions.ts';
import type { HoldDown } from './hold-down.ts';
import type { KnownLine } from './known-line.ts';
import type { KnownLines } from './known-lines.ts';
import type { LineComparison } from './line-comparison.ts';
import type { Moves } from './moves.ts';
import type { SwitchConfig } from './switch-config.ts';
import type { UdpTrialResult } from './udp-return.ts';

export interface SoftMovesComponents {
  readonly config: SwitchConfig;
  readonly lines: KnownLines;
  readonly decisions: Decisions;
  readonly moves: Moves;
  readonly comparison: LineComparison;
  readonly holdDown: HoldDown;
}

/** Leaving a line that works: for the best one at the start, for a better one, for the one of before, for UDP. */
export class SoftMoves {
  readonly #config: SwitchConfig;
  readonly #lines: KnownLines;
  readonly #decisions: Decisions;
  readonly #moves: Moves;
  readonly #comparison: LineComparison;
  readonly #holdDown: HoldDown;
  readonly #startedAt: number;
  #choseAt = -Infinity;

  constructor(now: number, { config, lines, decisions, moves, comparison, holdDown }: SoftMovesComponents) {
    this.#config = config;
    this.#lines = lines;
    this.#decisions = decisions;
    this.#moves = moves;
    this.#comparison = comparison;
    this.#holdDown = holdDown;
    this.#startedAt = now;
  }

  /** The line in use works, and no move is under way: leaves it if there is reason to. */
  choose(now: number): void {
    if (now - this.#choseAt < CHOOSE_EVERY_MS) return;
    this.#choseAt = now;
    if (this.#moves.cameFrom === undefined) this.#considerBetter(now);
    else if (this.#moves.mayRollBack) this.#considerRollBack(now, this.#moves.cameFrom);
  }

  /** The same once the survey of the opening is there. */
  considerStart(now: number, { best, lines }: LineReport): void {
    const { current } = this.#lines;
    const isEarly = now - this.#startedAt <= this.#config.startMs && this.#holdDown.until === -Infinity;
    if (!isEarly || best === null || best.id === current.id) return;
    const scoreOf = (id: string): number | null =>
      lines.find(({ line }) => line.id === id)?.score?.ms ?? null;
    const bestMs = scoreOf(best.id);
    const currentMs = scoreOf(current.id) ?? current.score;
    if (bestMs === null || currentMs === null || this.#lines.get(best.id) === undefined) return;
    if (currentMs - bestMs <= Math.max(START_MS, START_SHARE * currentMs)) return;
    this.#moves.plan(now, {
      ...{ line: best.id, reason: 'faster_at_start', isRollBack: false },
      inputs: { currentMs: roundMs(currentMs), newMs: roundMs(bestMs) },
    });
  }

  /** A UDP line was tried from a connection. @param isFree nothing is in the way of leaving that. */
  considerUdp(now: number, result: UdpTrialResult, isFree: boolean): void {
    const { line, sent, answered, medianRttMs } = result;
    const { betterFactor, udpAgainProbes } = this.#config;
    const currentMs = this.#lines.current.score;
    const isGood =
      medianRttMs !== null &&
      answered === udpAgainProbes &&
      (currentMs === null || medianRttMs <= currentMs * betterFactor + UDP_EXTRA_MS);
    const inputs = { sent, answered, rttMs: roundMs(medianRttMs), currentMs: roundMs(currentMs) };
    if (isGood && isFree) {
      this.#moves.plan(now, { line: line.id, reason: 'udp_again', isRollBack: false, inputs });
      return;
    }
    const id = this.#decisions.add(now, { action: 'stay', reason: 'udp_again', to: line.id, inputs });
    this.#decisions.settle(now, id, isGood ? 'something else is under way' : 'not good enough');
  }

  #considerRollBack(now: number, cameFrom: string): void {
    const before = this.#lines.get(cameFrom);
    const proof = before && this.#comparison.wasBetter(now, before);
    if (proof === undefined) return;
    this.#moves.plan(now, {
      ...{ line: cameFrom, reason: 'worse_after_move', isRollBack: true },
      inputs: { currentBestMs: roundMs(proof.currentMs), oldWorstMs: roundMs(proof.expectedMs) },
    });
  }

  #considerBetter(now: number): void {
    if (now < this.#holdDown.until) return;
    const { current } = this.#lines;
    const isDegraded = current.isDegraded(now);
    let best: KnownLine | undefined;
    let bestMs = current.score ?? 0;
    for (const line of this.#lines.others) {
      const expectedMs = this.#comparison.expectedMs(now, line);
      if (expectedMs === null || line.isUnwanted || line.avoidUntil > now) continue;
      if (expectedMs >= bestMs || !this.#comparison.isBetter(now, line, isDegraded)) continue;
      best = line;
      bestMs = expectedMs;
    }
    if (best === undefined) return;
    this.#moves.plan(now, {
      ...{ line: best.id, reason: 'better_line', isRollBack: false },
      inputs: {
        isDegraded,
        currentMs: roundMs(current.score),
        usualMs: roundMs(current.usualMs),
        newMs: roundMs(bestMs),
        lossRate: Math.round(current.lossRate * 1_000) / 1_000,
      },
    });
  }
}

const CHOOSE_EVERY_MS = 250;
/** At the start a line has to be better by so much. */
const START_MS = 5;
const START_SHARE = 0.1;
/** UDP may be so much worse than a connection seems to be. */
const UDP_EXTRA_MS = 10;
