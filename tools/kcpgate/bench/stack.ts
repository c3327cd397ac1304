import type { LoadOptions } from './load-options.ts';

/** What a client does to a server; each side is a process of its own. */
export type LoadKind = 'stream' | 'pingpong' | 'fleet' | 'idle' | 'handshake' | 'login' | 'junk' | 'flood';

/** A command to start. */
export interface ProgramStart {
  readonly command: string;
  readonly arguments: readonly string[];
  /** Beside what this process has. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The server a client goes to. */
export interface ServerTarget {
  /** `host:port`, of UDP. */
  readonly address: string;
  /** The same of HTTP, where clients log in; undefined when they do not. */
  readonly login: string | undefined;
  readonly pid: number;
}

/** An implementation of KCP as two programs that print the same JSON lines. */
export interface Stack {
  readonly name: 'kcpgate' | 'kcp-go';
  /** Whether our native addon is to be in use; undefined: not our program. */
  readonly native: boolean | undefined;
  /** An echo server on a free loopback port; it prints `listening` and, in the end, `stopped`. */
  server(load: LoadOptions, nodeOptions?: readonly string[]): ProgramStart;
  /**
   * A client; it prints `warm` and `result`, with the CPU time of the server at these moments; `idle` prints `open`.
   */
  client(kind: LoadKind, target: ServerTarget, load: LoadOptions): ProgramStart;
  /** How many idle sessions it is asked to hold. */
  idleSessions(load: LoadOptions): number;
}

/** This program, to be started again as a benchmark with these arguments. */
export function ownCommand(...rest: readonly string[]): string[] {
  return [process.execPath, ...process.execArgv, process.argv[1] ?? '', 'bench', ...rest];
}

/** The kcp-go program of this repository, with the flags of a load. */
export function kcpGoCommand(
  executable: string,
  subcommand: string,
  load: LoadOptions,
  rest: readonly string[],
): string[] {
  return [executable, subcommand, ...kcpFlags(load), ...rest];
}

/** This program: started again with `--server` or `--client`. */
export function kcpGateStack(native: boolean): Stack {
  const again = (nodeOptions: readonly string[], ...rest: string[]): ProgramStart => ({
    command: process.execPath,
    arguments: [...process.execArgv, ...nodeOptions, process.argv[1] ?? '', 'bench', '--child', ...rest],
    environment: { KCPGATE_NATIVE: native ? 'on' : 'off' },
  });
  return {
    name: 'kcpgate',
    native,
    server: (load, nodeOptions = []) => again(nodeOptions, '--server', '--load', JSON.stringify(load)),
    client: (kind, { address, login, pid }, load) =>
      again(
        [],
        ...(kind === 'flood' ? ['--flood'] : [kind]),
        '--client',
        (kind === 'flood' ? undefined : login) ?? address,
        '--watch',
        String(pid),
        '--load',
        JSON.stringify(load),
      ),
    idleSessions: (load) => load.idleSessions,
  };
}

/** The kcp-go program of this repository. */
export function kcpGoStack(executable: string): Stack {
  const start = (...rest: string[]): ProgramStart => ({
    command: executable,
    arguments: rest,
    environment: {},
  });
  return {
    name: 'kcp-go',
    native: undefined,
    server: (load) => start('echo-server', '-stream=true', ...kcpFlags(load)),
    client: (kind, { address, pid }, load) =>
      start(
        `${kind}-client`,
        `-addr=${address}`,
        ...(kind === 'idle' ? [] : [`-watch=${pid}`]),
        `-timeout=${load.timeoutMs}ms`,
        ...kcpFlags(load),
        ...loadFlags(kind, load),
      ),
    // It takes about 120 KiB a session and a socket for each.
    idleSessions: (load) => Math.min(load.idleSessions, KCP_GO_IDLE_SESSIONS),
  };
}

function kcpFlags({ preset, mtu, window, sealed }: LoadOptions): string[] {
  const [noDelay, interval, resend, noCongestion] = KCP_GO_PRESETS[preset];
  return [
    `-mtu=${mtu}`,
    `-sndwnd=${window}`,
    `-rcvwnd=${window}`,
    `-nodelay=${noDelay}`,
    `-interval=${interval}`,
    `-resend=${resend}`,
    `-nc=${noCongestion}`,
    ...(sealed ? ['-crypt=aes-128'] : []),
  ];
}

function loadFlags(kind: LoadKind, load: LoadOptions): string[] {
  switch (kind) {
    case 'stream':
      return [
        '-stream=true',
        `-bytes=${Math.round(load.mib * 1024 * 1024)}`,
        `-warm-up=${Math.round(load.warmUp * load.mib * 1024 * 1024)}`,
        `-seed=${load.seed}`,
        // As our client: a block made before, so that making and comparing the stream costs both the same.
        `-repeat=${REPEATED_BLOCK_BYTES}`,
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
      return [
        `-sessions=${Math.min(load.idleSessions, KCP_GO_IDLE_SESSIONS)}`,
        `-duration=${load.timeoutMs}ms`,
      ];
    default:
      throw new Error(`kcp-go has no ${kind}`);
  }
}

const KCP_GO_IDLE_SESSIONS = 1000;
const REPEATED_BLOCK_BYTES = 1_048_587;

/** The arguments of `SetNoDelay` for each preset. */
const KCP_GO_PRESETS = {
  default: [0, 100, 0, 0],
  normal: [0, 40, 2, 1],
  fast: [0, 30, 2, 1],
  fast2: [1, 20, 2, 1],
  fast3: [1, 10, 2, 1],
} as const;
