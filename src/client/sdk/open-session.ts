import { GatewayError } from '../../base/errors.ts';
import { NO_LOG } from '../../base/logger.ts';
import { resolveKcpConfig, type KcpConfig } from '../../kcp/index.ts';
import { SEALED_OVERHEAD_BYTES } from '../../wire/sealed-header.ts';
import { chooseLine, type ChosenLine } from '../choose-line.ts';
import type { LoginAnswer, Seal } from '../login-answer.ts';
import { sessionCredentials } from '../session-credentials.ts';
import type { ClientPlatform } from './client-platform.ts';
import { Connection, type ConnectionParts } from './connection.ts';
import type { SessionEndpoint } from './session-endpoint.ts';
import { SessionLines } from './session-lines.ts';
import { clientSessionTerms, type SessionOptions } from './session-options.ts';
import { orAborted, withinTime } from './time-limit.ts';
import { tryAddresses, type LineAddress } from './try-addresses.ts';
import { destroyOnAbort, throwIfAborted, untilOpened } from './until-opened.ts';

/**
 * Opens a session with what a login gave.
 * @param answer checked.
 * @param create makes the connection; for platforms with one of their own.
 * @returns the connection, once the gateway has answered. It has to be closed or destroyed.
 * @throws GatewayError `config_invalid`; `no_line`; `connect_failed` and `connect_timeout` (the line, or nobody answered
 *   there); `session_closed` when the gateway refused: `details` have `code`, `reason` and `mayReconnect`.
 */
export async function openSession<Made extends Connection = Connection>(
  platform: ClientPlatform,
  answer: LoginAnswer,
  options: SessionOptions,
  create: (parts: ConnectionParts) => Made = (parts) => new Connection(parts) as Made,
): Promise<Made> {
  const { signal, handshakeTimeoutMs = 10_000 } = options;
  const seals = sealsOf(platform, options);
  const chosen = chooseLine(answer, seals, options.line);
  if (chosen === undefined) throw noLine(options, seals);
  const { host, port } = chosen.line;
  const plan = { platform, answer, ...chosen, kcp: kcpConfig(answer, options), options, handshakeTimeoutMs };
  const limit = { timeoutMs: handshakeTimeoutMs, signals: [signal] };
  const connection = await withinTime(limit, async (own) => {
    const addresses = await orAborted(platform.resolve(host, port, own), own);
    return tryAddresses(addresses, own, (address, single) => open(plan, address, single, create));
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
  readonly platform: ClientPlatform;
  readonly answer: LoginAnswer;
  readonly kcp: KcpConfig;
  readonly options: SessionOptions;
  readonly handshakeTimeoutMs: number;
}

/** One attempt, at one address of the line. */
async function open<Made extends Connection>(
  plan: Plan,
  address: LineAddress,
  signal: AbortSignal,
  create: (parts: ConnectionParts) => Made,
): Promise<Made> {
  const { platform, answer, session, line, kcp, options, handshakeTimeoutMs } = plan;
  const { logger = NO_LOG, earlyData, stream = false } = options;
  const endpoint = platform.createEndpoint({ kcp, logger, ...clientSessionTerms(options) });
  const lines = new SessionLines({
    platform,
    endpoint,
    maxDatagramBytes: Math.max(MIN_DATAGRAM_ROOM, answer.transport.mtu + ADDRESS_BLOCK_ROOM),
    openTimeoutMs: handshakeTimeoutMs,
    // A relayed datagram goes on from the other gateway by UDP.
    isReliable: ({ transport, gatewayId }) => transport !== 'udp' && gatewayId === session.gatewayId,
    report: (status) => {
      connection.report(status);
    },
    redial: options.redial ?? true,
  });
  const owner = {
    gone: () => endpoint.gone(),
    close: async (...why: Parameters<SessionEndpoint['close']>) => {
      await Promise.all([endpoint.close(...why), lines.stop()]);
    },
  };
  const connection = create({
    ...{ owner, stream, login: answer, opening: session },
    throwLater: (error) => platform.throwLater(error),
  });
  connection.use(lines);
  try {
    const opened = await lines.open(line, address, signal);
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

/** Of those that are wanted, what the platform can do. */
function sealsOf(
  platform: ClientPlatform,
  { seal = platform.seals.slice(0, 1) }: SessionOptions,
): readonly Seal[] {
  return seal.filter((wanted) => platform.seals.includes(wanted));
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
