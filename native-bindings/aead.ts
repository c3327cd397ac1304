/** The AEAD part of the addon: AES-128-GCM over whole batches, in place. */
export interface NativeAead {
  /** Whether the crypto library of this Node can be used from outside, and if not why. Key tables need it. */
  probeAead(): NativeAeadProbe;
  /** A table of keys. @throws Error when {@link probeAead} says no. */
  openKeyTable(): NativeKeyTable;
}

export interface NativeAeadProbe {
  readonly available: boolean;
  /** Why not; '' when available. */
  readonly reason: string;
}

/**
 * Keys, and what is done with them. Key material lives in the addon only and is overwritten when it is released, at the
 * latest when the environment (the process, a worker) ends.
 *
 * Lengths, results and errors are those of `PacketCipher` in src/base/packet-cipher.ts, which this fits.
 */
export interface NativeKeyTable {
  readonly implementation: 'native';
  /** @param key 16 bytes; @param iv 12 bytes. Both are copied. @returns the key's slot. */
  addKey(key: Uint8Array, iv: Uint8Array): number;
  /** Overwrites the key material and frees the slot. */
  removeKey(slot: number): void;
  /**
   * Seals `count` datagrams of `bytes` in place. Nothing outside `bytes` is read or written, whatever the table says.
   * @param table per datagram {@link AEAD_STRIDE} integers.
   * @returns how many were sealed; each row has its result.
   */
  seal(bytes: Uint8Array, table: Int32Array, count: number): number;
  /** Opens `count` datagrams in place. @returns how many were opened; each row has its result. */
  open(bytes: Uint8Array, table: Int32Array, count: number): number;
  /** Releases every key. */
  close(): void;
}

/**
 * Integers per datagram of a table: offset, length of the additional data, header length, length, key slot, packet number
 * (low 32 bits, high 16 bits), result.
 */
export const AEAD_STRIDE = 8;
