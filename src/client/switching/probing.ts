import { NEVER } from '../../base/clock.ts';
import type { HoldDown } from './hold-down.ts';
import type { KnownLine, ProbeAnswer } from './known-line.ts';
import type { KnownLines } from './known-lines.ts';
import type { LineComparison } from './line-comparison.ts';
import type { LineWatch } from './line-watch.ts';
import type { Moves } from './moves.ts';
import type { ProbeBudget } from './probe-budget.ts';
import type { SwitchConfig } from './switch-config.ts';
import type { CommandSink } from './switch-decision.ts';
import { UdpReturn, type UdpTrialResult } from './udp-return.ts';

export interface ProbingComponents {
  readonly config: SwitchConfig;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly command: CommandSink;
  readonly lines: KnownLines;
  readonly budget: ProbeBudget;
  readonly watch: LineWatch;
  readonly moves: Moves;
  readonly comparison: LineComparison;
  readonly holdDown: HoldDown;
}

/** What is probed when, within the budget: other lines, UDP from a connection, the line in use where nothing tells of it. */
export class Probing {
  readonly #config: SwitchConfig;
  readonly #random: () => number;
  readonly #command: CommandSink;
  readonly #lines: KnownLines;
  readonly #budget: ProbeBudget;
  readonly #watch: LineWatch;
  readonly #moves: Moves;
  readonly #comparison: LineComparison;
  readonly #holdDown: HoldDown;
  readonly #udpReturn: UdpReturn;

  constructor(now: number, components: ProbingComponents) {
    this.#config = components.config;
    this.#random = components.random;
    this.#command = components.command;
    this.#lines = components.lines;
    this.#budget = components.budget;
    this.#watch = components.watch;
    this.#moves = components.moves;
    this.#comparison = components.comparison;
    this.#holdDown = components.holdDown;
    this.#udpReturn = new UdpReturn(components.config);
    if (this.#lines.current.isConnection) this.#udpReturn.begin(now, now);
  }

  /** When {@link probe} has something to do that is not to be late. */
  get deadline(): number {
    return this.#udpReturn.deadline;
  }

  /** The line in use works: probes what is due. */
  probe(now: number): void {
    const isSettled = this.#moves.goal === undefined && this.#moves.cameFrom === undefined;
    if (this.#lines.current.isConnection && isSettled) this.#tryUdp(now);
    this.#askCurrent(now);
    const standbys = this.#standbys(now);
    for (const line of this.#lines.others) {
      if (line.outstandingAt !== undefined || line === this.#udpReturn.line) continue;
      if (now - line.probedAt < this.#waitMs(now, line, standbys) * line.spread) continue;
      const bytes = this.#config.probeBytes;
      if (!this.#budget.take(line.costOf(bytes))) continue;
      line.asked(now, 0.8 + 0.4 * this.#random());
      this.#command({ type: 'probe', line: line.id, bytes });
    }
  }

  /** @returns what came of trying UDP, when that is known now. */
  answered(now: number, line: string, answer: ProbeAnswer): UdpTrialResult | undefined {
    this.#lines.get(line)?.answered(now, answer);
    return this.#udpReturn.answered(now, line, answer.rttMs);
  }

  /** @returns the same. */
  lost(now: number, line: string): UdpTrialResult | undefined {
    this.#lines.get(line)?.lost();
    return this.#udpReturn.lost(now, line);
  }

  /** Nobody told what became of a probe: it is lost. @returns the same. */
  expire(now: number): UdpTrialResult | undefined {
    for (const line of this.#lines) {
      const { outstandingAt } = line;
      if (outstandingAt !== undefined && now - outstandingAt >= 2 * this.#config.probeTimeoutMs) line.lost();
    }
    return this.#udpReturn.expire(now);
  }

  /** The session is on another line. @param wasConnection it came from a connection. */
  moved(now: number, wasConnection: boolean): void {
    const { flaps, until } = this.#holdDown;
    if (!this.#lines.current.isConnection) this.#udpReturn.stop();
    else if (!wasConnection) this.#udpReturn.begin(now, flaps > 0 ? until : now);
  }

  /** The device is in another network. */
  networkChanged(now: number): void {
    this.#udpReturn.hurry(now);
  }

  #tryUdp(now: number): void {
    const lines = this.#lines.udp.filter((line) => !line.isUnwanted && line.avoidUntil <= now);
    for (;;) {
      const probe = this.#udpReturn.nextProbe(now, lines, (bytes) => this.#budget.take(bytes));
      if (probe === undefined) return;
      this.#command({ type: 'probe', ...probe });
    }
  }

  /** How fast the line in use is, where there is something to compare and nothing else tells. */
  #askCurrent(now: number): void {
    if (this.#lines.size < 2 || !this.#lines.current.needsQuestions(now) || this.#watch.isAsking) return;
    const isDeciding = this.#lines.others.some((line) => this.#comparison.looksBetter(now, line));
    const waitMs = isDeciding ? this.#config.decideMs : this.#config.standbyMs / 2;
    if (now - this.#watch.askedAt >= waitMs) this.#watch.askWithinBudget(now, 'silence');
  }

  /** The best others, which are kept warm. */
  #standbys(now: number): readonly KnownLine[] {
    return this.#lines.others
      .filter((line) => line.score(now) !== null && !line.isUnwanted)
      .sort((a, b) => (a.score(now) ?? 0) - (b.score(now) ?? 0))
      .slice(0, this.#config.standbys);
  }

  /** How long after a probe of that line the next one is due. */
  #waitMs(now: number, line: KnownLine, standbys: readonly KnownLine[]): number {
    const { decideMs, standbyMs, connectionStandbyMs, sweepMs, sweepAboveMs } = this.#config;
    const { current } = this.#lines;
    if (line.isInDoubt || this.#comparison.looksBetter(now, line)) return decideMs;
    if (this.#moves.cameFrom === line.id) return 2 * decideMs;
    if (current.isDegraded(now)) return line.score(now) === null ? DEGRADED_SWEEP_MS : decideMs;
    if (standbys.includes(line) || line.isUnknown) return line.isConnection ? connectionStandbyMs : standbyMs;
    return current.score !== null && current.score <= sweepAboveMs ? NEVER : sweepMs;
  }
}

/** The line in use got much worse: the others are looked at this often. */
const DEGRADED_SWEEP_MS = 10_000;
