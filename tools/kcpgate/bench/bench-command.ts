import { InvalidArgumentError, Option, type Command } from 'commander';
import type { SocketAddress } from '../../../src/base/address.ts';
import { KCP_PRESETS, type KcpPresetName } from '../../../src/kcp/index.ts';
import { listenOption, wholeNumberOption } from '../option-value.ts';
import { runClientSide, runServerSide, type Report } from './bench-side.ts';
import { loadsOf, ownLoadOf, type PairScenario } from './contenders.ts';
import { runFrontSide, type FrontSide } from './front/front-side.ts';
import { runLatencySide, type LatencySide } from './latency/latency-side.ts';
import { DEFAULT_LOAD, type LoadOptions } from './load-options.ts';
import { ProgressLine } from '../progress-line.ts';
import { DEFAULT_SCENARIOS, SCENARIOS, type BenchReport, type ScenarioName } from './report.ts';
import { runBench } from './run-bench.ts';
import type { LoadKind } from './stack.ts';
import { formatMarkdown, formatMarkdownTargets } from './markdown.ts';
import { formatReport, formatTargets } from './table.ts';
import { judgeTargets } from './targets.ts';

/** Adds `bench` to the program. */
export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .description('measure this build: throughput, latency, CPU and memory, side by side with a peer')
    .argument(
      '[scenario...]',
      `of ${SCENARIOS.join(', ')} (default: ${DEFAULT_SCENARIOS.join(', ')})`,
      collectScenario,
    )
    .addOption(new Option('--peer <name>', 'run the same with another implementation').choices(['kcp-go']))
    .option(
      '--native <on,off>',
      'ours with the native addon, without it, or both in turns (default: on)',
      nativeOption,
      [true],
    )
    .option('--runs <n>', 'runs of each; medians are reported', wholeNumberOption(1, 100), 3)
    .addOption(
      new Option('--json', 'print the report as JSON, every run in it').default(false).conflicts('markdown'),
    )
    .option('--markdown', 'print it as Markdown', false)
    .option('--targets', 'print the targets of the project, too, and whether they were met', false)
    .option('--profile <folder>', 'leave profiles of the servers there; slows them down a little')
    .option('--mib <n>', 'stream, models, front: MiB sent and echoed', positiveNumber, DEFAULT_LOAD.mib)
    .option(
      '--streams <n>',
      'stream: streams at once (our client only)',
      wholeNumberOption(1, 1000),
      DEFAULT_LOAD.streams,
    )
    .option('--warm-up <share>', 'unmeasured before the rest (not idle)', atLeastZero, DEFAULT_LOAD.warmUp)
    .option('--sha256', 'stream: hash what comes back, too', false)
    .option('--echoes <n>', 'pingpong: echoes', wholeNumberOption(1, 10_000_000), DEFAULT_LOAD.echoes)
    .option(
      '--size <bytes>',
      'pingpong, fleet, latency, front: bytes of an echo',
      wholeNumberOption(8, 65_000),
      DEFAULT_LOAD.sizeBytes,
    )
    .option(
      '--sessions <n>',
      'fleet, idle, handshake, junk, front: sessions (default: 500, 50000, 10000, 100, 100)',
      wholeNumberOption(1, 1_000_000),
    )
    .option('--logins <n>', 'login: logins', wholeNumberOption(1, 10_000_000), DEFAULT_LOAD.logins)
    .option(
      '--rate <n>',
      'fleet, junk, front: echoes a second of each session',
      positiveNumber,
      DEFAULT_LOAD.echoesPerSecond,
    )
    .option(
      '--seconds <n>',
      'fleet, idle, junk, latency, front: how long (default: 5, 10, 1, 60, 5)',
      positiveNumber,
    )
    .option(
      '--segments <n>',
      'engine: segments',
      wholeNumberOption(1000, 1_000_000_000),
      DEFAULT_LOAD.segments,
    )
    .option(
      '--packets <n>',
      'alloc, aead: datagrams',
      wholeNumberOption(1000, 100_000_000),
      DEFAULT_LOAD.packets,
    )
    .option(
      '--capture-mb <n>',
      'inspect: megabytes of the capture',
      positiveNumber,
      DEFAULT_LOAD.captureMegabytes,
    )
    .addOption(
      new Option('--preset <name>', 'KCP timing')
        .choices(Object.keys(KCP_PRESETS))
        .default(DEFAULT_LOAD.preset),
    )
    .option('--mtu <bytes>', 'largest datagram', wholeNumberOption(576, 1500), DEFAULT_LOAD.mtu)
    .option(
      '--window <segments>',
      'send and receive window',
      wholeNumberOption(1, 65_535),
      DEFAULT_LOAD.window,
    )
    .option(
      '--seed <n>',
      'seed of the stream',
      wholeNumberOption(0, Number.MAX_SAFE_INTEGER),
      DEFAULT_LOAD.seed,
    )
    .option(
      '--timeout <s>',
      'a run that takes longer has failed',
      positiveNumber,
      DEFAULT_LOAD.timeoutMs / 1000,
    )
    .option('--workers <n>', 'our server: `common.workers`', wholeNumberOption(1, 64), DEFAULT_LOAD.workers)
    .option('--server', 'only the server side, for two machines; ends with Ctrl-C')
    .option('--bind <host:port>', 'with --server: where to listen', listenOption, listenOption('127.0.0.1:0'))
    .option('--client <host:port>', 'only the client side of one scenario, towards a --server', listenOption)
    .addOption(new Option('--flood').hideHelp())
    .addOption(new Option('--child').hideHelp())
    .addOption(new Option('--watch <pid>').argParser(Number).hideHelp())
    .addOption(new Option('--load <json>').hideHelp())
    .addOption(new Option('--latency-side <json>').hideHelp())
    .addOption(new Option('--front-side <json>').hideHelp())
    .addHelpText('after', HELP)
    .action(async (scenarios: ScenarioName[], options: BenchFlags, command: Command) => {
      try {
        await run(scenarios, options);
      } catch (error) {
        command.error(`error: ${error instanceof Error ? error.message : String(error)}`, { exitCode: 1 });
      }
    });
}

const HELP = `
Examples:
  kcpgate bench                              every scenario, this build alone
  kcpgate bench stream --peer kcp-go         beside kcp-go, runs taking turns
  kcpgate bench --peer kcp-go --native on,off --targets   everything there is a target for
  kcpgate bench fleet --runs 1 --profile out              where the time of the server goes
  kcpgate bench stream --server --bind 0.0.0.0:4000     on one machine,
  kcpgate bench stream --client 192.0.2.1:4000          on the other
  kcpgate bench sealed-stream --peer kcp-go  sessions that log in, beside kcp-go with AES
  kcpgate bench handshake login junk         what it costs to let clients in, and to keep others out
  kcpgate bench latency --peer kcp-go        small messages over a bad path, beside kcp-go and TCP (Linux, as root)
  kcpgate bench front                        what nginx in front of a gateway costs
  kcpgate bench inspect --runs 1             reading a capture of 1 GB, beside tshark
  kcpgate bench alloc --runs 1               which functions allocate on the packet path

Exit code 1 when a run fails or a byte comes back wrong.`;

interface BenchFlags {
  readonly peer?: 'kcp-go';
  readonly runs: number;
  readonly native: readonly boolean[];
  readonly json: boolean;
  readonly markdown: boolean;
  readonly targets: boolean;
  readonly profile?: string;
  readonly mib: number;
  readonly streams: number;
  readonly warmUp: number;
  readonly sha256: boolean;
  readonly echoes: number;
  readonly size: number;
  readonly sessions?: number;
  readonly logins: number;
  readonly rate: number;
  readonly seconds?: number;
  readonly segments: number;
  readonly packets: number;
  readonly captureMb: number;
  readonly preset: KcpPresetName;
  readonly mtu: number;
  readonly window: number;
  readonly workers: number;
  readonly seed: number;
  readonly timeout: number;
  readonly server?: true;
  readonly bind: SocketAddress;
  readonly client?: SocketAddress;
  readonly flood?: true;
  readonly child?: true;
  readonly watch?: number;
  readonly load?: string;
  readonly latencySide?: string;
  readonly frontSide?: string;
}

async function run(named: readonly ScenarioName[], flags: BenchFlags): Promise<void> {
  const load = flags.load === undefined ? loadOf(flags) : (JSON.parse(flags.load) as LoadOptions);
  if (flags.server === true || flags.client !== undefined) {
    await runSide(named[0] ?? 'stream', flags, load);
    return;
  }
  if (flags.latencySide !== undefined) {
    await asChild((stop) =>
      runLatencySide(JSON.parse(flags.latencySide ?? '') as LatencySide, printEvent, stop),
    );
    return;
  }
  if (flags.frontSide !== undefined) {
    const side = JSON.parse(flags.frontSide) as FrontSide;
    await asChild(() => runFrontSide(side, printEvent, process.stdin));
    return;
  }
  const progress = new ProgressLine(process.stderr);
  const report = await runBench(
    {
      scenarios: named.length === 0 ? DEFAULT_SCENARIOS : named,
      runs: flags.runs,
      peer: flags.peer,
      native: flags.native,
      load,
      profileFolder: flags.profile,
    },
    (done, total, label) => progress.show(done / total, label),
  ).finally(() => progress.clear());
  process.stdout.write(printed(report, flags));
}

function printed(report: BenchReport, { json, markdown, targets }: BenchFlags): string {
  if (json) {
    const verdicts = targets ? { targets: judgeTargets(report) } : {};
    return `${JSON.stringify({ ...report, ...verdicts }, undefined, 2)}\n`;
  }
  const tables = markdown ? [formatMarkdown(report)] : [formatReport(report)];
  if (targets) tables.push(markdown ? formatMarkdownTargets(report) : formatTargets(report));
  return tables.join('\n');
}

/** One side alone: a child of a whole bench, or a person at one of two machines. */
async function runSide(scenario: ScenarioName, flags: BenchFlags, given: LoadOptions): Promise<void> {
  const load = isPairScenario(scenario) ? { ...given, ...ownLoadOf(scenario) } : given;
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  // A child ends with whoever started it.
  if (flags.child === true) process.stdin.resume().once('end', end).unref();
  const requests = flags.child === true ? process.stdin : undefined;
  const report: Report = flags.child === true || flags.json ? printEvent : printText;
  if (flags.client === undefined) {
    await runServerSide(flags.bind, load, report, stop.signal, requests);
  } else {
    await runClientSide(
      flags.flood === true ? 'flood' : loadKindOf(scenario),
      flags.client,
      load,
      report,
      stop.signal,
      flags.watch,
      requests,
    );
  }
  process.off('SIGTERM', end);
  process.off('SIGINT', end);
  if (flags.child === true) process.stdin.destroy();
}

/** Runs until SIGTERM, or until whoever started this process is gone. */
async function asChild(work: (stop: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGTERM', end);
  process.stdin.resume().once('end', end).unref();
  await work(stop.signal);
  process.off('SIGTERM', end);
  process.stdin.destroy();
}

const printEvent: Report = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const printText: Report = ({ event, ...fields }) => {
  const lines = Object.entries(fields).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`);
  process.stdout.write(`${event}\n${lines.join('\n')}\n`);
};

function loadOf(flags: BenchFlags): LoadOptions {
  return {
    preset: flags.preset,
    mtu: flags.mtu,
    window: flags.window,
    mib: flags.mib,
    streams: flags.streams,
    sealed: DEFAULT_LOAD.sealed,
    line: DEFAULT_LOAD.line,
    warmUp: flags.warmUp,
    sha256: flags.sha256,
    echoes: flags.echoes,
    sizeBytes: flags.size,
    fleetSessions: flags.sessions ?? DEFAULT_LOAD.fleetSessions,
    echoesPerSecond: flags.rate,
    fleetSeconds: flags.seconds ?? DEFAULT_LOAD.fleetSeconds,
    idleSessions: flags.sessions ?? DEFAULT_LOAD.idleSessions,
    idleSeconds: flags.seconds ?? DEFAULT_LOAD.idleSeconds,
    handshakes: flags.sessions ?? DEFAULT_LOAD.handshakes,
    logins: flags.logins,
    junkSessions: flags.sessions ?? DEFAULT_LOAD.junkSessions,
    junkSeconds: flags.seconds ?? DEFAULT_LOAD.junkSeconds,
    liveConvs: DEFAULT_LOAD.liveConvs,
    latencySeconds: flags.seconds ?? DEFAULT_LOAD.latencySeconds,
    frontSessions: flags.sessions ?? DEFAULT_LOAD.frontSessions,
    frontSeconds: flags.seconds ?? DEFAULT_LOAD.frontSeconds,
    segments: flags.segments,
    packets: flags.packets,
    captureMegabytes: flags.captureMb,
    workers: flags.workers,
    defaultLimits: DEFAULT_LOAD.defaultLimits,
    poolThreads: DEFAULT_LOAD.poolThreads,
    seed: flags.seed,
    timeoutMs: flags.timeout * 1000,
  };
}

function loadKindOf(scenario: ScenarioName): LoadKind {
  const [kind, another] = isPairScenario(scenario) ? loadsOf(scenario) : [];
  if (kind === undefined || another !== undefined) throw new Error(`${scenario} has no client side`);
  return kind;
}

function isPairScenario(scenario: ScenarioName): scenario is PairScenario {
  return !ALONE.some((name) => name === scenario);
}

function collectScenario(text: string, before: ScenarioName[] | undefined): ScenarioName[] {
  const scenario = SCENARIOS.find((name) => name === text);
  if (scenario === undefined) throw new InvalidArgumentError(`It is one of ${SCENARIOS.join(', ')}.`);
  return [...(before ?? []), scenario];
}

function nativeOption(text: string): boolean[] {
  const values = new Set(text.split(','));
  if (![...values].every((value) => value === 'on' || value === 'off')) {
    throw new InvalidArgumentError('It is on, off, or on,off.');
  }
  return [...values].map((value) => value === 'on');
}

function atLeastZero(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError('It is a number from 0 on.');
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It is a number greater than 0.');
}

/** Without a client side of their own. */
const ALONE = ['latency', 'front', 'engine', 'aead', 'alloc', 'inspect'] as const satisfies readonly Exclude<
  ScenarioName,
  PairScenario
>[];
