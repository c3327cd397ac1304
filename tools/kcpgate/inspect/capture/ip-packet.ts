import { IP_BYTES, parseIp } from '../../../../src/base/address.ts';
import type { FlowEnd } from '../found-datagram.ts';

/** Numbers of what is inside an IP packet. */
export const IP_PROTOCOL = { tcp: 6, udp: 17 } as const;

/** A packet that was begun: the IP header is written, what is inside follows. */
export interface BegunPacket {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where what is inside begins. */
  readonly at: number;
  /** Sum of the pseudo header, to be added to the checksum of what is inside. */
  readonly pseudoSum: number;
}

/**
 * Makes a packet of IPv4, when both ends have such an address, else of IPv6 (an IPv4 address is mapped). An end without an
 * address is 0.0.0.0.
 * @param innerBytes of what is inside, header included.
 * @throws RangeError when that is more than such a packet holds.
 */
export function beginIpPacket(from: FlowEnd, to: FlowEnd, protocol: number, innerBytes: number): BegunPacket {
  const source = addressBytes(from.address);
  const destination = addressBytes(to.address);
  const isIpv4 = isMapped(source) && isMapped(destination);
  const at = isIpv4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
  const stated = isIpv4 ? at + innerBytes : innerBytes;
  if (stated > 0xffff) throw new RangeError(`an IP packet cannot hold ${innerBytes} bytes`);
  const bytes = new Uint8Array(at + innerBytes);
  const view = new DataView(bytes.buffer);
  if (isIpv4) {
    view.setUint16(0, 0x4500);
    view.setUint16(2, stated);
    view.setUint16(6, DO_NOT_FRAGMENT);
    view.setUint8(8, HOPS);
    view.setUint8(9, protocol);
    bytes.set(source.subarray(12), 12);
    bytes.set(destination.subarray(12), 16);
    view.setUint16(10, foldChecksum(sumWords(view, 0, at)));
  } else {
    view.setUint32(0, 0x6000_0000);
    view.setUint16(4, stated);
    view.setUint8(6, protocol);
    view.setUint8(7, HOPS);
    bytes.set(source, 8);
    bytes.set(destination, 8 + IP_BYTES);
  }
  const addresses = isIpv4 ? sumWords(view, 12, 20) : sumWords(view, 8, IPV6_HEADER_BYTES);
  return { bytes, view, at, pseudoSum: addresses + protocol + innerBytes };
}

/** Sum of the big-endian 16-bit words of `[at, end)`, an odd last byte as if a 0 followed. At most 128 KiB. */
export function sumWords(view: DataView, at: number, end: number): number {
  let sum = 0;
  let i = at;
  for (; i + 1 < end; i += 2) sum += view.getUint16(i);
  if (i < end) sum += view.getUint8(i) << 8;
  return sum;
}

/** The Internet checksum (RFC 1071) of words that add up to `sum`. */
export function foldChecksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

function addressBytes(address: string): Uint8Array {
  return parseIp(address) ?? UNKNOWN;
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 12).every((byte, index) => byte === (index < 10 ? 0 : 0xff));
}

/** 0.0.0.0 */
const UNKNOWN = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0);
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
const DO_NOT_FRAGMENT = 0x4000;
const HOPS = 64;
