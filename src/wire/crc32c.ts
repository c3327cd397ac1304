/** Value to start {@link crc32c} with. */
export const CRC32C_START = 0;

/**
 * CRC-32C (Castagnoli, as in RFC 3720) of `length` bytes at `at`.
 * @param before the CRC of the bytes that come before these; {@link CRC32C_START} when there are none.
 * @returns an unsigned 32-bit integer.
 */
export function crc32c(bytes: Uint8Array, at: number, length: number, before = CRC32C_START): number {
  let crc = ~before;
  for (let i = at; i < at + length; i++) crc = TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** The polynomial 0x1EDC6F41, bits reversed. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL;
  return crc >>> 0;
});
