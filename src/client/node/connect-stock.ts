import { randomInt } from 'node:crypto';
import { NO_LOG } from '../../base/logger.ts';
import { Endpoint, NODE_CLOCK } from '../../endpoint/index.ts';
import { isAllocatableConv } from '../../wire/conversation.ts';
import { clientSessionTerms } from '../sdk/session-options.ts';
import { clientSessions } from './client-sessions.ts';
import { openUdp } from './open-udp.ts';
import { resolveHost } from './resolve-host.ts';
import { checkStockOptions, stockKcpConfig, type StockOptions } from './stock-options.ts';
import { StockConnection } from './stock-connection.ts';
import { withinTime } from '../sdk/time-limit.ts';
import { destroyOnAbort, throwIfAborted, untilOpened } from '../sdk/until-opened.ts';

/**
 * Connects to a KCP server over UDP.
 *
 * @returns the connection: a Duplex stream ({@link StockConnection.stream}) or messages, as you like.
 * @throws GatewayError `config_invalid`, `connect_failed` (name not found, no route), `connect_timeout` (a kcpgate server
 *   did not answer), `session_closed` (it refused; `details.code` has the close code).
 */
export async function connectStock(options: StockOptions): Promise<StockConnection> {
  const { host, port, peer = 'stock', connectTimeoutMs = 10_000, logger = NO_LOG, signal } = options;
  checkStockOptions(options);
  const kcp = stockKcpConfig(options, randomConversation());
  const [remote] = await resolveHost(host, port);
  const carrier = await openUdp(remote, { ...options, maxDatagramBytes: Math.max(2048, kcp.mtu) });
  const endpoint = new Endpoint({ clock: NODE_CLOCK, logger });
  endpoint.attach(carrier, {
    name: 'udp',
    allowStock: false,
    ...clientSessions(kcp, clientSessionTerms(options)),
  });
  endpoint.start();
  const connection = new StockConnection(endpoint, kcp.stream);
  try {
    endpoint.connect(remote, kcp, peer, (session) => connection.attach(session));
    if (peer === 'kcpgate') {
      await withinTime({ timeoutMs: connectTimeoutMs, signals: [signal] }, (limit) =>
        untilOpened(connection, limit),
      );
    }
    throwIfAborted(signal);
    destroyOnAbort(connection, signal);
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
