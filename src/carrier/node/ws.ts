import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import type { SocketAddress } from '../../base/address.ts';
import { CloseCode } from '../../base/close-code.ts';
import type { Carrier } from '../carrier.ts';
import { ConnectionLimits } from '../connection-limits.ts';
import type { RefusalReason } from '../connection-stats.ts';
import { ReceiveSlab } from '../receive-slab.ts';
import { ConnectionCarrier } from './connection-carrier.ts';
import {
  resolveConnectionServerConfig,
  SLOTS_PER_CONNECTION,
  type ConnectionServerConfig,
  type ConnectionServerOptions,
} from './connection-options.ts';
import { WEBSOCKET_PROTOCOL, webSocketLimits, webSocketSlab, WsConnection } from './ws-connection.ts';

export interface WsCarrierOptions extends ConnectionServerOptions {
  /** Where the HTTP server listens that hands over its upgrades: what the carrier shows as its own address. */
  readonly localAddress: SocketAddress;
  /**
   * Origins whose pages may connect, as browsers write them: `https://app.example.com`. Requests without an origin do not
   * come from a page and are let in always. Default: any.
   */
  readonly allowedOrigins?: readonly string[];
  /**
   * A connection is asked for a sign of life so often, in ms, and ended when two pings in a row bring none; 0: never asked.
   * Default 20,000, so that a proxy that closes after a quiet minute does not.
   */
  readonly pingIntervalMs?: number;
}

/** A carrier of WebSocket connections; somebody else owns the HTTP server they come from. */
export interface WsCarrier extends Carrier {
  /**
   * Takes a connection that asks for a WebSocket; the caller has looked at the path. One that is refused is answered and
   * ended.
   * @param request, socket and head are what the `upgrade` event of an HTTP server gives.
   * @param realAddress the client, which need not be the peer of the socket.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, realAddress: SocketAddress): void;
}

/**
 * Makes a carrier of WebSocket connections: subprotocol `kcpgate.v1`, one datagram in each binary message, no compression.
 * Slots are made by peers: `intern` finds them and makes none.
 */
export function createWsCarrier(options: WsCarrierOptions): WsCarrier {
  const upgrades = new WsUpgrades(options, resolveConnectionServerConfig(options));
  return Object.assign(upgrades.carrier, {
    handleUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer, realAddress: SocketAddress) => {
      upgrades.take(request, socket, head, realAddress);
    },
  });
}

/** Lets connections in and makes WebSockets of them. */
class WsUpgrades {
  readonly carrier: ConnectionCarrier;
  readonly #limits: ConnectionLimits;
  readonly #allowedOrigins: ReadonlySet<string> | undefined;
  readonly #pingIntervalMs: number;
  readonly #server: WebSocketServer;
  readonly #slab: ReceiveSlab;

  constructor(options: WsCarrierOptions, config: ConnectionServerConfig) {
    this.#limits = new ConnectionLimits(config.maxConnections, config.maxConnectionsPerSource);
    this.#allowedOrigins = options.allowedOrigins === undefined ? undefined : new Set(options.allowedOrigins);
    this.#pingIntervalMs = options.pingIntervalMs ?? 20_000;
    this.#slab = webSocketSlab(config);
    const serverOptions: ServerOptions = {
      ...webSocketLimits(config),
      noServer: true,
      clientTracking: false,
      handleProtocols: () => WEBSOCKET_PROTOCOL,
    };
    this.#server = new WebSocketServer(serverOptions);
    this.carrier = new ConnectionCarrier(
      {
        kind: 'ws',
        localAddress: options.localAddress,
        headBytes: 0,
        minDatagramBytes: 0,
        maxSlots: config.maxConnections * SLOTS_PER_CONNECTION,
        confirmTimeoutMs: config.firstDatagramTimeoutMs,
        closeCode: CloseCode.drain,
        stopAccepting: () => Promise.resolve(),
        left: (address) => {
          this.#limits.leave(address);
        },
      },
      config,
    );
  }

  take(request: IncomingMessage, socket: Duplex, head: Buffer, address: SocketAddress): void {
    const reason = this.#refusalOf(request);
    if (reason !== undefined) {
      this.#refuse(socket, reason);
      return;
    }
    if (!this.#limits.enter()) {
      this.#refuse(socket, 'connection_limit');
      return;
    }
    if (!this.#limits.enterSource(address)) {
      this.#limits.leave();
      this.#refuse(socket, 'source_limit');
      return;
    }
    const opened: WebSocket[] = [];
    this.#server.handleUpgrade(request, socket, head, (webSocket) => opened.push(webSocket));
    const [webSocket] = opened;
    if (webSocket !== undefined) {
      this.#open(webSocket, socket, address);
      return;
    }
    // What is wrong with the request, `ws` has answered.
    this.#limits.leave(address);
    this.carrier.refuse('bad_upgrade');
  }

  #open(webSocket: WebSocket, socket: Duplex, address: SocketAddress): void {
    const connection = new WsConnection(this.carrier, webSocket, socket, this.#slab);
    if (this.carrier.open(connection, address)) {
      if (this.#pingIntervalMs > 0) connection.keepAlive(this.#pingIntervalMs);
      return;
    }
    this.#limits.leave(address);
    this.carrier.refuse('connection_limit');
    connection.destroy();
  }

  #refusalOf({ headers }: IncomingMessage): RefusalReason | undefined {
    if (this.carrier.isClosing) return 'closing';
    const { origin } = headers;
    if (origin !== undefined && this.#allowedOrigins?.has(origin) === false) return 'origin_not_allowed';
    const offered = (headers['sec-websocket-protocol'] ?? '').split(',');
    if (!offered.some((name) => name.trim() === WEBSOCKET_PROTOCOL)) return 'subprotocol_missing';
    return undefined;
  }

  #refuse(socket: Duplex, reason: RefusalReason): void {
    this.carrier.refuse(reason);
    const status = STATUS_OF[reason] ?? 400;
    socket.on('error', () => socket.destroy());
    socket.once('finish', () => socket.destroy());
    socket.end(
      `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    );
  }
}

const STATUS_OF: Readonly<Partial<Record<RefusalReason, number>>> = {
  origin_not_allowed: 403,
  source_limit: 429,
  connection_limit: 503,
  closing: 503,
};
