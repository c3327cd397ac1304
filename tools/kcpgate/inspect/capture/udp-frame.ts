import type { FlowEnd } from '../found-datagram.ts';
import { beginIpPacket, foldChecksum, IP_PROTOCOL, sumWords } from './ip-packet.ts';

/**
 * The IP packet that a datagram would have travelled in: for a capture with link type {@link LINK_TYPE_RAW} of
 * pcapng-writer.ts. Checksums are right.
 * @throws RangeError when `length` is more than UDP carries (65,507 bytes over IPv4).
 */
export function udpFrame(
  from: FlowEnd,
  to: FlowEnd,
  datagram: Uint8Array,
  offset: number,
  length: number,
): Uint8Array {
  const innerBytes = UDP_HEADER_BYTES + length;
  const { bytes, view, at, pseudoSum } = beginIpPacket(from, to, IP_PROTOCOL.udp, innerBytes);
  view.setUint16(at, from.port);
  view.setUint16(at + 2, to.port);
  view.setUint16(at + 4, innerBytes);
  bytes.set(datagram.subarray(offset, offset + length), at + UDP_HEADER_BYTES);
  const checksum = foldChecksum(pseudoSum + sumWords(view, at, bytes.length));
  // 0 would say that there is none.
  view.setUint16(at + 6, checksum === 0 ? 0xffff : checksum);
  return bytes;
}

const UDP_HEADER_BYTES = 8;
