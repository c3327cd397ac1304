import { CloseCode } from '../../src/base/close-code.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import type { KcpPresetName } from '../../src/kcp/index.ts';
import type { LineDirection } from './datagram-line.ts';
import type { Side } from './stream-application.ts';
import { GENTLE_WEATHER, ROUGH_WEATHER, type WeatherName } from './weather.ts';

/** The ways into the gateway. */
export const PLACES = ['udpA', 'udpB', 'tcp', 'ws'] as const;
export type Place = (typeof PLACES)[number];

/** What a client of a schedule is. */
export interface ClientSetup {
  readonly seal: 'aead' | 'clear';
  /** Of its first session; each next one is of the other kind. */
  readonly stream: boolean;
}

/** How everything is set in one run. */
export interface WorldSetup {
  readonly cipher: 'cheap' | 'real';
  readonly clients: readonly ClientSetup[];
  readonly preset: KcpPresetName;
  readonly mtu: number;
  readonly window: number;
  readonly maxQueueBytes: number;
  /** Transmissions of one segment after which a link is dead. */
  readonly deadLink: number;
  /** Payload slots of the gateway. */
  readonly poolSlots: number;
  readonly arenaBytes: number;
  readonly idleTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly lingerMs: number;
  readonly earlyData: boolean;
  /** A client has one session at the gateway: the next one takes its place. */
  readonly isOneSessionEach: boolean;
  /** A client whose session is stale dials again at once, as the product's does. */
  readonly redials: boolean;
  /** The WebSocket line is one that another gateway relays: it loses nothing, and nobody relies on that. */
  readonly isWsRelayed: boolean;
  /** Clear sessions may use the lines for datagrams, too. */
  readonly isClearAnywhere: boolean;
  readonly pipeBufferBytes: number;
  readonly highWaterBytes: number;
  /** What a gateway sends again at the wish of a client, in bytes a second. */
  readonly copyBytesPerSecond: number;
}

/** One more line on which a client begins. */
export interface Joining {
  readonly place: Place;
  readonly afterMs: number;
}

/** One thing that happens. Numbers of clients and places are taken for what is there when its time comes. */
export type Action =
  | { readonly do: 'wait' }
  | {
      readonly do: 'dial';
      readonly client: number;
      readonly place: Place;
      readonly keepTicket: boolean;
      /** Default: none. */
      readonly also?: readonly Joining[];
    }
  | { readonly do: 'send'; readonly client: number; readonly side: Side; readonly bytes: number }
  | {
      readonly do: 'datagrams';
      readonly client: number;
      readonly side: Side;
      readonly count: number;
      readonly bytes: number;
    }
  | { readonly do: 'finish'; readonly client: number; readonly side: Side }
  | { readonly do: 'pause'; readonly client: number; readonly side: Side; readonly writes: number }
  | { readonly do: 'resume'; readonly client: number; readonly side: Side }
  | { readonly do: 'leave'; readonly client: number; readonly side: Side; readonly code: CloseCode }
  | { readonly do: 'kick'; readonly client: number; readonly code: CloseCode }
  | {
      readonly do: 'weather';
      readonly client: number;
      readonly place: Place;
      readonly up: WeatherName;
      readonly down: WeatherName;
    }
  | {
      readonly do: 'hole';
      readonly client: number;
      readonly place: Place;
      readonly direction: LineDirection | 'both';
      readonly forMs: number;
    }
  | { readonly do: 'rebind'; readonly client: number; readonly newHost: boolean; readonly keepOld: boolean }
  | {
      readonly do: 'move';
      readonly client: number;
      readonly place: Place;
      /** Goes there when the gateway has answered; a while later; without waiting for an answer; not at all. */
      readonly how: 'answered' | 'late' | 'hasty' | 'never';
      /** To a path it has already, if there is one. */
      readonly isBack: boolean;
    }
  /** What is sent goes out on a second path, too; to one it has already, if there is one; or does not any more. */
  | {
      readonly do: 'copy';
      readonly client: number;
      readonly place: Place | undefined;
      readonly isBack: boolean;
      readonly maxBytesPerSecond: number;
    }
  | {
      readonly do: 'break';
      readonly client: number;
      readonly clientAfterMs: number;
      readonly gatewayAfterMs: number;
    }
  | {
      readonly do: 'stall';
      readonly client: number;
      readonly direction: LineDirection | 'both';
      readonly forMs: number;
    }
  | { readonly do: 'drain'; readonly deadlineMs: number }
  | { readonly do: 'undrain' }
  | { readonly do: 'restart'; readonly downMs: number }
  /** The process of a client dies; whether the system resets its connections. */
  | { readonly do: 'die'; readonly client: number; readonly isReset: boolean }
  /** Somebody on the way sends again what a client or the gateway sent, from an address of his own, changed or not. */
  | {
      readonly do: 'replay';
      readonly client: number;
      readonly direction: LineDirection;
      readonly count: number;
      readonly place: 'udpA' | 'udpB';
      readonly flips: number;
    }
  /** Somebody on the way is faster with the next datagrams of a client than the client, or instead of it. */
  | { readonly do: 'race'; readonly client: number; readonly count: number; readonly isInstead: boolean };

export interface Step {
  readonly action: Action;
  /** Time that passes then. */
  readonly thenMs: number;
}

/** How the sessions that are left are ended. */
export type Ending = 'clients leave' | 'both finish' | 'kick' | 'drain' | 'close';

export interface Schedule {
  readonly seed: number;
  readonly setup: WorldSetup;
  readonly steps: readonly Step[];
  readonly ending: Ending;
}

type Kind = Action['do'];

/** How often what happens, in runs of different kinds. */
const MIXED: Readonly<Partial<Record<Kind, number>>> = {
  wait: 6,
  dial: 8,
  send: 30,
  datagrams: 5,
  finish: 1,
  pause: 3,
  resume: 4,
  leave: 1,
  kick: 1,
  weather: 6,
  hole: 3,
  rebind: 5,
  move: 14,
  copy: 6,
  break: 4,
  stall: 2,
  drain: 0.4,
  undrain: 0.6,
  restart: 0.8,
  die: 0.8,
  replay: 4,
  race: 2,
};
const CALM = { weather: 0, hole: 0, break: 0, stall: 0, restart: 0, die: 0, drain: 0, race: 0 } as const;
const THEMES: readonly Readonly<Partial<Record<Kind, number>>>[] = [
  MIXED,
  MIXED,
  MIXED,
  { ...MIXED, ...CALM, send: 40, move: 25, rebind: 10 },
  { ...MIXED, ...CALM, pause: 0, rebind: 0, kick: 0.3, leave: 0.3, move: 25, datagrams: 25 },
  { ...MIXED, hole: 10, weather: 15, move: 20 },
  { ...MIXED, hole: 10, weather: 8, copy: 25, datagrams: 15, replay: 6 },
  { ...MIXED, break: 15, stall: 8, move: 20, pause: 6, resume: 6 },
  { ...MIXED, replay: 15, race: 10, rebind: 8 },
  { ...MIXED, restart: 4, die: 3, dial: 12 },
  { ...MIXED, finish: 6, leave: 4, kick: 3, dial: 12 },
];

/** For runs in which memory is short. */
const PRESSURE = { ...MIXED, send: 60, pause: 15, resume: 10, break: 6 } as const;

const SIDES: readonly Side[] = ['client', 'gateway'];
const DIRECTIONS: readonly (LineDirection | 'both')[] = ['up', 'down', 'both'];

/** The schedule of a seed. */
export function makeSchedule(seed: number): Schedule {
  const random = new Draw(seed);
  const setup = drawSetup(random);
  const theme = isScarce(setup) ? PRESSURE : random.pick(THEMES);
  const kinds = Object.entries(theme) as [Kind, number][];
  const steps: Step[] = setup.clients.map((_, client) => ({
    action: { do: 'dial', client, place: random.pick(PLACES), keepTicket: false, also: random.joinings() },
    thenMs: random.pick([0, 0, 50, 300]),
  }));
  const count = 30 + random.below(31);
  while (steps.length < count) {
    const kind = random.weighted(kinds);
    const action = drawAction(random, kind, random.below(setup.clients.length));
    steps.push({ action, thenMs: drawTime(random, kind) });
  }
  const ending = random.pick<Ending>([
    'clients leave',
    'clients leave',
    'both finish',
    'both finish',
    'kick',
    'drain',
    'close',
  ]);
  return { seed, setup, steps, ending };
}

/** Whether memory may hold up anybody. */
export const isScarce = ({ poolSlots, window }: WorldSetup): boolean => poolSlots < 4 * window;

function drawSetup(random: Draw): WorldSetup {
  const window = random.pick([16, 32, 64, 128]);
  const idleTimeoutMs = random.pick([8_000, 12_000, 20_000]);
  // Messages need many slots at once; with few there may be none for any of them.
  const isShort = random.chance(0.2);
  const clients = Array.from({ length: 1 + random.below(3) }, (): ClientSetup => ({
    seal: random.chance(0.8) ? 'aead' : 'clear',
    stream: isShort || random.chance(0.5),
  }));
  return {
    cipher: random.chance(0.1) ? 'real' : 'cheap',
    clients,
    preset: random.pick(['default', 'normal', 'fast3']),
    mtu: random.pick([400, 1000, 1372]),
    window,
    maxQueueBytes: random.pick([8_000, 40_000, 400_000]),
    // A clear session of which the gateway lost track needs the time until its client asks.
    deadLink: clients.some(({ seal }) => seal === 'clear') ? 20 : random.pick([7, 20, 20]),
    poolSlots: isShort ? (window >> 1) + random.below(window) : 4096,
    arenaBytes: random.pick([1_500, 5_000, 64_000]),
    idleTimeoutMs,
    keepAliveMs: random.pick([1_000, 2_000, idleTimeoutMs / 4]),
    lingerMs: random.pick([250, 2_000, 5_000]),
    earlyData: random.chance(0.3),
    isOneSessionEach: random.chance(0.3),
    redials: random.chance(0.5),
    isWsRelayed: random.chance(0.3),
    isClearAnywhere: random.chance(0.3),
    pipeBufferBytes: random.pick([4_000, 16_000, 64_000]),
    highWaterBytes: random.pick([8_000, 64_000]),
    copyBytesPerSecond: random.pick([0, 5_000, 64_000, 1_000_000]),
  };
}

function drawAction(random: Draw, kind: Kind, client: number): Action {
  const side = random.pick(SIDES);
  const place = random.pick(PLACES);
  switch (kind) {
    case 'dial':
      return { do: kind, client, place, keepTicket: random.chance(0.6), also: random.joinings() };
    case 'send':
      return { do: kind, client, side, bytes: random.pick([1, 200, 1_500, 6_000, 20_000, 60_000, 120_000]) };
    case 'datagrams':
      return { do: kind, client, side, count: 1 + random.below(10), bytes: random.pick([8, 100, 300]) };
    case 'finish':
    case 'resume':
      return { do: kind, client, side };
    case 'pause':
      return { do: kind, client, side, writes: random.pick([1, 3, 20]) };
    case 'leave': {
      const { normal, kicked, retriesExhausted } = CloseCode;
      return {
        do: kind,
        client,
        side,
        code: random.pick([normal, normal, normal, kicked, retriesExhausted]),
      };
    }
    case 'kick': {
      const { kicked, blocked, overload, upstreamUnavailable } = CloseCode;
      return { do: kind, client, code: random.pick([kicked, blocked, overload, upstreamUnavailable]) };
    }
    case 'weather': {
      const [up, down] = [random.weather(), random.weather()];
      return { do: kind, client, place, up, down: random.chance(0.5) ? up : down };
    }
    case 'hole':
      return {
        do: kind,
        client,
        place,
        direction: random.pick(DIRECTIONS),
        forMs: random.pick([100, 500, 2_000, 6_000, 20_000]),
      };
    case 'rebind':
      return { do: kind, client, newHost: random.chance(0.4), keepOld: random.chance(0.3) };
    case 'move': {
      const how = random.pick([
        'answered',
        'answered',
        'answered',
        'answered',
        'late',
        'hasty',
        'never',
      ] as const);
      return { do: kind, client, place, how, isBack: random.chance(0.25) };
    }
    case 'copy':
      return {
        do: kind,
        client,
        place: random.chance(0.7) ? place : undefined,
        isBack: random.chance(0.5),
        maxBytesPerSecond: random.pick([2_000, 64_000, 1_000_000]),
      };
    case 'break':
      return {
        do: kind,
        client,
        clientAfterMs: random.pick([0, 0, 50, 1_000, Infinity]),
        gatewayAfterMs: random.pick([0, 0, 50, 1_000, Infinity]),
      };
    case 'stall':
      return {
        do: kind,
        client,
        direction: random.pick(DIRECTIONS),
        forMs: random.pick([200, 1_000, 5_000]),
      };
    case 'drain':
      return { do: kind, deadlineMs: random.pick([1_000, 5_000, 60_000]) };
    case 'restart':
      return { do: kind, downMs: random.pick([0, 100, 1_000, 4_000]) };
    case 'die':
      return { do: kind, client, isReset: random.chance(0.5) };
    case 'replay':
      return {
        do: kind,
        client,
        direction: random.pick(['up', 'up', 'down'] as const),
        count: random.pick([1, 3, 20]),
        place: random.pick(['udpA', 'udpB'] as const),
        flips: random.pick([0, 0, 1]),
      };
    case 'race':
      return { do: kind, client, count: random.pick([1, 2, 8]), isInstead: random.chance(0.3) };
    case 'wait':
    case 'undrain':
      return { do: kind };
  }
}

function drawTime(random: Draw, kind: Kind): number {
  if (kind !== 'wait') return random.pick([0, 0, 5, 20, 50, 100, 200, 400]);
  // Sometimes longer than the idle timeout.
  return random.pick([500, 1_000, 1_000, 3_000, 6_000, 25_000]);
}

/** Luck, as schedules need it. */
class Draw {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed, SCHEDULE_STREAM);
  }

  below(bound: number): number {
    return this.#random.nextInt(bound);
  }

  chance(probability: number): boolean {
    return this.#random.nextFloat() < probability;
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)]!;
  }

  weighted<Value>(weights: readonly (readonly [Value, number])[]): Value {
    let left = this.#random.nextFloat() * weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [value, weight] of weights) {
      left -= weight;
      if (left < 0) return value;
    }
    return weights.at(-1)![0];
  }

  joinings(): Joining[] {
    if (this.chance(0.5)) return [];
    return Array.from({ length: 1 + this.below(4) }, () => ({
      place: this.pick(PLACES),
      afterMs: this.pick([0, 0, 0, 50, 200, 1_500]),
    }));
  }

  weather(): WeatherName {
    return this.chance(0.4) ? this.pick(ROUGH_WEATHER) : this.pick(GENTLE_WEATHER);
  }
}

/** Apart from the luck of the network, which has the same seed. */
const SCHEDULE_STREAM = 7;
