import { randomInt } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { SocketAddress } from '../../base/address.ts';
import { CloseCode, closeCodeName } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import { NO_LOG } from '../../base/logger.ts';
import { createUdpCarrier } from '../../carrier/node/udp.ts';
import { Endpoint, NODE_CLOCK } from '../../endpoint/index.ts';
import { SegmentPool } from '../../kcp/index.ts';
import { isAllocatableConv } from '../../wire/conversation.ts';
import { stockKcpConfig, type StockOptions } from './stock-options.ts';
import { StockConnection } from './stock-connection.ts';

/**
 * Connects to a KCP server over UDP.
 *
 * @returns the connection: a Duplex stream ({@link StockConnection.stream}) or messages, as you like.
 * @throws GatewayError `config_invalid`, `connect_failed` (name not found, no route), `connect_timeout` (a kcpgate server
 *   did not answer), `session_closed` (it refused; `details.code` has the close code).
 */
export async function connectStock(options: StockOptions): Promise<StockConnection> {
  const kcp = stockKcpConfig(options, randomConversation());
  const remote = await resolveRemote(options.host, options.port);
  const carrier = await createUdpCarrier({
    bind: { address: remote.family === 6 ? '::' : '0.0.0.0', family: remote.family, port: 0 },
    remote,
    bufferBytes: options.socketBufferBytes ?? 4 * 1024 * 1024,
    // One peer: what arrives in one turn is little.
    maxDatagramBytes: Math.max(2048, kcp.mtu),
    slabBytes: 256 * 1024,
    arenaBytes: 128 * 1024,
    logger: options.logger ?? NO_LOG,
  });
  const pool = new SegmentPool({
    slotBytes: Math.max(1536, kcp.mtu),
    maxBytes: options.maxMemoryBytes ?? 64 * 1024 * 1024,
  });
  const endpoint = new Endpoint({ clock: NODE_CLOCK, logger: options.logger ?? NO_LOG });
  endpoint.attach(carrier, {
    name: 'udp',
    kcp,
    pool,
    allowStock: false,
    session: {
      idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
      keepAliveMs: options.keepAliveMs ?? 10_000,
      closeTimeoutMs: options.closeTimeoutMs ?? 5_000,
      lingerMs: LINGER_MS,
    },
    admission: {
      maxSessions: 1,
      maxSessionsPerSource: 1,
      newSessionsPerSecond: 1,
      newSessionsPerSourcePerSecond: 1,
    },
  });
  endpoint.start();
  const connection = new StockConnection(endpoint, kcp.stream);
  try {
    endpoint.connect(remote, kcp, options.peer ?? 'stock', (session) => connection.attach(session));
    if (options.peer === 'kcpgate') await untilOpened(connection, options);
    if (options.signal?.aborted) throw aborted(options.signal);
    watchAbort(connection, options.signal);
    return connection;
  } catch (error) {
    await connection.destroy();
    throw error;
  }
}

/** A conversation id that no proxy in front could take for the beginning of a PROXY or SPP header. */
function randomConversation(): number {
  for (;;) {
    const conv = randomInt(1, 2 ** 32);
    if (isAllocatableConv(conv)) return conv;
  }
}

async function resolveRemote(host: string, port: number): Promise<SocketAddress> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new GatewayError(
      'config_invalid',
      `port must be a whole number from 1 to 65535, not ${String(port)}`,
    );
  }
  const family = isIP(host);
  if (family === 4 || family === 6) return { address: host, family, port };
  try {
    const found = await lookup(host);
    return { address: found.address, family: found.family === 6 ? 6 : 4, port };
  } catch (cause) {
    throw new GatewayError('connect_failed', `cannot resolve ${host}`, { cause });
  }
}

/** Waits for the first answer, the refusal, the time limit or the abort, whichever comes first. */
async function untilOpened(connection: StockConnection, options: StockOptions): Promise<void> {
  const { signal, connectTimeoutMs = 10_000 } = options;
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  try {
    await Promise.race([
      connection.opened,
      connection.closed.then(({ code, reason }) => {
        throw new GatewayError(
          'session_closed',
          `refused: ${closeCodeName(code)}${reason === '' ? '' : `, ${reason}`}`,
          {
            details: { code, reason },
          },
        );
      }),
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          reject(new GatewayError('connect_timeout', `no answer within ${String(connectTimeoutMs)} ms`));
        }, connectTimeoutMs);
        onAbort = (): void => {
          reject(aborted(signal));
        };
        if (signal?.aborted) onAbort();
        else signal?.addEventListener('abort', onAbort, { once: true });
      }),
    ]);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}

function aborted(signal: AbortSignal | undefined): GatewayError {
  return new GatewayError('connect_failed', 'aborted', { cause: signal?.reason });
}

function watchAbort(connection: StockConnection, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  const onAbort = (): void => void connection.destroy(CloseCode.normal, 'aborted');
  signal.addEventListener('abort', onAbort, { once: true });
  void connection.closed.then(() => {
    signal.removeEventListener('abort', onAbort);
  });
}

/** A client answers repeats of the gateway's FIN or KICK for so long. */
const LINGER_MS = 250;
