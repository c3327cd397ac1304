import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { formatSocketAddress, type SocketAddress } from '../../base/address.ts';
import { fromSystemError, type SystemErrorLike } from '../../base/node-error.ts';
import { FRAME_HEADER_BYTES } from '../../wire/frame.ts';
import { createClientCarrier, type ClientCarrier } from './client-carrier.ts';
import { attemptToConnect, closedWhileConnecting, type ConnectAttemptOptions } from './connect-attempt.ts';
import { resolveConnectionConfig, type ConnectionOptions } from './connection-options.ts';
import { localAddressOf } from './socket-address.ts';
import { StreamBatch } from './stream-batch.ts';
import { TcpConnection } from './tcp-connection.ts';
import { tlsConnectOptions, type TlsClientOptions } from './tls-client.ts';

export interface TcpClientOptions extends ConnectionOptions, ConnectAttemptOptions {
  readonly remote: SocketAddress;
  /** Speaks TLS, 1.2 or newer. Default: plain TCP. */
  readonly tls?: TlsClientOptions;
  /** The address to connect from. Default: the system's choice. */
  readonly localAddress?: string;
}

/**
 * Connects to a TCP carrier.
 * @throws GatewayError `connect_failed` or `connect_timeout`.
 */
export function connectTcpCarrier(options: TcpClientOptions): Promise<ClientCarrier> {
  const { remote, tls } = options;
  const config = resolveConnectionConfig(options);
  const where = formatSocketAddress(remote);
  return attemptToConnect(where, options, (attempt) => {
    const socket = connect(options);
    socket.on('error', (error: SystemErrorLike) => {
      attempt.fail(fromSystemError(error, 'connect_failed', { remote: where }));
    });
    socket.on('close', () => {
      attempt.fail(closedWhileConnecting(where));
    });
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      const localAddress = localAddressOf(socket);
      if (localAddress === undefined) return;
      const own = { kind: 'tcp', headBytes: FRAME_HEADER_BYTES, minDatagramBytes: 1 } as const;
      attempt.succeed(
        createClientCarrier(own, localAddress, remote, config, (carrier) => {
          return new TcpConnection(carrier, socket, new StreamBatch(config.maxBatch), true);
        }),
      );
    });
    return () => {
      socket.destroy();
    };
  });
}

function connect({ remote, tls, localAddress }: TcpClientOptions): Socket {
  const target = {
    host: remote.address,
    port: remote.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    ...(localAddress === undefined ? {} : { localAddress }),
  };
  return tls === undefined ? connectTcp(target) : connectTls({ ...target, ...tlsConnectOptions(tls) });
}

/** A quiet connection is probed by TCP after so long, so that a peer that vanished is found. */
const KEEP_ALIVE_MS = 30_000;
