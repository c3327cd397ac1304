import { createServer, type Server } from 'node:http';
import { isLoopback, type SocketAddress } from '../../base/address.ts';
import type { Clock } from '../../base/clock.ts';
import { GatewayError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { fromSystemError } from '../../base/node-error.ts';
import { openDualStack } from '../../carrier/node/dual-stack.ts';
import { NODE_CLOCK } from '../../endpoint/index.ts';
import { createAdminHandler } from './admin-handler.ts';
import type { AdminTarget } from './admin-target.ts';
import { CallerCheck } from './caller-check.ts';

export interface AdminServerOptions {
  /** Port 0 lets the system choose. */
  readonly bind: SocketAddress;
  /** Secret. What callers have to show; null only on a loopback address. */
  readonly token: string | null;
  /** How long the body of a request may take, in milliseconds. Default 5000. */
  readonly bodyTimeoutMs?: number;
}

export interface AdminServerComponents {
  readonly target: AdminTarget;
  readonly logger: Logger;
  /** Default: that of the process. */
  readonly clock?: Clock;
}

/** The admin API, being served. */
export interface AdminServer {
  /** Where it listens, with the real port. */
  readonly address: SocketAddress;
  /** Listens no longer; what is being answered has a second to end. Resolves when nothing is left. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Serves the admin API over HTTP.
 * @throws GatewayError `config_invalid` without a token on an address that others reach; `address_in_use`,
 * `permission_denied`, `bind_failed`.
 */
export async function startAdminServer(
  options: AdminServerOptions,
  components: AdminServerComponents,
): Promise<AdminServer> {
  const { bind, token, bodyTimeoutMs = 5_000 } = options;
  const { target, logger, clock = NODE_CLOCK } = components;
  if (token === null && !isLoopback(bind.address)) {
    throw new GatewayError('config_invalid', `the admin API on ${bind.address} needs a token`);
  }
  const { server, address } = await openDualStack({ bind }, logger, listen);
  const callers = new CallerCheck(token, { clock, logger });
  server.on('request', createAdminHandler({ target, callers, clock, logger, bodyTimeoutMs }));
  server.on('error', (error) => {
    logger.warn('the admin API failed to accept', { err: error });
  });
  let closing: Promise<void> | undefined;
  return { address, close: () => (closing ??= closeServer(server)) };
}

function listen(bind: SocketAddress): Promise<{ server: Server; address: SocketAddress }> {
  const server = createServer(LIMITS);
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET;
  server.timeout = IDLE_MS;
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(fromSystemError(error, 'bind_failed'));
    });
    server.listen({ host: bind.address, port: bind.port }, () => {
      server.removeAllListeners('error');
      const bound = server.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : bind.port;
      resolve({ server, address: { ...bind, port } });
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** For a handful of people and programs. */
const MAX_CONNECTIONS = 64;
const MAX_REQUESTS_PER_SOCKET = 1_000;
/** A connection on which nothing moves, be it a client that does not read, ends after so long. */
const IDLE_MS = 30_000;
const LAST_ANSWERS_MS = 1_000;
const LIMITS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
};
