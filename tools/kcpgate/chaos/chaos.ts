import { formatSocketAddress, type SocketAddress } from '../../../src/base/address.ts';
import type { LinkCounters } from '../relay/link-fates.ts';
import { startTcpRelay, type TcpRelay, type TcpRelayStats } from '../relay/tcp-relay.ts';
import { startUdpRelay, type UdpRelay, type UdpRelayStats } from '../relay/udp-relay.ts';
import type { Change, Direction, Scope } from './change.ts';
import { PROFILES } from './profiles.ts';
import type { Recorder } from './recorder.ts';
import { Schedule } from './schedule.ts';
import type { Step } from './script.ts';
import { linkOf, streamOf, streamWeatherOf, type Weather } from './weather.ts';
import { weatherText } from './weather-text.ts';

/** Where clients come to, and where it leads. */
export interface RelayPlan {
  readonly carrier: 'udp' | 'tcp';
  /** Port 0 lets the system choose. */
  readonly listen: SocketAddress;
  readonly target: SocketAddress;
}

export interface ChaosOptions {
  readonly relays: readonly RelayPlan[];
  /** Decides all of the luck. */
  readonly seed: number;
  /** The weather at the start, and after `clear`, of all relays. */
  readonly up: Weather;
  readonly down: Weather;
  /** What is to be done later. Default: nothing. */
  readonly steps?: readonly Step[];
  /** Clients and connections of each relay at once. Default 1024. */
  readonly maxClients?: number;
  /** Default: none. */
  readonly recorder?: Recorder;
  /** Told of what a step did; `error`: why it could not be done. */
  readonly onStep?: (atMs: number, text: string, error?: string) => void;
  /** The step `end` came. */
  readonly onEnd?: () => void;
}

/** One relay at a time, with its weather and counters. */
export type RelayState = {
  readonly listen: string;
  readonly target: string;
  /** In the words of scripts. */
  readonly up: string;
  readonly down: string;
} & (
  | { readonly carrier: 'udp'; readonly stats: UdpRelayStats }
  | { readonly carrier: 'tcp'; readonly stats: TcpRelayStats & { readonly refuses: boolean } }
);

/** Everything at a time. */
export interface ChaosState {
  readonly seed: number;
  /** Since the start. */
  readonly elapsedMs: number;
  /** When the next step comes, since the start; null when there is none. */
  readonly nextStepMs: number | null;
  readonly relays: readonly RelayState[];
}

/** Relays, their weather, and what happens to it over time. */
export interface Chaos {
  /** As they listen, with real ports, in the order they were given. */
  readonly relays: readonly RelayPlan[];
  state(): ChaosState;
  /**
   * Does something now.
   * @returns why it cannot be done, or undefined.
   */
  apply(change: Change, text: string): string | undefined;
  /** Closes everything. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Starts the relays, then the time of the steps.
 * @throws GatewayError when a port cannot be had; nothing is left open then.
 */
export async function startChaos(options: ChaosOptions): Promise<Chaos> {
  const relays: OneRelay[] = [];
  try {
    for (const [index, plan] of options.relays.entries()) relays.push(await startRelay(plan, index, options));
  } catch (error) {
    for (const relay of relays) await relay.engine.close();
    throw error;
  }
  return new RunningChaos(options, relays);
}

type OneRelay = {
  readonly plan: RelayPlan;
  up: Weather;
  down: Weather;
} & (
  | { readonly carrier: 'udp'; readonly engine: UdpRelay }
  | { readonly carrier: 'tcp'; readonly engine: TcpRelay }
);

async function startRelay(plan: RelayPlan, index: number, options: ChaosOptions): Promise<OneRelay> {
  const { seed, up, down, recorder, maxClients = 1024 } = options;
  const { listen, target } = plan;
  const common = { listen, target, seed, stream: index };
  // Known once it listens; nothing comes before.
  let bound: SocketAddress = listen;
  if (plan.carrier === 'udp') {
    const engine = await startUdpRelay({
      ...{ ...common, toTarget: linkOf(up), toClient: linkOf(down), maxClients },
      ...(recorder === undefined ? {} : { onDatagram: (datagram) => recorder.datagram(bound, datagram) }),
    });
    bound = { ...listen, port: engine.port };
    return { carrier: 'udp', engine, up, down, plan: { ...plan, listen: bound } };
  }
  const engine = await startTcpRelay({
    ...{ ...common, toTarget: streamOf(up), toClient: streamOf(down), maxConnections: maxClients },
    ...(recorder === undefined ? {} : { onEvent: (event) => recorder.stream(bound, event) }),
  });
  bound = { ...listen, port: engine.port };
  return { carrier: 'tcp', engine, up, down, plan: { ...plan, listen: bound } };
}

class RunningChaos implements Chaos {
  readonly relays: readonly RelayPlan[];
  readonly #options: ChaosOptions;
  readonly #relays: readonly OneRelay[];
  readonly #schedule: Schedule;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(options: ChaosOptions, relays: readonly OneRelay[]) {
    this.#options = options;
    this.#relays = relays;
    this.#schedule = new Schedule(options.steps ?? []);
    this.relays = relays.map(({ plan }) => plan);
    this.#arm();
  }

  state(): ChaosState {
    const nextStepMs = this.#schedule.nextAtMs();
    return {
      seed: this.#options.seed,
      elapsedMs: Math.floor(this.#elapsedMs()),
      nextStepMs: nextStepMs === Infinity ? null : nextStepMs,
      relays: this.#relays.map(stateOf),
    };
  }

  apply(change: Change, text: string): string | undefined {
    const error = this.#apply(change);
    this.#options.onStep?.(this.#elapsedMs(), text, error);
    this.#arm();
    return error;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await Promise.all(this.#relays.map(({ engine }) => engine.close()));
  }

  #elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const nextAtMs = this.#schedule.nextAtMs();
    if (nextAtMs === Infinity || this.#isClosed) return;
    // Long waits are made of several: timers count to 2^31 only.
    const waitMs = Math.min(MAX_WAIT_MS, Math.max(1, Math.ceil(nextAtMs - this.#elapsedMs())));
    this.#timer = setTimeout(() => this.#takeSteps(), waitMs);
  }

  #takeSteps(): void {
    const now = this.#elapsedMs();
    for (let step = this.#schedule.takeDue(now); step !== undefined; step = this.#schedule.takeDue(now)) {
      if (this.#isClosed) return;
      this.#options.onStep?.(now, step.text, this.#apply(step.change));
    }
    this.#arm();
  }

  #apply(change: Change): string | undefined {
    if (change.kind === 'end') {
      this.#options.onEnd?.();
      return undefined;
    }
    const concerned = this.#relays.filter((relay) => isIn(relay, change.scope));
    if (concerned.length === 0) return 'there is no such relay';
    try {
      for (const relay of concerned) this.#change(relay, change);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    if (change.kind === 'weather' && change.forMs !== null) this.#endLater(change, change.forMs);
    return undefined;
  }

  /** What was put on for a time goes off again. */
  #endLater(change: Change & { kind: 'weather' }, forMs: number): void {
    const names = Object.keys(change.values);
    const values = Object.fromEntries(names.map((name) => [name, false]));
    const off: Change = { ...change, values, forMs: null };
    const text = `${names.includes('isStalled') ? 'stall' : 'blackhole'} is over`;
    this.#schedule.add({ atMs: this.#elapsedMs() + forMs, everyMs: null, change: off, text });
  }

  #change(relay: OneRelay, change: Exclude<Change, { kind: 'end' }>): void {
    switch (change.kind) {
      case 'weather':
        return setWeather(relay, change.direction, (weather) => ({ ...weather, ...change.values }));
      case 'profile':
        return setWeather(relay, change.direction, (_, way) => PROFILES[change.profile][way]);
      case 'clear':
        return setWeather(relay, change.direction, (_, way) => this.#options[way]);
      case 'rebind':
        if (relay.carrier === 'udp') relay.engine.rebind(change.how);
        return;
      case 'cut':
        if (relay.carrier === 'tcp') relay.engine.cut(change.how);
        return;
      case 'refuse':
        if (relay.carrier === 'tcp') relay.engine.refuses = change.isOn;
    }
  }
}

function setWeather(
  relay: OneRelay,
  direction: Direction,
  changed: (weather: Weather, way: 'up' | 'down') => Weather,
): void {
  for (const way of ['up', 'down'] as const) {
    if (direction === 'both' || direction === way) relay[way] = changed(relay[way], way);
  }
  if (relay.carrier === 'udp') relay.engine.setLinks(linkOf(relay.up), linkOf(relay.down));
  else relay.engine.setLinks(streamOf(relay.up), streamOf(relay.down));
}

function isIn({ carrier, plan }: OneRelay, scope: Scope): boolean {
  if (typeof scope === 'object') return plan.listen.port === scope.port;
  return scope === 'all' || scope === carrier;
}

function stateOf(relay: OneRelay): RelayState {
  const weatherFor = (weather: Weather): string =>
    weatherText(relay.carrier === 'udp' ? weather : streamWeatherOf(weather));
  const common = {
    listen: formatSocketAddress(relay.plan.listen),
    target: formatSocketAddress(relay.plan.target),
    up: weatherFor(relay.up),
    down: weatherFor(relay.down),
  };
  if (relay.carrier === 'udp') return { carrier: 'udp', ...common, stats: relay.engine.stats() };
  const stats = { ...relay.engine.stats(), refuses: relay.engine.refuses };
  return { carrier: 'tcp', ...common, stats };
}

/** Dropped datagrams of a direction, whatever the reason. */
export const droppedOf = ({ lost, queueDrops, mtuDrops, blackHoleDrops }: LinkCounters): number =>
  lost + queueDrops + mtuDrops + blackHoleDrops;

const MAX_WAIT_MS = 2 ** 31 - 1;
