/**
 * Cuts an IPv4 packet, or an IPv6 one without extension headers, into fragments of at most `maxBytes` each, header included
 * (RFC 791, RFC 8200 section 4.5).
 */
export function fragmentsOf(packet: Uint8Array, maxBytes: number): Uint8Array[] {
  return packet[0]! >> 4 === 4 ? ipv4Fragments(packet, maxBytes) : ipv6Fragments(packet, maxBytes);
}

function ipv4Fragments(packet: Uint8Array, maxBytes: number): Uint8Array[] {
  const payload = packet.subarray(IPV4_HEADER_BYTES);
  nextIdentification = (nextIdentification + 1) & 0xffff;
  return pieces(payload, maxBytes - IPV4_HEADER_BYTES).map(({ at, bytes, isLast }) => {
    const fragment = Buffer.concat([packet.subarray(0, IPV4_HEADER_BYTES), bytes]);
    fragment.writeUInt16BE(fragment.length, 2);
    fragment.writeUInt16BE(nextIdentification, 4);
    fragment.writeUInt16BE((at >> 3) | (isLast ? 0 : 0x2000), 6);
    fragment.writeUInt16BE(0, 10);
    fragment.writeUInt16BE(headerChecksum(fragment), 10);
    return fragment;
  });
}

function ipv6Fragments(packet: Uint8Array, maxBytes: number): Uint8Array[] {
  const payload = packet.subarray(IPV6_HEADER_BYTES);
  nextIdentification = (nextIdentification + 1) & 0xffff;
  const roomBytes = maxBytes - IPV6_HEADER_BYTES - FRAGMENT_HEADER_BYTES;
  return pieces(payload, roomBytes).map(({ at, bytes, isLast }) => {
    const header = Buffer.alloc(FRAGMENT_HEADER_BYTES);
    header.writeUInt8(packet[6]!, 0);
    header.writeUInt16BE(at | (isLast ? 0 : 1), 2);
    header.writeUInt32BE(nextIdentification, 4);
    const fragment = Buffer.concat([packet.subarray(0, IPV6_HEADER_BYTES), header, bytes]);
    fragment.writeUInt16BE(FRAGMENT_HEADER_BYTES + bytes.length, 4);
    fragment.writeUInt8(FRAGMENT_HEADER, 6);
    return fragment;
  });
}

/** Pieces of a multiple of 8 bytes, but the last. */
function pieces(
  payload: Uint8Array,
  maxBytes: number,
): { readonly at: number; readonly bytes: Uint8Array; readonly isLast: boolean }[] {
  const size = maxBytes & ~7;
  const all = [];
  for (let at = 0; at < payload.length; at += size)
    all.push({ at, bytes: payload.subarray(at, at + size), isLast: at + size >= payload.length });
  return all;
}

function headerChecksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < IPV4_HEADER_BYTES; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

let nextIdentification = 0;

const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
const FRAGMENT_HEADER_BYTES = 8;
const FRAGMENT_HEADER = 44;
