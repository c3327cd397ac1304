import type { Server, Socket } from 'node:net';
import type { SocketAddress } from '../../base/address.ts';
import { GatewayError } from '../../base/errors.ts';

const V4_MAPPED = '::ffff:';

/** The address for people and policies: an IPv4-mapped address, as dual-stack sockets write it, is plain IPv4. */
export function plainAddress(text: string, port: number): SocketAddress {
  if (text.startsWith(V4_MAPPED) && text.includes('.')) {
    return { address: text.slice(V4_MAPPED.length), family: 4, port };
  }
  return { address: text, family: text.includes(':') ? 6 : 4, port };
}

/** The peer of a connection; undefined when the connection is gone. */
export function remoteAddressOf({ remoteAddress, remotePort }: Socket): SocketAddress | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return plainAddress(remoteAddress, remotePort);
}

/** This end of a connection; undefined when the connection is gone. */
export function localAddressOf({ localAddress, localPort }: Socket): SocketAddress | undefined {
  if (localAddress === undefined || localPort === undefined) return undefined;
  return plainAddress(localAddress, localPort);
}

/** Where a server listens, with the real port. */
export function boundAddress(server: Server): SocketAddress {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new GatewayError('internal');
  return { address: address.address, family: address.family === 'IPv6' ? 6 : 4, port: address.port };
}
