import type { LoadOptions } from './load-options.ts';
import type { LoadKind, Stack } from './stack.ts';

/** Two programs that take part in a scenario, under one name. */
export interface Contender {
  readonly name: string;
  readonly client: Stack;
  readonly server: Stack;
  /** What it is told otherwise than the others. */
  readonly load?: Partial<LoadOptions>;
}

/** Scenarios with a server and a client. */
export type PairScenario =
  | 'stream'
  | 'pingpong'
  | 'fleet'
  | 'idle'
  | 'sealed-stream'
  | 'sealed-fleet'
  | 'sealed-idle'
  | 'carriers'
  | 'handshake'
  | 'login'
  | 'junk'
  | 'workers'
  | 'models';

/** Where the two sides of a scenario run, where there are enough cores. */
export type Placement = 'anywhere' | 'on halves' | 'server on one core';

/** The programs there are: ours as often as `--native` has values, and the peer's. */
export interface Stacks {
  /** At least one. */
  readonly ours: readonly Stack[];
  readonly kcpGo: Stack | undefined;
}

/** Who takes part, in the order of turns. */
export function contendersOf(scenario: PairScenario, stacks: Stacks): Contender[] {
  switch (scenario) {
    case 'idle':
      // A client of kcp-go holds too few sessions to say much about our server.
      return pairings(stacks).filter(({ client, server }) => client.name === server.name);
    case 'sealed-stream':
    case 'sealed-fleet':
    case 'sealed-idle':
      // Each has a seal of its own.
      return pairings(stacks).filter(({ client, server }) => client.name === server.name);
    case 'handshake':
    case 'login':
    case 'junk':
      // kcp-go has no handshake and no login.
      return pairings({ ...stacks, kcpGo: undefined });
    case 'carriers':
      return onFirst(stacks, [
        { name: 'UDP', load: { line: 'udp' } },
        { name: 'TCP', load: { line: 'tcp' } },
        { name: 'WebSocket', load: { line: 'ws' } },
      ]);
    case 'workers':
      return onFirst(stacks, [
        { name: '1 worker', load: { workers: 1 } },
        { name: '2 workers', load: { workers: 2 } },
      ]);
    case 'models':
      return onFirst(stacks, [
        { name: 'single loop', load: { workers: 1 } },
        { name: 'prefork by reuseport', load: { workers: 2 } },
        { name: 'I/O loop and 1 pool thread', load: { poolThreads: 1 } },
        { name: 'I/O loop and 2 pool threads', load: { poolThreads: 2 } },
      ]);
    default:
      return pairings(stacks);
  }
}

/** What the ratios of a scenario are to. */
export function referenceOf(scenario: PairScenario): string {
  switch (scenario) {
    case 'workers':
      return '1 worker';
    case 'models':
      return 'single loop';
    case 'carriers':
      return 'UDP';
    default:
      return 'kcp-go';
  }
}

/** What clients do in a scenario; of several, one after the other, with a server of its own each. */
export function loadsOf(scenario: PairScenario): readonly LoadKind[] {
  switch (scenario) {
    case 'sealed-stream':
    case 'carriers':
      return ['stream'];
    case 'sealed-fleet':
    case 'workers':
      return ['fleet'];
    case 'sealed-idle':
      return ['idle'];
    case 'models':
      return ['stream', 'fleet'];
    default:
      return [scenario];
  }
}

/** Every scenario is told this first. */
export function ownLoadOf(scenario: PairScenario): Partial<LoadOptions> {
  switch (scenario) {
    case 'sealed-stream':
    case 'sealed-fleet':
    case 'sealed-idle':
    case 'carriers':
    case 'handshake':
    case 'login':
      return { sealed: true };
    case 'junk':
      return { sealed: true, defaultLimits: true };
    case 'models':
      return { streams: 4 };
    default:
      return {};
  }
}

/** Where its two sides run. */
export function placementOf(scenario: PairScenario): Placement {
  switch (scenario) {
    case 'handshake':
    case 'login':
      return 'server on one core';
    case 'workers':
    case 'models':
      return 'on halves';
    default:
      return 'anywhere';
  }
}

/** What our program is called, with the addon or without it. */
export function nameOfOurs(native: boolean): string {
  return native ? 'kcpgate' : 'kcpgate (JavaScript)';
}

/** Each implementation with itself, and clients of the peer at our server. */
function pairings({ ours, kcpGo }: Stacks): Contender[] {
  const alone = ours.map((stack) => ({ name: ourName(stack), client: stack, server: stack }));
  if (kcpGo === undefined) return alone;
  return [
    ...alone,
    { name: 'kcp-go', client: kcpGo, server: kcpGo },
    ...ours.map((stack) => ({ name: `kcp-go -> ${ourName(stack)}`, client: kcpGo, server: stack })),
  ];
}

function onFirst({ ours }: Stacks, contenders: readonly Omit<Contender, 'client' | 'server'>[]): Contender[] {
  // Several sockets on one address need the addon.
  const stack = ours.find(({ native }) => native) ?? ours[0];
  if (stack === undefined) return [];
  return contenders.map((contender) => ({ ...contender, client: stack, server: stack }));
}

function ourName({ native }: Stack): string {
  return nameOfOurs(native === true);
}
