import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import type { SocketAddress } from '../../base/address.ts';
import { CloseCode } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import { fromSystemError, type SystemErrorLike } from '../../base/node-error.ts';
import { FRAME_HEADER_BYTES } from '../../wire/frame.ts';
import type { Carrier } from '../carrier.ts';
import { ConnectionLimits } from '../connection-limits.ts';
import { ConnectionCarrier } from './connection-carrier.ts';
import {
  resolveConnectionServerConfig,
  SLOTS_PER_CONNECTION,
  type ConnectionServerConfig,
  type ConnectionServerOptions,
} from './connection-options.ts';
import { openDualStack } from './dual-stack.ts';
import { takeProxyHeader } from './proxied-connection.ts';
import { boundAddress } from './socket-address.ts';
import { StreamBatch } from './stream-batch.ts';
import { TcpConnection } from './tcp-connection.ts';

/** What a server shows its peers, PEM. */
export interface TlsIdentity {
  readonly key: string | Uint8Array;
  /** The certificate and what leads to its root, in that order. */
  readonly cert: string | Uint8Array;
}

export interface TcpCarrierOptions extends ConnectionServerOptions {
  /** The address to bind to; port 0 picks a free one. `::` without `ipv6Only` takes IPv4 too. */
  readonly bind: SocketAddress;
  /** A bound stream socket to listen on; `bind` is then only a description. It is closed with the carrier. Default: none. */
  readonly descriptor?: number;
  /** Keeps IPv4 away from an IPv6 socket. Default false. */
  readonly ipv6Only?: boolean;
  /** Connections the system holds until they are accepted; it may take less. Default 511. */
  readonly backlog?: number;
  /** Speaks TLS, 1.2 or newer. Default: plain TCP. */
  readonly tls?: TlsIdentity;
  /** `proxy`: connections from trusted addresses may begin with a PROXY header, version 1 or 2. Default `off`. */
  readonly proxy?: 'off' | 'proxy';
  /** Whether the PROXY header of a peer at that address is believed. Default: nobody's. */
  readonly isTrusted?: (address: string) => boolean;
}

/**
 * Listens for TCP connections that carry datagrams, each behind its length (RFC 4571); with `tls`, inside TLS. Slots are
 * made by peers: `intern` finds them and makes none.
 *
 * A connection is closed when a frame is empty or too large, when it is not confirmed in time, and when it does not take
 * what it is sent.
 * @throws GatewayError `address_in_use`, `permission_denied` or `bind_failed`; `config_invalid` for a key or certificate
 *   that cannot be used.
 */
export async function createTcpCarrier(options: TcpCarrierOptions): Promise<Carrier> {
  const config = resolveConnectionServerConfig(options);
  const listener = new TcpListener(options, config);
  return openDualStack(options, config.logger, (bind) => listener.listen(bind));
}

/** Accepts connections for a carrier: limits, PROXY header, TLS. */
class TcpListener {
  readonly #options: TcpCarrierOptions;
  readonly #config: ConnectionServerConfig;
  readonly #limits: ConnectionLimits;
  readonly #secureContext: SecureContext | undefined;
  /** Connections whose PROXY header is not complete. */
  readonly #fresh = new Set<Socket>();
  readonly #batch: StreamBatch;

  constructor(options: TcpCarrierOptions, config: ConnectionServerConfig) {
    this.#options = options;
    this.#config = config;
    this.#limits = new ConnectionLimits(config.maxConnections, config.maxConnectionsPerSource);
    this.#secureContext = options.tls === undefined ? undefined : secureContextOf(options.tls);
    this.#batch = new StreamBatch(config.maxBatch);
  }

  async listen(bind: SocketAddress): Promise<Carrier> {
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
    await listenAt(server, bind, this.#options);
    const carrier = new ConnectionCarrier(
      {
        kind: 'tcp',
        localAddress: boundAddress(server),
        headBytes: FRAME_HEADER_BYTES,
        minDatagramBytes: 1,
        maxSlots: this.#config.maxConnections * SLOTS_PER_CONNECTION,
        confirmTimeoutMs: this.#config.firstDatagramTimeoutMs,
        closeCode: CloseCode.drain,
        stopAccepting: () => this.#stop(server),
        left: (address) => {
          this.#limits.leave(address);
        },
      },
      this.#config,
    );
    server.on('connection', (socket) => {
      this.#accept(carrier, socket);
    });
    // Accepting may fail when descriptors are used up; the server goes on.
    server.on('error', (error) => {
      this.#config.logger.warn('a connection could not be accepted', { error });
    });
    return carrier;
  }

  #accept(carrier: ConnectionCarrier, socket: Socket): void {
    if (!this.#limits.enter()) {
      socket.destroy();
      carrier.refuse('connection_limit');
      return;
    }
    const acceptedAt = performance.now();
    this.#fresh.add(socket);
    const options = {
      mode: this.#options.proxy ?? 'off',
      isTrusted: this.#options.isTrusted ?? trustNobody,
      timeoutMs: this.#config.firstDatagramTimeoutMs,
    };
    takeProxyHeader(socket, options, (connection) => {
      this.#fresh.delete(socket);
      if (connection.ok) this.#open(carrier, socket, connection.address, performance.now() - acceptedAt);
      else this.#refuse(carrier, connection.reason);
    });
  }

  #open(carrier: ConnectionCarrier, socket: Socket, address: SocketAddress, elapsedMs: number): void {
    if (!this.#limits.enterSource(address)) {
      socket.destroy();
      this.#refuse(carrier, 'source_limit');
      return;
    }
    const secureContext = this.#secureContext;
    const stream =
      secureContext === undefined ? socket : new TLSSocket(socket, { isServer: true, secureContext });
    const connection = new TcpConnection(carrier, stream, this.#batch, secureContext === undefined);
    if (carrier.open(connection, address, elapsedMs)) return;
    stream.destroy();
    carrier.refuse('connection_limit');
    this.#limits.leave(address);
  }

  #refuse(carrier: ConnectionCarrier, reason: Parameters<ConnectionCarrier['refuse']>[0]): void {
    this.#limits.leave();
    carrier.refuse(carrier.isClosing ? 'closing' : reason);
  }

  #stop(server: Server): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => {
        resolve();
      });
      for (const socket of this.#fresh) socket.destroy();
    });
  }
}

/** A quiet connection is probed by TCP after so long, so that a peer that vanished is found. */
const KEEP_ALIVE_MS = 30_000;

const trustNobody = (): boolean => false;

function secureContextOf({ key, cert }: TlsIdentity): SecureContext {
  try {
    return createSecureContext({ key: Buffer.from(key), cert: Buffer.from(cert), minVersion: 'TLSv1.2' });
  } catch (error) {
    throw new GatewayError('config_invalid', 'the TLS key or certificate cannot be used', { cause: error });
  }
}

function listenAt(server: Server, bind: SocketAddress, options: TcpCarrierOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: SystemErrorLike) => {
      reject(fromSystemError(error, 'bind_failed'));
    });
    const { descriptor } = options;
    const listening = {
      ...(descriptor === undefined ? { host: bind.address, port: bind.port } : { fd: descriptor }),
      backlog: options.backlog ?? 511,
      ipv6Only: options.ipv6Only ?? false,
      // In a cluster worker too this process owns the socket.
      exclusive: true,
    };
    server.listen(listening, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}
