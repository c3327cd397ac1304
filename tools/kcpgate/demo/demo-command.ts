import { InvalidArgumentError, type Command } from 'commander';
import { parseSizeBytes } from '../../../src/gateway/config/units.ts';
import { durationOption, wholeNumberOption } from '../option-value.ts';
import { ProgressLine } from '../progress-line.ts';
import { runDemo } from './run-demo.ts';
import { describeNetwork, formatSummary } from './summary.ts';

/** Adds `demo` to the program. */
export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('send a stream to a gateway and back through a simulated bad network, and check every byte')
    .option('--size <size>', 'bytes sent each way', sizeOption, 64 * MIB)
    .option('--delay <duration>', 'one-way delay, shortest', durationOption(0, 5000), 10)
    .option('--jitter <duration>', 'added to it at most', durationOption(0, 5000), 20)
    .option('--loss <percent>', 'datagrams lost, each way', percentOption, 5)
    .option('--reorder <percent>', 'datagrams that come late, each way', percentOption, 2)
    .option('--duplicate <percent>', 'datagrams that come twice, each way', percentOption, 1)
    .option('--seed <n>', 'decides the luck and the data', wholeNumberOption(0, Number.MAX_SAFE_INTEGER), 1)
    .option('--window <segments>', 'send and receive window', wholeNumberOption(1, 65_535), 1024)
    .option('--timeout <duration>', 'gives up after this long', durationOption(1000, 3_600_000), 120_000)
    .option('--json', 'print the result as JSON', false)
    .addHelpText('after', HELP)
    .action(async (options: DemoFlags) => {
      const { json, size, timeout, ...network } = options;
      const demo = {
        ...network,
        sizeBytes: size,
        timeoutMs: timeout,
        delayMs: options.delay,
        jitterMs: options.jitter,
      };
      if (!json) process.stdout.write(`${describeNetwork(demo)}\n`);
      const progress = new ProgressLine(process.stderr);
      const result = await runDemo(demo, (share, text) => progress.show(share, text)).finally(() =>
        progress.clear(),
      );
      process.stdout.write(json ? `${JSON.stringify(result, undefined, 2)}\n` : formatSummary(result));
      if (!result.hashesEqual) process.exitCode = 1;
    });
}

const HELP = `
Exit code 1 when a byte is wrong or missing.`;

interface DemoFlags {
  readonly size: number;
  readonly delay: number;
  readonly jitter: number;
  readonly loss: number;
  readonly reorder: number;
  readonly duplicate: number;
  readonly seed: number;
  readonly window: number;
  readonly timeout: number;
  readonly json: boolean;
}

function sizeOption(text: string): number {
  const bytes = parseSizeBytes(text);
  if (bytes === undefined || bytes < 1) throw new InvalidArgumentError('It must be a size such as 64MiB.');
  return bytes;
}

function percentOption(text: string): number {
  const value = Number(text);
  if (value >= 0 && value <= 100) return value;
  throw new InvalidArgumentError('It must be a number from 0 to 100.');
}

const MIB = 1024 * 1024;
