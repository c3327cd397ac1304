/** Salsa20/20 with a key of 32 bytes, as kcp-go uses it: the first 8 bytes of a packet are the nonce and stay clear. */
export class Salsa20 {
  readonly #state = new Uint32Array(16);
  readonly #block = new Uint32Array(16);

  constructor(key: Uint8Array) {
    const words = new DataView(key.buffer, key.byteOffset, key.byteLength);
    const state = this.#state;
    // "expand 32-byte k" on the diagonal.
    [state[0], state[5], state[10], state[15]] = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];
    for (let i = 0; i < 4; i++) {
      state[1 + i] = words.getUint32(4 * i, true);
      state[11 + i] = words.getUint32(16 + 4 * i, true);
    }
  }

  /** A copy of the packet with all behind the nonce decrypted. */
  decrypt(packet: Uint8Array): Uint8Array {
    const clear = new Uint8Array(packet);
    const view = new DataView(clear.buffer);
    this.#state[6] = view.getUint32(0, true);
    this.#state[7] = view.getUint32(4, true);
    for (let at = NONCE_BYTES, counter = 0; at < clear.length; at += 64, counter++) {
      this.#state[8] = counter;
      this.#state[9] = 0;
      this.#fillBlock();
      const end = Math.min(at + 64, clear.length);
      for (let i = at; i < end; i++) {
        const word = this.#block[(i - at) >> 2] ?? 0;
        clear[i] = (clear[i] ?? 0) ^ (word >>> (8 * ((i - at) & 3)));
      }
    }
    return clear;
  }

  #fillBlock(): void {
    const block = this.#block;
    block.set(this.#state);
    for (let round = 0; round < 20; round += 2) {
      for (const [a, b, c, d] of QUARTERS) quarterRound(block, a, b, c, d);
    }
    for (let i = 0; i < 16; i++) block[i] = (block[i] ?? 0) + (this.#state[i] ?? 0);
  }
}

function quarterRound(x: Uint32Array, a: number, b: number, c: number, d: number): void {
  x[b] = (x[b] ?? 0) ^ rotated((x[a] ?? 0) + (x[d] ?? 0), 7);
  x[c] = (x[c] ?? 0) ^ rotated((x[b] ?? 0) + (x[a] ?? 0), 9);
  x[d] = (x[d] ?? 0) ^ rotated((x[c] ?? 0) + (x[b] ?? 0), 13);
  x[a] = (x[a] ?? 0) ^ rotated((x[d] ?? 0) + (x[c] ?? 0), 18);
}

const rotated = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

const NONCE_BYTES = 8;
/** Columns, then rows. */
const QUARTERS: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
];
