import { parseIp, type SocketAddress } from '../base/address.ts';
import type { CidrSet } from '../base/cidr.ts';

/**
 * The client's address by `X-Forwarded-For`: from the right, the first that is no trusted proxy, as long as everyone to the
 * right of it is one. The header of a peer that is not trusted says nothing; nor does one that is no list of addresses.
 * @param peer who the request came from.
 */
export function forwardedAddress(
  header: string | readonly string[] | undefined,
  peer: SocketAddress,
  trusted: CidrSet,
): SocketAddress {
  if (header === undefined || !trusted.has(peer.address)) return peer;
  const text = typeof header === 'string' ? header : header.join(',');
  if (text.length > MAX_HEADER_LENGTH) return peer;
  const hops = text.split(',').map((hop) => hop.trim());
  let client = peer;
  for (let hop = hops.pop(); hop !== undefined && trusted.has(client.address); hop = hops.pop()) {
    const address = addressOf(hop);
    if (address === undefined) return client;
    client = address;
  }
  return client;
}

/** An IP address, alone or with a port, which may be empty; that of the client is mostly not told. */
function addressOf(text: string): SocketAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{0,5}))?$/.exec(text);
  const address = parseIp(text) === undefined ? (match?.[1] ?? match?.[2] ?? '') : text;
  if (parseIp(address) === undefined) return undefined;
  const port = address === text ? 0 : Number(match?.[3] ?? 0);
  return { address, family: address.includes(':') ? 6 : 4, port: port > 0xffff ? 0 : port };
}

const MAX_HEADER_LENGTH = 4096;
