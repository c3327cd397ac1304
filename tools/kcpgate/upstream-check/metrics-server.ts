import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { SocketAddress } from '../../../src/base/address.ts';
import { fromSystemError } from '../../../src/base/node-error.ts';
import { LIVENESS_PATH } from '../../../src/gateway/health/health-handler.ts';
import { livenessReport } from '../../../src/gateway/health/health-report.ts';
import { sendText } from '../../../src/gateway/http/send-text.ts';

/** What is served. */
export interface MetricsSource {
  readonly contentType: string;
  text(): Promise<string>;
}

/** Serves `/metrics`, and `/api/health/live`. */
export interface MetricsServer {
  /** With the real port. */
  readonly address: SocketAddress;
  close(): Promise<void>;
}

/** Everybody who reaches the address may ask. @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed`. */
export function startMetricsServer(bind: SocketAddress, source: MetricsSource): Promise<MetricsServer> {
  const server = createServer(LIMITS, (request, response) => {
    answer(request, response, source).catch(() => response.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(fromSystemError(error, 'bind_failed'));
    });
    server.listen({ host: bind.address, port: bind.port }, () => {
      server.removeAllListeners('error');
      // One that cannot be accepted is not served; the next may be.
      server.on('error', () => undefined);
      const bound = server.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : bind.port;
      resolve({ address: { ...bind, port }, close: () => closeServer(server) });
    });
  });
}

async function answer(
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
  source: MetricsSource,
): Promise<void> {
  const path = url.split('?', 1)[0];
  if (path !== METRICS_PATH && path !== LIVENESS_PATH) {
    sendText(response, 404, 'text/plain', 'There is /metrics and /api/health/live.\n', {});
  } else if (method !== 'GET' && method !== 'HEAD') {
    sendText(response, 405, 'text/plain', 'Only GET and HEAD.\n', {
      allow: 'GET, HEAD',
      connection: 'close',
    });
  } else if (path === METRICS_PATH) {
    sendText(response, 200, source.contentType, await source.text(), {});
  } else {
    sendText(response, 200, 'application/json', JSON.stringify(livenessReport(Date.now())), {});
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

const METRICS_PATH = '/metrics';
const MAX_CONNECTIONS = 32;
const LIMITS = {
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  keepAliveTimeout: 5_000,
  maxHeaderSize: 8 * 1024,
};
