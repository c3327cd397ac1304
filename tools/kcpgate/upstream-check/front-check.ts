import { FRONT_KINDS, type FrontGateway, type FrontKind } from '../nginx/include-files.ts';
import type { CheckEvent } from './check-event.ts';
import type { CheckOptions } from './check-options.ts';
import { GatewayJudge, type RoundOutcomes } from './gateway-judge.ts';
import { filesFor, isSameFiles, stateIn, type FrontStates } from './include-text.ts';
import { ReloadPacer } from './reload-pacer.ts';

/** What is to be done now. */
export type CheckOrder =
  | { readonly type: 'probe'; readonly gateway: FrontGateway }
  /** The include files are to be as for these states, and nginx is to know. Answer with {@link FrontCheck.applied}. */
  | { readonly type: 'apply'; readonly states: FrontStates };

/** How an `apply` ended. */
export interface AppliedFiles {
  /** Nginx has been told. */
  readonly hasSucceeded: boolean;
  /** The include files as they are now, by name. */
  readonly files: ReadonlyMap<string, string>;
  /** They are not what nginx was told last. */
  readonly needsReload: boolean;
}

/** What a {@link FrontCheck} begins with. */
export interface FrontCheckStart extends CheckOptions {
  readonly gateways: readonly FrontGateway[];
  /** The include files as they are, by name; those that are missing are not in it. */
  readonly files: ReadonlyMap<string, string>;
  /** They may not be what nginx was told last. */
  readonly needsReload: boolean;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** A gateway under watch. */
interface Watched {
  readonly gateway: FrontGateway;
  readonly judge: GatewayJudge;
  probeAt: number;
  isBeingProbed: boolean;
}

/**
 * Watches all gateways of a front: decides when to probe which, what to think of what comes, and when nginx is to be told.
 * Without clock, randomness and sockets of its own: it is given `now` (monotonic milliseconds) and what probes found, and
 * gives orders.
 */
export class FrontCheck {
  readonly #start: FrontCheckStart;
  readonly #watched: readonly Watched[];
  readonly #pacer: ReloadPacer;
  readonly #panics = new Map<FrontKind, boolean>();
  readonly #settleBy: number;
  #files: ReadonlyMap<string, string>;
  #needsReload: boolean;
  /** The files are not those for the states. */
  #differs: boolean;
  /** When that began. */
  #differsSince: number;
  #isApplying = false;

  constructor(start: FrontCheckStart, now: number) {
    this.#start = start;
    this.#files = start.files;
    this.#needsReload = start.needsReload;
    this.#pacer = new ReloadPacer(start.reloadIntervalMs);
    const { intervalMs, rise, fall } = start;
    this.#settleBy = now + (Math.max(rise, fall) + 2) * intervalMs;
    this.#watched = start.gateways.map((gateway) => {
      const kinds = FRONT_KINDS.filter((kind) => gateway[kind] !== null);
      const states = new Map(kinds.map((kind) => [kind, stateIn(start.files, gateway, kind)]));
      // Spread over the interval, so that many gateways are not asked all at once.
      const probeAt = now + Math.floor(start.random() * intervalMs);
      return { gateway, judge: new GatewayJudge(gateway.name, states, start), probeAt, isBeingProbed: false };
    });
    for (const kind of FRONT_KINDS) this.#panics.set(kind, this.isPanic(kind));
    this.#differs = this.#compare();
    this.#differsSince = now;
  }

  get judges(): readonly GatewayJudge[] {
    return this.#watched.map(({ judge }) => judge);
  }

  /** Attempts to tell nginx that failed in a row. */
  get failures(): number {
    return this.#pacer.failures;
  }

  /** Nginx does not have what it should. */
  get isBehind(): boolean {
    return this.#needsReload || this.#differs;
  }

  /** No gateway of this kind is up: nginx is told that some are, all the same. */
  isPanic(kind: FrontKind): boolean {
    const states = this.judges.flatMap((judge) => judge.stateOf(kind) ?? []);
    return states.length > 0 && !states.includes('up');
  }

  /** What nginx is to think of every gateway. */
  states(): FrontStates {
    return new Map(
      FRONT_KINDS.map((kind) => [
        kind,
        new Map(
          this.judges.flatMap((judge) => {
            const state = judge.treatmentOf(kind);
            return state === undefined ? [] : [[judge.name, state] as const];
          }),
        ),
      ]),
    );
  }

  /** When {@link poll} has something to order, in milliseconds; Infinity: not before something is told. */
  nextDeadline(now: number): number {
    const probes = this.#watched.map(({ isBeingProbed, probeAt }) => (isBeingProbed ? Infinity : probeAt));
    return Math.min(...probes, this.#applyAt(now));
  }

  /** What is to be done now; each order is given once. */
  poll(now: number): readonly CheckOrder[] {
    const orders: CheckOrder[] = [];
    for (const watched of this.#watched) {
      if (watched.isBeingProbed || watched.probeAt > now) continue;
      const { intervalMs, jitter, random } = this.#start;
      watched.isBeingProbed = true;
      watched.probeAt = now + Math.ceil(intervalMs * (1 - jitter * random()));
      orders.push({ type: 'probe', gateway: watched.gateway });
    }
    if (this.#applyAt(now) <= now) {
      this.#isApplying = true;
      orders.push({ type: 'apply', states: this.states() });
    }
    return orders;
  }

  /** Takes what came of a `probe`. @returns what changed by it. */
  probed(gateway: FrontGateway, outcomes: RoundOutcomes, now: number): readonly CheckEvent[] {
    const watched = this.#watched.find((candidate) => candidate.gateway === gateway);
    if (watched === undefined) return [];
    watched.isBeingProbed = false;
    // What came too late says nothing: ask again, now that this process runs.
    const isLate = [...outcomes.values()].some(
      (outcome) => outcome.result === 'discarded' && outcome.reason === 'late',
    );
    if (isLate) watched.probeAt = now;
    const events = [...watched.judge.record(outcomes), ...this.#panicEvents()];
    if (events.length > 0) this.#noteFiles(now);
    return events;
  }

  /** Takes what came of an `apply`. */
  applied({ hasSucceeded, files, needsReload }: AppliedFiles, now: number): void {
    this.#isApplying = false;
    this.#files = files;
    this.#needsReload = needsReload;
    this.#noteFiles(now);
    this.#pacer.attempted(now, hasSucceeded);
  }

  #noteFiles(now: number): void {
    const differed = this.#differs;
    this.#differs = this.#compare();
    if (this.#differs && !differed) this.#differsSince = now;
  }

  #compare(): boolean {
    return !isSameFiles(this.#files, filesFor(this.#start.gateways, this.states(), ''));
  }

  #applyAt(now: number): number {
    if (this.#isApplying || !this.isBehind) return Infinity;
    // What the files say holds until every gateway has been asked often enough.
    const settledAt = this.judges.every(({ isSettled }) => isSettled) ? now : this.#settleBy;
    return Math.max(settledAt, this.#doubtUntil(now), this.#pacer.notBefore);
  }

  /** While others are in doubt it is waited for them, so that what failed together is told together; not for long. */
  #doubtUntil(now: number): number {
    const { intervalMs, fall, timeoutMs } = this.#start;
    const isInDoubt = this.judges.some((judge) => judge.isInDoubt);
    return isInDoubt ? this.#differsSince + (fall - 1) * intervalMs + timeoutMs : now;
  }

  #panicEvents(): CheckEvent[] {
    return FRONT_KINDS.flatMap((kind) => {
      const isOn = this.isPanic(kind);
      if (isOn === this.#panics.get(kind)) return [];
      this.#panics.set(kind, isOn);
      return [{ type: 'panic', kind, isOn }];
    });
  }
}
