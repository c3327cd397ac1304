import { NEVER } from '../../base/clock.ts';
import type { LinkSignals } from '../../session/link-signals.ts';
import type { AnswerTimes } from './line-in-use.ts';
import type { SwitchConfig } from './switch-config.ts';
import type { SwitchReason } from './switch-decision.ts';

/** What the line in use was asked, and has not answered yet. */
export interface Question {
  readonly at: number;
  readonly reason: SwitchReason;
  /** No data flowed when it was asked. */
  readonly isQuiet: boolean;
}

/** What the signals call for. `heartbeat` may wait, and costs the budget. */
export type Verdict = 'fine' | 'heartbeat' | 'ask' | 'suspect';

/**
 * Finds out whether the line in use still leads to the gateway. First by what the session sees anyway: acknowledgements that
 * do not come, silence where there was traffic. Then it is asked; suspect is only who does not answer.
 */
export class Suspicion {
  readonly #config: SwitchConfig;
  readonly #isConnection: boolean;
  /** Since when the line is in use: what waited before that waited for another one. */
  readonly #since: number;
  #question: Question | undefined;
  #askedAt = -Infinity;
  #reason: SwitchReason = 'silence';
  /** Questions in this stall that were answered, although nothing was acknowledged. */
  #vainQuestions = 0;
  #stalledSince = NEVER;
  /** What usually passes between datagrams that come, in ms. */
  #gapMs = NEVER;
  #heardHereAt = -Infinity;
  #hasJustAnswered = false;
  #deadline = NEVER;

  constructor(now: number, config: SwitchConfig, isConnection: boolean) {
    this.#config = config;
    this.#isConnection = isConnection;
    this.#since = now;
  }

  get question(): Question | undefined {
    return this.#question;
  }

  /** Why {@link look} says what it says. */
  get reason(): SwitchReason {
    return this.#reason;
  }

  /** When {@link look} may say something else if nothing comes meanwhile. */
  get deadline(): number {
    return this.#deadline;
  }

  look(now: number, signals: LinkSignals, times: AnswerTimes): Verdict {
    this.#learnGap(signals.heardHereAt);
    const stalledSince = Math.max(this.#since, signals.stalledSince);
    const heardAt = Math.max(this.#since, signals.heardHereAt);
    // Whatever is acknowledged ends a stall: the next one is another.
    if (signals.stalledSince !== this.#stalledSince) this.#vainQuestions = 0;
    this.#stalledSince = signals.stalledSince;
    if (this.#question !== undefined)
      return this.#lookAtQuestion(now, this.#question, stalledSince, heardAt, times);
    const { askEveryMs, idleAfterMs, silenceMs, silenceGaps, heartbeatMs } = this.#config;
    const mayAskAt = this.#askedAt + askEveryMs * 2 ** this.#vainQuestions;
    const askAfterMs = this.#askAfterMs(times.rtoMs);
    const isRecent = now - signals.activeAt < idleAfterMs;
    // One question for each pause in the traffic.
    const isNews = isRecent && signals.activeAt > this.#askedAt;
    const stallAt = Math.max(mayAskAt, stalledSince + askAfterMs);
    const silenceAt = isNews
      ? Math.max(mayAskAt, heardAt + Math.max(silenceMs, silenceGaps * this.#gapMs, askAfterMs))
      : NEVER;
    const heartbeatAt = isRecent ? Math.max(mayAskAt, heardAt + heartbeatMs) : NEVER;
    this.#deadline = Math.min(...[stallAt, silenceAt, heartbeatAt].filter((at) => at > now));
    if (now >= stallAt) return this.#say('ask', 'no_acknowledgement');
    if (now >= silenceAt) return this.#say('ask', 'silence');
    return now >= heartbeatAt ? this.#say('heartbeat', 'silence') : 'fine';
  }

  #lookAtQuestion(
    now: number,
    { at, reason, isQuiet }: Question,
    stalledSince: number,
    heardAt: number,
    { usualMs, rtoMs }: AnswerTimes,
  ): Verdict {
    const rto = this.#bounded(rtoMs);
    const { askAfterTimeouts, suspectAfterTimeouts } = this.#config;
    const leastMs = Math.max(this.#leastAskMs, (suspectAfterTimeouts - askAfterTimeouts) * rto);
    // When it was quiet nobody waits: the answer may be one to the second question.
    const lateMs = isQuiet ? 2 * Math.max(leastMs, rto) : Math.max(leastMs, Math.min(usualMs, rto));
    const lateAt = at + lateMs;
    this.#deadline = Math.max(lateAt, Math.min(stalledSince, heardAt) + this.#suspectAfterMs(rtoMs));
    if (now < this.#deadline) return 'fine';
    return this.#say('suspect', reason === 'silence' && stalledSince < at ? 'no_acknowledgement' : reason);
  }

  /** For how long nothing was acknowledged here, in ms, although something waits for it. */
  stalledMs(now: number, { stalledSince }: LinkSignals): number {
    return stalledSince === NEVER ? 0 : Math.max(0, now - Math.max(this.#since, stalledSince));
  }

  /** A question is on its way. One that is already stays the one that counts. */
  asked(now: number, reason: SwitchReason, isQuiet: boolean): void {
    this.#question ??= { at: now, reason, isQuiet };
    this.#askedAt = now;
  }

  answered(): void {
    if (this.#question?.reason === 'no_acknowledgement')
      this.#vainQuestions = Math.min(MAX_VAIN, this.#vainQuestions + 1);
    // Silence here was nothing to worry about.
    if (this.#question?.reason === 'silence') this.#gapMs *= 2;
    this.#question = undefined;
    this.#hasJustAnswered = true;
  }

  /**
   * For how long a line may leave a question unanswered before another one takes over, in ms.
   * @param isPressing data waits; else there is time. @param isCopying data goes out on both lines meanwhile.
   */
  patienceMs(rtoMs: number, isPressing: boolean, isCopying: boolean): number {
    const { moveAfterMs, moveAfterTimeouts, copiesMoveAfterMs, copiesMoveAfterTimeouts } = this.#config;
    const rto = this.#bounded(rtoMs);
    if (isPressing && !isCopying) return Math.max(moveAfterMs, moveAfterTimeouts * rto);
    const ms = Math.max(copiesMoveAfterMs, copiesMoveAfterTimeouts * rto);
    return isPressing ? ms : IDLE_PATIENCE * ms;
  }

  #say(verdict: Verdict, reason: SwitchReason): Verdict {
    this.#reason = reason;
    return verdict;
  }

  #askAfterMs(rtoMs: number): number {
    return Math.max(this.#leastAskMs, this.#config.askAfterTimeouts * this.#bounded(rtoMs));
  }

  get #leastAskMs(): number {
    const { askAfterMs, connectionSuspectAfterMs } = this.#config;
    return this.#isConnection ? connectionSuspectAfterMs / 2 : askAfterMs;
  }

  #suspectAfterMs(rtoMs: number): number {
    const { suspectAfterMs, suspectAfterTimeouts, connectionSuspectAfterMs } = this.#config;
    const least = this.#isConnection ? connectionSuspectAfterMs : suspectAfterMs;
    return Math.max(least, suspectAfterTimeouts * this.#bounded(rtoMs));
  }

  #bounded(rtoMs: number): number {
    return Math.min(rtoMs, this.#config.suspectAtLatestMs / this.#config.suspectAfterTimeouts);
  }

  #learnGap(heardHereAt: number): void {
    const gapMs = heardHereAt - this.#heardHereAt;
    if (gapMs <= 0) return;
    const isUsual = this.#heardHereAt !== -Infinity && gapMs < this.#config.heartbeatMs;
    this.#heardHereAt = heardHereAt;
    // What answers a question says nothing of traffic.
    if (isUsual && !this.#hasJustAnswered)
      this.#gapMs = this.#gapMs === NEVER ? gapMs : (3 * this.#gapMs + gapMs) / 4;
    this.#hasJustAnswered = false;
  }
}

const MAX_VAIN = 3;
const IDLE_PATIENCE = 2;
