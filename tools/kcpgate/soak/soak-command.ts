import { InvalidArgumentError, type Command } from 'commander';
import { durationOption, wholeNumberOption } from '../option-value.ts';
import type { Sample } from './sample.ts';
import { afterWarmUp, MIN_SAMPLES, SOAK_LIMITS } from './verdict.ts';

/** Adds `soak` to the program. */
export function addSoakCommand(program: Command): void {
  program
    .command('soak')
    .description('run a gateway under sessions that come and go, and look whether it grows')
    .option('--minutes <n>', 'how long', minutesOption, 10)
    .option(
      '--sample <duration>',
      'time between two lines of the table',
      durationOption(500, 600_000),
      10_000,
    )
    .option('--sessions <n>', 'sessions open at a time', wholeNumberOption(2, 10_000), 60)
    .option('--workers <n>', 'threads of the gateway', wholeNumberOption(1, 64), 1)
    .option('--seed <n>', 'decides what the sessions do', wholeNumberOption(0, 2 ** 31), 1)
    .option('--json', 'print the result as JSON', false)
    .addHelpText('after', HELP)
    .action(async (options: SoakFlags) => {
      const { runSoak } = await import('./run-soak.ts');
      const { json, minutes, sample, ...rest } = options;
      const print = (line: string): void => {
        if (!json) process.stdout.write(`${line}\n`);
      };
      const result = await runSoak({ ...rest, durationMs: minutes * 60_000, sampleMs: sample }, print);
      if (json) process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
      else {
        const { finishedSessions, cutOffSessions, killedProcesses, faults } = result;
        print(
          `${finishedSessions} sessions finished, ${cutOffSessions} cut off, ${killedProcesses} client processes killed`,
        );
        for (const fault of faults) print(`FAILED: ${fault}`);
        if (faults.length === 0)
          print(`Every byte right, nothing left behind, ${aboutMemory(result.samples)}.`);
      }
      if (result.faults.length > 0) process.exitCode = 1;
    });
}

function aboutMemory(samples: readonly Sample[]): string {
  const isJudged = afterWarmUp(samples, SOAK_LIMITS).length >= MIN_SAMPLES;
  return isJudged ? 'memory flat' : 'too short to judge memory';
}

interface SoakFlags {
  readonly minutes: number;
  readonly sample: number;
  readonly sessions: number;
  readonly workers: number;
  readonly seed: number;
  readonly json: boolean;
}

const HELP = `
Stock and kcpgate peers talk to an echo, to a TCP server and to one that resets; they end in order, in the middle
or not at all, and whole client processes are killed. Exit code 1 when a byte is wrong, a session or descriptor is
left, or memory rises after the warm-up (the first quarter, at least a minute): 12 MiB resident or 4 MiB of heap over
the rest.`;

function minutesOption(text: string): number {
  const minutes = Number(text);
  if (minutes > 0 && minutes <= 100_000) return minutes;
  throw new InvalidArgumentError('It must be a number of minutes.');
}
