import type { HandshakeCrypto, KeyPurpose } from '../base/handshake-crypto.ts';
import type { PacketCipher } from '../base/packet-cipher.ts';

/** Bytes of the AES-128 key in front of the iv in what `deriveKey` gives. */
const KEY_BYTES = 16;

/** What the keys of one session are made of; all borrowed. */
export interface KeyMaterial {
  readonly conv: number;
  readonly secret: Uint8Array;
  readonly clientRandom: Uint8Array;
  /** Absent for the early key. */
  readonly serverRandom?: Uint8Array;
}

/** Derives one key and hands it to the cipher. @returns its slot there. */
export function addSessionKey(
  crypto: HandshakeCrypto,
  cipher: PacketCipher,
  { conv, secret, clientRandom, serverRandom }: KeyMaterial,
  purpose: KeyPurpose,
): number {
  const salt = new Uint8Array(clientRandom.length + (serverRandom?.length ?? 0));
  salt.set(clientRandom);
  if (serverRandom !== undefined) salt.set(serverRandom, clientRandom.length);
  const derived = crypto.deriveKey(secret, salt, purpose, conv);
  const slot = cipher.addKey(derived.subarray(0, KEY_BYTES), derived.subarray(KEY_BYTES));
  derived.fill(0);
  return slot;
}
