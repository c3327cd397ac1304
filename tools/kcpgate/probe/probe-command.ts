import { Option, type Command } from 'commander';
import type { Line } from '../../../src/client/node/index.ts';
import { durationOption, urlOption } from '../option-value.ts';
import { lineArgument } from './line-argument.ts';
import type { ProbeCommandOptions } from './probe.ts';

/** Adds `probe` to the program. */
export function addProbeCommand(program: Command): void {
  program
    .command('probe')
    .description('measure the lines to a gateway: which is the fastest, and why')
    .argument('[lines...]', 'udp://host:port, tcp:, tls:, ws:// or wss://host:port/path', lineArgument)
    .addOption(new Option('--login <url>', 'log in there; it tells the lines').argParser(urlOption))
    .option('--token-file <file>', 'file with the token to log in with')
    .addOption(duration('--timeout', 'how long one measurement may take', '4s', 100, 4_000))
    .option('--json', 'print everything that was seen, as JSON', false)
    .option('--watch', 'measure again and again, until stopped', false)
    .addOption(duration('--every', 'with --watch: how long to wait in between', '5s', 1_000, 3_600_000))
    .addHelpText('after', HELP)
    .action(async (lines: readonly Line[], options: ProbeCommandOptions) => {
      const { probe } = await import('./probe.ts');
      process.exitCode = await probe(lines, options);
    });
}

function duration(flag: string, text: string, initial: string, minMs: number, maxMs: number): Option {
  const parse = durationOption(minMs, maxMs);
  return new Option(`${flag} <duration>`, text).argParser(parse).default(parse(initial), initial);
}

const HELP = `
Examples:
  kcpgate probe --login https://gateway.example/api/login --token-file token
  kcpgate probe udp://eu.example:4000 udp://us.example:4000 wss://eu.example/kcp
  kcpgate probe --watch udp://eu.example:4000

Some small datagrams and a large one go to each line, at most five. The score is what a message is expected to take, in ms:
median round trip, twice the jitter, what losses cost, 10 or more for a connection, up to 30 for a busy gateway. The
bounds are what it may turn out to be. Gateways that are draining or not ready come last. --watch --json prints a line
for each measurement.

Exit codes:
  0  a line answered
  1  none did, or the login failed
  2  invalid command line`;
