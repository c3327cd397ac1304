import type { IncomingMessage } from 'node:http';
import { isIPv6, type LookupFunction } from 'node:net';
import { WebSocket } from 'ws';
import { GatewayError } from '../../base/errors.ts';
import { fromSystemError, type SystemErrorLike } from '../../base/node-error.ts';
import { createClientCarrier, type ClientCarrier } from './client-carrier.ts';
import { attemptToConnect, closedWhileConnecting, type ConnectAttemptOptions } from './connect-attempt.ts';
import {
  resolveConnectionConfig,
  type ConnectionConfig,
  type ConnectionOptions,
} from './connection-options.ts';
import { localAddressOf, remoteAddressOf } from './socket-address.ts';
import { tlsConnectOptions, type TlsClientOptions } from './tls-client.ts';
import { WEBSOCKET_PROTOCOL, webSocketLimits, webSocketSlab, WsConnection } from './ws-connection.ts';

export interface WsClientOptions extends ConnectionOptions, ConnectAttemptOptions {
  /** `ws://host:port/path` or `wss://...`. */
  readonly url: string;
  /** The IP address to connect to; the name in the URL is not looked up then. */
  readonly address?: string;
  /** Headers of the request, on top of those of the handshake. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For `wss`. */
  readonly tls?: TlsClientOptions;
  /** The address to connect from. Default: the system's choice. */
  readonly localAddress?: string;
}

/**
 * Connects to a WebSocket carrier.
 * @throws GatewayError `connect_failed` or `connect_timeout`.
 */
export function connectWsCarrier(options: WsClientOptions): Promise<ClientCarrier> {
  const { url } = options;
  const config = resolveConnectionConfig(options);
  return attemptToConnect(url, options, (attempt) => {
    const webSocket = open(options, config);
    if (webSocket === undefined) {
      attempt.fail(new GatewayError('connect_failed', `${JSON.stringify(url)} is no address of a WebSocket`));
      return () => undefined;
    }
    let response: IncomingMessage | undefined;
    webSocket.on('error', (error: SystemErrorLike) => {
      attempt.fail(fromSystemError(error, 'connect_failed', { remote: url }));
    });
    webSocket.once('close', () => {
      attempt.fail(closedWhileConnecting(url));
    });
    webSocket.once('upgrade', (message) => {
      response = message;
    });
    webSocket.once('open', () => {
      const socket = response?.socket;
      if (socket === undefined) return;
      const localAddress = localAddressOf(socket);
      const remoteAddress = remoteAddressOf(socket);
      if (localAddress === undefined || remoteAddress === undefined) return;
      const own = { kind: 'ws', headBytes: 0, minDatagramBytes: 0 } as const;
      attempt.succeed(
        createClientCarrier(own, localAddress, remoteAddress, config, (carrier) => {
          return new WsConnection(carrier, webSocket, socket, webSocketSlab(config));
        }),
      );
    });
    return () => {
      webSocket.terminate();
    };
  });
}

/** Begins to connect; undefined when the URL is none. */
function open(options: WsClientOptions, config: ConnectionConfig): WebSocket | undefined {
  const { url, address, headers, tls, localAddress } = options;
  const clientOptions = {
    ...webSocketLimits(config),
    followRedirects: false,
    ...(tls === undefined ? {} : tlsConnectOptions(tls)),
    ...(headers === undefined ? {} : { headers: { ...headers } }),
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(address === undefined ? {} : { lookup: alwaysFinds(address) }),
  };
  try {
    return new WebSocket(url, [WEBSOCKET_PROTOCOL], clientOptions);
  } catch {
    return undefined;
  }
}

/** Finds the same address under any name. */
function alwaysFinds(address: string): LookupFunction {
  const family = isIPv6(address) ? 6 : 4;
  return (_hostname, options, callback) => {
    if (options.all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}
