import type { LineEvidence } from '../lines/line-report.ts';
import { jitterOf, scoreOf, timeoutMs } from '../lines/line-score.ts';
import type { LineTransport } from '../login-answer.ts';
import { SecondScores } from './second-scores.ts';
import type { SwitchConfig } from './switch-config.ts';

/** What the monitor has to know of a line. */
export interface SwitchLine {
  readonly id: string;
  readonly transport: LineTransport;
}

/** What one PROBE_ACK said. */
export interface ProbeAnswer {
  readonly rttMs: number;
  /** Of the question. */
  readonly bytes: number;
  /** 0 idle to 255 full. */
  readonly load: number;
  readonly draining: boolean;
  readonly notReady: boolean;
}

/** One line, and what probes and having used it told of it. */
export class KnownLine {
  readonly id: string;
  readonly transport: LineTransport;
  readonly seconds = new SecondScores();
  /** When a probe left last, and when one was answered last. */
  probedAt: number;
  answeredAt = -Infinity;
  /** When the probe left that is not answered yet. */
  outstandingAt: number | undefined;
  /** Waits between probes are that many times what they should be, about 1: not all lines are probed in step. */
  spread = 1;
  /** Not to be chosen because it is better until then: it proved worse, or cannot be opened. */
  avoidUntil = -Infinity;
  /** When the session left it last. */
  leftAt = -Infinity;
  /** Attempts to prepare it that came to nothing since one did; and when it may be tried again. */
  failures = 0;
  retryAt = -Infinity;
  readonly #config: SwitchConfig;
  /** The latest round trips in ms; LOST: none. */
  #rtts: number[] = [];
  #load = 0;
  #isUnwanted = false;
  #vetoMs = 0;
  #vetoedAt = -Infinity;
  #usedMs = 0;
  #usedAt = -Infinity;

  constructor(now: number, { id, transport }: SwitchLine, config: SwitchConfig) {
    this.id = id;
    this.transport = transport;
    this.#config = config;
    this.probedAt = now;
  }

  get isConnection(): boolean {
    return this.transport !== 'udp';
  }

  /** Its gateway is draining, or not ready: the last to be chosen. */
  get isUnwanted(): boolean {
    return this.#isUnwanted;
  }

  /** What a probe of it costs, in bytes on the wire, both ways. */
  costOf(probeBytes: number): number {
    return 2 * (probeBytes + HEADERS_BYTES) + CONNECTION_BYTES[this.transport];
  }

  /** Its latest probes were answered. */
  answers(now: number): boolean {
    return this.#rtts.at(-1) !== LOST && now - this.answeredAt <= 2 * this.#config.standbyMs + 1_000;
  }

  /** Its latest probe was not answered, but one before was: worth another one soon. */
  get isInDoubt(): boolean {
    return this.#rtts.at(-1) === LOST && !this.#isSilent;
  }

  /** Nothing was measured. */
  get isUnknown(): boolean {
    return this.#rtts.length === 0;
  }

  /** A probe is on its way. */
  asked(now: number, spread: number): void {
    this.probedAt = this.outstandingAt = now;
    this.spread = spread;
  }

  answered(now: number, answer: ProbeAnswer): void {
    this.outstandingAt = undefined;
    this.answeredAt = now;
    this.#load = answer.load;
    this.#isUnwanted = answer.draining || answer.notReady;
    this.#push(answer.rttMs);
    this.seconds.note(now, this.#scoreWith(answer.rttMs));
  }

  lost(): void {
    this.outstandingAt = undefined;
    this.#push(LOST);
  }

  /** What was measured by others. */
  surveyed(now: number, evidence: LineEvidence): void {
    // The latest may have been on their way still when it ended: they say nothing.
    let lost = evidence.sent - evidence.answered;
    for (const rttMs of evidence.rttsMs) {
      if (rttMs !== null) this.#push(rttMs);
      else if (lost-- > 0) this.#push(LOST);
    }
    this.probedAt = now;
    if (evidence.answered === 0) return;
    this.answeredAt = now;
    this.#load = evidence.load ?? 0;
    this.#isUnwanted = evidence.draining || evidence.notReady;
  }

  /** Nothing that was measured holds any more: this is another network. */
  forget(): void {
    this.#rtts = [];
    this.answeredAt = this.#usedAt = this.avoidUntil = this.leftAt = this.retryAt = -Infinity;
    this.#vetoMs = this.failures = 0;
  }

  /** In ms, lower is better; null when it does not answer, or was not asked lately. */
  score(now: number): number | null {
    if (this.#isSilent || now - this.answeredAt > FRESH_SWEEPS * this.#config.sweepMs) return null;
    const rtts = this.#answeredRtts.slice(-MEDIAN_OF).sort((a, b) => a - b);
    const median = rtts[rtts.length >> 1];
    return median === undefined ? null : this.#scoreWith(median);
  }

  /** The session left it, and this is what it was like in use. */
  left(now: number, score: number | null): void {
    this.leftAt = now;
    if (score === null) return;
    this.#usedMs = score;
    this.#usedAt = now;
  }

  /**
   * How much worse it is to be expected in use than `score`, which probes gave: they do not wait in the queue that the session
   * itself makes, and do not see what it takes for loss.
   */
  experienceMs(now: number, score: number): number {
    const { experienceHalfLifeMs } = this.#config;
    return Math.max(0, this.#usedMs - score) * 0.5 ** ((now - this.#usedAt) / experienceHalfLifeMs);
  }

  /** It proved worse than it seemed. */
  veto(now: number): void {
    const { vetoMs, vetoMaxMs } = this.#config;
    const isLongAgo = now - this.#vetoedAt > 2 * vetoMaxMs;
    this.#vetoMs = isLongAgo ? vetoMs : Math.min(vetoMaxMs, Math.max(vetoMs, 2 * this.#vetoMs));
    this.#vetoedAt = now;
    this.avoidUntil = now + this.#vetoMs;
  }

  /** It is prepared. */
  prepared(): void {
    this.failures = 0;
  }

  /** It could not be prepared. */
  failed(now: number, random: number): void {
    const { retryMs, retryMaxMs } = this.#config;
    const boundMs = Math.min(retryMaxMs, retryMs * 2 ** Math.min(this.failures++, MAX_DOUBLINGS));
    this.retryAt = now + boundMs * (0.5 + random / 2);
    this.avoidUntil = Math.max(this.avoidUntil, now + AVOID_FAILED_MS);
  }

  get #answeredRtts(): number[] {
    return this.#rtts.filter((rtt) => rtt !== LOST);
  }

  get #isSilent(): boolean {
    return this.#rtts.slice(-SILENT_AFTER).every((rtt) => rtt === LOST);
  }

  #push(rttMs: number): void {
    this.#rtts.push(rttMs);
    if (this.#rtts.length > MAX_RTTS) this.#rtts.shift();
  }

  #scoreWith(rttMs: number): number {
    const rtts = this.#answeredRtts;
    const lost = this.#rtts.length - rtts.length;
    const jitterMs = jitterOf(rtts) ?? 0;
    return scoreOf({
      rttMs,
      jitterMs,
      lossRate: (lost + 0.5) / (this.#rtts.length + 1),
      rtoMs: timeoutMs(rttMs, jitterMs),
      isConnection: this.isConnection,
      load: this.#load,
    });
  }
}

const LOST = -1;
const MAX_RTTS = 20;
const MEDIAN_OF = 5;
/** So many probes in a row without answer: nobody is there. */
const SILENT_AFTER = 3;
const FRESH_SWEEPS = 1.5;
const MAX_DOUBLINGS = 8;
const AVOID_FAILED_MS = 30_000;
/** IP and UDP. */
const HEADERS_BYTES = 28;
/** What opening a connection costs besides, about. */
const CONNECTION_BYTES = { udp: 0, tcp: 400, ws: 1_000, wss: 6_000 } as const;
