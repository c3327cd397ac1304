import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { formatSocketAddress, type SocketAddress } from '../../base/address.ts';
import { CloseCode } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import { fromSystemError, type SystemErrorLike } from '../../base/node-error.ts';
import { FRAME_HEADER_BYTES } from '../../wire/frame.ts';
import type { ClientCarrier } from './client-carrier.ts';
import { ConnectionCarrier } from './connection-carrier.ts';
import { resolveConnectionConfig, type ConnectionOptions } from './connection-options.ts';
import { localAddressOf } from './socket-address.ts';
import { StreamBatch } from './stream-batch.ts';
import { TcpConnection } from './tcp-connection.ts';

/** How a client checks the server, and what it asks for. */
export interface TlsClientOptions {
  /** The name the certificate must be for, also sent to the server. Default: the address, which must stand in it. */
  readonly servername?: string;
  /** Roots to believe, PEM, in place of those that come with Node. */
  readonly ca?: string | Uint8Array;
  /** Protocols offered, the best first. Default: none. */
  readonly alpnProtocols?: readonly string[];
  /** false: any certificate is taken. Only for tests and closed networks. Default true. */
  readonly rejectUnauthorized?: boolean;
}

export interface TcpClientOptions extends ConnectionOptions {
  readonly remote: SocketAddress;
  /** Speaks TLS. Default: plain TCP. */
  readonly tls?: TlsClientOptions;
  /** The address to connect from. Default: the system's choice. */
  readonly localAddress?: string;
  /** How long connecting may take, in ms, a TLS handshake included. Default 5000. */
  readonly timeoutMs?: number;
  /** Gives up connecting; without effect afterwards. */
  readonly signal?: AbortSignal;
}

/**
 * Connects to a TCP carrier. The carrier has one slot, 0, for as long as the connection lives.
 * @throws GatewayError `connect_failed` or `connect_timeout`.
 */
export async function connectTcpCarrier(options: TcpClientOptions): Promise<ClientCarrier> {
  const config = resolveConnectionConfig(options);
  const socket = await connect(options);
  const localAddress = localAddressOf(socket);
  if (localAddress === undefined) {
    socket.destroy();
    throw new GatewayError('connect_failed', `${formatSocketAddress(options.remote)} closed the connection`);
  }
  const carrier = new ConnectionCarrier(
    {
      kind: 'tcp',
      localAddress,
      headBytes: FRAME_HEADER_BYTES,
      minDatagramBytes: 1,
      maxSlots: 1,
      confirmTimeoutMs: 0,
      closeCode: CloseCode.normal,
      stopAccepting: () => Promise.resolve(),
      left: () => undefined,
    },
    config,
  );
  carrier.open(new TcpConnection(carrier, socket, new StreamBatch(config.maxBatch), true), options.remote);
  return Object.assign(carrier, { remoteAddress: options.remote });
}

function connect(options: TcpClientOptions): Promise<Socket> {
  const { remote, tls, localAddress, signal, timeoutMs = 5000 } = options;
  const where = formatSocketAddress(remote);
  const target = { host: remote.address, port: remote.port, noDelay: true, keepAlive: true };
  const address = localAddress === undefined ? target : { ...target, localAddress };
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(new GatewayError('connect_failed', `connecting to ${where} was given up`));
      return;
    }
    const socket = tls === undefined ? connectTcp(address) : connectTls({ ...address, ...tlsOptions(tls) });
    const fail = (error: GatewayError): void => {
      letGo();
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const onError = (error: SystemErrorLike): void => {
      fail(fromSystemError(error, 'connect_failed', { remote: where }));
    };
    const onClose = (): void => {
      fail(new GatewayError('connect_failed', `${where} closed the connection`));
    };
    const onAbort = (): void => {
      fail(new GatewayError('connect_failed', `connecting to ${where} was given up`));
    };
    const timer = setTimeout(() => {
      fail(new GatewayError('connect_timeout', `${where} did not answer in ${String(timeoutMs)} ms`));
    }, timeoutMs);
    const letGo = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      socket.off('close', onClose);
    };
    signal?.addEventListener('abort', onAbort);
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      letGo();
      resolve(socket);
    });
  });
}

function tlsOptions({ servername, ca, alpnProtocols, rejectUnauthorized }: TlsClientOptions): object {
  return {
    ...(servername === undefined ? {} : { servername }),
    ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
    ...(alpnProtocols === undefined ? {} : { ALPNProtocols: [...alpnProtocols] }),
    rejectUnauthorized: rejectUnauthorized ?? true,
    minVersion: 'TLSv1.2',
  };
}
