import type { SocketAddress } from '../../base/address.ts';
import type { ProbeAck } from '../../wire/probe-ack.ts';
import { isConnection, type LineCandidate } from './line-candidate.ts';
import type { LineEvidence, LineScore } from './line-report.ts';
import { jitterOf, medianOf, scoreProbes, timeoutMs } from './line-score.ts';

/** A PROBE as it went out. */
interface SentProbe {
  readonly isFullSize: boolean;
  readonly sentAt: number;
  rttMs: number | null;
}

/** Where a candidate stands: how far it can be probed. */
type Condition = 'waiting' | 'opening' | 'open' | 'failed';

/** What is known of one candidate of a survey. Times in ms. */
export class ProbedLine {
  readonly candidate: LineCandidate;
  readonly isConnection: boolean;
  condition: Condition = 'waiting';
  /** When the next probe may be sent. */
  nextProbeAt = 0;
  openingSince = 0;
  #fault: string | null = null;
  readonly #probes: SentProbe[] = [];
  #answered = 0;
  #load: number | null = null;
  #draining = false;
  #notReady = false;
  #seenAs: SocketAddress | null = null;
  /** By the round trips so far. */
  #lossAfterMs = LOSS_AFTER_MS;

  constructor(candidate: LineCandidate) {
    this.candidate = candidate;
    this.isConnection = isConnection(candidate.line);
  }

  get sent(): number {
    return this.#probes.length;
  }

  get answered(): number {
    return this.#answered;
  }

  /** @param fault the code of an error. */
  fail(fault: string): void {
    this.condition = 'failed';
    this.#fault = fault;
  }

  /** @returns its place among the probes of this line. */
  add(isFullSize: boolean, now: number): number {
    return this.#probes.push({ isFullSize, sentAt: now, rttMs: null }) - 1;
  }

  /** Takes the answer to a probe. @returns false when it was answered before. */
  answer(place: number, ack: ProbeAck, now: number): boolean {
    const probe = this.#probes[place];
    if (probe?.rttMs !== null) return false;
    probe.rttMs = Math.max(0, now - probe.sentAt);
    this.#answered++;
    this.#load = ack.load;
    this.#draining = ack.draining;
    this.#notReady = ack.notReady;
    this.#seenAs = ack.address ?? this.#seenAs;
    const rttsMs = this.#rttsMs();
    const expectedMs = timeoutMs(medianOf(rttsMs) ?? 0, jitterOf(rttsMs) ?? 0);
    this.#lossAfterMs = Math.min(LOSS_AFTER_MS, Math.max(LEAST_LOSS_AFTER_MS, expectedMs));
    return true;
  }

  /** Whether every probe was answered, or is old enough to be lost. */
  isSettled(now: number): boolean {
    return this.#probes.every((probe) => probe.rttMs !== null || this.#isLost(probe, now));
  }

  /** Whether large datagrams pass: false when all were lost while small ones were answered; null while nothing is known. */
  fullSize(now: number): boolean | null {
    const large = this.#probes.filter(({ isFullSize }) => isFullSize);
    if (large.some(({ rttMs }) => rttMs !== null)) return true;
    const areLost = large.length > 0 && large.every((probe) => this.#isLost(probe, now));
    return areLost && this.#answered > 0 ? false : null;
  }

  /** Whether the next probe should be large: the second one, and again while large ones are lost and small ones are not. */
  wantsFullSize(now: number): boolean {
    return this.sent === 1 || this.fullSize(now) === false;
  }

  /** No score will be lower than that, as far as can be told: what has not answered by now takes longer. */
  leastMs(now: number): number {
    const score = this.score(now);
    if (score !== null) return score.minMs;
    const latest = this.#probes.at(-1);
    if (latest !== undefined) return now - latest.sentAt;
    return this.condition === 'opening' ? (now - this.openingSince) / OPENING_ROUND_TRIPS : 0;
  }

  score(now: number): LineScore | null {
    return scoreProbes({
      rttsMs: this.#rttsMs(),
      lost: this.#lost(now),
      isConnection: this.isConnection,
      load: this.#load ?? 0,
    });
  }

  evidence(now: number): LineEvidence {
    const { line, address } = this.candidate;
    const rttsMs = this.#rttsMs();
    return {
      line,
      address,
      sent: this.#answered + this.#lost(now),
      answered: this.#answered,
      rttsMs: this.#probes.map(({ rttMs }) => rttMs),
      medianRttMs: medianOf(rttsMs),
      jitterMs: jitterOf(rttsMs),
      fullSize: this.fullSize(now),
      load: this.#load,
      draining: this.#draining,
      notReady: this.#notReady,
      seenAs: this.#seenAs,
      score: this.score(now),
      fault: this.#fault ?? (this.#answered > 0 ? null : this.sent > 0 ? 'no_answer' : 'not_tried'),
    };
  }

  #rttsMs(): number[] {
    return this.#probes.flatMap(({ rttMs }) => (rttMs === null ? [] : [rttMs]));
  }

  #lost(now: number): number {
    return this.#probes.filter((probe) => this.#isLost(probe, now)).length;
  }

  #isLost({ rttMs, sentAt }: SentProbe, now: number): boolean {
    return rttMs === null && now - sentAt >= this.#lossAfterMs;
  }
}

/** A probe younger than that, or than the retransmission timeout where round trips are known, does not count as lost. */
const LOSS_AFTER_MS = 1_000;
/** However short the round trips: hosts are busy at times. */
const LEAST_LOSS_AFTER_MS = 50;
/** TCP, TLS and WebSocket handshakes take no more: a connection that takes long to be made has long round trips. */
const OPENING_ROUND_TRIPS = 4;
