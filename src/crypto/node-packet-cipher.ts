import { createCipheriv, createDecipheriv } from 'node:crypto';
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
} from '../base/packet-cipher.ts';
import { KeySlots, type CipherKey } from './key-slots.ts';

/** The cipher on Node's own crypto module: everywhere, at several microseconds a datagram. */
export class NodePacketCipher implements PacketCipher {
  readonly implementation = 'node';

  readonly #keys = new KeySlots();
  readonly #nonce = new Uint8Array(IV_BYTES);
  #closed = false;

  addKey(key: Uint8Array, iv: Uint8Array): number {
    if (key.length !== KEY_BYTES || iv.length !== IV_BYTES) {
      throw new RangeError('a key is 16 bytes, an iv 12');
    }
    if (this.#closed) throw new Error('the cipher is closed');
    const slot = this.#keys.add(key, iv);
    if (slot === 0) throw new Error('no room for another key');
    return slot;
  }

  removeKey(slot: number): void {
    this.#keys.remove(slot);
  }

  seal(bytes: Uint8Array, table: Int32Array, count: number): number {
    return this.#run(bytes, table, count, sealText);
  }

  open(bytes: Uint8Array, table: Int32Array, count: number): number {
    return this.#run(bytes, table, count, openText);
  }

  close(): void {
    this.#keys.clear();
    this.#closed = true;
  }

  #run(bytes: Uint8Array, table: Int32Array, count: number, transform: Transform): number {
    if (!Number.isInteger(count) || count < 0 || count * CIPHER_STRIDE > table.length) {
      throw new RangeError('the table has fewer rows than the batch');
    }
    let done = 0;
    for (let at = 0; at < count * CIPHER_STRIDE; at += CIPHER_STRIDE) {
      const result = this.#runOne(bytes, table, at, transform);
      table[at + CIPHER_RESULT] = result;
      if (result === CipherResult.done) done++;
    }
    this.#nonce.fill(0);
    return done;
  }

  #runOne(bytes: Uint8Array, table: Int32Array, at: number, transform: Transform): CipherResult {
    if (!isWithin(bytes.length, table, at)) return CipherResult.badDescriptor;
    const key = this.#keys.find(table[at + CIPHER_KEY]!);
    if (key === undefined) return CipherResult.unknownKey;
    writeNonce(this.#nonce, key.iv, table[at + CIPHER_PN_LOW]!, table[at + CIPHER_PN_HIGH]!);
    const offset = table[at + CIPHER_OFFSET]!;
    const textAt = offset + table[at + CIPHER_HEADER_LENGTH]!;
    const end = offset + table[at + CIPHER_LENGTH]!;
    return transform(
      key,
      this.#nonce,
      bytes.subarray(offset, offset + table[at + CIPHER_ADDITIONAL_LENGTH]!),
      bytes.subarray(textAt, end - CIPHER_TAG_BYTES),
      bytes.subarray(end - CIPHER_TAG_BYTES, end),
    );
  }
}

/** Replaces the text of one datagram in place. */
type Transform = (
  key: CipherKey,
  nonce: Uint8Array,
  additional: Uint8Array,
  text: Uint8Array,
  tag: Uint8Array,
) => CipherResult;

const sealText: Transform = ({ key }, nonce, additional, text, tag) => {
  const cipher = createCipheriv('aes-128-gcm', key, nonce);
  cipher.setAAD(additional);
  text.set(cipher.update(text));
  cipher.final();
  tag.set(cipher.getAuthTag());
  return CipherResult.done;
};

const openText: Transform = ({ key }, nonce, additional, text, tag) => {
  const decipher = createDecipheriv('aes-128-gcm', key, nonce, { authTagLength: CIPHER_TAG_BYTES });
  decipher.setAAD(additional);
  decipher.setAuthTag(tag);
  const opened = decipher.update(text);
  try {
    decipher.final();
  } catch {
    text.fill(0);
    return CipherResult.forged;
  }
  text.set(opened);
  return CipherResult.done;
};

/** Whether the lengths of a row agree with each other and stay in the memory, and its packet number has 48 bits. */
function isWithin(byteLength: number, table: Int32Array, at: number): boolean {
  const offset = table[at + CIPHER_OFFSET]!;
  const additionalLength = table[at + CIPHER_ADDITIONAL_LENGTH]!;
  const headerLength = table[at + CIPHER_HEADER_LENGTH]!;
  const length = table[at + CIPHER_LENGTH]!;
  const pnHigh = table[at + CIPHER_PN_HIGH]!;
  return (
    offset >= 0 &&
    additionalLength >= 0 &&
    headerLength >= additionalLength &&
    length >= headerLength + CIPHER_TAG_BYTES &&
    offset + length <= byteLength &&
    pnHigh >= 0 &&
    pnHigh <= 0xffff
  );
}

function writeNonce(nonce: Uint8Array, iv: Uint8Array, pnLow: number, pnHigh: number): void {
  nonce.set(iv);
  nonce[6]! ^= pnHigh >>> 8;
  nonce[7]! ^= pnHigh;
  nonce[8]! ^= pnLow >>> 24;
  nonce[9]! ^= pnLow >>> 16;
  nonce[10]! ^= pnLow >>> 8;
  nonce[11]! ^= pnLow;
}

const KEY_BYTES = 16;
const IV_BYTES = 12;
