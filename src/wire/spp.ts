import { IP_BYTES, parseIp, type SocketAddress } from '../base/address.ts';
import type { WireMemory } from './memory.ts';
import type { ProxyHeader, ProxyParse } from './proxy-result.ts';

/**
 * The Simple Proxy Protocol of Cloudflare Spectrum and Tencent EdgeOne, in front of every datagram, in network order:
 *
 *     0x56EC u16 | client IP 16 | proxy IP 16 | client port u16 | proxy port u16
 *
 * IPv4 addresses stand as `::ffff:a.b.c.d`.
 */
export const SPP_BYTES = 38;

/** Reads the header at `at`; `into` is clear. `none` when the bytes there do not begin with 56 EC. */
export function parseSpp(memory: WireMemory, at: number, length: number, into: ProxyHeader): ProxyParse {
  const { bytes, view } = memory;
  if (length > 0 && bytes[at] !== FIRST) return 'none';
  if (length > 1 && bytes[at + 1] !== SECOND) return 'none';
  if (length < SPP_BYTES) return 'incomplete';
  for (let i = 0; i < 2 * IP_BYTES; i++) into.addresses[i] = bytes[at + IPS_AT + i]!;
  into.kind = 'proxied';
  into.transport = 'datagram';
  into.sourcePort = view.getUint16(at + PORTS_AT, false);
  into.destinationPort = view.getUint16(at + PORTS_AT + 2, false);
  into.length = SPP_BYTES;
  return 'ok';
}

/**
 * Writes a header; an address that is no IP address is written as `::`. In a reply `client` and `proxy` are what they were
 * in the request. Returns {@link SPP_BYTES}.
 */
export function writeSpp(
  memory: WireMemory,
  at: number,
  client: SocketAddress,
  proxy: SocketAddress,
): number {
  const { bytes, view } = memory;
  bytes[at] = FIRST;
  bytes[at + 1] = SECOND;
  bytes.set(parseIp(client.address) ?? NO_IP, at + IPS_AT);
  bytes.set(parseIp(proxy.address) ?? NO_IP, at + IPS_AT + IP_BYTES);
  view.setUint16(at + PORTS_AT, client.port, false);
  view.setUint16(at + PORTS_AT + 2, proxy.port, false);
  return SPP_BYTES;
}

const FIRST = 0x56;
const SECOND = 0xec;
const IPS_AT = 2;
const PORTS_AT = 34;
const NO_IP = new Uint8Array(IP_BYTES);
