import { pbkdf2Sync } from 'node:crypto';

/** Encryption of kcp-go that can be opened. */
export const KCP_GO_CRYPTS = [
  'none',
  'xor',
  'aes',
  'aes-128',
  'aes-192',
  'aes-128-gcm',
  'sm4',
  '3des',
  'salsa20',
  'tea',
  'xtea',
] as const;

/** Encryption of kcp-go that exists, but cannot be opened here. */
export const UNSUPPORTED_KCP_GO_CRYPTS = ['blowfish', 'twofish', 'cast5'] as const;

/** Names as kcptun has them; `aes` has a key of 256 bits. */
export type KcpGoCryptName = (typeof KCP_GO_CRYPTS)[number];

export interface KcpGoKey {
  readonly crypt: KcpGoCryptName;
  /** {@link KCP_GO_KEY_BYTES} bytes, of which as many are used as the method needs. */
  readonly key: Uint8Array;
}

/** Bytes that kcptun derives from a pass phrase. */
export const KCP_GO_KEY_BYTES = 32;

/** The key that kcptun makes of a pass phrase: PBKDF2 with HMAC-SHA1, 4096 rounds. Takes some milliseconds. */
export function kcptunKey(passPhrase: string): Uint8Array {
  return new Uint8Array(pbkdf2Sync(passPhrase, 'kcp-go', 4096, KCP_GO_KEY_BYTES, 'sha1'));
}
