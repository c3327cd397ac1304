import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startProgram, type ProgramEvent, type RunningProgram } from './process.ts';

/** How a kcp-go session is set up. Left out: the program's default, the fast3 preset with windows of 1024. */
export interface KcpGoOptions {
  readonly stream?: boolean;
  readonly ackNoDelay?: boolean;
  readonly writeDelay?: boolean;
  readonly noDelay?: 0 | 1;
  readonly intervalMs?: number;
  readonly resend?: number;
  /** 1 switches the congestion window off. */
  readonly noCongestion?: 0 | 1;
  readonly sendWindow?: number;
  readonly receiveWindow?: number;
  readonly mtu?: number;
  /** Both 0: no FEC. */
  readonly fecData?: number;
  readonly fecParity?: number;
  /** Left out: no packet header at all (a nil block cipher). */
  readonly crypt?: 'none' | 'aes' | 'aes-128' | 'aes-192' | 'salsa20';
}

/** What the library counted in one process. */
export interface KcpGoCounters {
  readonly outSegments: number;
  readonly inSegments: number;
  readonly inDatagrams: number;
  readonly outDatagrams: number;
  readonly retransmits: number;
  readonly fastRetransmits: number;
  readonly earlyRetransmits: number;
  readonly timeouts: number;
  readonly duplicates: number;
  readonly inputErrors: number;
  readonly fecRecovered: number;
}

/** Latencies in milliseconds. */
export interface KcpGoLatency {
  readonly avg: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export interface KcpGoStreamResult {
  /** Everything came back. */
  readonly complete: boolean;
  readonly bytes: number;
  readonly corruptBytes: number;
  readonly seconds: number;
  readonly mibPerSecond: number;
  readonly cpuSeconds: number;
  /** Of what came back, hexadecimal; absent when not asked for. */
  readonly sha256?: string;
  readonly error?: string;
  readonly counters: KcpGoCounters;
}

export interface KcpGoEchoResult {
  readonly complete: boolean;
  readonly echoes: number;
  readonly latencyMs: KcpGoLatency;
  readonly cpuSeconds: number;
  readonly counters: KcpGoCounters;
}

/** What the echo server says when it is stopped. */
export interface KcpGoServerResult {
  readonly sessions: number;
  readonly bytes: number;
  readonly cpuSeconds: number;
  readonly counters: KcpGoCounters;
}

export interface KcpGoEchoServer {
  readonly address: string;
  readonly port: number;
  readonly pid: number;
  /** Ends the server and gives its account. Later calls give the same. */
  stop(): Promise<KcpGoServerResult>;
}

/** Where a client of ours connects to. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

/** Starts a kcp-go server that echoes every session, on a free port of a loopback address. */
export async function startEchoServer(
  options: KcpGoOptions = {},
  address: '127.0.0.1' | '::1' = '127.0.0.1',
): Promise<KcpGoEchoServer> {
  const listen = `-listen=${address.includes(':') ? `[${address}]` : address}:0`;
  const program = startProgram(await buildKcpGoPeer(), ['echo-server', listen, ...toFlags(options)]);
  try {
    const listening = await program.nextEvent('listening');
    let account: Promise<KcpGoServerResult> | undefined;
    return {
      address: String(listening.address),
      port: Number(listening.port),
      pid: program.pid,
      stop: () => (account ??= stopEchoServer(program)),
    };
  } catch (error) {
    await program.stop();
    throw error;
  }
}

/** Streams `bytes` seeded bytes to an echo server and checks every byte that comes back. */
export async function runStreamClient(
  target: Target,
  stream: { bytes: number; seed?: number; chunkBytes?: number; sha256?: boolean; timeoutMs?: number },
  options: KcpGoOptions = {},
): Promise<KcpGoStreamResult> {
  const timeoutMs = stream.timeoutMs ?? 55_000;
  const flags = [
    `-bytes=${String(stream.bytes)}`,
    `-seed=${String(stream.seed ?? 1)}`,
    `-chunk=${String(stream.chunkBytes ?? 65_536)}`,
    `-sha256=${String(stream.sha256 ?? true)}`,
  ];
  return (await runClient('stream-client', target, flags, timeoutMs, options)) as KcpGoStreamResult;
}

/** `count` echoes of `sizeBytes` on one session, one every `everyMs` (0: one after another). */
export async function runPingPongClient(
  target: Target,
  load: { count: number; sizeBytes: number; everyMs: number; timeoutMs?: number },
  options: KcpGoOptions = {},
): Promise<KcpGoEchoResult> {
  const flags = [
    `-count=${String(load.count)}`,
    `-size=${String(load.sizeBytes)}`,
    `-every=${String(load.everyMs)}ms`,
  ];
  return (await runClient(
    'pingpong-client',
    target,
    flags,
    load.timeoutMs ?? 55_000,
    options,
  )) as KcpGoEchoResult;
}

/** `sessions` sessions at once, each with `echoesPerSecond` echoes of `sizeBytes` for `durationMs`. */
export async function runFleetClient(
  target: Target,
  load: {
    sessions: number;
    echoesPerSecond: number;
    sizeBytes: number;
    durationMs: number;
    timeoutMs?: number;
  },
  options: KcpGoOptions = {},
): Promise<KcpGoEchoResult> {
  const flags = [
    `-sessions=${String(load.sessions)}`,
    `-rate=${String(load.echoesPerSecond)}`,
    `-size=${String(load.sizeBytes)}`,
    `-duration=${String(load.durationMs)}ms`,
  ];
  return (await runClient(
    'fleet-client',
    target,
    flags,
    load.timeoutMs ?? 55_000,
    options,
  )) as KcpGoEchoResult;
}

/** Opens `sessions` sessions and leaves them idle for `durationMs`; resolves when they are open. The caller stops it. */
export async function startIdleClient(
  target: Target,
  load: { sessions: number; durationMs: number },
  options: KcpGoOptions = {},
): Promise<RunningProgram> {
  const flags = [`-sessions=${String(load.sessions)}`, `-duration=${String(load.durationMs)}ms`];
  const program = startProgram(await buildKcpGoPeer(), [
    'idle-client',
    addressFlag(target),
    ...flags,
    ...toFlags(options),
  ]);
  try {
    await program.nextEvent('open', 60_000);
    return program;
  } catch (error) {
    await program.stop();
    throw error;
  }
}

/**
 * Builds the program, once for its sources and the installed library: later calls, other workers and later runs find it.
 * @returns the path of the executable.
 */
async function buildKcpGoPeer(): Promise<string> {
  const folder = join(tmpdir(), `kcpgate-peers-${String(process.getuid?.() ?? 0)}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const executable = join(folder, `kcp-go-peer-${hashOfSources()}`);
  const lock = `${executable}.lock`;
  while (!existsSync(executable)) {
    if (!tryLock(lock)) {
      await delay(100);
      continue;
    }
    try {
      if (!existsSync(executable)) await compile(executable, folder);
    } finally {
      rmdirSync(lock);
    }
  }
  return executable;
}

const SOURCE_FOLDER = fileURLToPath(new URL('../peers/kcp-go/', import.meta.url));
const GO_PATH = '/usr/share/gocode';
const LIBRARY_FOLDER = `${GO_PATH}/src/github.com/xtaci/kcp-go`;
const COMPILE_TIMEOUT_MS = 120_000;

async function compile(executable: string, folder: string): Promise<void> {
  const unfinished = `${executable}.${String(process.pid)}`;
  await promisify(execFile)('go', ['build', '-o', unfinished, '.'], {
    cwd: SOURCE_FOLDER,
    timeout: COMPILE_TIMEOUT_MS,
    env: {
      ...process.env,
      GO111MODULE: 'off',
      GOFLAGS: '',
      GOPATH: GO_PATH,
      ...(process.env.HOME === undefined ? { GOCACHE: join(folder, 'go-cache') } : {}),
    },
  });
  renameSync(unfinished, executable);
}

function hashOfSources(): string {
  const hash = createHash('sha256').update(process.arch);
  for (const folder of [SOURCE_FOLDER, LIBRARY_FOLDER]) {
    for (const name of readdirSync(folder).sort()) {
      if (name.endsWith('.go')) hash.update(name).update(readFileSync(join(folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

/** Whether this process now holds the lock; one left behind by a process that died is removed. */
function tryLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const heldSince = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
    if (Date.now() - heldSince > COMPILE_TIMEOUT_MS + 10_000) rmdirSync(lock);
    return false;
  }
}

async function stopEchoServer(program: RunningProgram): Promise<KcpGoServerResult> {
  const stopped = program.nextEvent('stopped', 10_000);
  const [account] = await Promise.all([stopped, program.stop(10_000)]);
  return withoutName(account) as KcpGoServerResult;
}

async function runClient(
  subcommand: string,
  target: Target,
  flags: readonly string[],
  timeoutMs: number,
  options: KcpGoOptions,
): Promise<object> {
  const program = startProgram(await buildKcpGoPeer(), [
    subcommand,
    addressFlag(target),
    ...flags,
    `-timeout=${String(timeoutMs)}ms`,
    ...toFlags(options),
  ]);
  try {
    return withoutName(await program.nextEvent('result', timeoutMs + 5000));
  } finally {
    await program.stop();
  }
}

/** What is left is the result: the programs are ours, built from the sources next to this file. */
function withoutName(event: ProgramEvent): object {
  const { event: _, ...result } = event;
  return result;
}

function addressFlag(target: Target): string {
  const host = target.address.includes(':') ? `[${target.address}]` : target.address;
  return `-addr=${host}:${String(target.port)}`;
}

const FLAGS: Readonly<Record<keyof KcpGoOptions, string>> = {
  stream: 'stream',
  ackNoDelay: 'ack-no-delay',
  writeDelay: 'write-delay',
  noDelay: 'nodelay',
  intervalMs: 'interval',
  resend: 'resend',
  noCongestion: 'nc',
  sendWindow: 'sndwnd',
  receiveWindow: 'rcvwnd',
  mtu: 'mtu',
  fecData: 'fec-data',
  fecParity: 'fec-parity',
  crypt: 'crypt',
};

function toFlags(options: KcpGoOptions): string[] {
  return Object.entries(options).map(
    ([name, value]) => `-${FLAGS[name as keyof KcpGoOptions]}=${String(value)}`,
  );
}
