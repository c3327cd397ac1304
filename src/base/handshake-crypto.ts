/** Which traffic a key protects: the client's HELLO, or all that follows in one direction. */
export type KeyPurpose = 'early' | 'client' | 'server';

/** Bytes of what {@link HandshakeCrypto.deriveKey} gives: an AES-128 key of 16 bytes, then an iv of 12. */
export const DERIVED_KEY_BYTES = 28;

/** What a handshake needs of cryptography, beside the `PacketCipher`. Synchronous; nothing is kept of the arguments. */
export interface HandshakeCrypto {
  /** Unpredictable bytes. */
  randomBytes(length: number): Uint8Array;
  /**
   * HKDF-SHA256 (RFC 5869) of a session's secret with `info` = "kcpgate/1 " and the purpose.
   * @param salt the client random (16 bytes), followed by the server random (16) unless the purpose is `early`.
   * @param conv the conversation the key is for; it does not depend on it.
   * @returns {@link DERIVED_KEY_BYTES} bytes, owned by the caller.
   */
  deriveKey(secret: Uint8Array, salt: Uint8Array, purpose: KeyPurpose, conv: number): Uint8Array;
  /** Whether two byte strings are equal, in a time that tells only their lengths. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
}

/** Tells the token that makes a RESET believable. */
export interface ResetTokens {
  /** HMAC-SHA256(reset key, conv as 4 little-endian bytes), its first 16 bytes. */
  tokenOf(conv: number): Uint8Array;
}
