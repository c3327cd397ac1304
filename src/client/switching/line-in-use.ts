import { NEVER } from '../../base/clock.ts';
import type { LinkSignals } from '../../session/link-signals.ts';
import { scoreOf } from '../lines/line-score.ts';
import type { LineTransport } from '../login-answer.ts';
import { SecondScores } from './second-scores.ts';
import type { SwitchConfig } from './switch-config.ts';

/** How long an answer of the line in use takes, in ms. */
export interface AnswerTimes {
  /** Nearly always. */
  readonly usualMs: number;
  /** At most: what was not answered by then is lost. */
  readonly rtoMs: number;
}

/** Counters of a session at some time. */
interface Counts {
  readonly at: number;
  readonly sent: number;
  readonly repeated: number;
}

/** How the line in use fares, from what its session sees anyway. */
export class LineInUse {
  readonly id: string;
  readonly isConnection: boolean;
  /** Since when it is in use. */
  readonly since: number;
  readonly seconds = new SecondScores();
  readonly #config: SwitchConfig;
  /** Once a second, oldest first. */
  readonly #counts: Counts[] = [];
  #sent = -1;
  #lookedAt: number;
  #measuredAt = -Infinity;
  #rttMs = 0;
  #jitterMs = 0;
  #rtoMs = 0;
  #lossRate = 0;
  /** What is usual here; undefined until that is known. */
  #usualMs: number | undefined;

  /** @param expectedMs the score that it was chosen for, if any. */
  constructor(
    now: number,
    { id, transport }: { readonly id: string; readonly transport: LineTransport },
    config: SwitchConfig,
    expectedMs: number | null,
  ) {
    this.id = id;
    this.isConnection = transport !== 'udp';
    this.since = this.#lookedAt = now;
    this.#config = config;
    this.#usualMs = expectedMs ?? undefined;
  }

  /** In ms, lower is better; null before anything was measured. */
  get score(): number | null {
    return this.#measuredAt === -Infinity ? null : this.#scoreNow();
  }

  get lossRate(): number {
    return this.#lossRate;
  }

  get usualMs(): number | null {
    return this.#usualMs ?? null;
  }

  look(now: number, signals: LinkSignals): void {
    const { segmentsSent, srttMs, rttvarMs, stalledSince, rtoMs } = signals;
    this.#rtoMs = rtoMs;
    this.#noteLoss(now, signals);
    // Something was sent and something acknowledged since the last look: the round trip is of now.
    const isFresh = segmentsSent !== this.#sent && (stalledSince === NEVER || stalledSince > this.#lookedAt);
    if (isFresh && this.#sent >= 0 && srttMs > 0) this.#measured(now, srttMs, rttvarMs);
    this.#sent = segmentsSent;
    this.#lookedAt = now;
  }

  /** A question on the line was answered. Counts where there is nothing better: this side sends nothing that is acknowledged. */
  asked(now: number, rttMs: number): void {
    if (now - this.#measuredAt < STALE_MS) return;
    const jitterMs = this.#rttMs > 0 ? (3 * this.#jitterMs + Math.abs(rttMs - this.#rttMs)) / 4 : 0;
    this.#measured(now, rttMs, jitterMs);
    this.#measuredAt = now - STALE_MS;
  }

  /** How long answers take: as the session says, or as questions showed where nothing is acknowledged. */
  answerTimes({ srttMs, rttvarMs, rtoMs }: LinkSignals): AnswerTimes {
    if (srttMs > 0) return { usualMs: srttMs + MARGIN_MS + 2 * rttvarMs, rtoMs };
    if (this.#rttMs === 0) return { usualMs: rtoMs, rtoMs };
    const spreadMs = Math.max(MIN_SPREAD_MS, 4 * this.#jitterMs);
    return { usualMs: this.#rttMs + spreadMs / 2, rtoMs: this.#rttMs + spreadMs };
  }

  /** Nothing tells of it at present but questions. */
  needsQuestions(now: number): boolean {
    return now - this.#measuredAt >= STALE_MS;
  }

  /** It is much worse than usual. */
  isDegraded(now: number): boolean {
    const { degradedSeconds, degradedMs, degradedFactor } = this.#config;
    const usualMs = this.#usualMs;
    const latest = this.seconds.latest(degradedSeconds, now - AGE_FACTOR * degradedSeconds * 1_000);
    if (usualMs === undefined || latest === undefined) return false;
    return latest.min > usualMs + degradedMs && latest.min > usualMs * degradedFactor;
  }

  #measured(now: number, rttMs: number, jitterMs: number): void {
    this.#rttMs = rttMs;
    this.#jitterMs = jitterMs;
    const wasMeasuredAt = this.#measuredAt;
    this.#measuredAt = now;
    const score = this.#scoreNow();
    this.seconds.note(now, score);
    if (this.#usualMs === undefined) {
      // Not from the first round trips alone.
      if (this.seconds.size > USUAL_AFTER) this.#usualMs = score;
      return;
    }
    const passedMs = Math.min(1_000, wasMeasuredAt === -Infinity ? 0 : now - wasMeasuredAt);
    const takesMs = score < this.#usualMs ? FALL_MS : RISE_MS;
    this.#usualMs += (score - this.#usualMs) * (passedMs / takesMs);
  }

  #scoreNow(): number {
    return scoreOf({
      rttMs: this.#rttMs,
      jitterMs: this.#jitterMs,
      lossRate: this.#lossRate,
      rtoMs: this.#rtoMs,
      isConnection: this.isConnection,
      load: 0,
    });
  }

  #noteLoss(now: number, { segmentsSent, timeoutRetransmits, fastRetransmits }: LinkSignals): void {
    const repeated = timeoutRetransmits + fastRetransmits;
    const counts = this.#counts;
    const last = counts.at(-1);
    if (last === undefined || now - last.at >= 1_000) {
      counts.push({ at: now, sent: segmentsSent, repeated });
      if (counts.length > MAX_COUNTS) counts.shift();
    }
    // The shortest time over which enough was sent.
    for (let i = counts.length - 1; i >= 0; i--) {
      const { at, sent, repeated: before } = counts[i] ?? { at: 0, sent: 0, repeated: 0 };
      const isLongEnough = now - at >= LOSS_MS && segmentsSent - sent >= LOSS_SEGMENTS;
      if (!isLongEnough && i > 0) continue;
      this.#lossRate =
        segmentsSent - sent < MIN_LOSS_SEGMENTS ? 0 : (repeated - before) / (segmentsSent - sent);
      return;
    }
  }
}

/** How many times as many seconds may have passed as have to be measured. */
export const AGE_FACTOR = 4;
const STALE_MS = 2_000;
const MARGIN_MS = 15;
const MIN_SPREAD_MS = 30;
/** What is usual follows what is better so fast, in ms, and what is worse so slowly. */
const FALL_MS = 3_000;
const RISE_MS = 300_000;
const USUAL_AFTER = 2;
const MAX_COUNTS = 21;
/** Loss is counted over so long, in ms, and so many segments, if there are that many. */
const LOSS_MS = 4_000;
const LOSS_SEGMENTS = 30;
const MIN_LOSS_SEGMENTS = 10;
