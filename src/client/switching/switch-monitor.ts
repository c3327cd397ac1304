import { NEVER } from '../../base/clock.ts';
import type { LinkSignals } from '../../session/link-signals.ts';
import type { LineReport } from '../lines/line-report.ts';
import { badness, candidatesOf } from './candidates.ts';
import { DecisionLog, type SwitchObserver } from './decision-log.ts';
import { HoldDown } from './hold-down.ts';
import { KnownLine, type ProbeAnswer, type SwitchLine } from './known-line.ts';
import { AGE_FACTOR, LineInUse } from './line-in-use.ts';
import { Preparations } from './preparations.ts';
import { ProbeBudget } from './probe-budget.ts';
import { Suspicion } from './suspicion.ts';
import type { SwitchConfig } from './switch-config.ts';
import type { SwitchCommand, SwitchDecision, SwitchReason, SwitchState } from './switch-decision.ts';
import { UdpReturn, type UdpTrialResult } from './udp-return.ts';

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

/** The line in use leads nowhere, or may do so. */
interface Trouble {
  readonly since: number;
  readonly reason: SwitchReason;
  /** Its connection broke: there is nothing to wait for. */
  isLost: boolean;
  /** The records of it. */
  readonly suspectId: number;
  duplicateId: number | undefined;
  /** The line that gets copies, and since when. */
  copyLine: string | undefined;
  copyingSince: number;
}

/** A move that was decided. */
interface Move {
  readonly line: string;
  readonly reason: SwitchReason;
  readonly decisionId: number;
  /** It leaves a line that works; back to where it came from. */
  readonly isSoft: boolean;
  readonly isRollBack: boolean;
  isMoving: boolean;
  startedAt: number;
}

/** The session may go back to where it came from. */
interface Probation {
  readonly until: number;
  readonly from: string;
  /** Only once: who was sent back stays. */
  readonly mayRollBack: boolean;
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
 */
export class SwitchMonitor {
  readonly #config: SwitchConfig;
  readonly #random: () => number;
  readonly #isClear: boolean;
  readonly #log: DecisionLog;
  readonly #commands: SwitchCommand[] = [];
  readonly #startedAt: number;
  readonly #budget: ProbeBudget;
  readonly #holdDown: HoldDown;
  readonly #udpReturn: UdpReturn;
  readonly #preparations = new Preparations();
  readonly #lines = new Map<string, KnownLine>();
  #current: LineInUse;
  #suspicion: Suspicion;
  #signals: LinkSignals | undefined;
  #trouble: Trouble | undefined;
  #move: Move | undefined;
  #probation: Probation | undefined;
  /** What was prepared is released then. */
  #releaseAt = NEVER;
  #challengeAt: number | undefined;
  #choseAt = -Infinity;
  #tickAt: number;

  constructor(now: number, components: SwitchMonitorComponents) {
    const { lines, current, config, random, isClear = false, observer } = components;
    this.#config = config;
    this.#random = random;
    this.#isClear = isClear;
    this.#log = new DecisionLog(config.maxDecisions, observer);
    this.#budget = new ProbeBudget(now, config);
    this.#holdDown = new HoldDown(config);
    this.#udpReturn = new UdpReturn(config);
    this.#startedAt = this.#tickAt = now;
    for (const line of lines) this.#lines.set(line.id, new KnownLine(now, line, config));
    const known = this.#lines.get(current);
    if (known === undefined) throw new RangeError('the line in use is none of the lines');
    this.#current = new LineInUse(now, known, config, null);
    this.#suspicion = new Suspicion(now, config, known.isConnection);
    if (known.isConnection) this.#udpReturn.begin(now, now);
  }

  /** Id of the line in use. */
  get line(): string {
    return this.#current.id;
  }

  get state(): SwitchState {
    if (this.#move?.isMoving === true || this.#trouble?.isLost === true) return 'migrating';
    if (this.#trouble !== undefined) return this.#trouble.copyLine === undefined ? 'suspect' : 'duplicating';
    if (this.#probation !== undefined) return 'probation';
    return this.#current.isConnection && this.#udpLines.length > 0 ? 'fallback' : 'active';
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
    this.#signals = signals;
    this.#budget.earn(now, signals.sentBytes + signals.receivedBytes);
    this.#current.look(now, signals);
    this.#advance(now);
    const deadline = this.#trouble === undefined ? this.#suspicion.deadline : NEVER;
    this.#tickAt = Math.max(now + MIN_TICK_MS, Math.min(now + this.#tickWait(now, signals), deadline));
  }

  // ---- answers ----

  probeAnswered(now: number, line: string, answer: ProbeAnswer): void {
    this.#lines.get(line)?.answered(now, answer);
    this.#endTrial(now, this.#udpReturn.answered(now, line, answer.rttMs));
    this.#advance(now);
  }

  probeLost(now: number, line: string): void {
    this.#lines.get(line)?.lost();
    this.#endTrial(now, this.#udpReturn.lost(now, line));
    this.#advance(now);
  }

  /** The line in use leads to the gateway, and back. */
  challengeAnswered(now: number, rttMs: number): void {
    this.#challengeAt = undefined;
    this.#suspicion.answered();
    this.#current.asked(now, rttMs);
    if (this.#trouble?.isLost === false) this.#recover(now);
    this.#advance(now);
  }

  /** No answer came to any repeat; also when the session asked by itself because it was quiet. */
  challengeUnanswered(now: number): void {
    this.#challengeAt = undefined;
    if (this.#trouble === undefined) this.#doubt(now, this.#suspicion.question?.reason ?? 'silence', false);
    this.#advance(now);
  }

  prepared(now: number, line: string): void {
    const preparation = this.#preparations.get(line);
    if (preparation === undefined) return;
    preparation.answeredAt = now;
    const known = this.#lines.get(line);
    if (known !== undefined) known.failures = 0;
    const move = this.#move;
    if (move?.line === line && !move.isMoving) this.#goTo(now, move);
    this.#advance(now);
  }

  /** @param why for people: the code of an error. */
  prepareFailed(now: number, line: string, why: string): void {
    if (!this.#preparations.delete(line)) return;
    this.#lines.get(line)?.failed(now, this.#random());
    if (this.#trouble?.copyLine === line) this.#copyTo(now, this.#trouble, undefined);
    if (this.#move?.line === line) this.#giveUpMove(now, why);
    this.#advance(now);
  }

  /** Also when nobody here asked for it: the application moved the session. */
  moved(now: number, line: string): void {
    const move = this.#move;
    if (move?.line === line) {
      this.#log.settle(now, move.decisionId, 'done');
      this.#arrive(now, line, move);
    } else {
      const id = this.#decide(now, 'move', 'requested', line);
      this.#log.settle(now, id, 'done');
      if (move !== undefined) this.#giveUpMove(now, 'the session went elsewhere');
      this.#arrive(now, line, undefined);
    }
    this.#advance(now);
  }

  moveFailed(now: number, line: string, why: string): void {
    if (this.#move?.line !== line) return;
    this.#release(line);
    this.#lines.get(line)?.failed(now, this.#random());
    this.#giveUpMove(now, why);
    this.#advance(now);
  }

  // ---- what happens ----

  /** The connection of the line in use broke. */
  connectionLost(now: number): void {
    if (this.#trouble === undefined) this.#doubt(now, 'connection_lost', true);
    else this.#trouble.isLost = true;
    this.#advance(now);
  }

  /** The network says that nobody is there (ICMP): a reason for doubt, no proof. */
  refused(now: number): void {
    if (this.#trouble === undefined) this.#doubt(now, 'refused', false);
    this.#advance(now);
  }

  /** The device is in another network now. */
  networkChanged(now: number): void {
    for (const line of this.#lines.values()) line.forget();
    this.#holdDown.forget();
    this.#probation = undefined;
    this.#udpReturn.hurry(now);
    if (this.#trouble === undefined && !this.#isLost) this.#ask(now, 'network_changed');
    this.#advance(now);
  }

  /** What was measured while the session was opening. */
  surveyed(now: number, report: LineReport): void {
    for (const evidence of report.lines) this.#lines.get(evidence.line.id)?.surveyed(now, evidence);
    this.#considerStart(now, report);
    this.#advance(now);
  }

  // ---- what follows from what is known ----

  #advance(now: number): void {
    const signals = this.#signals;
    this.#expire(now);
    if (signals !== undefined) {
      const trouble = this.#trouble;
      if (trouble === undefined) this.#watch(now, signals);
      else this.#getOut(now, signals, trouble);
    } else if (this.#trouble?.isLost === true) {
      this.#prepareMore(now, this.#trouble, true);
    }
  }

  /** What took too long. */
  #expire(now: number): void {
    const { prepareTimeoutMs, moveTimeoutMs } = this.#config;
    const move = this.#move;
    if (move?.isMoving === true && now - move.startedAt >= moveTimeoutMs) {
      this.#release(move.line);
      this.#giveUpMove(now, 'timeout');
    }
    for (const preparation of [...this.#preparations]) {
      const { line, askedAt, answeredAt } = preparation;
      if (answeredAt >= askedAt || now - askedAt < prepareTimeoutMs) continue;
      this.#release(line);
      this.#lines.get(line)?.failed(now, this.#random());
      if (this.#move?.line === line) this.#giveUpMove(now, 'timeout');
    }
    if (this.#probation !== undefined && now >= this.#probation.until) this.#probation = undefined;
    for (const line of this.#lines.values()) {
      const { outstandingAt } = line;
      if (outstandingAt !== undefined && now - outstandingAt >= 2 * this.#config.probeTimeoutMs) line.lost();
    }
    this.#endTrial(now, this.#udpReturn.expire(now));
    if (now >= this.#releaseAt && this.#trouble === undefined) {
      this.#releaseAt = NEVER;
      for (const { line } of [...this.#preparations]) if (this.#move?.line !== line) this.#release(line);
    }
  }

  /** All is well, as far as is known. */
  #watch(now: number, signals: LinkSignals): void {
    const suspicion = this.#suspicion;
    const verdict = suspicion.look(now, signals, this.#current.answerTimes(signals));
    if (verdict === 'suspect') return this.#doubt(now, suspicion.reason, false);
    if (verdict === 'ask') this.#ask(now, suspicion.reason);
    if (verdict === 'heartbeat' && this.#budget.take(CHALLENGE_BYTES)) this.#ask(now, suspicion.reason, true);
    if (!this.#isRecent(now, signals)) return;
    if (now - this.#choseAt >= CHOOSE_EVERY_MS && this.#move === undefined) {
      this.#choseAt = now;
      this.#considerRollBack(now);
      this.#considerBetter(now);
    }
    this.#probe(now);
  }

  // ---- trouble ----

  #doubt(now: number, reason: SwitchReason, isLost: boolean): void {
    const move = this.#move;
    // One under way is a candidate like others.
    if (move?.isMoving === false) this.#giveUpMove(now, 'the line in use is in trouble');
    this.#releaseAt = NEVER;
    const suspectId = this.#decide(now, 'suspect', reason, null, this.#signalInputs(now), 'suspect');
    this.#trouble = {
      since: now,
      reason,
      isLost,
      suspectId,
      duplicateId: undefined,
      copyLine: undefined,
      copyingSince: NEVER,
    };
    if (isLost) this.#challengeAt = undefined;
    if (!isLost && this.#suspicion.question === undefined) this.#ask(now, reason);
    // Those that are prepared already are asked again.
    for (const { line } of [...this.#preparations]) this.#prepare(now, line);
    if (this.#signals !== undefined) this.#getOut(now, this.#signals, this.#trouble);
  }

  #getOut(now: number, signals: LinkSignals, trouble: Trouble): void {
    if (!trouble.isLost && trouble.copyLine === undefined && this.#isHeardAgain(signals, trouble)) {
      this.#recover(now);
      return;
    }
    if (this.#move !== undefined) return;
    const isCopying = trouble.copyLine !== undefined;
    const askedAt = this.#suspicion.question?.at ?? trouble.since;
    const { rtoMs } = this.#current.answerTimes(signals);
    const isPressing =
      this.#suspicion.stalledMs(now, signals) >= rtoMs || this.#suspicion.question?.isQuiet !== true;
    const patienceMs = this.#suspicion.patienceMs(rtoMs, isPressing, isCopying);
    const isProved = trouble.isLost || now - askedAt >= patienceMs;
    const target = this.#answering(now, signals, trouble);
    if (target !== undefined && isProved) {
      this.#leaveFor(now, target, trouble);
      return;
    }
    this.#copy(now, trouble, target);
    if (!trouble.isLost && this.#challengeAt === undefined) this.#ask(now, trouble.reason);
    this.#prepareMore(now, trouble, isProved);
  }

  /** What was missed came after all, and can only have come here. */
  #isHeardAgain({ stalledSince, heardHereAt }: LinkSignals, { since, reason }: Trouble): boolean {
    if (reason === 'no_acknowledgement') return stalledSince > since;
    return reason === 'silence' && heardHereAt > since && stalledSince > since;
  }

  /** The best line that answered since the trouble began. */
  #answering(now: number, { heardAt, heardHereAt }: LinkSignals, trouble: Trouble): string | undefined {
    const [best] = this.#preparations
      .answeredSince(trouble.since)
      .flatMap(({ line }) => this.#lines.get(line) ?? [])
      .sort((a, b) => Number(a.isConnection) - Number(b.isConnection) || badness(now, a) - badness(now, b));
    if (best !== undefined) return best.id;
    const { copyLine, copyingSince } = trouble;
    return heardAt > copyingSince && heardHereAt < copyingSince ? copyLine : undefined;
  }

  /** From now on everything goes out there, too, before anything is proved. */
  #copy(now: number, trouble: Trouble, answering: string | undefined): void {
    if (this.#isClear || !this.#config.copies || trouble.isLost) return;
    const line = answering ?? trouble.copyLine ?? this.#preparations.latestAnswer(-Infinity)?.line;
    if (line !== undefined && line !== trouble.copyLine) this.#copyTo(now, trouble, line);
  }

  #copyTo(now: number, trouble: Trouble, line: string | undefined): void {
    trouble.copyLine = line;
    trouble.copyingSince = line === undefined ? NEVER : now;
    this.#commands.push({ type: 'copy', line: line ?? null });
    if (line === undefined || trouble.duplicateId !== undefined) return;
    trouble.duplicateId = this.#decide(now, 'duplicate', trouble.reason, line, this.#signalInputs(now));
  }

  /** Has more lines prepared, as far as there is room. */
  #prepareMore(now: number, trouble: Trouble, isProved: boolean): void {
    // Preparing draws the gateway of a clear session away: not before that is wanted.
    if (this.#isClear && !isProved) return;
    const { maxPrepared, widenMs, giveWayMs } = this.#config;
    const preparations = this.#preparations;
    const troubledMs = now - trouble.since;
    const candidates = candidatesOf(now, {
      lines: this.#lines.values(),
      current: this.#current.id,
      again: trouble.isLost ? 'first' : troubledMs >= AGAIN_AFTER_MS ? 'last' : 'never',
    }).filter(({ id, retryAt }) => !preparations.has(id) && retryAt <= now);
    const isAnyKnown = [...this.#lines.values()].some((line) => line.answers(now));
    const wanted = troubledMs >= widenMs || !isAnyKnown ? maxPrepared : Math.min(2, maxPrepared);
    for (const { id } of candidates) {
      if (preparations.size >= maxPrepared) {
        const oldest = preparations.oldestUnanswered();
        if (oldest === undefined || now - oldest.startedAt < giveWayMs) return;
        this.#release(oldest.line);
        this.#lines.get(oldest.line)?.failed(now, this.#random());
      } else if (preparations.size >= wanted) {
        return;
      }
      this.#prepare(now, id);
    }
  }

  #leaveFor(now: number, line: string, trouble: Trouble): void {
    const isRollBack = this.#probation?.from === line && line !== this.#current.id;
    const action = isRollBack ? 'roll_back' : 'move';
    const decisionId = this.#decide(now, action, trouble.reason, line, this.#signalInputs(now), 'migrating');
    this.#goTo(now, {
      ...{ line, decisionId, isRollBack, reason: trouble.reason },
      ...{ isSoft: false, isMoving: false, startedAt: now },
    });
  }

  #recover(now: number): void {
    const trouble = this.#trouble;
    if (trouble === undefined || this.#move?.isMoving === true) return;
    this.#suspicion.answered();
    this.#endTrouble(now, 'recovered');
    if (trouble.duplicateId === undefined) return;
    const id = this.#decide(now, 'stay', 'recovered', null, { doubtedMs: now - trouble.since });
    this.#log.settle(now, id, 'done');
  }

  #endTrouble(now: number, result: string): void {
    const trouble = this.#trouble;
    if (trouble === undefined) return;
    this.#trouble = undefined;
    if (trouble.copyLine !== undefined) this.#commands.push({ type: 'copy', line: null });
    this.#log.settle(now, trouble.suspectId, result);
    if (trouble.duplicateId !== undefined) this.#log.settle(now, trouble.duplicateId, result);
    this.#releaseAt = now + this.#config.keepPreparedMs;
    // Who has not answered yet is not waited for.
    for (const { line, answeredAt } of [...this.#preparations]) if (answeredAt < 0) this.#release(line);
  }

  // ---- choosing ----

  #considerStart(now: number, { best, lines }: LineReport): void {
    const isEarly = now - this.#startedAt <= this.#config.startMs && this.#holdDown.until === -Infinity;
    if (!isEarly || best === null || best.id === this.#current.id || !this.#isFree) return;
    const scoreOf = (id: string): number | null =>
      lines.find(({ line }) => line.id === id)?.score?.ms ?? null;
    const bestMs = scoreOf(best.id);
    const currentMs = scoreOf(this.#current.id) ?? this.#current.score;
    if (bestMs === null || currentMs === null || !this.#lines.has(best.id)) return;
    if (currentMs - bestMs <= Math.max(START_MS, START_SHARE * currentMs)) return;
    this.#beginSoftMove(now, best.id, 'faster_at_start', {
      currentMs: round(currentMs),
      newMs: round(bestMs),
    });
  }

  /** The line of before is alive, and better than this one proves to be. */
  #considerRollBack(now: number): void {
    const probation = this.#probation;
    if (probation?.mayRollBack !== true || !this.#isFree) return;
    const { degradedSeconds, betterFactor, betterMs } = this.#config;
    const old = this.#lines.get(probation.from);
    const { since } = this.#current;
    const bounds = this.#current.seconds.latest(degradedSeconds, since);
    const oldMs = old?.score(now) ?? null;
    const oldBounds = old?.seconds.latest(ROLL_BACK_PROBES, since);
    if (old === undefined || bounds === undefined || oldBounds === undefined || oldMs === null) return;
    const expectedMs = oldBounds.max + old.experienceMs(now, oldMs);
    if (expectedMs * betterFactor + betterMs >= bounds.min) return;
    const inputs = { currentBestMs: round(bounds.min), oldWorstMs: round(expectedMs) };
    this.#beginSoftMove(now, old.id, 'worse_after_move', inputs);
  }

  #considerBetter(now: number): void {
    if (now < this.#holdDown.until || this.#probation !== undefined || !this.#isFree) return;
    const isDegraded = this.#current.isDegraded(now);
    let best: KnownLine | undefined;
    let bestMs = Infinity;
    for (const line of this.#others) {
      const expectedMs = this.#expectedMs(now, line);
      if (expectedMs === null || line.isUnwanted || line.avoidUntil > now) continue;
      const isBetterNow = expectedMs < Math.min(bestMs, this.#current.score ?? 0);
      if (!isBetterNow || !this.#isBetter(now, line, isDegraded)) continue;
      best = line;
      bestMs = expectedMs;
    }
    if (best === undefined) return;
    this.#beginSoftMove(now, best.id, 'better_line', {
      isDegraded,
      currentMs: round(this.#current.score),
      usualMs: round(this.#current.usualMs),
      newMs: round(bestMs),
      lossRate: Math.round(this.#current.lossRate * 1_000) / 1_000,
    });
  }

  /** Long enough and clearly. */
  #isBetter(now: number, line: KnownLine, isDegraded: boolean): boolean {
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

  #bounds(now: number, line: KnownLine, count: number) {
    const since = now - AGE_FACTOR * count * 1_000;
    return [this.#current.seconds.latest(count, since), line.seconds.latest(count, since)] as const;
  }

  /** It seems to be better: worth finding out. */
  #looksBetter(now: number, line: KnownLine): boolean {
    const { betterFactor, betterMs, betterSeconds } = this.#config;
    const currentMs = this.#current.score;
    const expectedMs = this.#expectedMs(now, line);
    if (currentMs === null || expectedMs === null || line.isUnwanted) return false;
    if (Math.max(line.avoidUntil, this.#holdDown.until) - now > betterSeconds * 1_000) return false;
    return expectedMs * betterFactor + betterMs < currentMs;
  }

  /** What another line is to be expected to be like in use; null when it does not answer. */
  #expectedMs(now: number, line: KnownLine): number | null {
    const score = line.score(now);
    return score === null ? null : score + line.experienceMs(now, score);
  }

  /** From a line that works to another, or back to UDP. */
  #beginSoftMove(now: number, line: string, reason: SwitchReason, inputs: SwitchDecision['inputs']): void {
    const isRollBack = reason === 'worse_after_move';
    const decisionId = this.#decide(now, isRollBack ? 'roll_back' : 'move', reason, line, inputs);
    this.#move = { line, reason, decisionId, isRollBack, isSoft: true, isMoving: false, startedAt: now };
    this.#prepare(now, line);
  }

  // ---- moving ----

  #goTo(now: number, move: Move): void {
    move.isMoving = true;
    move.startedAt = now;
    this.#move = move;
    this.#commands.push({ type: 'move', line: move.line });
  }

  #giveUpMove(now: number, why: string): void {
    if (this.#move === undefined) return;
    this.#log.settle(now, this.#move.decisionId, why);
    this.#move = undefined;
    this.#releaseAt = Math.min(this.#releaseAt, now + this.#config.keepPreparedMs);
  }

  /** The session is on another line, or on the same one over again. @param move undefined when it was not decided here. */
  #arrive(now: number, line: string, move: Move | undefined): void {
    const from = this.#current;
    const known = this.#lines.get(line) ?? new KnownLine(now, { id: line, transport: 'udp' }, this.#config);
    this.#lines.set(line, known);
    const expectedMs = known.score(now);
    this.#move = undefined;
    this.#preparations.delete(line);
    this.#challengeAt = undefined;
    this.#endTrouble(now, 'moved');
    if (this.#preparations.size > 0) this.#releaseAt = now + this.#config.keepPreparedMs;
    this.#current = new LineInUse(now, known, this.#config, from.id === line ? from.usualMs : expectedMs);
    this.#suspicion = new Suspicion(now, this.#config, known.isConnection);
    if (from.id === line) return;

    const old = this.#lines.get(from.id);
    old?.left(now, from.score);
    this.#holdDown.moved(now, known.leftAt);
    if (move?.isRollBack === true) old?.veto(now);
    const { probationMs } = this.#config;
    const mayRollBack = move?.isRollBack === false;
    this.#probation = move && { until: now + probationMs, from: from.id, mayRollBack };
    if (!known.isConnection) this.#udpReturn.stop();
    else if (!from.isConnection)
      this.#udpReturn.begin(now, this.#holdDown.flaps > 0 ? this.#holdDown.until : now);
  }

  // ---- probing ----

  #probe(now: number): void {
    const current = this.#current;
    const take = (bytes: number): boolean => this.#budget.take(bytes);
    if (current.isConnection && this.#isFree && this.#probation === undefined) this.#tryUdp(now, take);
    if (
      this.#lines.size > 1 &&
      current.needsQuestions(now) &&
      now - this.#lastAskAt >= this.#questionMs(now)
    ) {
      if (this.#challengeAt === undefined && take(CHALLENGE_BYTES)) this.#ask(now, 'silence', true);
    }
    const standbys = this.#standbys(now);
    for (const line of this.#others) {
      if (line.outstandingAt !== undefined || line === this.#udpReturn.line) continue;
      if (now - line.probedAt < this.#probeWait(now, line, standbys) * line.spread) continue;
      const bytes = this.#config.probeBytes;
      if (!take(line.costOf(bytes))) continue;
      line.asked(now, 0.8 + 0.4 * this.#random());
      this.#commands.push({ type: 'probe', line: line.id, bytes });
    }
  }

  #tryUdp(now: number, take: (bytes: number) => boolean): void {
    const lines = this.#udpLines.filter((line) => !line.isUnwanted && line.avoidUntil <= now);
    for (;;) {
      const probe = this.#udpReturn.nextProbe(now, lines, take);
      if (probe === undefined) return;
      this.#commands.push({ type: 'probe', ...probe });
    }
  }

  #endTrial(now: number, result: UdpTrialResult | undefined): void {
    if (result === undefined) return;
    const { line, sent, answered, medianRttMs } = result;
    const currentMs = this.#current.score;
    const { betterFactor } = this.#config;
    const isGood =
      medianRttMs !== null &&
      answered === this.#config.udpAgainProbes &&
      (currentMs === null || medianRttMs <= currentMs * betterFactor + UDP_EXTRA_MS);
    const inputs = { sent, answered, rttMs: round(medianRttMs), currentMs: round(currentMs) };
    if (isGood && this.#isFree) {
      this.#beginSoftMove(now, line.id, 'udp_again', inputs);
      return;
    }
    const id = this.#decide(now, 'stay', 'udp_again', line.id, inputs);
    this.#log.settle(now, id, isGood ? 'something else is under way' : 'not good enough');
  }

  /** The best others, which are kept warm. */
  #standbys(now: number): readonly KnownLine[] {
    return this.#others
      .filter((line) => line.score(now) !== null && !line.isUnwanted)
      .sort((a, b) => (a.score(now) ?? 0) - (b.score(now) ?? 0))
      .slice(0, this.#config.standbys);
  }

  #probeWait(now: number, line: KnownLine, standbys: readonly KnownLine[]): number {
    const { decideMs, standbyMs, connectionStandbyMs, sweepMs, sweepAboveMs } = this.#config;
    if (line.isInDoubt || this.#looksBetter(now, line)) return decideMs;
    if (this.#probation?.from === line.id) return 2 * decideMs;
    if (this.#current.isDegraded(now)) return line.score(now) === null ? DEGRADED_SWEEP_MS : decideMs;
    if (standbys.includes(line) || line.isUnknown) return line.isConnection ? connectionStandbyMs : standbyMs;
    return this.#current.score !== null && this.#current.score <= sweepAboveMs ? NEVER : sweepMs;
  }

  /** How often the line in use is asked where nothing else tells how fast it is. */
  #questionMs(now: number): number {
    const isDeciding = this.#others.some((line) => this.#looksBetter(now, line));
    return isDeciding ? this.#config.decideMs : this.#config.standbyMs / 2;
  }

  // ---- small things ----

  get #others(): readonly KnownLine[] {
    return [...this.#lines.values()].filter(({ id }) => id !== this.#current.id);
  }

  get #udpLines(): readonly KnownLine[] {
    return [...this.#lines.values()].filter(({ isConnection }) => !isConnection);
  }

  /** Nothing is in the way of leaving a line that works. */
  get #isFree(): boolean {
    return this.#move === undefined && this.#trouble === undefined;
  }

  get #isLost(): boolean {
    return this.#trouble?.isLost === true;
  }

  #isRecent(now: number, { activeAt }: LinkSignals): boolean {
    return now - activeAt < this.#config.idleAfterMs;
  }

  #tickWait(now: number, signals: LinkSignals): number {
    const { tickMs, quietTickMs, idleTickMs } = this.#config;
    const isBusy =
      this.#trouble !== undefined ||
      this.#move !== undefined ||
      this.#suspicion.question !== undefined ||
      signals.stalledSince !== NEVER;
    if (isBusy || now - signals.activeAt < FLOWING_MS) return tickMs;
    if (!this.#isRecent(now, signals)) return idleTickMs;
    return Math.min(quietTickMs, Math.max(tickMs, this.#udpReturn.deadline - now));
  }

  /** Asks the line in use. @param isPaid whether the budget knows of it; what cannot wait is asked without. */
  #ask(now: number, reason: SwitchReason, isPaid = false): void {
    this.#lastAskAt = now;
    const signals = this.#signals;
    const isQuiet = signals?.stalledSince === NEVER && now - signals.activeAt >= PRESSING_MS;
    this.#suspicion.asked(now, reason, isQuiet);
    if (this.#challengeAt !== undefined) return;
    if (!isPaid) this.#budget.spend(CHALLENGE_BYTES);
    this.#challengeAt = now;
    this.#commands.push({ type: 'challenge' });
  }

  #lastAskAt = -Infinity;

  #prepare(now: number, line: string): void {
    this.#preparations.ask(now, line);
    this.#commands.push({ type: 'prepare', line });
  }

  #release(line: string): void {
    if (!this.#preparations.delete(line)) return;
    if (this.#trouble?.copyLine === line) {
      this.#trouble.copyLine = undefined;
      this.#commands.push({ type: 'copy', line: null });
    }
    this.#commands.push({ type: 'release', line });
  }

  #decide(
    now: number,
    action: SwitchDecision['action'],
    reason: SwitchReason,
    to: string | null,
    inputs: SwitchDecision['inputs'] = {},
    state: SwitchState = this.state,
  ): number {
    return this.#log.add({
      ...{ at: now, action, reason, from: this.#current.id, to, state, inputs },
      scores: this.#scores(now),
    });
  }

  #signalInputs(now: number): SwitchDecision['inputs'] {
    const signals = this.#signals;
    if (signals === undefined) return {};
    const { question } = this.#suspicion;
    return {
      stalledMs: this.#suspicion.stalledMs(now, signals),
      silentMs: now - signals.heardHereAt,
      unansweredMs: question === undefined ? null : now - question.at,
      rtoMs: round(this.#current.answerTimes(signals).rtoMs),
      srttMs: signals.srttMs,
    };
  }

  #scores(now: number): SwitchDecision['scores'] {
    const scores = [...this.#lines.values()].map((line) => {
      const score = line.id === this.#current.id ? this.#current.score : line.score(now);
      return [line.id, round(score)] as const;
    });
    return Object.fromEntries(scores);
  }
}

function round(ms: number): number;
function round(ms: number | null): number | null;
function round(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10;
}

/** A sealed datagram with PATH_CHALLENGE and WASK, and its answer, with IP and UDP. */
const CHALLENGE_BYTES = 200;
const MIN_TICK_MS = 5;
/** Data flowed so shortly before the line in use was asked: more is to be expected. */
const PRESSING_MS = 1_000;
const FLOWING_MS = 2_000;
const CHOOSE_EVERY_MS = 250;
/** In doubt for so long, the line in use is tried over a new socket, too: only the old one may be of no use. */
const AGAIN_AFTER_MS = 1_000;
/** At the start a line has to be better by so much. */
const START_MS = 5;
const START_SHARE = 0.1;
/** Answers of the old line since the move, before it is gone back to. */
const ROLL_BACK_PROBES = 2;
/** UDP may be so much worse than a connection seems to be. */
const UDP_EXTRA_MS = 10;
/** The line in use got much worse: the others are looked at this often. */
const DEGRADED_SWEEP_MS = 10_000;
