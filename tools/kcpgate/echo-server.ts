import { NO_LOG } from '../../src/base/logger.ts';
import type { TicketKey } from '../../src/crypto/ticket-keyring.ts';
import type { PresetName } from '../../src/gateway/config/config.ts';
import { loadConfig } from '../../src/gateway/config/load.ts';
import { startGateway, type Gateway } from '../../src/gateway/gateway.ts';

/** How the sessions of an echo server are set up. */
export interface EchoServerOptions {
  readonly preset: PresetName;
  readonly mtu: number;
  /** Send and receive window, in segments. */
  readonly window: number;
  /** Default 1. */
  readonly workers?: number;
  /** Clients log in, on an HTTP listener `http`, which is a WebSocket line, too; there is also a line `tcp`. Default: none of it. */
  readonly login?: EchoLoginOptions;
}

export interface EchoLoginOptions {
  /** What seals the tickets. */
  readonly ticketKey: TicketKey;
  /** The HTTP port. */
  readonly httpPort: number;
  /** Limits on sessions and rates are those a configuration has by default. Default: there are practically none. */
  readonly defaultLimits?: boolean;
  /** Sessions without seal may come, too. Default false. */
  readonly allowClear?: boolean;
}

/**
 * An echo server to measure or to show: a whole gateway, its limits on sessions out of the way.
 * @param bind `address:port`, of UDP.
 */
export async function startEchoServer(bind: string, options: EchoServerOptions): Promise<Gateway> {
  const { preset, mtu, window, workers = 1, login } = options;
  const transport = { preset, mtu, send_window: window, receive_window: window, idle_timeout: '1h' };
  const limits = login?.defaultLimits === true ? {} : NO_LIMITS;
  const listener = {
    name: 'echo',
    type: 'kcp-udp',
    bind,
    ...transport,
    ...limits,
    ...(login?.allowClear === true && { allow_clear: true }),
  };
  const text = JSON.stringify({
    common: { drain_timeout: '0s', admin_addr: null, ...(workers > 1 && { workers }) },
    listeners: login === undefined ? [listener] : [listener, ...otherLines(bind, login)],
    ...(login !== undefined && loginSections(login, { ...transport, ...limits })),
    upstreams: { echo: { type: 'echo' } },
    routes: [{ name: 'all', target: 'echo' }],
  });
  const result = loadConfig({ text, env: {} });
  if (!result.ok) throw new Error(result.errors.map(({ path, message }) => `${path}: ${message}`).join('; '));
  return startGateway(result.config, { logger: NO_LOG });
}

function otherLines(bind: string, { httpPort, defaultLimits }: EchoLoginOptions): object[] {
  const limits =
    defaultLimits === true ? {} : { max_connections: MAX_SESSIONS, max_connections_per_source: MAX_SESSIONS };
  return [
    { name: 'tcp', type: 'kcp-tcp', bind: at(bind, 0), ...limits },
    { name: 'http', type: 'http', bind: at(bind, httpPort), ...limits },
  ];
}

function loginSections({ ticketKey, defaultLimits }: EchoLoginOptions, sessions: object): object {
  const rates =
    defaultLimits === true
      ? {}
      : { logins_per_second: MAX_SESSIONS, logins_per_second_per_source: MAX_SESSIONS };
  const key = Buffer.from(ticketKey.key).toString('base64');
  return { sessions, login: { ...rates, ticket_keys: [{ id: ticketKey.id, key }], allow_http: true } };
}

/** The same address with another port. */
function at(bind: string, port: number): string {
  return bind.replace(/\d+$/, String(port));
}

const MAX_SESSIONS = 1_000_000;
const NO_LIMITS = {
  max_sessions: MAX_SESSIONS,
  max_sessions_per_source: MAX_SESSIONS,
  new_sessions_per_second: MAX_SESSIONS,
  new_sessions_per_source_per_second: MAX_SESSIONS,
};
