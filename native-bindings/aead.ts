/** The AEAD part of the addon: AES-128-GCM over whole batches, in place. */
export interface NativeAead {
  /** Whether the crypto library of this Node can be used from outside, and if not why. Ciphers need it. */
  probeAead(): { readonly available: boolean; readonly reason: string };
  /** A table of keys. @throws Error when {@link probeAead} says no. */
  openKeyTable(): NativeKeyTable;
}

/** Numbers for keys. Key material lives in the addon only, and is overwritten when it is released. */
export interface NativeKeyTable {
  /** @param key 16 bytes; @param iv 12 bytes. Both are copied. @returns the key's slot. */
  add(key: Uint8Array, iv: Uint8Array): number;
  /** Overwrites the key material and frees the slot. */
  remove(slot: number): void;
  /**
   * Seals `count` datagrams of `bytes` in place. Each stands at `offset` as header, plain text and 16 free bytes for the tag.
   * @param table per datagram {@link AEAD_STRIDE} integers.
   * @returns how many were sealed: those with an unknown key or bounds outside `bytes` get result 0.
   */
  seal(bytes: Uint8Array, table: Int32Array, count: number): number;
  /** Opens `count` datagrams in place. A forged one gets result 0 and its bytes are undefined. @returns how many were opened. */
  open(bytes: Uint8Array, table: Int32Array, count: number): number;
  /** Releases every key. */
  close(): void;
}

/** Integers per datagram of a batch: offset, header length, length, key slot, pn (low 32 bits, high 16 bits), result. */
export const AEAD_STRIDE = 7;
