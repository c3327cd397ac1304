import type { Clock } from '../../../src/base/clock.ts';
import type { FrontGateway } from '../nginx/include-files.ts';
import type { CheckObserver } from './check-observer.ts';
import type { Applied } from './file-applier.ts';
import type { FrontCheck } from './front-check.ts';
import { GatewayProber } from './gateway-prober.ts';
import type { FrontStates } from './include-text.ts';

export interface GatewayWatchComponents {
  readonly check: FrontCheck;
  readonly gateways: readonly FrontGateway[];
  readonly timeoutMs: number;
  /** Tells nginx. Never rejects. */
  readonly apply: (states: FrontStates) => Promise<Applied>;
  readonly observer: CheckObserver;
  readonly clock: Clock;
}

/** Does what a {@link FrontCheck} orders, with one timer, and tells it what came of it. */
export class GatewayWatch {
  readonly #components: GatewayWatchComponents;
  readonly #probers: ReadonlyMap<FrontGateway, GatewayProber>;
  #timer: NodeJS.Timeout | undefined;
  #applying: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(components: GatewayWatchComponents) {
    this.#components = components;
    this.#probers = new Map(components.gateways.map((gateway) => [gateway, new GatewayProber(gateway)]));
  }

  start(): void {
    this.#turn();
  }

  /** No more probes; nginx is still told what it is being told. Resolves when nothing is left. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    for (const prober of this.#probers.values()) prober.close();
    await this.#applying;
  }

  #turn(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    const { check, clock } = this.#components;
    for (const order of check.poll(clock.now())) {
      if (order.type === 'probe') void this.#probe(order.gateway);
      else this.#applying = this.#apply(order.states);
    }
    const now = clock.now();
    const waitMs = Math.max(0, check.nextDeadline(now) - now);
    if (waitMs !== Infinity) this.#timer = setTimeout(() => this.#turn(), Math.min(waitMs, LONGEST_WAIT_MS));
  }

  async #probe(gateway: FrontGateway): Promise<void> {
    const { check, timeoutMs, observer, clock } = this.#components;
    const outcomes = await this.#probers.get(gateway)?.round(timeoutMs);
    if (outcomes === undefined || this.#isStopped) return;
    observer.probed(gateway, outcomes);
    for (const event of check.probed(gateway, outcomes, clock.now())) observer.changed(event);
    this.#turn();
  }

  async #apply(states: FrontStates): Promise<void> {
    const { check, apply, observer, clock } = this.#components;
    const applied = await apply(states);
    check.applied(applied, clock.now());
    observer.applied(applied);
    this.#turn();
  }
}

const LONGEST_WAIT_MS = 60_000;
