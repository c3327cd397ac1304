import { InvalidArgumentError, Option, type Command } from 'commander';
import { formatSocketAddress, type SocketAddress } from '../../../src/base/address.ts';
import { KCP_PRESETS, type KcpPresetName } from '../../../src/kcp/index.ts';
import { listenOption, wholeNumberOption } from '../option-value.ts';
import { runClientSide, runServerSide, type Report } from './bench-side.ts';
import { DEFAULT_LOAD, type LoadOptions } from './load-options.ts';
import { ProgressLine } from '../progress-line.ts';
import { DEFAULT_SCENARIOS, SCENARIOS, type ScenarioName } from './report.ts';
import { runBench } from './run-bench.ts';
import { formatReport } from './table.ts';

/** Adds `bench` to the program. */
export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .description('measure this build: throughput, latency, CPU and memory, side by side with a peer')
    .argument('[scenario...]', `of ${SCENARIOS.join(', ')} (default: all but alloc)`, collectScenario)
    .addOption(new Option('--peer <name>', 'run the same with another implementation').choices(['kcp-go']))
    .option('--runs <n>', 'runs of each; medians are reported', wholeNumberOption(1, 100), 3)
    .option('--json', 'print the report as JSON', false)
    .option('--mib <n>', 'stream: MiB sent and echoed', positiveNumber, DEFAULT_LOAD.mib)
    .option(
      '--warm-up <share>',
      'stream, pingpong, fleet: unmeasured before the rest',
      atLeastZero,
      DEFAULT_LOAD.warmUp,
    )
    .option('--sha256', 'stream: hash what comes back, too', false)
    .option('--echoes <n>', 'pingpong: echoes', wholeNumberOption(1, 10_000_000), DEFAULT_LOAD.echoes)
    .option(
      '--size <bytes>',
      'pingpong, fleet: bytes of an echo',
      wholeNumberOption(8, 65_000),
      DEFAULT_LOAD.sizeBytes,
    )
    .option('--sessions <n>', 'fleet, idle: sessions (default: 500, 10000)', wholeNumberOption(1, 1_000_000))
    .option(
      '--rate <n>',
      'fleet: echoes a second of each session',
      positiveNumber,
      DEFAULT_LOAD.echoesPerSecond,
    )
    .option('--seconds <n>', 'fleet, idle: how long (default: 5, 10)', positiveNumber)
    .option(
      '--segments <n>',
      'engine: segments',
      wholeNumberOption(1000, 1_000_000_000),
      DEFAULT_LOAD.segments,
    )
    .option('--packets <n>', 'alloc: datagrams', wholeNumberOption(1000, 100_000_000), DEFAULT_LOAD.packets)
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
    .option('--server', 'only the server side, for two machines; ends with Ctrl-C')
    .option('--bind <host:port>', 'with --server: where to listen', listenOption, listenOption('127.0.0.1:0'))
    .option('--client <host:port>', 'only the client side of one scenario, towards a --server', listenOption)
    .addOption(new Option('--child').hideHelp())
    .addOption(new Option('--load <json>').hideHelp())
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
  kcpgate bench stream --server --bind 0.0.0.0:4000     on one machine,
  kcpgate bench stream --client 192.0.2.1:4000          on the other
  kcpgate bench alloc --runs 1               which functions allocate on the packet path

Exit code 1 when a run fails or a byte comes back wrong.`;

interface BenchFlags {
  readonly peer?: 'kcp-go';
  readonly runs: number;
  readonly json: boolean;
  readonly mib: number;
  readonly warmUp: number;
  readonly sha256: boolean;
  readonly echoes: number;
  readonly size: number;
  readonly sessions?: number;
  readonly rate: number;
  readonly seconds?: number;
  readonly segments: number;
  readonly packets: number;
  readonly preset: KcpPresetName;
  readonly mtu: number;
  readonly window: number;
  readonly seed: number;
  readonly timeout: number;
  readonly server?: true;
  readonly bind: SocketAddress;
  readonly client?: SocketAddress;
  readonly child?: true;
  readonly load?: string;
}

async function run(named: readonly ScenarioName[], flags: BenchFlags): Promise<void> {
  const load = flags.load === undefined ? loadOf(flags) : (JSON.parse(flags.load) as LoadOptions);
  if (flags.server === true || flags.client !== undefined) {
    await runSide(named, flags, load);
    return;
  }
  const progress = new ProgressLine(process.stderr);
  const report = await runBench(
    {
      scenarios: named.length === 0 ? DEFAULT_SCENARIOS : named,
      runs: flags.runs,
      peer: flags.peer,
      load,
    },
    (done, total, label) => progress.show(done / total, label),
  ).finally(() => progress.clear());
  process.stdout.write(flags.json ? `${JSON.stringify(report, undefined, 2)}\n` : formatReport(report));
}

/** One side alone: a child of a whole bench, or a person at one of two machines. */
async function runSide(named: readonly ScenarioName[], flags: BenchFlags, load: LoadOptions): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  // A child ends with whoever started it.
  if (flags.child === true) process.stdin.resume().once('end', end).unref();
  const report: Report = flags.child === true || flags.json ? printEvent : printText;
  if (flags.client === undefined) {
    await runServerSide(formatSocketAddress(flags.bind), load, report, stop.signal);
  } else {
    const scenario = named[0] ?? 'stream';
    if (scenario === 'engine' || scenario === 'alloc') throw new Error(`${scenario} has no client side`);
    await runClientSide(scenario, flags.client, load, report, stop.signal);
  }
  process.off('SIGTERM', end);
  process.off('SIGINT', end);
  if (flags.child === true) process.stdin.destroy();
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
    warmUp: flags.warmUp,
    sha256: flags.sha256,
    echoes: flags.echoes,
    sizeBytes: flags.size,
    fleetSessions: flags.sessions ?? DEFAULT_LOAD.fleetSessions,
    echoesPerSecond: flags.rate,
    fleetSeconds: flags.seconds ?? DEFAULT_LOAD.fleetSeconds,
    idleSessions: flags.sessions ?? DEFAULT_LOAD.idleSessions,
    idleSeconds: flags.seconds ?? DEFAULT_LOAD.idleSeconds,
    segments: flags.segments,
    packets: flags.packets,
    seed: flags.seed,
    timeoutMs: flags.timeout * 1000,
  };
}

function collectScenario(text: string, before: ScenarioName[] | undefined): ScenarioName[] {
  const scenario = SCENARIOS.find((name) => name === text);
  if (scenario === undefined) throw new InvalidArgumentError(`It is one of ${SCENARIOS.join(', ')}.`);
  return [...(before ?? []), scenario];
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
