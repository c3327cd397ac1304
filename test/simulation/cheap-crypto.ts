import type { HandshakeCrypto } from '../../src/base/handshake-crypto.ts';
import { DERIVED_KEY_BYTES } from '../../src/base/handshake-crypto.ts';
import {
  CIPHER_ADDITIONAL_LENGTH,
  CIPHER_HEADER_LENGTH,
  CIPHER_KEY,
  CIPHER_LENGTH,
  CIPHER_OFFSET,
  CIPHER_PN_HIGH,
  CIPHER_PN_LOW,
  CIPHER_RESULT,
  CIPHER_STRIDE,
  CIPHER_TAG_BYTES,
  CipherResult,
  type PacketCipher,
} from '../../src/base/packet-cipher.ts';
import type { RandomSource } from '../../src/base/random-source.ts';
import { KeySlots, type CipherKey } from '../../src/crypto/key-slots.ts';

/** Bytes of a random source, for whoever wants them. */
export function randomBytes(random: RandomSource, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 4) {
    const word = random.nextUint32();
    for (let i = 0; i < 4 && at + i < length; i++) bytes[at + i] = word >>> (8 * i);
  }
  return bytes;
}

/** Keys that differ when what they are made of differs. For simulations: nobody there computes backwards. */
export function createCheapCrypto(random: RandomSource): HandshakeCrypto {
  return {
    randomBytes: (length) => randomBytes(random, length),
    deriveKey: (secret, salt, purpose) => {
      const key = new Uint8Array(DERIVED_KEY_BYTES);
      let state = hash(hash(purpose.charCodeAt(0), secret, 0, secret.length), salt, 0, salt.length);
      for (let i = 0; i < key.length; i++) {
        state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + i;
        key[i] = state >>> 16;
      }
      return key;
    },
    equal: (a, b) => a.length === b.length && a.every((byte, index) => byte === b[index]),
  };
}

/**
 * A cipher for simulations: it tells every changed bit, every other key, packet number and length as surely as the real ones,
 * at a small part of their cost. It hides nothing from anybody who looks.
 */
export class CheapCipher implements PacketCipher {
  readonly implementation = 'node';
  readonly #keys = new KeySlots();

  addKey(key: Uint8Array, iv: Uint8Array): number {
    return this.#keys.add(key, iv);
  }

  removeKey(slot: number): void {
    this.#keys.remove(slot);
  }

  seal(bytes: Uint8Array, table: Int32Array, count: number): number {
    return this.#run(bytes, table, count, true);
  }

  open(bytes: Uint8Array, table: Int32Array, count: number): number {
    return this.#run(bytes, table, count, false);
  }

  close(): void {
    this.#keys.clear();
  }

  #run(bytes: Uint8Array, table: Int32Array, count: number, isSealing: boolean): number {
    let done = 0;
    for (let at = 0; at < count * CIPHER_STRIDE; at += CIPHER_STRIDE) {
      const key = this.#keys.find(table[at + CIPHER_KEY]!);
      const result = key === undefined ? CipherResult.unknownKey : runOne(bytes, table, at, key, isSealing);
      table[at + CIPHER_RESULT] = result;
      if (result === CipherResult.done) done++;
    }
    return done;
  }
}

function runOne(
  bytes: Uint8Array,
  table: Int32Array,
  at: number,
  { key, iv }: CipherKey,
  isSealing: boolean,
): CipherResult {
  const offset = table[at + CIPHER_OFFSET]!;
  const textAt = offset + table[at + CIPHER_HEADER_LENGTH]!;
  const tagAt = offset + table[at + CIPHER_LENGTH]! - CIPHER_TAG_BYTES;
  if (tagAt < textAt) return CipherResult.badDescriptor;
  let state = hash(
    table[at + CIPHER_PN_LOW]! ^ Math.imul(table[at + CIPHER_PN_HIGH]!, 77),
    key,
    0,
    key.length,
  );
  state = hash(state, iv, 0, iv.length);
  const mask = state >>> 24 || 1;
  state = hash(state, bytes, offset, offset + table[at + CIPHER_ADDITIONAL_LENGTH]!);
  if (isSealing) mix(bytes, textAt, tagAt, mask);
  state = hash(state, bytes, textAt, tagAt);
  if (isSealing) {
    writeTag(bytes, tagAt, state);
    return CipherResult.done;
  }
  if (!hasTag(bytes, tagAt, state)) {
    bytes.fill(0, textAt, tagAt);
    return CipherResult.forged;
  }
  mix(bytes, textAt, tagAt, mask);
  return CipherResult.done;
}

/** So that what was not sealed, or not opened, is not taken for text. */
function mix(bytes: Uint8Array, from: number, to: number, mask: number): void {
  for (let at = from; at < to; at++) bytes[at]! ^= mask;
}

/** FNV-1a, continued from `state`; each step is reversible, so one changed byte always changes it. */
function hash(state: number, bytes: Uint8Array, from: number, to: number): number {
  let next = state ^ (to - from);
  for (let at = from; at < to; at++) next = Math.imul(next ^ bytes[at]!, 0x01000193);
  return next ^ (next >>> 15);
}

function writeTag(bytes: Uint8Array, at: number, state: number): void {
  let word = state;
  for (let i = 0; i < CIPHER_TAG_BYTES; i++) {
    bytes[at + i] = word >>> 24;
    word = Math.imul(word, 0x2545f491) + 1;
  }
}

function hasTag(bytes: Uint8Array, at: number, state: number): boolean {
  let word = state;
  for (let i = 0; i < CIPHER_TAG_BYTES; i++) {
    if (bytes[at + i] !== word >>> 24) return false;
    word = Math.imul(word, 0x2545f491) + 1;
  }
  return true;
}
