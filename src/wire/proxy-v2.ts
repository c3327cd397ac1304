import { IP_BYTES, parseIp, type SocketAddress } from '../base/address.ts';
import { crc32c } from './crc32c.ts';
import type { WireMemory } from './memory.ts';
import { PROXY_DESTINATION_AT, type ProxyHeader, type ProxyParse } from './proxy-result.ts';

/**
 * PROXY protocol version 2, in network order:
 *
 *     signature 12 | version 2 and command u8 | family and transport u8 | length u16
 *     | source IP, destination IP, source port u16, destination port u16 | TLVs: type u8, length u16, value
 */

/** Bytes in front of the addresses. */
export const PROXY_V2_HEADER_BYTES = 16;

/** The longest header {@link writeProxyV2} writes: IPv6 with checksum. */
export const PROXY_V2_MAX_BYTES = 59;

/** The longest header that is accepted. TLVs that matter are some hundred bytes; certificates are not for datagrams. */
export const PROXY_V2_ACCEPTED_BYTES = 4096;

/** What {@link writeProxyV2} writes. */
export interface ProxyV2 {
  readonly transport: 'stream' | 'datagram';
  /** The client. When one address is IPv6, both are written so; two IPv4 (or IPv4-mapped) ones as IPv4. */
  readonly source: SocketAddress;
  /** Where the client sent to. */
  readonly destination: SocketAddress;
  /** Adds a CRC-32C over the header. Default false. */
  readonly checksum?: boolean;
}

/** Reads the header at `at`; `into` is clear. `none` when the bytes there do not begin with the signature. */
export function parseProxyV2(memory: WireMemory, at: number, length: number, into: ProxyHeader): ProxyParse {
  const { bytes, view } = memory;
  const known = Math.min(length, SIGNATURE.length);
  for (let i = 0; i < known; i++) if (bytes[at + i] !== SIGNATURE[i]) return 'none';
  if (length < PROXY_V2_HEADER_BYTES) return 'incomplete';
  const versionAndCommand = bytes[at + COMMAND_AT]!;
  if (versionAndCommand !== LOCAL && versionAndCommand !== PROXY) return 'proxy_version';
  const total = PROXY_V2_HEADER_BYTES + view.getUint16(at + LENGTH_AT, false);
  if (total > PROXY_V2_ACCEPTED_BYTES) return 'proxy_oversize';
  if (length < total) return 'incomplete';
  const fault = versionAndCommand === LOCAL ? readLocal(into) : readProxied(memory, at, total, into);
  if (fault !== 'ok') return fault;
  into.length = total;
  return 'ok';
}

/**
 * Writes a header with command PROXY; text that is no IP address makes it one without addresses (UNSPEC). Whoever sends
 * many for the same addresses keeps the bytes: reading addresses from text costs more than the copy.
 * @returns its length, at most {@link PROXY_V2_MAX_BYTES}.
 */
export function writeProxyV2(memory: WireMemory, at: number, header: ProxyV2): number {
  const { bytes, view } = memory;
  const { source, destination, checksum = false } = header;
  bytes.set(SIGNATURE, at);
  bytes[at + COMMAND_AT] = PROXY;
  const sourceIp = parseIp(source.address);
  const destinationIp = parseIp(destination.address);
  let length = PROXY_V2_HEADER_BYTES;
  if (sourceIp === undefined || destinationIp === undefined) {
    bytes[at + FAMILY_AT] = 0;
  } else {
    const from = isMapped(sourceIp) && isMapped(destinationIp) ? MAPPED_PREFIX_BYTES : 0;
    const transport = header.transport === 'stream' ? STREAM : DATAGRAM;
    bytes[at + FAMILY_AT] = (from === 0 ? INET6 : INET) | transport;
    const ipBytes = IP_BYTES - from;
    for (let i = 0; i < ipBytes; i++) {
      bytes[at + length + i] = sourceIp[from + i]!;
      bytes[at + length + ipBytes + i] = destinationIp[from + i]!;
    }
    length += 2 * ipBytes;
    view.setUint16(at + length, source.port, false);
    view.setUint16(at + length + 2, destination.port, false);
    length += PORTS_BYTES;
  }
  const total = checksum ? length + TLV_HEADER_BYTES + CRC_BYTES : length;
  view.setUint16(at + LENGTH_AT, total - PROXY_V2_HEADER_BYTES, false);
  if (checksum) writeChecksum(memory, at, length, total);
  return total;
}

const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
const COMMAND_AT = 12;
const FAMILY_AT = 13;
const LENGTH_AT = 14;
/** Version and command. */
const LOCAL = 0x20;
const PROXY = 0x21;
/** Address family, the high four bits. */
const INET = 0x10;
const INET6 = 0x20;
const UNIX = 0x30;
/** Transport, the low four bits. */
const STREAM = 0x01;
const DATAGRAM = 0x02;
const PORTS_BYTES = 4;
const MAPPED_PREFIX_BYTES = 12;

const TLV_HEADER_BYTES = 3;
const TLV_CRC32C = 0x03;
const CRC_BYTES = 4;
const FOUR_ZEROS = new Uint8Array(CRC_BYTES);

/** LOCAL: whatever follows the header is of no meaning and is skipped by its length. */
function readLocal(into: ProxyHeader): 'ok' {
  into.kind = 'local';
  return 'ok';
}

function readProxied(memory: WireMemory, at: number, total: number, into: ProxyHeader): ProxyParse {
  const { bytes } = memory;
  const family = bytes[at + FAMILY_AT]! & 0xf0;
  const transport = bytes[at + FAMILY_AT]! & 0x0f;
  if (family > UNIX || transport > DATAGRAM) return 'proxy_family';
  if (family === 0 || family === UNIX || transport === 0) {
    // Nobody knows what else may stand here, so it is skipped by its length as well.
    into.kind = 'unspecified';
    return 'ok';
  }
  const ipBytes = family === INET ? IP_BYTES - MAPPED_PREFIX_BYTES : IP_BYTES;
  const tlvsAt = PROXY_V2_HEADER_BYTES + 2 * ipBytes + PORTS_BYTES;
  if (total < tlvsAt) return 'proxy_malformed';
  const fault = checkTlvs(memory, at, tlvsAt, total);
  if (fault !== 'ok') return fault;
  into.kind = 'proxied';
  into.transport = transport === STREAM ? 'stream' : 'datagram';
  readIp(bytes, at + PROXY_V2_HEADER_BYTES, ipBytes, into.addresses, 0);
  readIp(bytes, at + PROXY_V2_HEADER_BYTES + ipBytes, ipBytes, into.addresses, PROXY_DESTINATION_AT);
  const portsAt = at + PROXY_V2_HEADER_BYTES + 2 * ipBytes;
  into.sourcePort = memory.view.getUint16(portsAt, false);
  into.destinationPort = memory.view.getUint16(portsAt + 2, false);
  return 'ok';
}

function readIp(bytes: Uint8Array, at: number, ipBytes: number, into: Uint8Array, intoAt: number): void {
  const ipAt = intoAt + IP_BYTES - ipBytes;
  if (ipBytes < IP_BYTES) {
    into.fill(0, intoAt, ipAt - 2);
    into.fill(0xff, ipAt - 2, ipAt);
  }
  for (let i = 0; i < ipBytes; i++) into[ipAt + i] = bytes[at + i]!;
}

/** Walks the TLVs from `tlvsAt` to `total`, both counted from `at`, and verifies a checksum among them. */
function checkTlvs(memory: WireMemory, at: number, tlvsAt: number, total: number): ProxyParse {
  let crcAt = 0;
  for (let next = tlvsAt; next < total;) {
    if (total - next < TLV_HEADER_BYTES) return 'proxy_malformed';
    const valueAt = next + TLV_HEADER_BYTES;
    const valueBytes = memory.view.getUint16(at + next + 1, false);
    if (valueBytes > total - valueAt) return 'proxy_malformed';
    if (memory.bytes[at + next] === TLV_CRC32C) {
      if (valueBytes !== CRC_BYTES || crcAt > 0) return 'proxy_malformed';
      crcAt = valueAt;
    }
    next = valueAt + valueBytes;
  }
  if (crcAt === 0) return 'ok';
  const stated = memory.view.getUint32(at + crcAt, false);
  return checksumOf(memory.bytes, at, crcAt, total) === stated ? 'ok' : 'proxy_checksum';
}

/** CRC-32C of the header with the checksum itself, at `crcAt`, taken as zero. */
function checksumOf(bytes: Uint8Array, at: number, crcAt: number, total: number): number {
  const before = crc32c(FOUR_ZEROS, 0, CRC_BYTES, crc32c(bytes, at, crcAt));
  return crc32c(bytes, at + crcAt + CRC_BYTES, total - crcAt - CRC_BYTES, before);
}

function writeChecksum(memory: WireMemory, at: number, tlvAt: number, total: number): void {
  const { bytes, view } = memory;
  const crcAt = tlvAt + TLV_HEADER_BYTES;
  bytes[at + tlvAt] = TLV_CRC32C;
  view.setUint16(at + tlvAt + 1, CRC_BYTES, false);
  view.setUint32(at + crcAt, checksumOf(bytes, at, crcAt, total), false);
}

function isMapped(ip: Uint8Array): boolean {
  for (let i = 0; i < MAPPED_PREFIX_BYTES; i++) {
    if (ip[i] !== (i < MAPPED_PREFIX_BYTES - 2 ? 0 : 0xff)) return false;
  }
  return true;
}
