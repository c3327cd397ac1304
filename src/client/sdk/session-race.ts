import { NEVER } from '../../base/clock.ts';
import { GatewayError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import {
  orderCandidates,
  type LineCandidate,
  type RememberedLine,
  type ResolvedLine,
} from '../lines/line-candidate.ts';
import { OpeningRace } from '../lines/opening-race.ts';
import type { Line } from '../login-answer.ts';
import { AbortGroup } from './abort-group.ts';
import type { ClientPlatform } from './client-platform.ts';
import { delay, orAborted } from './time-limit.ts';

/** What a race is made with. */
export interface SessionRaceParts {
  readonly platform: Pick<ClientPlatform, 'clock' | 'resolve'>;
  readonly lines: readonly Line[];
  readonly remembered: RememberedLine | undefined;
  readonly logger: Logger;
  /** Fails when nothing can come of it any more, or the signal ends it. */
  readonly attempt: (candidate: LineCandidate, signal: AbortSignal) => Promise<never>;
}

/**
 * Tries lines by the clock of {@link OpeningRace}, all addresses of all of them. Names are looked up at once; lines whose name
 * takes longer than the others' join later.
 */
export class SessionRace {
  readonly #parts: SessionRaceParts;
  readonly #own = new AbortGroup();
  readonly #races: OpeningRace[] = [];
  readonly #errors: GatewayError[] = [];
  readonly #works = new Set<Promise<unknown>>();
  /** Names that are being looked up. */
  #resolving = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #markLost!: (error: GatewayError) => void;

  constructor(parts: SessionRaceParts) {
    this.#parts = parts;
  }

  /**
   * The best reason why nothing came of it so far: that a gateway refused says more than that one did not answer, and that more
   * than that there is no way.
   */
  get error(): GatewayError | undefined {
    const { refused } = this;
    if (refused !== undefined) return refused;
    for (const worth of BY_WORTH) {
      const found = this.#errors.find(({ code }) => code === worth);
      if (found !== undefined) return found;
    }
    return this.#errors[0];
  }

  /** What a gateway said that refused, if one did so far; of several, one that says that it may go better another time. */
  get refused(): GatewayError | undefined {
    const refusals = this.#errors.filter(({ code }) => code === 'session_closed');
    return refusals.find(({ details }) => details?.mayReconnect === true) ?? refusals[0];
  }

  /** Rejects when everything failed, with {@link error}; else it goes on until {@link stop}. */
  async run(signal: AbortSignal): Promise<never> {
    const lost = new Promise<never>((_, reject) => (this.#markLost = reject));
    // Handled below; there may be nobody yet when everything fails at once.
    lost.catch(() => undefined);
    const early: ResolvedLine[] = [];
    let isStarted = false;
    const lookUps = this.#hosts().map(async (lines) => {
      const resolved = await this.#own.run((own) => this.#resolve(lines, own));
      if (isStarted) this.#enter(resolved);
      else early.push(...resolved);
    });
    this.#resolving = lookUps.length;
    for (const lookUp of lookUps) {
      void this.#track(
        lookUp
          .catch((error: unknown) => {
            this.#errors.push(GatewayError.from(error));
          })
          .finally(() => {
            this.#resolving--;
            if (isStarted) this.#pump();
          }),
      );
    }
    const all = Promise.allSettled(lookUps);
    await orAborted(
      Promise.race([
        all,
        Promise.any(lookUps).then(() => this.#own.run((own) => delay(RESOLUTION_DELAY_MS, own))),
      ]),
      signal,
    ).catch((error: unknown) => {
      if (signal.aborted) throw error;
    });
    isStarted = true;
    this.#enter(early, this.#parts.remembered);
    return orAborted(lost, signal);
  }

  /** Starts nothing more and gives up what is under way. Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    for (const race of this.#races) race.decide();
    clearTimeout(this.#timer);
    this.#own.abort();
    await Promise.allSettled([...this.#works]);
  }

  /** Lines of the same name. */
  #hosts(): (readonly [Line, ...Line[]])[] {
    const byHost = new Map<string, [Line, ...Line[]]>();
    for (const line of this.#parts.lines) {
      const lines = byHost.get(line.host);
      if (lines === undefined) byHost.set(line.host, [line]);
      else lines.push(line);
    }
    return [...byHost.values()];
  }

  async #resolve(lines: readonly [Line, ...Line[]], signal: AbortSignal): Promise<ResolvedLine[]> {
    const [{ host, port: firstPort }] = lines;
    const addresses = await orAborted(this.#parts.platform.resolve(host, firstPort, signal), signal);
    return lines.map((line) => ({
      line,
      addresses: addresses.map((address) =>
        address === undefined ? undefined : { ...address, port: line.port },
      ),
    }));
  }

  #enter(lines: readonly ResolvedLine[], remembered?: RememberedLine): void {
    const candidates = orderCandidates(lines, remembered);
    const firstIsRemembered = remembered !== undefined && candidates[0]?.line.id === remembered.lineId;
    const now = this.#parts.platform.clock.now();
    this.#races.push(new OpeningRace(candidates, { now, firstIsRemembered }));
    this.#pump();
  }

  /** Starts what is due, and comes back when more is. */
  #pump(): void {
    clearTimeout(this.#timer);
    if (this.#own.aborted) return;
    const now = this.#parts.platform.clock.now();
    let nextAt = NEVER;
    for (const race of this.#races) {
      for (let next = race.next(now); next !== undefined; next = race.next(now)) this.#start(race, next);
      nextAt = Math.min(nextAt, race.nextAt());
    }
    if (nextAt !== NEVER) this.#timer = setTimeout(() => this.#pump(), Math.max(1, nextAt - now));
    else if (this.#resolving === 0 && this.#races.every(({ isLost }) => isLost))
      this.#markLost(this.error ?? new GatewayError('connect_failed', 'no line could be tried'));
  }

  #start(race: OpeningRace, candidate: LineCandidate): void {
    const { attempt, platform, logger } = this.#parts;
    void this.#track(
      this.#own
        .run((own) => attempt(candidate, own))
        .catch((thrown: unknown) => {
          if (this.#own.aborted) return;
          const error = GatewayError.from(thrown);
          const { address } = candidate.address ?? {};
          logger.debug('line failed', {
            line: candidate.line.id,
            address,
            error: error.code,
            reason: error.message,
          });
          this.#errors.push(error);
          race.failed(candidate, platform.clock.now());
          this.#pump();
        }),
    );
  }

  async #track(work: Promise<unknown>): Promise<void> {
    this.#works.add(work);
    try {
      await work;
    } finally {
      this.#works.delete(work);
    }
  }
}

const BY_WORTH = ['config_invalid', 'connect_timeout', 'connect_failed'] as const;
/** How long lines whose name is known wait for the others (RFC 8305, section 3). */
const RESOLUTION_DELAY_MS = 50;
