import { createHmac, randomFillSync, timingSafeEqual } from 'node:crypto';
import { DERIVED_KEY_BYTES, type HandshakeCrypto, type KeyPurpose } from '../base/handshake-crypto.ts';

/** What a handshake needs of cryptography, on Node's crypto module. Keeps nothing, so one serves all sessions. */
export function createHandshakeCrypto(): HandshakeCrypto {
  return { randomBytes, deriveKey, equal };
}

/** Memory of its own: Node's `randomBytes` may hand out a part of a larger one. */
function randomBytes(length: number): Uint8Array {
  return randomFillSync(new Uint8Array(length));
}

/**
 * HKDF by its two steps (RFC 5869, section 2): one block of output is enough, and two HMACs take less than half the time of
 * `hkdfSync`.
 */
function deriveKey(secret: Uint8Array, salt: Uint8Array, purpose: KeyPurpose): Uint8Array {
  const pseudoRandomKey = createHmac('sha256', salt).update(secret).digest();
  const block = createHmac('sha256', pseudoRandomKey).update(FIRST_BLOCK_INFO[purpose]).digest();
  const key = new Uint8Array(DERIVED_KEY_BYTES);
  key.set(block.subarray(0, DERIVED_KEY_BYTES));
  pseudoRandomKey.fill(0);
  block.fill(0);
  return key;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** `info`, followed by the number of the block of output, 1. */
const FIRST_BLOCK_INFO: Readonly<Record<KeyPurpose, Uint8Array>> = {
  early: Buffer.from('kcpgate/1 early\u0001'),
  client: Buffer.from('kcpgate/1 client\u0001'),
  server: Buffer.from('kcpgate/1 server\u0001'),
};
