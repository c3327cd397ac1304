import { createHmac, createSecretKey, hkdfSync } from 'node:crypto';
import type { ResetTokens } from '../base/handshake-crypto.ts';
import { RESET_TOKEN_BYTES } from '../wire/reset.ts';

/** Bytes of a reset key at least: as many as the hash gives (RFC 2104, section 3). */
const MIN_RESET_KEY_BYTES = 32;

/**
 * Tells reset tokens by a key that every gateway of the same sessions holds, also after a restart.
 * @param key copied; at least {@link MIN_RESET_KEY_BYTES}.
 * @throws RangeError for a shorter key.
 */
export function createResetTokens(key: Uint8Array): ResetTokens {
  if (key.length < MIN_RESET_KEY_BYTES) {
    throw new RangeError(`a reset key is at least ${String(MIN_RESET_KEY_BYTES)} bytes`);
  }
  const secretKey = createSecretKey(key);
  return {
    tokenOf: (conv) => {
      const message = new Uint8Array(4);
      new DataView(message.buffer).setUint32(0, conv, true);
      const token = new Uint8Array(RESET_TOKEN_BYTES);
      token.set(createHmac('sha256', secretKey).update(message).digest().subarray(0, RESET_TOKEN_BYTES));
      return token;
    },
  };
}

/** The reset key of gateways that have none of their own: HKDF-SHA256 of their first ticket key, without salt. */
export function deriveResetKey(ticketKey: Uint8Array): Uint8Array {
  return new Uint8Array(
    hkdfSync('sha256', ticketKey, new Uint8Array(0), 'kcpgate/1 reset', MIN_RESET_KEY_BYTES),
  );
}
