/**
 * Seals and opens whole batches of datagrams in place, with AES-128-GCM, under many keys.
 *
 * One memory (a send arena, a receive slab) and one table of integers describe a batch, so one call does the work of all
 * sessions of a turn. A datagram stands in the memory as
 *
 *     additional data, [bytes that are neither sealed nor checked], text, 16 bytes of tag
 *
 * The bytes between are the address block that a proxy fills in; mostly there are none. The nonce is the key's iv XOR the
 * packet number. **Whoever seals never uses a packet number twice with one key**; nothing here keeps count.
 */
export interface PacketCipher {
  /** Which implementation this is; both give the same bytes. */
  readonly implementation: 'native' | 'node';
  /**
   * Takes a key, for both directions. Key and iv are copied: the caller may overwrite its own.
   * @param key 16 bytes. @param iv 12 bytes.
   * @returns the slot that stands for it in tables; never 0, and not given again soon after it was removed.
   * @throws RangeError for other lengths. @throws Error after `close`, or with 1,048,576 keys held.
   */
  addKey(key: Uint8Array, iv: Uint8Array): number;
  /** Overwrites the key and frees its slot. A slot that is not in use is ignored. */
  removeKey(slot: number): void;
  /**
   * Seals the first `count` datagrams of the table, in its order. What could not be sealed must not be sent: its text is
   * still clear, or undefined after {@link CipherResult} `failed`.
   * @param table {@link CIPHER_STRIDE} integers a datagram; {@link describeDatagram} writes them.
   * @returns how many were sealed. Each row has its result.
   * @throws RangeError when the table has fewer rows than `count`.
   */
  seal(bytes: Uint8Array, table: Int32Array, count: number): number;
  /**
   * As {@link seal}, the other way round. The text of a forged datagram is overwritten with zeros, so who wants to try a
   * second key keeps a copy.
   */
  open(bytes: Uint8Array, table: Int32Array, count: number): number;
  /** Overwrites and forgets every key. From then on every slot is unknown. Safe to call twice. */
  close(): void;
}

/** Bytes of the tag at the end of a sealed datagram. */
export const CIPHER_TAG_BYTES = 16;

/** Integers per datagram of a table. */
export const CIPHER_STRIDE = 8;
/** Index of the datagram's offset in the memory. */
export const CIPHER_OFFSET = 0;
/** Index of how many bytes from the offset on are additional data: sent clear, but checked. */
export const CIPHER_ADDITIONAL_LENGTH = 1;
/** Index of how many bytes from the offset on are not text; at least the additional data. */
export const CIPHER_HEADER_LENGTH = 2;
/** Index of the length of the whole sealed datagram: header, text and tag. */
export const CIPHER_LENGTH = 3;
/** Index of the key's slot. */
export const CIPHER_KEY = 4;
/** Index of bits 0-31 of the packet number. */
export const CIPHER_PN_LOW = 5;
/** Index of bits 32-47 of the packet number. */
export const CIPHER_PN_HIGH = 6;
/** Index of the {@link CipherResult}, written by seal and open. */
export const CIPHER_RESULT = 7;

/** What became of one datagram of a batch. */
export const CipherResult = {
  /** Sealed, or opened and authentic. */
  done: 1,
  /** Not what was sealed with this key and packet number. */
  forged: 2,
  /** No key has this slot. */
  unknownKey: 3,
  /** The lengths contradict each other or leave the memory, or the packet number has more than 48 bits. */
  badDescriptor: 4,
  /** The crypto library refused to seal. */
  failed: 5,
} as const;

export type CipherResult = (typeof CipherResult)[keyof typeof CipherResult];

/** Writes row `row` of a table, with no result yet. @param pn 0 to 2^48 - 1. */
export function describeDatagram(
  table: Int32Array,
  row: number,
  offset: number,
  additionalLength: number,
  headerLength: number,
  length: number,
  key: number,
  pn: number,
): void {
  const at = row * CIPHER_STRIDE;
  table[at + CIPHER_OFFSET] = offset;
  table[at + CIPHER_ADDITIONAL_LENGTH] = additionalLength;
  table[at + CIPHER_HEADER_LENGTH] = headerLength;
  table[at + CIPHER_LENGTH] = length;
  table[at + CIPHER_KEY] = key;
  table[at + CIPHER_PN_LOW] = pn;
  table[at + CIPHER_PN_HIGH] = Math.floor(pn / 2 ** 32);
  table[at + CIPHER_RESULT] = 0;
}
