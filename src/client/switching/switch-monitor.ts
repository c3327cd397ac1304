import { NEVER } from '../../base/clock.ts';
import type { LinkSignals } from '../../session/link-signals.ts';
import type { LineReport } from '../lines/line-report.ts';
import { DecisionLog, type SwitchObserver } from './decision-log.ts';
import { Decisions } from './decisions.ts';
import { HoldDown } from './hold-down.ts';
import type { ProbeAnswer, SwitchLine } from './known-line.ts';
import { KnownLines } from './known-lines.ts';
import { LineComparison } from './line-comparison.ts';
import { LineWatch } from './line-watch.ts';
import { Moves } from './moves.ts';
import { Preparations } from './preparations.ts';
import { ProbeBudget } from './probe-budget.ts';
import { Probing } from './probing.ts';
import { SoftMoves } from './soft-moves.ts';
import type { SwitchConfig } from './switch-config.ts';
import type { CommandSink, SwitchCommand, SwitchDecision, SwitchState } from './switch-decision.ts';
import { Trouble } from './trouble.ts';
import type { UdpTrialResult } from './udp-return.ts';

export type { ProbeAnswer, SwitchLine } from './known-line.ts';

export interface SwitchMonitorComponents {
  /** Every line that leads to the gateway of this session, the one in use included. */
  readonly lines: readonly SwitchLine[];
  /** Id of the one in use. */
  readonly current: string;
  readonly config: SwitchConfig;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** The session has no seal: a line that is prepared draws the gateway there at once. Default false. */
  readonly isClear?: boolean;
  readonly observer?: SwitchObserver;
}

/**
 * Decides when a session leaves its line, and for which (docs/client.md, "Switching").
 *
 * Sans-I/O. Whoever drives it calls {@link tick} when {@link nextDeadline} has come, tells it what happens, and after every call
 * carries out what {@link nextCommand} gives until that has nothing more. Each command has its answer:
 *
 * | command     | answer                                                                                          |
 * | ----------- | ----------------------------------------------------------------------------------------------- |
 * | `probe`     | `probeAnswered`, or `probeLost` after `config.probeTimeoutMs` or when the line cannot be opened   |
 * | `challenge` | `challengeAnswered` or `challengeUnanswered`; one that comes while another is under way joins it  |
 * | `prepare`   | `prepared` or `prepareFailed`; a line that is prepared already is asked again, on the same path   |
 * | `move`      | `moved` or `moveFailed`                                                                         |
 *
 * `copy` and `release` have none. A `release` also ends a `prepare` that is under way: no answer is waited for. Preparing the
 * line in use means another path, beside the one in use, over a new socket or connection. What was prepared and breaks later
 * is told by `prepareFailed`. An answer that nobody waits for is ignored.
 *
 * It joins the parts, and decides nothing itself: {@link LineWatch} sees and asks the line in use, {@link Trouble} gets out of
 * one that fails, {@link SoftMoves} leaves one that works, {@link Probing} says what is probed for that, {@link Moves} has the
 * move that was decided, {@link Preparations} what is prepared.
 */
export class SwitchMonitor {
  readonly #config: SwitchConfig;
  readonly #commands: SwitchCommand[] = [];
  readonly #log: DecisionLog;
  readonly #budget: ProbeBudget;
  readonly #lines: KnownLines;
  readonly #watch: LineWatch;
  readonly #preparations: Preparations;
  readonly #moves: Moves;
  readonly #trouble: Trouble;
  readonly #softMoves: SoftMoves;
  readonly #probing: Probing;
  #tickAt: number;

  constructor(now: number, components: SwitchMonitorComponents) {
    const { lines: all, current, config, random, isClear = false, observer } = components;
    const command: CommandSink = (wanted) => {
      this.#commands.push(wanted);
    };
    const lines = new KnownLines(now, all, current, config, random);
    const log = new DecisionLog(config.maxDecisions, observer);
    const decisions = new Decisions(log, lines, () => this.state);
    const budget = new ProbeBudget(now, config);
    const watch = new LineWatch(now, { config, command, lines, budget });
    const preparations = new Preparations(config, command);
    const holdDown = new HoldDown(config);
    const moves = new Moves({ config, command, lines, decisions, preparations, holdDown });
    const comparison = new LineComparison(config, lines, holdDown);
    const chosen = { config, lines, moves, comparison, holdDown };
    this.#trouble = new Trouble({ config, isClear, lines, watch, decisions, preparations, moves });
    this.#softMoves = new SoftMoves(now, { ...chosen, decisions });
    this.#probing = new Probing(now, { ...chosen, random, command, budget, watch });
    this.#config = config;
    this.#log = log;
    this.#budget = budget;
    this.#lines = lines;
    this.#watch = watch;
    this.#preparations = preparations;
    this.#moves = moves;
    this.#tickAt = now;
  }

  /** Id of the line in use. */
  get line(): string {
    return this.#lines.current.id;
  }

  get state(): SwitchState {
    if (this.#moves.isMoving || this.#trouble.isLost) return 'migrating';
    if (this.#trouble.isOn) return this.#preparations.copyLine === undefined ? 'suspect' : 'duplicating';
    if (this.#moves.cameFrom !== undefined) return 'probation';
    return this.#lines.current.isConnection && this.#lines.udp.length > 0 ? 'fallback' : 'active';
  }

  /** The latest decisions, oldest first. */
  get decisions(): readonly SwitchDecision[] {
    return this.#log.decisions;
  }

  /** What watching cost so far, in bytes on the wire both ways, about. */
  get controlBytes(): number {
    return this.#budget.spentBytes;
  }

  /** What is to be done next; undefined when that was all. */
  nextCommand(): SwitchCommand | undefined {
    return this.#commands.shift();
  }

  /** When {@link tick} is to be called next, in ms; sooner when the application sends after a pause. */
  nextDeadline(): number {
    return Math.ceil(this.#tickAt);
  }

  /** Looks at how the line in use fares. Being called too often does no harm. */
  tick(now: number, signals: LinkSignals): void {
    this.#budget.earn(now, signals.sentBytes + signals.receivedBytes);
    this.#watch.look(now, signals);
    this.#advance(now);
    const deadline = this.#trouble.isOn ? NEVER : this.#watch.deadline;
    this.#tickAt = Math.max(now + MIN_TICK_MS, Math.min(now + this.#tickWait(now, signals), deadline));
  }

  // ---- answers ----

  probeAnswered(now: number, line: string, answer: ProbeAnswer): void {
    this.#udpTried(now, this.#probing.answered(now, line, answer));
    this.#advance(now);
  }

  probeLost(now: number, line: string): void {
    this.#udpTried(now, this.#probing.lost(now, line));
    this.#advance(now);
  }

  /** The line in use leads to the gateway, and back. */
  challengeAnswered(now: number, rttMs: number): void {
    this.#watch.answered(now, rttMs);
    if (!this.#trouble.isLost) this.#trouble.recover(now);
    this.#advance(now);
  }

  /** No answer came to any repeat; also when the session asked by itself because it was quiet. */
  challengeUnanswered(now: number): void {
    const reason = this.#watch.unanswered() ?? 'silence';
    this.#trouble.begin(now, reason);
    this.#advance(now);
  }

  prepared(now: number, line: string): void {
    if (!this.#preparations.answered(now, line)) return;
    this.#lines.get(line)?.prepared();
    this.#moves.prepared(now, line);
    this.#advance(now);
  }

  /** @param why for people: the code of an error. */
  prepareFailed(now: number, line: string, why: string): void {
    if (!this.#preparations.drop(line)) return;
    this.#failed(now, line, why);
    this.#advance(now);
  }

  /** Also when nobody here asked for it: the application moved the session. */
  moved(now: number, line: string): void {
    const from = this.#lines.current;
    this.#moves.arrived(now, line);
    this.#preparations.used(now, line);
    this.#trouble.end(now, 'moved');
    this.#watch.begin(now);
    if (from.id !== line) this.#probing.moved(now, from.isConnection);
    this.#advance(now);
  }

  moveFailed(now: number, line: string, why: string): void {
    if (this.#moves.goal !== line) return;
    this.#preparations.release(line);
    this.#failed(now, line, why);
    this.#advance(now);
  }

  // ---- what happens ----

  /** The connection of the line in use broke. */
  connectionLost(now: number): void {
    this.#trouble.connectionLost(now);
    this.#advance(now);
  }

  /** The network says that nobody is there (ICMP): a reason for doubt, no proof. */
  refused(now: number): void {
    this.#trouble.begin(now, 'refused');
    this.#advance(now);
  }

  /** The device is in another network now. */
  networkChanged(now: number): void {
    this.#lines.forget();
    this.#moves.forget();
    this.#probing.networkChanged(now);
    if (!this.#trouble.isOn) this.#watch.ask(now, 'network_changed');
    this.#advance(now);
  }

  /** What was measured while the session was opening. */
  surveyed(now: number, report: LineReport): void {
    for (const evidence of report.lines) this.#lines.get(evidence.line.id)?.surveyed(now, evidence);
    if (this.#isFree) this.#softMoves.considerStart(now, report);
    this.#advance(now);
  }

  // ---- what follows from what is known ----

  #advance(now: number): void {
    this.#expire(now);
    const { signals } = this.#watch;
    if (this.#trouble.isOn) this.#trouble.getOut(now);
    else if (signals !== undefined) this.#goOn(now, signals);
  }

  /** What took too long. */
  #expire(now: number): void {
    const goal = this.#moves.overdue(now);
    if (goal !== undefined) {
      this.#preparations.release(goal);
      this.#moves.giveUp(now, 'timeout');
    }
    for (const line of this.#preparations.overdue(now)) {
      this.#preparations.release(line);
      this.#failed(now, line, 'timeout');
    }
    this.#moves.expire(now);
    this.#udpTried(now, this.#probing.expire(now));
    if (!this.#trouble.isOn) this.#preparations.releaseLeftOver(now, this.#moves.goal);
  }

  /** All is well, as far as is known. */
  #goOn(now: number, signals: LinkSignals): void {
    const verdict = this.#watch.judge(now, signals);
    const { reason } = this.#watch;
    if (verdict === 'suspect') return this.#trouble.begin(now, reason);
    if (verdict === 'ask') this.#watch.ask(now, reason);
    if (verdict === 'heartbeat') this.#watch.askWithinBudget(now, reason);
    if (!this.#isRecent(now, signals)) return;
    if (this.#moves.goal === undefined) this.#softMoves.choose(now);
    this.#probing.probe(now);
  }

  /** Nothing came of preparing the line, or of moving there. */
  #failed(now: number, line: string, why: string): void {
    this.#lines.failed(now, line);
    if (this.#moves.goal === line) this.#moves.giveUp(now, why);
  }

  #udpTried(now: number, result: UdpTrialResult | undefined): void {
    if (result !== undefined) this.#softMoves.considerUdp(now, result, this.#isFree);
  }

  /** Nothing is in the way of leaving a line that works. */
  get #isFree(): boolean {
    return this.#moves.goal === undefined && !this.#trouble.isOn;
  }

  #isRecent(now: number, { activeAt }: LinkSignals): boolean {
    return now - activeAt < this.#config.idleAfterMs;
  }

  #tickWait(now: number, signals: LinkSignals): number {
    const { tickMs, quietTickMs, idleTickMs } = this.#config;
    const isBusy = !this.#isFree || this.#watch.isInQuestion || signals.stalledSince !== NEVER;
    if (isBusy || now - signals.activeAt < FLOWING_MS) return tickMs;
    if (!this.#isRecent(now, signals)) return idleTickMs;
    return Math.min(quietTickMs, Math.max(tickMs, this.#probing.deadline - now));
  }
}

const MIN_TICK_MS = 5;
const FLOWING_MS = 2_000;
