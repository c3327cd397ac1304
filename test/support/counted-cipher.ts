import type { PacketCipher } from '../../src/base/packet-cipher.ts';

/** A cipher around another that counts its keys and remembers them. */
export class CountedCipher implements PacketCipher {
  readonly implementation;
  /** Keys in use now. */
  keys = 0;
  /** Every key and iv there ever was. */
  readonly known: Uint8Array[] = [];
  readonly #inner: PacketCipher;
  readonly #slots = new Set<number>();

  constructor(inner: PacketCipher) {
    this.#inner = inner;
    this.implementation = inner.implementation;
  }

  addKey(key: Uint8Array, iv: Uint8Array): number {
    const slot = this.#inner.addKey(key, iv);
    this.#slots.add(slot);
    this.keys = this.#slots.size;
    this.known.push(key.slice(), iv.slice());
    return slot;
  }

  removeKey(slot: number): void {
    this.#inner.removeKey(slot);
    this.#slots.delete(slot);
    this.keys = this.#slots.size;
  }

  seal(bytes: Uint8Array, table: Int32Array, count: number): number {
    return this.#inner.seal(bytes, table, count);
  }

  open(bytes: Uint8Array, table: Int32Array, count: number): number {
    return this.#inner.open(bytes, table, count);
  }

  close(): void {
    this.#inner.close();
  }
}
