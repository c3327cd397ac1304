import { type Field, FIELD_PREVIEW_BYTES, type Unit } from '../../../../src/wire/dissection.ts';
import { FEC_DATA_HEADER_BYTES } from '../../../../src/wire/fec-header.ts';
import { hex32, hexOf } from '../../../../src/wire/printable.ts';
import type { ExaminedDatagram } from '../examined.ts';

/** What stood under the encryption of kcp-go. */
export interface OpenedCrypt {
  /** The header of the encryption. */
  readonly unit: Unit;
  /** Where the packet begins and ends in {@link ExaminedDatagram.clear}. */
  readonly at: number;
  readonly end: number;
}

/**
 * Takes the header of kcp-go's encryption apart: `nonce 16 | CRC-32 u32` in front of the packet, or for AES-GCM `nonce 12` in
 * front and `tag 16` behind. Null for what was not encrypted so.
 */
export function openedCrypt(datagram: ExaminedDatagram): OpenedCrypt | null {
  const { kind, found, proxyBytes, clear, clearAt, foreignHeaderBytes } = datagram;
  if (kind !== 'kcp_go_crypt' || clear === null) return null;
  const packetBytes = found.length - proxyBytes;
  // Only AES-GCM leaves no room for its header in front of what was decrypted.
  const isGcm = clearAt < foreignHeaderBytes;
  const headerBytes = isGcm ? GCM_NONCE_BYTES : NONCE_BYTES + CRC_BYTES;
  const isFec = foreignHeaderBytes === headerBytes + FEC_DATA_HEADER_BYTES;
  const at = isFec ? clearAt - FEC_DATA_HEADER_BYTES : clearAt;
  const end = isGcm ? clear.length : at - headerBytes + packetBytes;
  const fields = isGcm ? gcmFields(datagram, packetBytes) : crcFields(datagram, clear, at - headerBytes);
  return { unit: { name: 'KCP_GO_CRYPT', offset: proxyBytes, length: headerBytes, fields }, at, end };
}

function gcmFields({ found, proxyBytes }: ExaminedDatagram, packetBytes: number): Field[] {
  const { bytes, offset } = found;
  const tagAt = proxyBytes + packetBytes - GCM_TAG_BYTES;
  return [
    hexField('nonce', bytes, offset, proxyBytes, GCM_NONCE_BYTES),
    hexField('tag', bytes, offset, tagAt, GCM_TAG_BYTES),
  ];
}

function crcFields({ proxyBytes }: ExaminedDatagram, clear: Uint8Array, at: number): Field[] {
  const crcAt = at + NONCE_BYTES;
  const crc = new DataView(clear.buffer, clear.byteOffset, clear.byteLength).getUint32(crcAt, true);
  const place = { offset: proxyBytes + NONCE_BYTES, length: CRC_BYTES, unused: false };
  return [
    hexField('nonce', clear, at - proxyBytes, proxyBytes, NONCE_BYTES),
    { name: 'crc32', value: crc, text: hex32(crc), ...place },
  ];
}

/** @param base where the datagram begins in `bytes`. */
function hexField(name: string, bytes: Uint8Array, base: number, offset: number, length: number): Field {
  const hex = hexOf(bytes, base + offset, Math.min(length, FIELD_PREVIEW_BYTES));
  return { name, value: hex, offset, length, text: hex, unused: false };
}

const NONCE_BYTES = 16;
const CRC_BYTES = 4;
const GCM_NONCE_BYTES = 12;
const GCM_TAG_BYTES = 16;
