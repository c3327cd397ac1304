import type { WriteStream } from 'node:tty';
import { formatSocketAddress, type SocketAddress } from '../../src/base/address.ts';
import type { AuthMode, GatewayConfig, HttpListenerConfig } from '../../src/gateway/config/config.ts';
import { alignRows } from './align-rows.ts';
import type { BannerFacts } from './banner-facts.ts';
import type { ConfigOptions } from './config-options.ts';
import { nextSteps } from './next-steps.ts';
import { packageVersion } from './version.ts';

/**
 * Where to greet: standard output, unless JSON records go there; then standard error. Undefined when nobody is likely to
 * read it: a configured gateway that has no terminal.
 */
export function bannerStream({ common }: GatewayConfig, options: ConfigOptions): WriteStream | undefined {
  const isForMachines = common.logFile === null && common.logFormat === 'json';
  const stream = isForMachines ? process.stderr : process.stdout;
  return options.config === undefined || stream.isTTY ? stream : undefined;
}

/** What listens and where it leads, and what to try next. */
export function bannerText(facts: BannerFacts): string {
  const { status, options } = facts;
  const steps = nextSteps(facts);
  return [
    `\nkcpgate ${packageVersion()} with ${options.config ?? 'the embedded default'}`,
    ...alignRows([NO_HEADER, ...rowsOf(facts)], new Set())
      .slice(1)
      .map((row) => `  ${row}`),
    `  ${servedBy(status)}`,
    '',
    ...(steps.length === 0 ? [] : ['Try next, in another terminal:', ...steps, '']),
    'Ctrl-C stops it in order.\n\n',
  ].join('\n');
}

/** Name, kind, address, meaning. */
type Row = readonly [string, string, string, string];

const NO_HEADER: Row = ['', '', '', ''];

function rowsOf({ status, adminAddress, config }: BannerFacts): Row[] {
  const rows = status.listeners.flatMap((listener) => listenerRows(listener, config));
  if (adminAddress === undefined) return rows;
  const callers = config.common.adminToken === null ? 'anyone on this host' : 'whoever has its token';
  return [...rows, ['admin', 'http', formatSocketAddress(adminAddress), callers]];
}

function listenerRows(
  { name, address, upstream }: BannerFacts['status']['listeners'][number],
  config: GatewayConfig,
): Row[] {
  const listener = config.listeners.find((candidate) => candidate.name === name);
  const at = formatSocketAddress(address);
  const target = `->  ${targetText(upstream, config)}`;
  switch (listener?.type) {
    case undefined:
      return [];
    case 'kcp-udp':
      return [[name, 'udp', at, target]];
    case 'kcp-tcp':
      return [[name, listener.tls === null ? 'tcp' : 'tls', at, target]];
    case 'http':
      return httpRows(listener, address, target, config.login.auth);
    case 'relay':
      return [[name, 'relay', at, 'sessions of this gateway that come by others']];
  }
}

/** A WebSocket line and a login, as far as they are there. */
function httpRows(
  { name, tls, websocketPath, loginPath }: HttpListenerConfig,
  address: SocketAddress,
  target: string,
  auth: AuthMode,
): Row[] {
  const at = formatSocketAddress(address);
  const rows: Row[] = [];
  if (websocketPath !== null) rows.push([name, tls === null ? 'ws' : 'wss', `${at}${websocketPath}`, target]);
  if (loginPath !== null) rows.push([name, 'login', `${at}${loginPath}`, WHO_MAY_LOG_IN[auth]]);
  return rows;
}

const WHO_MAY_LOG_IN: Readonly<Record<AuthMode, string>> = {
  none: 'anyone',
  static: 'whoever has a token of the configuration',
  jwt: 'whoever has a JSON Web Token',
};

function targetText(upstream: string, { upstreams }: GatewayConfig): string {
  const type = upstreams.find(({ name }) => name === upstream)?.type ?? '';
  return type === 'echo' ? 'echo: what a client sends comes back' : `${type} ${upstream}`;
}

/** How many threads serve, and on which sockets. */
function servedBy({ workers, native }: BannerFacts['status']): string {
  const threads = workers.length === 0 ? 'one thread' : `${String(workers.length)} workers`;
  const sockets = native.status === 'loaded' ? 'native sockets' : `JavaScript sockets (${native.reason})`;
  return `${threads}, ${sockets}`;
}
