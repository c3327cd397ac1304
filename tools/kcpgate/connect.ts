import { formatSocketAddress, type SocketAddress } from '../../src/base/address.ts';
import { GatewayError } from '../../src/base/errors.ts';
import type { Logger } from '../../src/base/logger.ts';
import {
  connectStock,
  createClient,
  toDuplex,
  type ClientSession,
  type ClientStatus,
} from '../../src/client/node/index.ts';
import type { LogFormat, LogLevel, PresetName, ServerConfig } from '../../src/gateway/config/config.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { readSecretFile } from './token/read-key-file.ts';
import type { TunnelSession } from './carry.ts';
import { linkStatusText, type LinkSample, type TunnelSample } from './link-status.ts';
import { untilSignal } from './shutdown.ts';
import { StatusLine } from './status-line.ts';
import { CLOSE_MS, startTunnel, type OpenSession, type Tunnel } from './tunnel.ts';
import { Turns } from './turns.ts';
import { startUdpTunnel } from './udp-tunnel.ts';
import { WatchedSessions } from './watched-sessions.ts';

/** What the options of `connect` give: `server` or `login`. */
export interface ConnectOptions {
  readonly server?: ServerConfig;
  /** Where each session logs in. */
  readonly login?: URL;
  /** The local port is a UDP port. */
  readonly udp: boolean;
  readonly tokenFile?: string;
  /** File that keys of sessions are appended to. */
  readonly keyLog?: string;
  readonly qlog?: string;
  /** Id or transport of the line to begin on; default: whichever leads there first. */
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
  readonly peerTimeout: number;
  readonly drainTimeout: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/**
 * Runs the tunnel until a signal, then lets it drain. When this returns, nothing is left but what ends by itself.
 * @throws GatewayError `config_invalid`, or when it cannot listen.
 */
export async function connect(options: ConnectOptions): Promise<void> {
  const statusLine = new StatusLine(process.stderr);
  const log = createLog({
    level: options.logLevel,
    format: options.logFormat,
    ...(statusLine.isShown
      ? { write: (line) => statusLine.aside(() => void process.stdout.write(line)) }
      : {}),
  });
  const logger = log.logger.child({ component: 'connect' });
  const way = wayOf(options, logger);
  // From now on a signal ends it in order, even while it is still starting.
  const signalled = untilSignal();
  const tunnel = await way.start();
  logger.info('listening', { address: formatSocketAddress(tunnel.address), ...way.fields });
  const endStatus = way.samples === undefined ? undefined : showStatus(statusLine, tunnel, way.samples);
  const signal = await signalled;
  endStatus?.();
  logger.info('stopping', { signal, timeoutMs: options.drainTimeout });
  const cutOff = await tunnel.stop(options.drainTimeout);
  if (cutOff > 0) logger.warn('connections cut off at the drain timeout', { connections: cutOff });
  await way.end?.();
  logger.info('stopped');
}

/** How sessions are opened, and how that is logged. */
interface Way {
  /** @throws GatewayError when it cannot listen. */
  readonly start: () => Promise<Pick<Tunnel, 'address' | 'traffic' | 'stop'>>;
  readonly fields: Readonly<Record<string, string>>;
  /** For the live status. */
  readonly samples?: () => readonly LinkSample[];
  readonly end?: () => Promise<void>;
}

function wayOf(options: ConnectOptions, logger: Logger): Way {
  const { server, login } = options;
  if (login !== undefined) return loginWay(options, login, logger);
  if (server !== undefined) return serverWay(options, server, logger);
  throw new GatewayError('config_invalid', 'kcpgate: --server or --login is required');
}

function serverWay(options: ConnectOptions, { host, port }: ServerConfig, logger: Logger): Way {
  const { stock, preset, mtu, window, sendWindow = window, receiveWindow = window } = options;
  const { listen, maxConnections } = options;
  const peer = stock ? 'stock' : 'kcpgate';
  const session = { host, port, peer, stream: true, preset, mtu, sendWindow, receiveWindow } as const;
  const times = { ...timesOf(options), connectTimeoutMs: options.connectTimeout };
  const open: OpenSession = (signal) => connectStock({ ...session, ...times, signal });
  return {
    start: () => startTunnel({ listen, maxConnections, open }, logger),
    fields: { server: `${host.includes(':') ? `[${host}]` : host}:${String(port)}`, peer },
  };
}

/** One client for all connections: what one learns of the lines serves the others. */
function loginWay(options: ConnectOptions, login: URL, logger: Logger): Way {
  const { tokenFile, keyLog, qlog, line, udp, listen, maxConnections, peerTimeout: peerTimeoutMs } = options;
  // Read when a token is wanted: those that end soon are written anew. Once now, to fail at once.
  const token = tokenFile === undefined ? undefined : (): string => readSecretFile(tokenFile);
  token?.();
  const client = createClient({
    loginUrl: login,
    mode: udp ? 'messages' : 'stream',
    ...(token === undefined ? {} : { token }),
    ...(line === undefined ? {} : { line }),
    ...(keyLog === undefined ? {} : { keyLogFile: keyLog }),
    ...(qlog === undefined ? {} : { qlog: { directory: qlog } }),
    ...timesOf(options),
    loginTimeoutMs: options.connectTimeout,
    // Who waits longer is given up before.
    maxLoginWaitMs: MAX_LOGIN_WAIT_MS,
    handshakeTimeoutMs: options.connectTimeout,
    logger: quiet(logger),
  });
  const sessions = new WatchedSessions(client);
  const turns = new Turns(OPENING_AT_ONCE);
  const open = (signal: AbortSignal): Promise<ClientSession> =>
    connectInTime(options.connectTimeout, signal, (own, onStatus) =>
      turns.run(own, () =>
        sessions.connect(own, (status) => {
          onStatus(status);
          logStatus(status, logger);
        }),
      ),
    );
  return {
    start: () =>
      udp
        ? startUdpTunnel({ listen, maxPeers: maxConnections, peerTimeoutMs, open }, logger)
        : startTunnel(
            { listen, maxConnections, open: async (signal) => streamOf(await open(signal)) },
            logger,
          ),
    fields: { login: `${login.origin}${login.pathname}`, ...(line === undefined ? {} : { line }) },
    samples: () => sessions.samples(),
    end: () => client.destroy(),
  };
}

/** What happens to sessions is told by their statuses; how they do it is for whoever looks for a fault. */
function quiet(logger: Logger): Logger {
  return {
    debug: (message, fields) => logger.debug(message, fields),
    info: (message, fields) => logger.debug(message, fields),
    warn: (message, fields) => logger.warn(message, fields),
    error: (message, fields) => logger.error(message, fields),
    child: (fields) => quiet(logger.child(fields)),
  };
}

function logStatus({ type, ...fields }: ClientStatus, logger: Logger): void {
  const level = STATUS_LEVELS[type];
  if (level !== undefined) logger[level[0]](level[1], fields);
}

const STATUS_LEVELS: Readonly<
  Partial<Record<ClientStatus['type'], readonly [level: 'info' | 'warn', message: string]>>
> = {
  moved: ['info', 'moved'],
  pathlost: ['warn', 'line broke'],
  draining: ['info', 'gateway drains'],
  left: ['info', 'gateway left'],
  reconnecting: ['warn', 'no connection'],
  reconnected: ['info', 'connected again'],
  loginfailed: ['warn', 'no login'],
};

function streamOf(session: ClientSession): TunnelSession {
  const { closed } = session;
  return {
    closed,
    stream: () => toDuplex(session),
    close: (code, reason) => session.close(code, reason),
  };
}

/** Gives up after a while, with what stood in the way. */
async function connectInTime(
  timeoutMs: number,
  signal: AbortSignal,
  open: (signal: AbortSignal, onStatus: (status: ClientStatus) => void) => Promise<ClientSession>,
): Promise<ClientSession> {
  const own = new AbortController();
  let why = '';
  const timer = setTimeout(() => {
    const words = `no connection within ${String(timeoutMs)} ms${why === '' ? '' : `: ${why}`}`;
    own.abort(new GatewayError('connect_timeout', words));
  }, timeoutMs);
  const onAbort = (): void => own.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await open(own.signal, (status) => {
      if (status.type === 'loginfailed') why = status.reasons.join('; ');
      if (status.type === 'reconnecting') why = status.reason;
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Keeps the last line of the terminal up to date. @returns ends it. */
function showStatus(
  line: StatusLine,
  tunnel: Pick<Tunnel, 'traffic'>,
  links: () => readonly LinkSample[],
): () => void {
  if (!line.isShown) return () => undefined;
  const sample = (): TunnelSample => ({ at: performance.now(), links: links(), traffic: tunnel.traffic });
  let before = sample();
  const timer = setInterval(() => {
    const now = sample();
    line.show(linkStatusText(now, before));
    before = now;
  }, STATUS_MS);
  return () => {
    clearInterval(timer);
    line.clear();
  };
}

const STATUS_MS = 1000;
/** Each session is a login, and logins are limited: many connections that come together are opened one after the other. */
const OPENING_AT_ONCE = 8;
const MAX_LOGIN_WAIT_MS = 2_000;

function timesOf({ idleTimeout }: ConnectOptions): {
  readonly idleTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly closeTimeoutMs: number;
} {
  const keepAliveMs = Math.min(10_000, Math.ceil(idleTimeout / 3));
  return { idleTimeoutMs: idleTimeout, keepAliveMs, closeTimeoutMs: CLOSE_MS };
}
