import { GatewayError } from '../../base/errors.ts';
import { orderCandidates, type LineCandidate } from '../lines/line-candidate.ts';
import type { LineReport } from '../lines/line-report.ts';
import { LineSurvey } from '../lines/line-survey.ts';
import type { Line, ProbeTerms } from '../login-answer.ts';
import { AbortGroup } from './abort-group.ts';
import type { ClientPlatform } from './client-platform.ts';
import { findAddresses, type FoundLine } from './find-addresses.ts';
import { PROBE_CARRIER, ProbeCarrier, type ProbeCarrierEvents } from './probe-carrier.ts';
import { orAborted, withinTime } from './time-limit.ts';

/** What a survey needs of the place it runs in. */
export type ProbePlatform = Pick<ClientPlatform, 'clock' | 'random' | 'transports' | 'resolve' | 'openLine'>;

/** What is surveyed, and how. */
export interface SurveyOptions {
  readonly lines: readonly Line[];
  /** As the login says. Default, and the most there is: 5 probes a line, 4,000 ms; 100 ms apart. */
  readonly probe?: Partial<ProbeTerms> | undefined;
  /** Aborting it gives up. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the fastest of several lines: opens a carrier for each of their addresses, sends a few PROBEs and compares the answers.
 * That needs no session and disturbs none. Where lines answer it takes a second or less, else 4 s; it leaves nothing behind.
 * @returns all that was seen; what cannot be used here, or was not found, is there with a fault.
 * @throws GatewayError `connect_failed` when the signal was aborted, or its reason if that is a GatewayError.
 */
export async function surveyLines(platform: ProbePlatform, options: SurveyOptions): Promise<LineReport> {
  const { lines, probe, signal } = options;
  const terms = { ...DEFAULT_TERMS, ...probe };
  const deadlineMs = Math.min(terms.deadlineMs, DEFAULT_TERMS.deadlineMs);
  const startedAt = platform.clock.now();
  return withinTime({ signals: [signal] }, async (own) => {
    const found = await findAddresses(platform, lines, deadlineMs, own);
    const elapsedMs = platform.clock.now() - startedAt;
    const left = { ...terms, deadlineMs: Math.max(0, deadlineMs - elapsedMs) };
    const report = await new SurveyRun(platform, found, left).run(own);
    return { ...report, tookMs: platform.clock.now() - startedAt };
  });
}

/** Carries out what a {@link LineSurvey} wants done. */
class SurveyRun {
  readonly #platform: ProbePlatform;
  readonly #candidates: readonly LineCandidate[];
  readonly #survey: LineSurvey;
  readonly #endsAt: number;
  /** By index of their candidates. */
  readonly #carriers = new Map<number, ProbeCarrier>();
  readonly #openings: Promise<void>[] = [];
  /** Aborted when it is over: ends what is still being opened. */
  readonly #own = new AbortGroup();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #finish!: () => void;

  constructor(platform: ProbePlatform, found: readonly FoundLine[], terms: ProbeTerms) {
    const now = platform.clock.now();
    this.#platform = platform;
    // What cannot be tried is there to be told of.
    const faulty = found.filter(({ fault }) => fault !== undefined);
    const usable = orderCandidates(found);
    this.#candidates = [...usable, ...faulty.map(({ line }) => ({ line, address: undefined }))];
    this.#survey = new LineSurvey(this.#candidates, { now, terms, random: platform.random });
    faulty.forEach(({ fault = '' }, index) => this.#survey.failed(usable.length + index, fault));
    this.#endsAt = now + terms.deadlineMs;
  }

  /** @throws the reason of the signal. */
  async run(signal: AbortSignal): Promise<LineReport> {
    const { clock, random } = this.#platform;
    try {
      const over = new Promise<void>((resolve) => (this.#finish = resolve));
      this.#step();
      await orAborted(over, signal);
      return this.#survey.report(clock.now(), random());
    } finally {
      clearTimeout(this.#timer);
      this.#own.abort(new GatewayError('connect_timeout'));
      await Promise.all(this.#openings);
      await Promise.all([...this.#carriers.values()].map((carrier) => carrier.close()));
    }
  }

  /** Does what is due, and comes back when there may be more. */
  readonly #step = (): void => {
    const now = this.#platform.clock.now();
    if (this.#survey.isOver(now)) return this.#finish();
    for (const command of this.#survey.poll(now)) {
      const { candidate } = command;
      if (command.type === 'open') this.#openings.push(this.#open(candidate));
      else this.#carriers.get(candidate)?.send({ ...command, index: candidate }, now);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#step, Math.max(1, this.#survey.nextAt(now) - now));
  };

  async #open(index: number): Promise<void> {
    const { clock } = this.#platform;
    const { line, address } = this.#candidates[index] ?? {};
    if (line === undefined) return;
    try {
      const timeoutMs = Math.max(1, this.#endsAt - clock.now());
      const opened = await this.#own.run((signal) =>
        this.#platform.openLine(line, { address, ...PROBE_CARRIER, timeoutMs, signal }),
      );
      this.#carriers.set(index, new ProbeCarrier(opened, this.#eventsOf(index)));
      this.#survey.opened(index, clock.now());
    } catch (error) {
      this.#survey.failed(index, GatewayError.from(error).code);
    }
    if (!this.#own.aborted) this.#step();
  }

  #eventsOf(index: number): ProbeCarrierEvents {
    const { clock } = this.#platform;
    return {
      answered: (ack) => {
        this.#survey.answered(index, ack, clock.now());
        if (this.#survey.isOver(clock.now())) this.#finish();
      },
      lost: () => {
        this.#survey.failed(index, 'connect_failed');
      },
    };
  }
}

const DEFAULT_TERMS: ProbeTerms = { count: 5, intervalMs: 100, deadlineMs: 4_000 };
