import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SocketAddress } from '../base/address.ts';
import { CidrSet } from '../base/cidr.ts';
import type { Logger } from '../base/logger.ts';
import { fromSystemError } from '../base/node-error.ts';
import { openDualStack } from '../carrier/node/dual-stack.ts';
import { takeProxyHeader } from '../carrier/node/proxied-connection.ts';
import { boundAddress } from '../carrier/node/socket-address.ts';
import { createWsCarrier, type WsCarrier } from '../carrier/node/ws.ts';
import type { HttpListenerConfig } from './config/config.ts';
import type { LoginHandler } from './login/http-handler.ts';
import { forwardedAddress } from './forwarded-address.ts';
import { answerHealth } from './health/health-handler.ts';
import type { GatewayHealth } from './health/health-report.ts';

/**
 * The public HTTP side of a gateway: logins, and WebSockets that carry datagrams. In front of HTTP a PROXY header may stand,
 * behind it `X-Forwarded-For`; both are believed of trusted proxies only.
 */
export class HttpListener {
  readonly config: HttpListenerConfig;
  /** Takes the WebSockets; whoever attaches it owns it. */
  readonly carrier: WsCarrier;
  readonly localAddress: SocketAddress;
  private readonly tcp: TcpServer;
  private readonly http: Server;
  private readonly trusted: CidrSet;
  /** The client of each connection, by the peer of its socket: a TLS socket has that of the one it stands on. */
  private readonly clients = new Map<string, SocketAddress>();
  /** What the listener accepted and is still its own, by the same key. */
  private readonly sockets = new Map<string, Socket>();
  private login: LoginHandler | undefined;
  private health: (() => GatewayHealth) | undefined;
  private ready = false;

  private constructor(
    config: HttpListenerConfig,
    tcp: TcpServer,
    localAddress: SocketAddress,
    logger: Logger,
  ) {
    this.config = config;
    this.tcp = tcp;
    this.localAddress = localAddress;
    this.trusted = new CidrSet(config.trustedProxies);
    this.carrier = createWsCarrier({
      localAddress,
      maxConnections: config.maxConnections,
      maxConnectionsPerSource: config.maxConnectionsPerSource,
      firstDatagramTimeoutMs: config.firstDatagramTimeoutMs,
      maxQueueBytes: config.maxQueueBytes,
      pingIntervalMs: config.websocketPingIntervalMs,
      logger,
      ...(config.allowedOrigins === '*' ? {} : { allowedOrigins: config.allowedOrigins }),
    });
    const limits = {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: Math.min(config.firstDatagramTimeoutMs, REQUEST_TIMEOUT_MS),
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      connectionsCheckingInterval: 1_000,
    };
    const { tls } = config;
    this.http =
      tls === null
        ? createServer(limits)
        : createTlsServer({ ...limits, cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2' });
    this.http.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET;
    this.http.on('request', (request, response) => {
      this.handleRequest(request, response);
    });
    this.http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.handleUpgrade(request, socket, head);
    });
    this.http.on('clientError', (_error, socket) => socket.destroy());
    tcp.on('connection', (socket) => {
      this.accept(socket);
    });
    tcp.on('error', (error) => {
      logger.warn('the HTTP listener failed to accept', { err: error });
    });
  }

  /**
   * Binds the socket; requests are answered from {@link start} on.
   * @param descriptor a bound stream socket to listen on instead.
   * @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed`.
   */
  static async open(config: HttpListenerConfig, logger: Logger, descriptor?: number): Promise<HttpListener> {
    const { server, address } = await openDualStack({ bind: config.bind }, logger, (bind) =>
      listen(bind, descriptor),
    );
    return new HttpListener(config, server, address, logger);
  }

  /** Answers requests from now on; logins where there is a handler for them. @param health what the health endpoints tell. */
  start(login: LoginHandler | undefined, health?: () => GatewayHealth): void {
    this.login = login;
    this.health = health;
    this.ready = true;
  }

  /** Stops to listen and ends what is no WebSocket; those are the carrier's. Resolves when nothing is left. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.tcp.close(() => resolve()));
    for (const socket of this.sockets.values()) socket.destroy();
    this.http.close();
    await closed;
  }

  private accept(socket: Socket): void {
    if (!this.ready || this.sockets.size >= this.config.maxConnections) {
      socket.destroy();
      return;
    }
    const peer = peerOf(socket);
    this.sockets.set(peer, socket);
    socket.once('close', () => {
      this.sockets.delete(peer);
      this.clients.delete(peer);
    });
    socket.on('error', () => socket.destroy());
    socket.setNoDelay(true);
    const { proxyProtocol: mode, firstDatagramTimeoutMs: timeoutMs } = this.config;
    const isTrusted = (address: string): boolean => this.trusted.has(address);
    takeProxyHeader(socket, { mode, isTrusted, timeoutMs }, (proxied) => {
      if (!proxied.ok) return;
      this.clients.set(peer, proxied.address);
      this.http.emit('connection', socket);
    });
  }

  private handleRequest(request: IncomingMessage, response: ServerResponse): void {
    const { loginPath } = this.config;
    const address = this.clientOf(request);
    if (address === undefined) {
      response.destroy();
    } else if (this.login !== undefined && loginPath !== null && pathOf(request) === loginPath) {
      this.login(request, response, address);
    } else if (this.health === undefined || !answerHealth(pathOf(request), request, response, this.health)) {
      const body = JSON.stringify({ type: 'about:blank', title: 'Not Found', status: 404 });
      response.writeHead(404, { 'content-type': 'application/problem+json' }).end(body);
    }
  }

  private handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const address = this.clientOf(request);
    if (address !== undefined && pathOf(request) === this.config.websocketPath) {
      // From here on the connection is the carrier's, also when this listener is closed. With TLS it is not the socket itself.
      this.sockets.delete(peerOf(request.socket));
      this.carrier.handleUpgrade(request, socket, head, address);
      return;
    }
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  }

  /** The client of a request: what the PROXY header or a trusted proxy's `X-Forwarded-For` says, else the socket's peer. */
  private clientOf(request: IncomingMessage): SocketAddress | undefined {
    const address = this.clients.get(peerOf(request.socket));
    if (address === undefined) return undefined;
    return forwardedAddress(request.headers['x-forwarded-for'], address, this.trusted);
  }
}

const peerOf = ({ remoteAddress = '', remotePort = 0 }: Socket): string => `${remoteAddress} ${remotePort}`;

function listen(
  bind: SocketAddress,
  descriptor: number | undefined,
): Promise<{ server: TcpServer; address: SocketAddress }> {
  return new Promise((resolve, reject) => {
    const server = createTcpServer({ pauseOnConnect: false });
    server.once('error', (error) => {
      reject(fromSystemError(error, 'bind_failed'));
    });
    const place = descriptor === undefined ? { host: bind.address, port: bind.port } : { fd: descriptor };
    server.listen(place, () => {
      server.removeAllListeners('error');
      resolve({ server, address: boundAddress(server) });
    });
  });
}

const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0] ?? '';

const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 5_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_REQUESTS_PER_SOCKET = 1_000;
