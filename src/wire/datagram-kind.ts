/**
 * What a datagram is. Bytes 0 to 3 are always `conv`; byte 4 decides.
 *
 * - `clear`: KCP segments back to back
 * - `sealed`: encrypted segments of a session that logged in
 * - `handshake`: the opening of such a session
 * - `fec`: a kcp-go forward error correction packet
 * - `unknown_kind`, `too_short`, `empty`: dropped and counted under that name
 */
export type DatagramKind = 'clear' | 'sealed' | 'handshake' | 'fec' | 'unknown_kind' | 'too_short' | 'empty';

/** A shorter datagram carries nothing: it is dropped. */
export const MIN_DATAGRAM_BYTES = 24;

/** Bit of byte 4 that says "an address block is present", in sealed and handshake datagrams. */
export const ADDRESS_BLOCK_BIT = 0x04;

/** Bit of byte 4 that says "sent on another path, too", in sealed datagrams. */
export const COPY_BIT = 0x08;

/** Tells the kind of the `length` bytes at `at`, reading at most 6 of them. */
export function datagramKind(view: DataView, at: number, length: number): DatagramKind {
  if (length < MIN_DATAGRAM_BYTES) return length <= 0 ? 'empty' : 'too_short';
  const byte = view.getUint8(at + 4);
  if (byte >= 80 && byte <= 95) return 'clear';
  if ((byte & ~(ADDRESS_BLOCK_BIT | COPY_BIT)) === 0xa0) return 'sealed';
  if (byte >= 0xb0 && byte <= 0xb7) return 'handshake';
  if (byte >= 0xf1 && byte <= 0xf3 && view.getUint8(at + 5) === 0) return 'fec';
  return 'unknown_kind';
}
