import { CIPHER_STRIDE, describeDatagram, type PacketCipher } from '../base/packet-cipher.ts';

/**
 * Opens one sealed datagram in place: for handshakes, which come one by one.
 * @returns whether it is authentic; if not, its text is overwritten.
 */
export function openDatagram(
  cipher: PacketCipher,
  bytes: Uint8Array,
  at: number,
  additionalLength: number,
  headerLength: number,
  length: number,
  key: number,
  pn: number,
): boolean {
  const row = new Int32Array(CIPHER_STRIDE);
  describeDatagram(row, 0, at, additionalLength, headerLength, length, key, pn);
  return cipher.open(bytes, row, 1) === 1;
}
