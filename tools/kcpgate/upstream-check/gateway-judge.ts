import type { FrontKind, GatewayState } from '../nginx/include-files.ts';
import type { CheckEvent } from './check-event.ts';
import type { CheckOptions } from './check-options.ts';
import type { DiscardReason, GatewayCondition, ProbeOutcome } from './probe-outcome.ts';
import { RiseFall } from './rise-fall.ts';

/** What came of one round of probes of a gateway, by kind. */
export type RoundOutcomes = ReadonlyMap<FrontKind, ProbeOutcome>;

/** How one kind of access to a gateway is. */
interface KindHealth {
  readonly health: RiseFall;
  /** Probes in a row that were late. */
  excused: number;
  state: GatewayState;
}

/**
 * How one gateway is, by what its probes found.
 *
 * Kinds are up and down on their own: a gateway whose TCP port is dead goes on to get datagrams. What a gateway says of
 * itself (draining, not ready, load) holds for all its kinds, whichever of them told it. It is believed at once when it
 * says that it takes no sessions, and after `rise` answers when it says that it does.
 *
 * Its sessions are its own as long as one kind answers: led elsewhere, their clients would be told that they are gone.
 */
export class GatewayJudge {
  readonly name: string;
  readonly #options: CheckOptions;
  readonly #kinds: ReadonlyMap<FrontKind, KindHealth>;
  /** Bad: it takes no new sessions. */
  readonly #willing: RiseFall;
  /** Bad: it has too much to do. */
  readonly #unburdened: RiseFall;
  #load: number | null = null;
  #epochSeconds: number | null = null;

  /** @param told what nginx was told last of each kind the gateway has; it holds until probes say otherwise. */
  constructor(name: string, told: ReadonlyMap<FrontKind, GatewayState>, options: CheckOptions) {
    const { rise, fall } = options;
    const states = observedBefore(told);
    this.name = name;
    this.#options = options;
    this.#kinds = new Map(
      [...states].map(([kind, state]) => [
        kind,
        { health: new RiseFall(rise, fall, state !== 'down'), excused: 0, state },
      ]),
    );
    const wasDraining = [...states.values()].includes('draining');
    this.#willing = new RiseFall(rise, 1, !wasDraining);
    this.#unburdened = new RiseFall(rise, fall, true);
  }

  get kinds(): readonly FrontKind[] {
    return [...this.#kinds.keys()];
  }

  /** As it told last, 0 to 255; null when it never did. */
  get load(): number | null {
    return this.#load;
  }

  /** It takes no sessions, it says. */
  get isDraining(): boolean {
    return !this.#willing.isUp;
  }

  get isOverloaded(): boolean {
    return !this.#unburdened.isUp;
  }

  /** When it started, in seconds of Unix time; null when it never told. */
  get epochSeconds(): number | null {
    return this.#epochSeconds;
  }

  /** There was evidence enough for every kind. */
  get isSettled(): boolean {
    return [...this.#kinds.values()].every(({ health }) => health.isSettled);
  }

  /** A probe failed and the next ones decide whether the gateway is down. */
  get isInDoubt(): boolean {
    return [...this.#kinds.values()].some(({ health }) => health.isInDoubt);
  }

  /** How it is; undefined when the gateway has no such access. */
  stateOf(kind: FrontKind): GatewayState | undefined {
    return this.#kinds.get(kind)?.state;
  }

  /** What nginx is to think of it; undefined when the gateway has no such access. */
  treatmentOf(kind: FrontKind): GatewayState | undefined {
    const state = this.stateOf(kind);
    if (state === 'down') return this.#answersAt(...this.kinds) ? 'draining' : 'down';
    // Who logged in there could only stay on its WebSocket.
    const lines = this.kinds.filter((other) => other !== 'http');
    const isUseless = kind === 'http' && lines.length > 0 && !this.#answersAt(...lines);
    return state === 'up' && isUseless ? 'draining' : state;
  }

  #answersAt(...kinds: readonly FrontKind[]): boolean {
    return kinds.some((kind) => this.stateOf(kind) !== 'down');
  }

  /** Takes what a round found. @returns what changed by it. */
  record(outcomes: RoundOutcomes): readonly CheckEvent[] {
    const conditions = [...outcomes.values()].flatMap((outcome) =>
      outcome.result === 'answered' ? [outcome.condition] : [],
    );
    const events: CheckEvent[] = [];
    if (conditions.length > 0) {
      if (this.#takeEpoch(conditions)) {
        events.push({ type: 'restarted', gateway: this.name, epochSeconds: this.#epochSeconds ?? 0 });
      }
      this.#willing.record(!conditions.some(({ draining, notReady }) => draining || notReady));
      this.#takeLoad(conditions);
    }
    for (const [kind, known] of this.#kinds) {
      const outcome = outcomes.get(kind);
      if (outcome !== undefined) this.#recordKind(known, outcome);
      const from = known.state;
      known.state = this.#stateNow(known);
      if (known.state === from) continue;
      const reason = this.#reasonOf(known, outcome, conditions);
      events.push({ type: 'state', gateway: this.name, kind, from, to: known.state, reason });
    }
    return events;
  }

  #takeEpoch(conditions: readonly GatewayCondition[]): boolean {
    const told = conditions.flatMap(({ epochSeconds }) => epochSeconds ?? []);
    if (told.length === 0) return false;
    // It may have started anew between two probes of this round.
    const epochSeconds = Math.max(...told);
    const isNew = this.#epochSeconds !== null && epochSeconds !== this.#epochSeconds;
    this.#epochSeconds = epochSeconds;
    return isNew;
  }

  #takeLoad(conditions: readonly GatewayCondition[]): void {
    const told = conditions.flatMap(({ load }) => load ?? []);
    if (told.length === 0) return;
    const load = Math.max(...told);
    this.#load = load;
    const { maxLoad } = this.#options;
    if (maxLoad === null) return;
    if (load > maxLoad) this.#unburdened.record(false);
    else if (load <= relievedAt(maxLoad)) this.#unburdened.record(true);
    // In between it is neither: what was counted so far begins anew.
    else this.#unburdened.record(this.#unburdened.isUp);
  }

  #recordKind(known: KindHealth, outcome: ProbeOutcome): void {
    if (outcome.result !== 'discarded') {
      known.excused = 0;
      known.health.record(outcome.result === 'answered');
    } else if (this.#excuses(known, outcome.reason)) {
      known.excused++;
    } else {
      known.health.record(false);
    }
  }

  /** Being late is an excuse a few times in a row: who is always late would see nothing at all. */
  #excuses({ excused }: KindHealth, reason: DiscardReason): boolean {
    return reason === 'local_fault' || excused < MAX_EXCUSED;
  }

  #stateNow({ health }: KindHealth): GatewayState {
    if (!health.isUp) return 'down';
    return this.isDraining || this.isOverloaded ? 'draining' : 'up';
  }

  #reasonOf(
    { health, state }: KindHealth,
    outcome: ProbeOutcome | undefined,
    conditions: readonly GatewayCondition[],
  ): string {
    if (state === 'down') return `${failureText(outcome)}, ${inARow(health.streak)}`;
    if (state === 'up') return `answers and takes sessions, ${inARow(health.streak)}`;
    if (this.isDraining) {
      return conditions.some(({ draining }) => draining)
        ? 'says that it is draining'
        : 'says that it is not ready';
    }
    return `load ${String(this.#load)} is above ${String(this.#options.maxLoad)}`;
  }
}

/** What was found before, by what nginx was told of it: where one kind is up, those that got no new sessions were down. */
function observedBefore(told: ReadonlyMap<FrontKind, GatewayState>): ReadonlyMap<FrontKind, GatewayState> {
  if (![...told.values()].includes('up')) return told;
  return new Map([...told].map(([kind, state]) => [kind, state === 'draining' ? 'down' : state]));
}

/** A load that was too high must fall so far: an eighth below the limit. */
const relievedAt = (maxLoad: number): number => maxLoad - Math.max(1, Math.floor(maxLoad / 8));

function failureText(outcome: ProbeOutcome | undefined): string {
  if (outcome === undefined || outcome.result === 'answered') return 'down';
  return outcome.detail === '' ? outcome.reason : `${outcome.reason} (${outcome.detail})`;
}

const inARow = (count: number): string => (count === 1 ? 'once' : `${String(count)} times in a row`);

const MAX_EXCUSED = 2;
