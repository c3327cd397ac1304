import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseServerAddress } from '../../../src/gateway/config/server-address.ts';
import { EXIT_CODE_HELP } from '../exit-code.ts';
import { durationOption, listenOption, wholeNumberOption } from '../option-value.ts';
import { PROFILE_NAMES } from './profiles.ts';
import type { ChaosFlags, MappingFlag } from './run-chaos.ts';

/** Adds `chaos` to the program. */
export function addChaosCommand(program: Command): void {
  const command = program
    .command('chaos')
    .description('stand between clients and a server, and be a bad network')
    .option('--udp <listen=target>', 'relay datagrams; may be given several times', mappings)
    .option('--tcp <listen=target>', 'relay connections; likewise', mappings)
    .option('--profile <name>', 'a network by name, see below; what else is given overrides it', texts)
    .option('--delay <words>', "such as 50ms, '80ms up'", texts)
    .option('--jitter <words>', "added at most: 10ms, '10ms normal'", texts)
    .option('--loss <words>', "2%, '5% down'", texts)
    .option('--burst <words>', "enter, leave, loss in it, loss outside of it: '1% 20% 80%'", texts)
    .option('--duplicate <words>', '1%', texts)
    .option('--reorder <words>', "share and extra delay: '2% 15ms'", texts)
    .option('--corrupt <words>', '0.1%', texts)
    .option('--rate <words>', "10mbit, '512kbit up'", texts)
    .option('--queue <words>', 'what may wait for the rate: 64KiB, 200ms', texts)
    .option('--mtu <words>', 'larger datagrams are dropped: 1200', texts)
    .option('--outage <words>', "every so long, for so long: '20s 1s'", texts)
    .option('--at <step>', "'5s udp blackhole', 'every 30s udp rebind'; may be given several times", texts)
    .option('--script <file>', 'a file of such steps, one a line')
    .option(
      '--seed <n>',
      'decides the luck (default: by chance; it is printed)',
      wholeNumberOption(0, 2 ** 31),
    )
    .option('--control <[address:]port>', 'be looked at and changed over HTTP there', listenOption)
    .option('--record <file>', 'write everything that enters, and its fate, as a pcapng file')
    .option(
      '--max-clients <n>',
      'clients or connections of a relay at a time',
      wholeNumberOption(1, 60_000),
      1024,
    )
    .option('--json', 'print a line of JSON for each interval, and one at the end', false);
  const interval = durationOption(100, 3_600_000);
  command
    .addOption(new Option('--interval <duration>', 'between them').argParser(interval).default(1000, '1s'))
    .addOption(selfTestOption())
    .addHelpText('after', HELP + EXIT_CODE_HELP)
    .action(async (options: ChaosFlags) => {
      const { runChaos } = await import('./run-chaos.ts');
      await runChaos(options);
    });
}

function selfTestOption(): Option {
  const flags = '--self-test [duration]';
  const text = 'measure how much passes through a relay on this machine; how long each time (default: 2s)';
  return new Option(flags, text).argParser(durationOption(50, 60_000));
}

/** Reads `4000=127.0.0.1:5000`. */
function mappings(text: string, before: readonly MappingFlag[] = []): readonly MappingFlag[] {
  const at = text.indexOf('=');
  if (at < 0) throw new InvalidArgumentError('It is written listen=target, such as 4000=127.0.0.1:5000.');
  const listen = listenOption(text.slice(0, at));
  const right = text.slice(at + 1);
  const target = parseServerAddress(/^\d+$/.test(right) ? `127.0.0.1:${right}` : right);
  if (!target.ok) throw new InvalidArgumentError(target.error);
  return [...before, { listen, target: target.server }];
}

function texts(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

const HELP = `
Values without a direction are for both: up leads to the target. Steps name relays by udp, tcp, all or :port:
  at 5s udp blackhole up        at 8s udp clear             at 20s udp loss 10% down
  at 10s all profile satellite  at 12s tcp reset            at 15s tcp stall 2s
  every 30s udp rebind          at 40s tcp refuse           at 60s end

Profiles: ${PROFILE_NAMES.slice(0, 9).join(', ')},
${PROFILE_NAMES.slice(9).join(', ')}. Their figures, and all words: docs/chaos.md.

Examples:
  kcpgate chaos --udp 4001=127.0.0.1:4000 --profile 4g
  kcpgate chaos --udp 4001=4000 --tcp 4001=4000 --delay 30ms --loss '2% down' --at '10s udp blackhole 5s'
  kcpgate chaos --udp 4001=4000 --script handover.chaos --record seen.pcapng --control 9000
  curl -H 'content-type: application/json' -d '{"changes":["udp loss 10%"]}' http://127.0.0.1:9000/api/chaos
`;
