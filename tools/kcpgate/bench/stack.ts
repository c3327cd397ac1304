import type { LoadOptions } from './load-options.ts';

/** A scenario with a server and a client in processes of their own. */
export type PairScenario = 'stream' | 'pingpong' | 'fleet' | 'idle';

/** An implementation of KCP as two programs that print the same JSON lines. */
export interface Stack {
  readonly name: 'kcpgate' | 'kcp-go';
  readonly command: string;
  /** Command line of an echo server on a free loopback port; it prints `listening` and, in the end, `stopped`. */
  serverArguments(load: LoadOptions): string[];
  /** Command line of a client; it prints `result`, `idle` before that `open`. */
  clientArguments(scenario: PairScenario, target: string, load: LoadOptions): string[];
  /** How many idle sessions it is asked to hold. */
  idleSessions(load: LoadOptions): number;
}

/** This program: started again with `--server` or `--client`. */
export function kcpGateStack(): Stack {
  const again = (...rest: string[]): string[] => [
    ...process.execArgv,
    process.argv[1] ?? '',
    'bench',
    '--child',
    ...rest,
  ];
  return {
    name: 'kcpgate',
    command: process.execPath,
    serverArguments: (load) => again('stream', '--server', '--load', JSON.stringify(load)),
    clientArguments: (scenario, target, load) =>
      again(scenario, '--client', target, '--load', JSON.stringify(load)),
    idleSessions: (load) => load.idleSessions,
  };
}

/** The kcp-go program of this repository. */
export function kcpGoStack(executable: string): Stack {
  return {
    name: 'kcp-go',
    command: executable,
    serverArguments: (load) => ['echo-server', '-stream=true', ...kcpFlags(load)],
    clientArguments: (scenario, target, load) => [
      `${scenario}-client`,
      `-addr=${target}`,
      `-timeout=${load.timeoutMs}ms`,
      ...kcpFlags(load),
      ...scenarioFlags(scenario, load),
    ],
    // It takes about 120 KiB a session and a socket for each.
    idleSessions: (load) => Math.min(load.idleSessions, 1000),
  };
}

function kcpFlags({ preset, mtu, window }: LoadOptions): string[] {
  const [noDelay, interval, resend, noCongestion] = KCP_GO_PRESETS[preset];
  return [
    `-mtu=${mtu}`,
    `-sndwnd=${window}`,
    `-rcvwnd=${window}`,
    `-nodelay=${noDelay}`,
    `-interval=${interval}`,
    `-resend=${resend}`,
    `-nc=${noCongestion}`,
  ];
}

function scenarioFlags(scenario: PairScenario, load: LoadOptions): string[] {
  switch (scenario) {
    case 'stream':
      return [
        '-stream=true',
        `-bytes=${Math.round(load.mib * 1024 * 1024)}`,
        `-warm-up=${Math.round(load.warmUp * load.mib * 1024 * 1024)}`,
        `-seed=${load.seed}`,
        `-sha256=${load.sha256}`,
      ];
    case 'pingpong':
      return [
        `-count=${load.echoes}`,
        `-warm-up=${Math.round(load.warmUp * load.echoes)}`,
        `-size=${load.sizeBytes}`,
        '-every=0',
      ];
    case 'fleet':
      return [
        `-sessions=${load.fleetSessions}`,
        `-rate=${load.echoesPerSecond}`,
        `-size=${load.sizeBytes}`,
        `-duration=${load.fleetSeconds}s`,
        `-warm-up=${load.warmUp * load.fleetSeconds}s`,
        '-sockbuf=212992',
      ];
    case 'idle':
      return [`-sessions=${Math.min(load.idleSessions, 1000)}`, `-duration=${load.timeoutMs}ms`];
  }
}

/** The arguments of `SetNoDelay` for each preset. */
const KCP_GO_PRESETS = {
  default: [0, 100, 0, 0],
  normal: [0, 40, 2, 1],
  fast: [0, 30, 2, 1],
  fast2: [1, 20, 2, 1],
  fast3: [1, 10, 2, 1],
} as const;
