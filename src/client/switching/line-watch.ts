import { NEVER } from '../../base/clock.ts';
import type { LinkSignals } from '../../session/link-signals.ts';
import { roundMs } from './decisions.ts';
import type { KnownLines } from './known-lines.ts';
import type { ProbeBudget } from './probe-budget.ts';
import { Suspicion, type Verdict } from './suspicion.ts';
import type { SwitchConfig } from './switch-config.ts';
import type { CommandSink, SwitchDecision, SwitchReason } from './switch-decision.ts';

export interface LineWatchComponents {
  readonly config: SwitchConfig;
  readonly command: CommandSink;
  readonly lines: KnownLines;
  readonly budget: ProbeBudget;
}

/** What the session sees of the line in use, and what that line is asked: the challenge. */
export class LineWatch {
  readonly #config: SwitchConfig;
  readonly #command: CommandSink;
  readonly #lines: KnownLines;
  readonly #budget: ProbeBudget;
  #suspicion: Suspicion;
  #signals: LinkSignals | undefined;
  #isAsking = false;
  #askedAt = -Infinity;

  constructor(now: number, { config, command, lines, budget }: LineWatchComponents) {
    this.#config = config;
    this.#command = command;
    this.#lines = lines;
    this.#budget = budget;
    this.#suspicion = this.#suspicionOf(now);
  }

  /** What the session saw last; undefined before the first look. */
  get signals(): LinkSignals | undefined {
    return this.#signals;
  }

  /** A challenge is under way. */
  get isAsking(): boolean {
    return this.#isAsking;
  }

  /** When the line in use was asked last. */
  get askedAt(): number {
    return this.#askedAt;
  }

  /** It was asked, and nothing has shown since that it leads to the gateway. */
  get isInQuestion(): boolean {
    return this.#suspicion.question !== undefined;
  }

  /** Why the line is asked, or suspect. */
  get reason(): SwitchReason {
    return this.#suspicion.reason;
  }

  /** When {@link judge} may say something else if nothing comes meanwhile. */
  get deadline(): number {
    return this.#suspicion.deadline;
  }

  /** The session is on another line now, or on the same one over again. */
  begin(now: number): void {
    this.#suspicion = this.#suspicionOf(now);
    this.#isAsking = false;
  }

  look(now: number, signals: LinkSignals): void {
    this.#signals = signals;
    this.#lines.current.look(now, signals);
  }

  judge(now: number, signals: LinkSignals): Verdict {
    return this.#suspicion.look(now, signals, this.#lines.current.answerTimes(signals));
  }

  // ---- the challenge ----

  /** Asks the line in use. That cannot wait: the budget is told, and not asked. */
  ask(now: number, reason: SwitchReason): void {
    if (this.#begin(now, reason)) this.#budget.spend(CHALLENGE_BYTES);
  }

  /** Asks the line in use if the budget allows that. */
  askWithinBudget(now: number, reason: SwitchReason): void {
    if (this.#budget.take(CHALLENGE_BYTES)) this.#begin(now, reason);
  }

  /** The line in use leads to the gateway, and back. */
  answered(now: number, rttMs: number): void {
    this.#isAsking = false;
    this.#suspicion.answered();
    this.#lines.current.asked(now, rttMs);
  }

  /** No answer came. @returns why the line was asked; undefined when that is of no interest any more. */
  unanswered(): SwitchReason | undefined {
    this.#isAsking = false;
    return this.#suspicion.question?.reason;
  }

  /** What was missed came: nothing is in question any more. */
  heardAgain(): void {
    this.#suspicion.answered();
  }

  /**
   * The line in use has left its question unanswered for too long.
   * @param since when it was asked, if it was not. @param isCopying data goes out on another line as well meanwhile.
   */
  isPatienceOver(now: number, signals: LinkSignals, since: number, isCopying: boolean): boolean {
    const { question } = this.#suspicion;
    const { rtoMs } = this.#lines.current.answerTimes(signals);
    const isPressing = this.#suspicion.stalledMs(now, signals) >= rtoMs || question?.isQuiet !== true;
    return now - (question?.at ?? since) >= this.#suspicion.patienceMs(rtoMs, isPressing, isCopying);
  }

  /** What a decision rests on that is about the line in use. */
  inputs(now: number): SwitchDecision['inputs'] {
    const signals = this.#signals;
    if (signals === undefined) return {};
    const { question } = this.#suspicion;
    return {
      stalledMs: this.#suspicion.stalledMs(now, signals),
      silentMs: now - signals.heardHereAt,
      unansweredMs: question === undefined ? null : now - question.at,
      rtoMs: roundMs(this.#lines.current.answerTimes(signals).rtoMs),
      srttMs: signals.srttMs,
    };
  }

  /** @returns whether a challenge was commanded; one that is under way is joined. */
  #begin(now: number, reason: SwitchReason): boolean {
    this.#askedAt = now;
    const signals = this.#signals;
    const isQuiet = signals?.stalledSince === NEVER && now - signals.activeAt >= PRESSING_MS;
    this.#suspicion.asked(now, reason, isQuiet);
    if (this.#isAsking) return false;
    this.#isAsking = true;
    this.#command({ type: 'challenge' });
    return true;
  }

  #suspicionOf(now: number): Suspicion {
    return new Suspicion(now, this.#config, this.#lines.current.isConnection);
  }
}

/** A sealed datagram with PATH_CHALLENGE and WASK, and its answer, with IP and UDP. */
const CHALLENGE_BYTES = 200;
/** Data flowed so shortly before the line in use was asked: more is to be expected. */
const PRESSING_MS = 1_000;
