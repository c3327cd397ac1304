import { GatewayError } from '../../base/errors.ts';
import { NO_LOG } from '../../base/logger.ts';
import type { SocketAddress } from '../../base/address.ts';
import { createHandshakeCrypto } from '../../crypto/handshake-keys.ts';
import { createPacketCipher } from '../../crypto/create-packet-cipher.ts';
import { Endpoint, NODE_CLOCK, type PortConfig } from '../../endpoint/index.ts';
import { resolveKcpConfig, type KcpConfig } from '../../kcp/index.ts';
import { SEALED_OVERHEAD_BYTES } from '../../wire/sealed-header.ts';
import { chooseLine, type ChosenLine } from '../choose-line.ts';
import { parseLoginAnswer, type LoginAnswer } from '../login-answer.ts';
import { sessionCredentials } from '../session-credentials.ts';
import { clientSessions } from './client-sessions.ts';
import type { ConnectOptions, SessionOptions } from './connect-options.ts';
import { Connection } from './connection.ts';
import { DEFAULT_SEALS, login } from './login.ts';
import { openCarrier } from './open-carrier.ts';
import { resolveHost } from './resolve-host.ts';
import { SessionLines } from './session-lines.ts';
import { orAborted, withinTime } from './time-limit.ts';
import { tryAddresses } from './try-addresses.ts';
import { destroyOnAbort, throwIfAborted, untilOpened } from './until-opened.ts';

/**
 * Logs in, or takes the credentials of a former login, and opens a session on one line.
 *
 * After a close that allows it (`mayReconnect`) connect again, after a random wait so that not all come at once: with the
 * `login` of the old connection as `credentials` while its ticket holds, for one after `stale_session` when the gateway was
 * restarted; after `ticket_expired` log in anew. A session that is open elsewhere with the same credentials is closed with
 * `replaced`.
 *
 * @returns the connection, once the gateway has answered. It has to be closed or destroyed.
 * @throws GatewayError what {@link login} throws; `config_invalid`; `no_line`; `connect_failed` and `connect_timeout` (the
 *   line, or nobody answered there); `session_closed` when the gateway refused: `details` have `code`, `reason` and
 *   `mayReconnect`.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { signal, seal = DEFAULT_SEALS, handshakeTimeoutMs = 10_000 } = options;
  const answer = options.credentials === undefined ? await login(options) : checked(options.credentials);
  const chosen = chooseLine(answer, seal, options.line);
  if (chosen === undefined) throw noLine(options, seal);
  const { host, port } = chosen.line;
  const plan = { answer, ...chosen, kcp: kcpConfig(answer, options), options, handshakeTimeoutMs };
  const limit = { timeoutMs: handshakeTimeoutMs, signals: [signal] };
  const connection = await withinTime(limit, async (own) => {
    const addresses = await orAborted(resolveHost(host, port), own);
    return tryAddresses(addresses, own, (remote, single) => open(plan, remote, single));
  });
  try {
    throwIfAborted(signal);
  } catch (error) {
    await connection.destroy();
    throw error;
  }
  destroyOnAbort(connection, signal);
  return connection;
}

/** What is opened. */
interface Plan extends ChosenLine {
  readonly answer: LoginAnswer;
  readonly kcp: KcpConfig;
  readonly options: SessionOptions;
  readonly handshakeTimeoutMs: number;
}

/** One attempt, at one address of the line. */
async function open(plan: Plan, remote: SocketAddress, signal: AbortSignal): Promise<Connection> {
  const { answer, session, line, kcp, options, handshakeTimeoutMs } = plan;
  const { logger = NO_LOG, earlyData, stream = false } = options;
  const carrierOptions = {
    ...options,
    maxDatagramBytes: Math.max(MIN_DATAGRAM_ROOM, answer.transport.mtu + ADDRESS_BLOCK_ROOM),
    timeoutMs: handshakeTimeoutMs,
  };
  const cipher = createPacketCipher();
  const sessions = clientSessions(kcp, options);
  const endpoint = new Endpoint(
    { clock: NODE_CLOCK, logger, security: { crypto: createHandshakeCrypto(), cipher } },
    { login: { ...sessions, maxHalfOpen: 1 } },
  );
  endpoint.start();
  const lines = new SessionLines({
    endpoint,
    clock: NODE_CLOCK,
    random: Math.random,
    open: (to, address, limit) => openCarrier(to, address, carrierOptions, limit),
    portConfigOf: ({ id, transport, gatewayId }): PortConfig => ({
      ...sessions,
      name: id,
      allowStock: false,
      closeWhenUnused: true,
      // A relayed datagram goes on from the other gateway by UDP.
      reliable: transport !== 'udp' && gatewayId === session.gatewayId,
    }),
    report: (status) => {
      connection.report(status);
    },
    redial: options.redial ?? true,
  });
  const owner = {
    gone: () => endpoint.gone(),
    close: async (...why: Parameters<Endpoint['close']>) => {
      await Promise.all([endpoint.close(...why), lines.stop()]);
      cipher.close();
    },
  };
  const connection = new Connection({ owner, stream, login: answer, opening: session });
  connection.use(lines);
  try {
    const opened = await openCarrier(line, remote, carrierOptions, signal);
    lines.dial(line, opened, {
      credentials: sessionCredentials(session),
      stream,
      // The limit of this attempt comes first.
      timeoutMs: 2 * handshakeTimeoutMs,
      earlyData: earlyData !== undefined,
      bind: (made) => connection.attach(made),
    });
    if (earlyData !== undefined) connection.send(earlyData);
    await untilOpened(connection, signal);
    return connection;
  } catch (error) {
    await connection.destroy();
    throw error;
  }
}

/** The engine as the gateway's is set. @throws GatewayError `config_invalid`. */
function kcpConfig({ transport }: LoginAnswer, { stream = false, maxQueueBytes }: SessionOptions): KcpConfig {
  const { mtu, mode, sendWindow, receiveWindow, maxMessageBytes } = transport;
  try {
    return resolveKcpConfig({
      conv: 0,
      preset: mode,
      mtu: mtu - SEALED_OVERHEAD_BYTES,
      sendWindow,
      receiveWindow,
      maxMessageBytes,
      stream,
      ...(maxQueueBytes === undefined ? {} : { maxQueueBytes }),
    });
  } catch (cause) {
    throw new GatewayError('config_invalid', cause instanceof Error ? cause.message : String(cause), {
      cause,
    });
  }
}

function checked(credentials: LoginAnswer): LoginAnswer {
  const parsed = parseLoginAnswer(credentials);
  if (parsed.ok) return parsed.answer;
  throw new GatewayError('config_invalid', `credentials: ${parsed.error}`);
}

function noLine({ line }: SessionOptions, seals: readonly string[]): GatewayError {
  const wanted = typeof line === 'string' ? `line ${line}` : 'such a line';
  return new GatewayError(
    'no_line',
    `the login offers no ${wanted} for a session with ${seals.join(' or ')}`,
  );
}

const MIN_DATAGRAM_ROOM = 2048;
/** The first datagrams on a path carry an address block beyond the MTU. */
const ADDRESS_BLOCK_ROOM = 64;
