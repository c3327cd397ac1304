import { Option, type Command } from 'commander';
import { LOG_FORMATS, LOG_LEVELS, PRESETS } from '../../src/gateway/config/config.ts';
import type { ConnectOptions } from './connect.ts';
import { EXIT_CODE_HELP } from './exit-code.ts';
import { durationOption, listenOption, serverOption, urlOption, wholeNumberOption } from './option-value.ts';

/** Adds `connect` to the program. */
export function addConnectCommand(program: Command): void {
  program
    .command('connect')
    .description('open a local port that leads through a gateway')
    .option('-s, --server <host:port>', 'a gateway or KCP server without login, a UDP port', serverOption)
    .addOption(
      new Option('--login <url>', 'log in there for each session; it tells the lines')
        .argParser(urlOption)
        .conflicts(WITHOUT_LOGIN),
    )
    .addOption(withLogin('--token-file <file>', 'file with the token to log in with'))
    .addOption(
      withLogin('--line <id>', 'the line to begin on, or its transport (default: the fastest to answer)'),
    )
    .addOption(withLogin('--udp', 'the local port is a UDP port: each datagram is a message').default(false))
    .addOption(
      new Option(
        '--key-log <file>',
        'append the keys of sessions that logged in to a file: whoever has it can read them',
      ).env('KCPGATE_KEY_LOG'),
    )
    .addOption(withLogin('--qlog <directory>', 'record sessions into qlog files there'))
    .requiredOption('-l, --listen <[address:]port>', 'the local port; 0 lets the system choose', listenOption)
    .option('--stock', 'the server is stock KCP (C reference, kcp-go): no handshake, no half-close', false)
    .addOption(new Option('--preset <name>', 'KCP timing').choices(PRESETS).default('fast3'))
    .option('--mtu <bytes>', 'largest datagram sent', wholeNumberOption(576, 1500), 1400)
    .option('--window <segments>', 'segments in flight, each way', wholeNumberOption(1, 65_535), 1024)
    .option(
      '--send-window <segments>',
      'towards the gateway (default: --window)',
      wholeNumberOption(1, 65_535),
    )
    .option(
      '--receive-window <segments>',
      'from the gateway (default: --window)',
      wholeNumberOption(1, 65_535),
    )
    .option(
      '--max-connections <n>',
      'connections at a time, or local addresses of --udp',
      wholeNumberOption(1, 65_535),
      1000,
    )
    .addOption(duration('--connect-timeout', 'to wait for the first answer', '10s', 100, HOUR_MS))
    .addOption(duration('--idle-timeout', 'without a sign of life ends a session', '30s', 1000, 24 * HOUR_MS))
    .addOption(
      duration('--peer-timeout', 'without datagrams ends a session of --udp', '1m', 100, 24 * HOUR_MS),
    )
    .addOption(duration('--drain-timeout', 'for open connections to finish when stopping', '10s', 0, HOUR_MS))
    .addOption(new Option('--log-level <level>', 'least severe level').choices(LOG_LEVELS).default('info'))
    .addOption(new Option('--log-format <format>', 'on standard output').choices(LOG_FORMATS).default('text'))
    .addHelpText('after', HELP + EXIT_CODE_HELP)
    .action(async (options: ConnectOptions) => {
      const { connect } = await import('./connect.ts');
      await connect(options);
    });
}

/** What a login decides. */
const WITHOUT_LOGIN = ['server', 'stock', 'preset', 'mtu', 'window', 'sendWindow', 'receiveWindow'];
const HOUR_MS = 3_600_000;

function withLogin(flags: string, text: string): Option {
  return new Option(flags, text).conflicts('server');
}

function duration(flag: string, text: string, initial: string, minMs: number, maxMs: number): Option {
  const parse = durationOption(minMs, maxMs);
  return new Option(`${flag} <duration>`, `how long ${text}`)
    .argParser(parse)
    .default(parse(initial), initial);
}

const HELP = `
Examples:
  kcpgate connect -s gateway.example:4000 -l 2222
  kcpgate connect -s '[2001:db8::1]:4000' -l 0.0.0.0:8000 --preset fast2 --window 2048
  kcpgate connect --login https://gateway.example/api/login --token-file token -l 2222
  kcpgate connect --login https://gateway.example/api/login --udp -l 5353

Each TCP connection becomes one KCP session. Either side may end its direction first. When the gateway closes
a session, its code and reason are printed and the TCP connection is reset, so that the application notices.
Without a login preset, MTU and windows are not negotiated: choose them to suit the gateway's. A login tells
them, and the lines; its sessions are encrypted, begin on the line that answers first, and go to another one when
theirs fails. On a terminal the last line shows lines, round trip, loss and rates, once a second.

With --udp each local address that sends has a session of its own. A datagram goes through as it would on UDP: soon
or never, in any order; one too long for that goes as a message in order. The gateway's upstream must take messages.

SIGTERM and Ctrl-C: no new connections, open ones may finish within the drain timeout. A second signal stops
at once.
`;
