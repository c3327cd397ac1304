import { formatSocketAddress, type SocketAddress } from '../../src/base/address.ts';
import { GatewayError } from '../../src/base/errors.ts';
import { connect as connectSession, connectStock } from '../../src/client/node/index.ts';
import type { LogFormat, LogLevel, PresetName, ServerConfig } from '../../src/gateway/config/config.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { readSecretFile } from './token/read-key-file.ts';
import { untilSignal } from './shutdown.ts';
import { CLOSE_MS, startTunnel, type OpenSession } from './tunnel.ts';

/** What the options of `connect` give: `server` or `login`. */
export interface ConnectOptions {
  readonly server?: ServerConfig;
  /** Where each session logs in. */
  readonly login?: URL;
  readonly tokenFile?: string;
  /** Id or transport of the line to begin on. */
  readonly line?: string;
  readonly listen: SocketAddress;
  readonly stock: boolean;
  readonly preset: PresetName;
  /** In bytes of UDP payload. */
  readonly mtu: number;
  /** In segments, for both directions unless they have their own. */
  readonly window: number;
  readonly sendWindow?: number;
  readonly receiveWindow?: number;
  readonly maxConnections: number;
  /** In milliseconds, as the following ones. */
  readonly connectTimeout: number;
  readonly idleTimeout: number;
  readonly drainTimeout: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/**
 * Runs the tunnel until a signal, then lets it drain. When this returns, nothing is left but what ends by itself.
 * @throws GatewayError `config_invalid`, or when it cannot listen.
 */
export async function connect(options: ConnectOptions): Promise<void> {
  const way = wayOf(options);
  // From now on a signal ends it in order, even while it is still starting.
  const signalled = untilSignal();
  const log = createLog({ level: options.logLevel, format: options.logFormat });
  const logger = log.logger.child({ component: 'connect' });
  const { listen, maxConnections } = options;
  const tunnel = await startTunnel({ listen, maxConnections, open: way.open }, logger);
  logger.info('listening', { address: formatSocketAddress(tunnel.address), ...way.fields });
  const signal = await signalled;
  logger.info('stopping', { signal, timeoutMs: options.drainTimeout });
  const cutOff = await tunnel.stop(options.drainTimeout);
  if (cutOff > 0) logger.warn('connections cut off at the drain timeout', { connections: cutOff });
  logger.info('stopped');
}

/** How sessions are opened, and how that is logged. */
interface Way {
  readonly open: OpenSession;
  readonly fields: Readonly<Record<string, string>>;
}

function wayOf(options: ConnectOptions): Way {
  const { server, login } = options;
  if (login !== undefined) return loginWay(options, login);
  if (server !== undefined) return serverWay(options, server);
  throw new GatewayError('config_invalid', 'kcpgate: --server or --login is required');
}

function serverWay(options: ConnectOptions, { host, port }: ServerConfig): Way {
  const { stock, preset, mtu, window, sendWindow = window, receiveWindow = window } = options;
  const peer = stock ? 'stock' : 'kcpgate';
  const session = { host, port, peer, stream: true, preset, mtu, sendWindow, receiveWindow } as const;
  const times = { ...timesOf(options), connectTimeoutMs: options.connectTimeout };
  return {
    open: (signal) => connectStock({ ...session, ...times, signal }),
    fields: { server: `${host.includes(':') ? `[${host}]` : host}:${String(port)}`, peer },
  };
}

function loginWay(options: ConnectOptions, login: URL): Way {
  const { tokenFile, line, connectTimeout } = options;
  // Read for each session: tokens that end soon are written anew. Once now, to fail at once.
  const tokenOf = (): { token?: string } =>
    tokenFile === undefined ? {} : { token: readSecretFile(tokenFile) };
  tokenOf();
  const session = { loginUrl: login, stream: true, ...(line === undefined ? {} : { line }) };
  const times = {
    ...timesOf(options),
    loginTimeoutMs: connectTimeout,
    handshakeTimeoutMs: connectTimeout,
  };
  return {
    open: (signal) => connectSession({ ...session, ...times, ...tokenOf(), signal }),
    fields: { login: `${login.origin}${login.pathname}`, ...(line === undefined ? {} : { line }) },
  };
}

function timesOf({ idleTimeout }: ConnectOptions): {
  readonly idleTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly closeTimeoutMs: number;
} {
  const keepAliveMs = Math.min(10_000, Math.ceil(idleTimeout / 3));
  return { idleTimeoutMs: idleTimeout, keepAliveMs, closeTimeoutMs: CLOSE_MS };
}
