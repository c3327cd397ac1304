import type { ProbeAck } from '../../wire/probe-ack.ts';
import { PROBE_MIN_BYTES } from '../../wire/probe.ts';
import type { ProbeTerms } from '../login-answer.ts';
import type { LineCandidate } from './line-candidate.ts';
import type { LineEvidence, LineReport } from './line-report.ts';
import { ProbedLine } from './probed-line.ts';
import { compareLines, rankLines, Standing, standingOf, type StandingValue } from './rank-lines.ts';

/** How a survey goes. */
export interface LineSurveyOptions {
  /** When it begins, in ms. */
  readonly now: number;
  /** As the login said; no more than 5 probes a line and 4,000 ms, whatever it said. */
  readonly terms: ProbeTerms;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** What a survey wants done. Candidates are named by their index. */
export type SurveyCommand =
  /** Open it and tell what came of it: `opened` or `failed`. */
  | { readonly type: 'open'; readonly candidate: number }
  /** Send a PROBE there: `bytes` long in all, with that number and nonce. */
  | {
      readonly type: 'probe';
      readonly candidate: number;
      readonly number: number;
      readonly nonce: number;
      readonly bytes: number;
    };

/**
 * Finds out which of several lines is the fastest. It does no input or output: whoever drives it carries out its commands,
 * and tells what came of them.
 *
 * - At most 5 probes a candidate, some 100 ms apart, the second one large; 64 in all, for at most 4 s.
 * - Where that is not enough for all candidates, the best so far get what is left.
 * - It is over when the leader is better than any other can turn out to be, or when every probe is answered or lost.
 */
export class LineSurvey {
  readonly #lines: readonly ProbedLine[];
  /** By number. */
  readonly #probes: { readonly candidate: number; readonly place: number; readonly nonce: number }[] = [];
  readonly #random: () => number;
  readonly #count: number;
  readonly #intervalMs: number;
  readonly #startedAt: number;
  readonly #endsAt: number;
  /** Answers that belong to no probe, or came again. */
  strays = 0;

  /** @param candidates in the order to try them; of more than 64 the rest is not tried. */
  constructor(candidates: readonly LineCandidate[], { now, terms, random }: LineSurveyOptions) {
    this.#lines = candidates.map((candidate) => new ProbedLine(candidate));
    this.#random = random;
    this.#count = Math.min(terms.count, MAX_PROBES_A_LINE);
    const lengthMs = Math.min(terms.deadlineMs, MAX_LENGTH_MS);
    this.#intervalMs = Math.max(MIN_INTERVAL_MS, Math.min(terms.intervalMs, lengthMs / 8));
    this.#startedAt = now;
    this.#endsAt = now + lengthMs;
  }

  /** What to do now. Each command is given once. */
  poll(now: number): readonly SurveyCommand[] {
    if (now >= this.#endsAt) return [];
    return [...this.#open(now), ...this.#probe(now)];
  }

  /** When to poll again, in ms. Soon: time alone makes probes lost, and lines too slow. */
  nextAt(now: number): number {
    let next = Math.min(this.#endsAt, now + TICK_MS);
    for (const { nextProbeAt } of this.#lines) if (nextProbeAt > now) next = Math.min(next, nextProbeAt);
    return next;
  }

  /** Probes can be sent there. */
  opened(candidate: number, now: number): void {
    const line = this.#lines[candidate];
    if (line?.condition !== 'opening') return;
    line.condition = 'open';
    line.nextProbeAt = now;
  }

  /** It could not be opened, or broke. @param fault the code of an error. */
  failed(candidate: number, fault: string): void {
    const line = this.#lines[candidate];
    if (line !== undefined && line.condition !== 'failed') line.fail(fault);
  }

  /** Takes what was received from a candidate. Answers to what was not asked there are counted. */
  answered(candidate: number, ack: ProbeAck, now: number): void {
    const probe = this.#probes[ack.number];
    const isOurs = probe?.candidate === candidate && probe.nonce === ack.nonce;
    if (!isOurs || this.#lines[candidate]?.answer(probe.place, ack, now) !== true) this.strays++;
  }

  /** Whether nothing more is to be found out. */
  isOver(now: number): boolean {
    if (now >= this.#endsAt) return true;
    const leader = this.#leader(now);
    const others = this.#lines.filter((line) => line !== leader?.line);
    if (leader !== undefined && others.every((line) => this.#isOut(line, leader, now))) {
      return this.#isSure(leader.evidence);
    }
    return this.#lines.every((line, index) => this.#isDone(line, index, leader, now));
  }

  /** @param random from 0 to below 1: which of several lines that are as good as the best. */
  report(now: number, random: number): LineReport {
    const evidence = this.#lines.map((line) => line.evidence(now));
    return { ...rankLines(evidence, random), tookMs: Math.min(now, this.#endsAt) - this.#startedAt };
  }

  get probesSent(): number {
    return this.#probes.length;
  }

  #open(now: number): SurveyCommand[] {
    // Connections later: they cost a gateway more, and datagrams may have decided by then.
    const isEarly = now - this.#startedAt < CONNECTION_HANDICAP_MS;
    const mustWait = isEarly && this.#lines.some(({ isConnection }) => !isConnection);
    return this.#lines.slice(0, this.#admitted(now)).flatMap((line, candidate) => {
      if (line.condition !== 'waiting' || (mustWait && line.isConnection)) return [];
      line.condition = 'opening';
      line.openingSince = now;
      return [{ type: 'open', candidate } as const];
    });
  }

  #probe(now: number): SurveyCommand[] {
    const leader = this.#leader(now);
    const contenders = this.#contenders(leader, now);
    return this.#lines.flatMap((line, candidate) => {
      if (line.condition !== 'open' || now < line.nextProbeAt) return [];
      if (this.#probes.length >= MAX_PROBES) return [];
      if (line.sent > 0 && !contenders.has(line)) return [];
      return [this.#probeOf(line, candidate, now)];
    });
  }

  #probeOf(line: ProbedLine, candidate: number, now: number): SurveyCommand {
    const isLarge = line.wantsFullSize(now);
    const number = this.#probes.length;
    const nonce = Math.floor(this.#random() * 2 ** 32);
    this.#probes.push({ candidate, nonce, place: line.add(isLarge, now) });
    line.nextProbeAt = now + Math.round(this.#intervalMs * (1 + SPREAD * (2 * this.#random() - 1)));
    return { type: 'probe', candidate, number, nonce, bytes: isLarge ? FULL_SIZE_BYTES : PROBE_MIN_BYTES };
  }

  /** Those that get further probes: who may still win, the best first, as far as the probes go. */
  #contenders(leader: Leader | undefined, now: number): ReadonlySet<ProbedLine> {
    const ranked = this.#lines
      .filter((line) => line.condition === 'open' && line.sent > 0 && line.sent < this.#count)
      .filter((line) => line === leader?.line || !this.#isOut(line, leader, now))
      .map((line) => ({ line, evidence: line.evidence(now) }))
      .sort((one, other) => compareLines(one.evidence, other.evidence));
    // While nothing has answered, those that are not tried yet keep their share.
    const first = this.#lines.slice(0, leader === undefined ? MAX_CANDIDATES : this.#admitted(now));
    const reserved = first.filter((line) => line.sent === 0 && line.condition !== 'failed').length;
    let left = MAX_PROBES - this.#probes.length - reserved;
    const chosen = new Set<ProbedLine>();
    for (const { line } of ranked) {
      if (left <= 0) break;
      chosen.add(line);
      left -= this.#count - line.sent;
    }
    return chosen;
  }

  #leader(now: number): Leader | undefined {
    let leader: Leader | undefined;
    for (const line of this.#lines) {
      if (line.answered === 0 || line.condition === 'failed') continue;
      const evidence = line.evidence(now);
      if (leader === undefined || compareLines(evidence, leader.evidence) < 0) leader = { line, evidence };
    }
    return leader;
  }

  /** Whether enough is known of the leader to leave others out. */
  #isSure({ answered, fullSize }: LineEvidence): boolean {
    return answered >= Math.min(2, this.#count) && (fullSize !== null || this.#count < 2);
  }

  /** Whether it cannot turn out better than the leader any more. */
  #isOut(line: ProbedLine, leader: Leader | undefined, now: number): boolean {
    if (line.condition === 'failed') return true;
    if (leader === undefined || !this.#isSure(leader.evidence)) return false;
    const { evidence } = leader;
    const difference =
      this.#bestStanding(line, now) - standingOf(evidence) ||
      line.candidate.line.priority - evidence.line.priority ||
      line.leastMs(now) - (evidence.score?.maxMs ?? Infinity);
    return difference > 0;
  }

  /** What it may turn out to be: it may not have answered yet, and one large datagram may be lost for other reasons. */
  #bestStanding(line: ProbedLine, now: number): StandingValue {
    if (line.answered === 0) return Standing.good;
    const standing = standingOf(line.evidence(now));
    return standing === Standing.smallOnly && line.sent < this.#count ? Standing.good : standing;
  }

  /** Whether nothing more comes of it. */
  #isDone(line: ProbedLine, index: number, leader: Leader | undefined, now: number): boolean {
    if (line !== leader?.line && this.#isOut(line, leader, now)) return true;
    // Until something answered, everything is waited for.
    if (leader === undefined) return index >= MAX_CANDIDATES;
    if (line.condition === 'waiting') return index >= this.#admitted(now);
    if (line.condition !== 'open' || !line.isSettled(now)) return false;
    return line.sent >= this.#count || !(line.sent === 0 || this.#contenders(leader, now).has(line));
  }

  /** How many candidates are tried: more when none of the first answers. */
  #admitted(now: number): number {
    const isSilent =
      now - this.#startedAt >= SILENCE_MS && this.#lines.every(({ answered }) => answered === 0);
    return isSilent ? MAX_CANDIDATES : MAX_CANDIDATES / 2;
  }
}

interface Leader {
  readonly line: ProbedLine;
  readonly evidence: LineEvidence;
}

const MAX_PROBES_A_LINE = 5;
const MAX_PROBES = 64;
const MAX_CANDIDATES = MAX_PROBES;
const MAX_LENGTH_MS = 4_000;
const MIN_INTERVAL_MS = 10;
/** Probes are so much closer or farther apart, by chance: not in step with anything. */
const SPREAD = 0.2;
/** Every path should carry that (RFC 9000, section 14). */
const FULL_SIZE_BYTES = 1200;
const CONNECTION_HANDICAP_MS = 200;
const SILENCE_MS = 1_000;
const TICK_MS = 20;
