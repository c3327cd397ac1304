import { InvalidArgumentError, Option, type Command } from 'commander';
import { formatSocketAddress, parseSocketAddress } from '../../src/base/address.ts';
import { GatewayError } from '../../src/base/errors.ts';
import { LOG_FORMATS, LOG_LEVELS, PRESETS } from '../../src/gateway/config/config.ts';
import type { ConfigFlag } from '../../src/gateway/config/flag.ts';
import { formatIssues } from '../../src/gateway/config/issue.ts';
import { loadConfig, type ConfigResult } from '../../src/gateway/config/load.ts';
import { DEFAULT_SECTIONS } from '../../src/gateway/config/schema.ts';

/** What the options of {@link addConfigOptions} give. */
export interface ConfigOptions {
  readonly config?: string;
  readonly bind?: string;
  readonly target?: string;
  readonly preset?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
  readonly logFile?: string;
  readonly drainTimeout?: string;
  readonly workers?: string;
  readonly qlog?: string;
  readonly set: readonly ConfigFlag[];
}

/** Adds the options that say what the configuration is: a file, and values that override it. */
export function addConfigOptions(command: Command): Command {
  return command
    .option(
      '-c, --config <file>',
      'YAML file; without it the embedded default, an echo on ports 4000 and 8080',
    )
    .option(
      '--bind <address:port>',
      'where the first listener listens, without a file all of them; port 0 lets the system choose',
    )
    .option('--target <target>', 'where the first route leads: host:port of a TCP server, or an upstream')
    .addOption(
      new Option('--preset <name>', 'KCP timing of the first listener, and of sessions that log in').choices(
        PRESETS,
      ),
    )
    .addOption(new Option('--log-level <level>', 'least severe level logged').choices(LOG_LEVELS))
    .addOption(new Option('--log-format <format>', 'how records are written').choices(LOG_FORMATS))
    .option('--log-file <file>', 'append log records to a file instead of standard output')
    .option('--drain-timeout <duration>', 'how long stopping waits for queued data')
    .option('--workers <number>', 'threads that serve sessions, or auto: one per processor')
    .option('--qlog <directory>', 'record sessions into qlog files there')
    .option(
      '--set <key=value>',
      'any key, e.g. listeners.line-udp.mtu=1200; may be repeated',
      addSetting,
      [],
    );
}

/** The precedence of values, for the help. */
export const CONFIG_HELP = `
Flags go before KCPGATE_<SECTION>_<KEY> variables, those before the file, that before the defaults.
Every key stands in docs/configuration.md.`;

/** Loads what the options say. Without a file, log records are for people unless something says otherwise. */
export function readConfig(options: ConfigOptions): ConfigResult {
  const flags = [...shorthands(options), ...options.set];
  if (options.config !== undefined) return loadConfig({ file: options.config, env: process.env, flags });
  return loadConfig({ file: EMBEDDED, text: embeddedText(options.bind), env: process.env, flags });
}

/** As {@link readConfig}. @throws GatewayError `config_invalid` with one line for each error. */
export function requireConfig(options: ConfigOptions): Extract<ConfigResult, { readonly ok: true }> {
  const result = readConfig(options);
  if (!result.ok) throw new GatewayError('config_invalid', formatIssues(result.errors));
  return result;
}

const EMBEDDED = 'embedded default';

/**
 * The embedded default as a file. An address that was given is that of all listeners, the ports of HTTP and of the admin API
 * excepted, so that none is reachable from where the others are not; with port 0 no port is fixed.
 */
function embeddedText(bind: string | undefined): string {
  const parsed = bind === undefined ? undefined : parseSocketAddress(bind);
  // What is wrong with it is said when the flag itself is read.
  if (parsed?.ok !== true) return JSON.stringify({ common: { log_format: 'text' } });
  const { address } = parsed;
  const isFree = address.port === 0;
  const listeners = DEFAULT_SECTIONS.listeners.map((listener) => {
    const isLine = listener.type !== 'http';
    const port = isLine || isFree ? address.port : portOf(listener.bind);
    return { ...listener, bind: formatSocketAddress({ ...address, port }) };
  });
  const admin = isFree ? { admin_addr: '127.0.0.1:0' } : {};
  return JSON.stringify({ common: { log_format: 'text', ...admin }, listeners });
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

const SHORTHANDS = [
  ['--bind', 'listeners[0].bind', 'bind'],
  ['--target', 'routes[0].target', 'target'],
  ['--preset', 'listeners[0].preset', 'preset'],
  ['--preset', 'sessions.preset', 'preset'],
  ['--log-level', 'common.log_level', 'logLevel'],
  ['--log-format', 'common.log_format', 'logFormat'],
  ['--log-file', 'common.log_file', 'logFile'],
  ['--drain-timeout', 'common.drain_timeout', 'drainTimeout'],
  ['--workers', 'common.workers', 'workers'],
  ['--qlog', 'qlog.directory', 'qlog'],
] as const;

function shorthands(options: ConfigOptions): ConfigFlag[] {
  return SHORTHANDS.flatMap(([flag, key, name]) => {
    const text = options[name];
    return text === undefined ? [] : [{ flag, key, text }];
  });
}

function addSetting(argument: string, earlier: readonly ConfigFlag[]): ConfigFlag[] {
  const equals = argument.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('Write key=value.');
  const key = argument.slice(0, equals);
  return [...earlier, { flag: `--set ${key}`, key, text: argument.slice(equals + 1) }];
}
