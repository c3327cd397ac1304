import { ADDRESS_BLOCK_BYTES } from './address-block.ts';
import { ADDRESS_BLOCK_BIT, COPY_BIT } from './datagram-kind.ts';
import { readPacketNumber, writePacketNumber } from './packet-number.ts';

/**
 * The header of a sealed datagram:
 *
 *     conv u32 | 0xA0, bit 0x04 = address block, bit 0x08 = copy | path id u8 | pn u48 | [address block 20] | ciphertext
 *     | tag 16
 *
 * Additional data of the AEAD are the first {@link SEALED_HEADER_BYTES}; a proxy may fill the block, so it is not among
 * them. Check the length once with {@link sealedTextLength}; after that no accessor can fail.
 */

/** Bytes of the header without the address block: what the tag protects beside the text. */
export const SEALED_HEADER_BYTES = 12;

/** Bytes of the tag at the end. */
export const SEAL_TAG_BYTES = 16;

/** What sealing adds to the segments, without address block. */
export const SEALED_OVERHEAD_BYTES = SEALED_HEADER_BYTES + SEAL_TAG_BYTES;

/** Largest packet number: 48 bits. */
export const MAX_PACKET_NUMBER = 2 ** 48 - 1;

/** Byte 4 of a sealed datagram without address block that is no copy. */
export const SEALED_KIND = 0xa0;

/** Where each field stands. */
export const SEALED_FIELD = { conv: 0, kind: 4, pathId: 5, pn: 6, addressBlock: 12 } as const;

/**
 * Whether the `length` bytes at `at`, of kind `sealed`, hold header, block and tag.
 * @returns bytes of ciphertext without the tag, 0 or more; -1 when the datagram is cut off.
 */
export function sealedTextLength(view: DataView, at: number, length: number): number {
  if (length < SEALED_OVERHEAD_BYTES) return -1;
  return Math.max(-1, length - sealedHeaderBytes(view, at) - SEAL_TAG_BYTES);
}

/** Whether an address block follows the header. */
export const hasAddressBlock = (view: DataView, at: number): boolean =>
  (view.getUint8(at + SEALED_FIELD.kind) & ADDRESS_BLOCK_BIT) !== 0;

/** Whether the same segments were sent on another path, too. */
export const isCopy = (view: DataView, at: number): boolean =>
  (view.getUint8(at + SEALED_FIELD.kind) & COPY_BIT) !== 0;

/** Bytes before the ciphertext: 12, or 32 with address block. */
export const sealedHeaderBytes = (view: DataView, at: number): number =>
  hasAddressBlock(view, at) ? SEALED_HEADER_BYTES + ADDRESS_BLOCK_BYTES : SEALED_HEADER_BYTES;

/** Number of the client's line changes so far, modulo 256. */
export const pathIdOf = (view: DataView, at: number): number => view.getUint8(at + SEALED_FIELD.pathId);

/** Number of the packet in its direction, 0 to {@link MAX_PACKET_NUMBER}. */
export const packetNumberOf = (view: DataView, at: number): number =>
  readPacketNumber(view, at + SEALED_FIELD.pn);

/**
 * Writes the {@link SEALED_HEADER_BYTES} of the header. With `withBlock` an address block must be written behind it.
 * @param pathId 0 to 255. @param pn 0 to {@link MAX_PACKET_NUMBER}.
 */
export function writeSealedHeader(
  view: DataView,
  at: number,
  conv: number,
  pathId: number,
  pn: number,
  withBlock: boolean,
  copy = false,
): void {
  view.setUint32(at, conv, true);
  const kind = SEALED_KIND | (withBlock ? ADDRESS_BLOCK_BIT : 0) | (copy ? COPY_BIT : 0);
  view.setUint8(at + SEALED_FIELD.kind, kind);
  view.setUint8(at + SEALED_FIELD.pathId, pathId);
  writePacketNumber(view, at + SEALED_FIELD.pn, pn);
}
