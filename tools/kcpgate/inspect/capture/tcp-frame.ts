import type { FlowEnd } from '../found-datagram.ts';
import { beginIpPacket, foldChecksum, IP_PROTOCOL, sumWords } from './ip-packet.ts';

/** Bits of a TCP header; a segment has the sum of some. */
export const TCP_FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

/** One direction of a connection, kept by whoever writes it. */
export interface TcpDirection {
  /** Number of the next byte that is sent; each segment moves it on. */
  sequence: number;
  /** Number of the next byte that is expected from the other side. */
  acknowledged: number;
}

/** Bytes of a stream that fit into one segment, whatever its addresses. */
export const MAX_TCP_PAYLOAD_BYTES = 0xffff - 20 - 20;

/**
 * The IP packet with the next segment of a stream. Checksums are right; `direction.sequence` is moved on by the payload, and
 * by one for SYN and FIN each.
 * @param flags sum of {@link TCP_FLAG}s.
 * @throws RangeError when `length` is above {@link MAX_TCP_PAYLOAD_BYTES}.
 */
export function tcpFrame(
  from: FlowEnd,
  to: FlowEnd,
  direction: TcpDirection,
  flags: number,
  payload: Uint8Array,
  offset: number,
  length: number,
): Uint8Array {
  if (length > MAX_TCP_PAYLOAD_BYTES) throw new RangeError(`a TCP segment cannot hold ${length} bytes`);
  const { bytes, view, at, pseudoSum } = beginIpPacket(from, to, IP_PROTOCOL.tcp, TCP_HEADER_BYTES + length);
  view.setUint16(at, from.port);
  view.setUint16(at + 2, to.port);
  view.setUint32(at + 4, direction.sequence);
  view.setUint32(at + 8, (flags & TCP_FLAG.ack) === 0 ? 0 : direction.acknowledged);
  view.setUint16(at + 12, (TCP_HEADER_BYTES << 10) | flags);
  view.setUint16(at + 14, WINDOW);
  bytes.set(payload.subarray(offset, offset + length), at + TCP_HEADER_BYTES);
  view.setUint16(at + 16, foldChecksum(pseudoSum + sumWords(view, at, bytes.length)));
  const virtualBytes = ((flags & TCP_FLAG.syn) === 0 ? 0 : 1) + ((flags & TCP_FLAG.fin) === 0 ? 0 : 1);
  direction.sequence = (direction.sequence + length + virtualBytes) >>> 0;
  return bytes;
}

const TCP_HEADER_BYTES = 20;
const WINDOW = 0xffff;
