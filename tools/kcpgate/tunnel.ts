import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { SocketAddress } from '../../src/base/address.ts';
import { CloseCode, closeCodeName } from '../../src/base/close-code.ts';
import { GatewayError } from '../../src/base/errors.ts';
import type { Logger } from '../../src/base/logger.ts';
import { fromSystemError, type SystemErrorLike } from '../../src/base/node-error.ts';
import { carry, type TunnelSession } from './carry.ts';
import type { Traffic } from './link-status.ts';

/** What a tunnel is made with. */
export interface TunnelOptions {
  /** Local TCP address; port 0 lets the system choose. */
  readonly listen: SocketAddress;
  /** Local connections at a time; any more are closed at once. */
  readonly maxConnections: number;
  /** Connects one of them to the gateway, as a byte stream. */
  readonly open: OpenSession;
}

/**
 * Opens a session. @throws GatewayError when it cannot.
 * @param signal aborting it gives up.
 */
export type OpenSession = (signal: AbortSignal) => Promise<TunnelSession>;

/** Opens the local port. @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed`. */
export async function startTunnel(options: TunnelOptions, logger: Logger): Promise<Tunnel> {
  const { address: host, port } = options.listen;
  // Paused: nothing is read before there is a session to read it for.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true });
  server.maxConnections = options.maxConnections;
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    throw fromSystemError(error as SystemErrorLike, 'bind_failed');
  }
  return new Tunnel(server, options.open, logger);
}

/** A local TCP port, and a session with the gateway for each of its connections. Made by {@link startTunnel}. */
export class Tunnel {
  readonly #server: Server;
  readonly #openSession: OpenSession;
  readonly #logger: Logger;
  readonly #links = new Set<Link>();
  #accepted = 0;
  /** Of connections that are gone. */
  #past: Traffic = { sent: 0, received: 0 };
  #whenEmpty: (() => void) | undefined;

  constructor(server: Server, openSession: OpenSession, logger: Logger) {
    this.#server = server;
    this.#openSession = openSession;
    this.#logger = logger;
    server.on('connection', (socket) => void this.#serve(socket));
    server.on('drop', () => {
      logger.warn('connection refused: too many', { maxConnections: server.maxConnections });
    });
    // One connection that could not be accepted (no file descriptors) is no reason to stop.
    server.on('error', (error) => {
      logger.error('cannot accept', { err: error });
    });
  }

  /** The local address, with the real port. */
  get address(): SocketAddress {
    const { address, family, port } = this.#server.address() as AddressInfo;
    return { address, family: family === 'IPv6' ? 6 : 4, port };
  }

  get traffic(): Traffic {
    let { sent, received } = this.#past;
    for (const { socket } of this.#links) {
      sent += socket.bytesRead;
      received += socket.bytesWritten;
    }
    return { sent, received };
  }

  /**
   * Accepts nothing more and lets open connections finish; those that have not after the timeout are cut off.
   * @returns how many were.
   */
  async stop(timeoutMs: number): Promise<number> {
    this.#server.close();
    for (const link of this.#links) if (link.connection === undefined) link.connecting.abort();
    await this.#untilEmpty(timeoutMs);
    const rest = [...this.#links];
    for (const { connection } of rest) void connection?.close(CloseCode.kicked, 'the tunnel was stopped');
    await this.#untilEmpty(2 * CLOSE_MS);
    for (const { socket } of this.#links) socket.destroy();
    return rest.length;
  }

  /** One local connection, from its start to its end. Never rejects. */
  async #serve(socket: Socket): Promise<void> {
    const id = ++this.#accepted;
    const link: Link = { socket, connecting: new AbortController(), connection: undefined };
    this.#links.add(link);
    const ignoreError = (): void => undefined;
    socket.on('error', ignoreError);
    try {
      const connection = await this.#open(link);
      this.#logger.debug('connection opened', { connection: id, from: socket.remotePort });
      const { code, reason } = await carry(socket, connection);
      const { bytesRead, bytesWritten } = socket;
      const fields = { connection: id, code, close: closeCodeName(code), reason, bytesRead, bytesWritten };
      if (code === CloseCode.normal) this.#logger.info('connection closed', fields);
      else this.#logger.warn('connection closed', fields);
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      this.#logger.warn('cannot connect', {
        connection: id,
        error: error.code,
        reason: error.message,
        ...error.details,
      });
      socket.resetAndDestroy();
    }
    const { sent, received } = this.#past;
    this.#past = { sent: sent + socket.bytesRead, received: received + socket.bytesWritten };
    this.#links.delete(link);
    if (this.#links.size === 0) this.#whenEmpty?.();
  }

  async #open(link: Link): Promise<TunnelSession> {
    // The signal is for connecting only: it stays silent once there is a connection.
    link.connection = await this.#openSession(link.connecting.signal);
    return link.connection;
  }

  async #untilEmpty(timeoutMs: number): Promise<void> {
    if (this.#links.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#whenEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#whenEmpty = undefined;
  }
}

/** A local connection and what it leads to. */
interface Link {
  readonly socket: Socket;
  readonly connecting: AbortController;
  /** Absent while connecting. */
  connection: TunnelSession | undefined;
}

/** How long a session that is being closed may take to get its data across. */
export const CLOSE_MS = 5_000;
