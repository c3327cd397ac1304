import { SeededRandom } from '../../../../../src/base/seeded-random.ts';
import type { CheckEvent } from '../../../../../tools/kcpgate/upstream-check/check-event.ts';
import type { CheckOptions } from '../../../../../tools/kcpgate/upstream-check/check-options.ts';
import { FrontCheck } from '../../../../../tools/kcpgate/upstream-check/front-check.ts';
import { filesFor } from '../../../../../tools/kcpgate/upstream-check/include-text.ts';
import {
  discarded,
  failed,
  type GatewayCondition,
  type ProbeOutcome,
} from '../../../../../tools/kcpgate/upstream-check/probe-outcome.ts';
import {
  FRONT_KINDS,
  type FrontGateway,
  type FrontKind,
} from '../../../../../tools/kcpgate/nginx/include-files.ts';

/** What a simulated gateway does with a probe of one kind. */
export type Behaviour = 'answers' | 'hangs' | 'refuses' | 'discards';

export interface SimulatedGateway {
  /** From when on it does what, latest first that has begun. */
  behave: (kind: FrontKind, now: number) => Behaviour;
  condition: Partial<GatewayCondition>;
}

export const OPTIONS: CheckOptions = {
  intervalMs: 1000,
  jitter: 0.1,
  timeoutMs: 300,
  rise: 2,
  fall: 2,
  maxLoad: null,
  reloadIntervalMs: 5000,
};

export const gatewayOf = (id: number): FrontGateway => {
  const at = (port: number) => ({ address: '127.0.0.1', family: 4 as const, port });
  return {
    name: `gw-${String(id)}`,
    gatewayId: id,
    udp: at(4000 + id),
    tcp: at(4000 + id),
    http: at(8000 + id),
    weight: 1,
  };
};

/** A front under a virtual clock: what is ordered happens, and takes its time. */
export class SimulatedFront {
  now = 0;
  readonly options: CheckOptions;
  readonly check: FrontCheck;
  readonly gateways: readonly FrontGateway[];
  readonly behaviours = new Map<string, SimulatedGateway>();
  /** In order, with their time. */
  readonly events: (CheckEvent & { readonly at: number })[] = [];
  readonly outcomes: {
    readonly at: number;
    readonly gateway: string;
    readonly kind: FrontKind;
    readonly outcome: ProbeOutcome;
  }[] = [];
  readonly applies: {
    readonly at: number;
    readonly files: ReadonlyMap<string, string>;
    readonly ok: boolean;
    /** Of gateways that were all down when it was ordered. */
    readonly gone: readonly number[];
  }[] = [];
  /** Whether the next attempt to tell nginx succeeds. */
  applySucceeds: () => boolean = () => true;
  files: ReadonlyMap<string, string>;
  readonly #queue: { readonly at: number; readonly run: () => void }[] = [];

  constructor(
    count: number,
    options: Partial<CheckOptions> & {
      readonly random?: () => number;
      readonly files?: ReadonlyMap<string, string>;
      readonly needsReload?: boolean;
    } = {},
  ) {
    this.gateways = Array.from({ length: count }, (_, index) => gatewayOf(index + 1));
    for (const { name } of this.gateways) {
      this.behaviours.set(name, { behave: () => 'answers', condition: {} });
    }
    const numbers = new SeededRandom(1);
    const { random = () => numbers.nextFloat(), files, needsReload = false, ...others } = options;
    this.options = { ...OPTIONS, ...others };
    this.files = files ?? filesFor(this.gateways, new Map(), 'test');
    this.check = new FrontCheck(
      { gateways: this.gateways, ...this.options, files: this.files, needsReload, random },
      0,
    );
  }

  gateway(id: number): SimulatedGateway {
    return this.behaviours.get(`gw-${String(id)}`)!;
  }

  /** One kind of access of a gateway, or all, is like that from now on. */
  set(id: number, behaviour: Behaviour, ...kinds: readonly FrontKind[]): void {
    const { behave } = this.gateway(id);
    const changed = kinds.length === 0 ? FRONT_KINDS : kinds;
    this.gateway(id).behave = (kind, now) => (changed.includes(kind) ? behaviour : behave(kind, now));
  }

  at(ms: number, run: () => void): void {
    this.#queue.push({ at: ms, run });
    this.#queue.sort((a, b) => a.at - b.at);
  }

  runUntil(ms: number): void {
    for (;;) {
      this.#poll();
      const next = Math.min(this.#queue[0]?.at ?? Infinity, this.check.nextDeadline(this.now));
      if (next > ms) break;
      this.now = Math.max(this.now, next);
      while ((this.#queue[0]?.at ?? Infinity) <= this.now) this.#queue.shift()!.run();
    }
    this.now = ms;
  }

  stateOf(id: number, kind: FrontKind): string | undefined {
    return this.check.judges[id - 1]!.stateOf(kind);
  }

  statesOf(id: number): string {
    return FRONT_KINDS.map((kind) => this.stateOf(id, kind)).join(' ');
  }

  #poll(): void {
    for (const order of this.check.poll(this.now)) {
      if (order.type === 'probe') this.#probe(order.gateway);
      else {
        const ids = this.gateways.map(({ gatewayId }) => gatewayId);
        const gone = ids.filter((id) => this.statesOf(id) === 'down down down');
        this.at(this.now + APPLY_MS, () => {
          const ok = this.applySucceeds();
          if (ok) this.files = filesFor(this.gateways, order.states, 'test');
          this.applies.push({ at: this.now - APPLY_MS, files: this.files, ok, gone });
          this.check.applied({ hasSucceeded: ok, files: this.files, needsReload: false }, this.now);
        });
      }
    }
  }

  #probe(gateway: FrontGateway): void {
    const { name } = gateway;
    const sentAt = this.now;
    const outcomes = new Map<FrontKind, ProbeOutcome>();
    let endsAt = sentAt;
    for (const kind of FRONT_KINDS) {
      const behaviour = this.behaviours.get(name)!.behave(kind, sentAt);
      // One that hangs while the answer is due hangs for this probe, too.
      const atAnswer = this.behaviours.get(name)!.behave(kind, sentAt + ANSWER_MS);
      const worse = behaviour === 'answers' ? atAnswer : behaviour;
      const tookMs = worse === 'hangs' || worse === 'discards' ? this.options.timeoutMs : ANSWER_MS;
      endsAt = Math.max(endsAt, sentAt + tookMs);
      outcomes.set(kind, this.#outcome(name, worse, tookMs));
    }
    this.at(endsAt, () => {
      for (const [kind, outcome] of outcomes)
        this.outcomes.push({ at: this.now, gateway: name, kind, outcome });
      for (const event of this.check.probed(gateway, outcomes, this.now)) {
        this.events.push({ ...event, at: this.now });
      }
    });
  }

  #outcome(name: string, behaviour: Behaviour, tookMs: number): ProbeOutcome {
    if (behaviour === 'discards') return discarded('late');
    if (behaviour !== 'answers') return failed(behaviour === 'hangs' ? 'timeout' : 'refused');
    const { condition } = this.behaviours.get(name)!;
    const full = { load: 0, draining: false, notReady: false, epochSeconds: 1000, ...condition };
    return { result: 'answered', tookMs, condition: full };
  }
}

const ANSWER_MS = 5;
const APPLY_MS = 40;
