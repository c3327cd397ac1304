import type { HandshakeCrypto, KeyPurpose } from '../base/handshake-crypto.ts';
import { RANDOM_BYTES } from '../wire/hello.ts';

/** The first word of a line of a key log, which says what the key protects. */
export const KEY_LOG_LABELS: Readonly<Record<KeyPurpose, string>> = {
  early: 'KCPGATE_EARLY',
  client: 'KCPGATE_CLIENT',
  server: 'KCPGATE_SERVER',
};

/** Takes one line of a key log, without line end. Must neither throw nor wait. */
export type KeyLogSink = (line: string) => void;

/**
 * A handshake's cryptography that also tells every key it derives, so that a recording of the traffic can be read: by
 * whoever gets the lines, so they are as secret as everything the sessions carry.
 */
export function withKeyLog(crypto: HandshakeCrypto, log: KeyLogSink): HandshakeCrypto {
  return {
    ...crypto,
    deriveKey: (secret, salt, purpose, conv) => {
      const derived = crypto.deriveKey(secret, salt, purpose, conv);
      log(keyLogLine(purpose, conv, salt, derived));
      return derived;
    },
  };
}

/**
 * One line: label, conv as 8 hex digits, client random, server random (`-` where the key does not depend on it), then key
 * and iv. @param salt what the key was derived with: the client random, then the server random if there is one.
 */
export function keyLogLine(purpose: KeyPurpose, conv: number, salt: Uint8Array, derived: Uint8Array): string {
  const clientRandom = hexOf(salt.subarray(0, RANDOM_BYTES));
  const serverRandom = salt.length > RANDOM_BYTES ? hexOf(salt.subarray(RANDOM_BYTES)) : '-';
  const conversation = conv.toString(16).padStart(8, '0');
  return [KEY_LOG_LABELS[purpose], conversation, clientRandom, serverRandom, hexOf(derived)].join(' ');
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
