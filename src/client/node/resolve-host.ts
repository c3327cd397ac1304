import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { SocketAddress } from '../../base/address.ts';
import { GatewayError } from '../../base/errors.ts';

/** At least one, in the order to try them. */
export type HostAddresses = readonly [SocketAddress, ...SocketAddress[]];

/**
 * The addresses of a host, in the system's order, the first of each family first; at least one, and few.
 * @param host a name or an IP address, without brackets.
 * @throws GatewayError `connect_failed` when the name is not found.
 */
export async function resolveHost(host: string, port: number): Promise<HostAddresses> {
  const family = isIP(host);
  if (family === 4 || family === 6) return [{ address: host, family, port }];
  const [first, ...others] = await lookUp(host, port);
  if (first === undefined) throw new GatewayError('connect_failed', `cannot resolve ${host}`);
  const otherFamily = others.findIndex((address) => address.family !== first.family);
  if (otherFamily > 0) others.unshift(...others.splice(otherFamily, 1));
  return [first, ...others.slice(0, MAX_ADDRESSES - 1)];
}

async function lookUp(host: string, port: number): Promise<SocketAddress[]> {
  try {
    const found = await lookup(host, { all: true });
    return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4, port }));
  } catch (cause) {
    throw new GatewayError('connect_failed', `cannot resolve ${host}`, { cause });
  }
}

const MAX_ADDRESSES = 4;
