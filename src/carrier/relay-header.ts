import { parseIp, type SocketAddress } from '../base/address.ts';
import type { WireMemory } from '../wire/memory.ts';
import { PROXY_DESTINATION_AT, type ProxyHeader } from '../wire/proxy-header.ts';
import { PROXY_V2_HEADER_BYTES, writeProxyV2 } from '../wire/proxy-v2.ts';

/**
 * In front of a relayed datagram stands a PROXY version 2 header. On the way to the owner of the session its source is the
 * client and its destination the line the client used. On the way back it is the other way round, and a TLV says that this
 * is an answer, so that a client with a forged source address can never make one look like it:
 *
 *     0xE0 u8 | length u16 = 1 | 0x01 u8
 *
 * (0xE0 to 0xEF are for applications.)
 */

/** The longest header: IPv6, with the TLV. */
export const RELAY_HEADER_MAX_BYTES = 56;

export interface RelayHeader {
  /** Whether the line is one of connections. */
  readonly transport: ProxyHeader['transport'];
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
  readonly isAnswer: boolean;
}

/** Writes a header. Returns its length, at most {@link RELAY_HEADER_MAX_BYTES}. */
export function writeRelayHeader(memory: WireMemory, at: number, header: RelayHeader): number {
  const { bytes, view } = memory;
  const length = writeProxyV2(memory, at, header);
  if (!header.isAnswer) return length;
  bytes.set(ANSWER_TLV, at + length);
  const total = length + ANSWER_TLV.length;
  view.setUint16(at + LENGTH_AT, total - PROXY_V2_HEADER_BYTES, false);
  return total;
}

/** Whether a header at `at`, which was parsed and is `proxied`, is that of an answer. @param length its length. */
export function isRelayAnswer({ bytes, view }: WireMemory, at: number, length: number): boolean {
  const isIpv4 = (bytes[at + FAMILY_AT]! & 0xf0) === INET;
  let next = PROXY_V2_HEADER_BYTES + (isIpv4 ? ADDRESSES_BYTES_V4 : ADDRESSES_BYTES_V6);
  while (length - next >= TLV_HEADER_BYTES) {
    const valueBytes = view.getUint16(at + next + 1, false);
    if (bytes[at + next] === DIRECTION)
      return valueBytes === 1 && bytes[at + next + TLV_HEADER_BYTES] === ANSWER;
    next += TLV_HEADER_BYTES + valueBytes;
  }
  return false;
}

/** Makes a header say this, as if it had been parsed. False, and the header is clear, when an address is no IP address. */
export function fillHeader(
  header: ProxyHeader,
  transport: ProxyHeader['transport'],
  source: SocketAddress,
  destination: SocketAddress,
): boolean {
  header.clear();
  const sourceIp = parseIp(source.address);
  const destinationIp = parseIp(destination.address);
  if (sourceIp === undefined || destinationIp === undefined) return false;
  header.kind = 'proxied';
  header.transport = transport;
  header.addresses.set(sourceIp);
  header.addresses.set(destinationIp, PROXY_DESTINATION_AT);
  header.sourcePort = source.port;
  header.destinationPort = destination.port;
  return true;
}

const FAMILY_AT = 13;
const LENGTH_AT = 14;
const INET = 0x10;
const ADDRESSES_BYTES_V4 = 12;
const ADDRESSES_BYTES_V6 = 36;
const TLV_HEADER_BYTES = 3;
const DIRECTION = 0xe0;
const ANSWER = 0x01;
const ANSWER_TLV = Uint8Array.of(DIRECTION, 0, 1, ANSWER);
