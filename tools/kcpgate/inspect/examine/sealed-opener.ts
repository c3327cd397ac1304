import {
  CIPHER_STRIDE,
  CIPHER_TAG_BYTES,
  describeDatagram,
  type PacketCipher,
} from '../../../../src/base/packet-cipher.ts';
import { createPacketCipher } from '../../../../src/crypto/create-packet-cipher.ts';
import { MAX_DATAGRAM_BYTES } from '../../../../src/wire/dissect.ts';
import type { LoggedKey } from '../key-log.ts';

/** Opens sealed datagrams with logged keys. What was opened last stands in {@link bytes}. */
export class SealedOpener {
  /** Holds the last datagram as it was tried: where it opened, its text is clear. */
  readonly bytes = new Uint8Array(MAX_DATAGRAM_BYTES);
  readonly #cipher: PacketCipher = createPacketCipher();
  readonly #table = new Int32Array(CIPHER_STRIDE);
  readonly #slots = new Map<LoggedKey, number>();

  /**
   * @param additionalLength bytes from `offset` on that the tag protects beside the text.
   * @param headerLength bytes from `offset` on that are not text.
   * @returns whether it opened: the text stands in {@link bytes} from `headerLength` on, up to 16 bytes before the end.
   */
  open(
    key: LoggedKey,
    source: Uint8Array,
    offset: number,
    length: number,
    additionalLength: number,
    headerLength: number,
    pn: number,
  ): boolean {
    if (length > this.bytes.length || length < headerLength + CIPHER_TAG_BYTES) return false;
    this.bytes.set(source.subarray(offset, offset + length));
    const slot = this.#slotOf(key);
    describeDatagram(this.#table, 0, 0, additionalLength, headerLength, length, slot, pn);
    return this.#cipher.open(this.bytes, this.#table, 1) === 1;
  }

  /** Forgets every key. Nothing opens any more. */
  close(): void {
    this.#slots.clear();
    this.#cipher.close();
  }

  #slotOf(key: LoggedKey): number {
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    if (this.#slots.size >= MAX_SLOTS) this.#forgetOldest();
    const slot = this.#cipher.addKey(key.key, key.iv);
    this.#slots.set(key, slot);
    return slot;
  }

  #forgetOldest(): void {
    for (const [key, slot] of this.#slots) {
      this.#slots.delete(key);
      this.#cipher.removeKey(slot);
      return;
    }
  }
}

/** Keys that are ready at once. */
const MAX_SLOTS = 4096;
