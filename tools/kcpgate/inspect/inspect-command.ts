import { InvalidArgumentError, Option, type Command } from 'commander';
import { listenOption, wholeNumberOption } from '../option-value.ts';
import type { InspectOptions } from './run-inspect.ts';
import { COLOUR_CHOICES } from './views/palette.ts';
import { TIME_CHOICES } from './views/time-text.ts';

/** Adds `inspect` to the program. @param run does it; default: with the streams of this process. */
export function addInspectCommand(program: Command, run: RunInspect = runInProcess): void {
  const command = program
    .command('inspect')
    .description('show what a capture holds: segments, sessions, what was sent again and why')
    .argument('[file...]', 'captures (pcap, pcapng) or recordings (qlog), read as one; - is standard input');
  addInputOptions(command);
  addViewOptions(command);
  command.addHelpText('after', HELP).action(run);
}

/** Does what a command line of `inspect` says. */
export type RunInspect = (files: string[], options: InspectOptions) => Promise<void>;

async function runInProcess(files: string[], options: InspectOptions): Promise<void> {
  const { processPlaces, runInspect } = await import('./run-inspect.ts');
  process.exitCode = await runInspect(files, options, processPlaces());
}

function addInputOptions(command: Command): void {
  command
    .option('--hex', 'the arguments, or standard input, are datagrams as hex text', false)
    .option('--interface <name>', 'capture live with tcpdump; any: all interfaces')
    .addOption(
      new Option('--port <n>', 'with --interface: only from or to this port; may be repeated')
        .argParser(addPort)
        .default([], 'all'),
    )
    .option('--listen <[address:]port>', 'pass on what comes there to --to, and show it live', listenOption)
    .option('--to <[address:]port>', 'the gateway behind --listen', listenOption)
    .addOption(
      new Option('--key-log <file>', 'opens what is sealed: the key log of a gateway or client').env(
        'KCPGATE_KEY_LOG',
      ),
    )
    .option('--kcp-go-crypt <method>', 'opens what kcp-go or kcptun encrypted with this method')
    .option('--kcp-go-key <hex>', 'its key; better not on a command line: see below')
    .option('--kcp-go-key-file <file>', 'file with that key')
    .option('--kcptun-key <phrase>', "kcptun's pass phrase; better not on a command line: see below")
    .option('--kcptun-key-file <file>', 'file with that phrase')
    .addOption(
      new Option('--proxy <mode>', 'headers in front of UDP datagrams')
        .choices(['auto', 'off', 'proxy', 'spp'])
        .default('auto'),
    );
}

function addViewOptions(command: Command): void {
  command
    .option('--filter <expression>', 'only what it is true for, such as "conv == 0x1234 && push"')
    .option('--tree', 'every field of every datagram, with its place', false)
    .option('--hex-dump', 'the bytes of every datagram, also with --tree', false)
    .option('--stats', 'flows, sessions and notes at the end instead of segments', false)
    .option('--notes', 'only what is wrong', false)
    .option('--json', 'a JSON object a line: segments, or what --stats or --notes would say', false)
    .option('--count', 'only how many segments and datagrams', false)
    .option('--follow <conv>', 'what the first session with this conv carried, in order', convOption)
    .option('--follow-session <n>', 'the same for a session by its number', wholeNumberOption(0, 1e9))
    .addOption(
      new Option('--direction <side>', 'follow only what this side sent; in a pipe, byte for byte').choices([
        'client',
        'gateway',
      ]),
    )
    .option('--timeline <file>', 'draw the session that has most: sn against time, as .svg or .png')
    .option('--conv <conv>', 'the session to draw', convOption)
    .option('--write <file>', 'write the datagrams to a pcapng file')
    .option('--limit <n>', 'stop after so many segments', wholeNumberOption(1, 1e15))
    .addOption(new Option('--time <how>', 'times of lines').choices(TIME_CHOICES).default('relative'))
    .option('--bytes', 'lines show the beginnings of payloads and ciphertexts', false)
    .addOption(new Option('--color <when>', 'colours').choices(COLOUR_CHOICES).default('auto'))
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 when there are such notes, or worse').choices([
        'error',
        'warning',
      ]),
    );
}

function addPort(text: string, earlier: readonly number[]): number[] {
  return [...earlier, wholeNumberOption(1, 65_535)(text)];
}

function convOption(text: string): number {
  const value = /^(0x[\da-f]{1,8}|\d{1,10})$/i.test(text) ? Number(text) : NaN;
  if (value <= 0xffff_ffff) return value;
  throw new InvalidArgumentError('A conv is a number of 32 bits, such as 0x01020304.');
}

const HELP = `
Examples:
  kcpgate inspect capture.pcap               one line a segment
  kcpgate inspect capture.pcap --stats       who spoke what, and how it went
  kcpgate inspect capture.pcap --key-log keys.log --filter 'retransmission || kick'
  kcpgate inspect capture.pcap --follow 0x01020304 --direction gateway > sent.bin
  kcpgate inspect capture.pcap --timeline session.svg
  kcpgate inspect --interface eth0 --port 4000
  kcpgate inspect --listen 4001 --to 127.0.0.1:4000
                                             clients of port 4001 reach the gateway, and are seen
  kcpgate inspect --hex 040302015100000400000000070000000500000003000000616263

A key on a command line is seen by everybody on the machine: put it into a file, or into KCP_GO_KEY or KCPTUN_KEY.

Exit codes:
  0  done
  1  the capture is damaged or cut off, or there are notes --fail-on asks about
  2  invalid command line, or a file that cannot be read`;
