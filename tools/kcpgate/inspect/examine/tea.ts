/** TEA with 16 rounds and XTEA with 64, as kcp-go has them, in CFB over blocks of 8 bytes; numbers are big-endian. */
export class Tea {
  readonly #key: readonly [number, number, number, number];
  readonly #name: 'tea' | 'xtea';
  #left = 0;
  #right = 0;

  constructor(name: 'tea' | 'xtea', key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    this.#name = name;
    this.#key = [view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)];
  }

  /** A decrypted copy. */
  decryptCfb(packet: Uint8Array, iv: Uint8Array): Uint8Array {
    const clear = new Uint8Array(packet);
    const ivView = new DataView(iv.buffer, iv.byteOffset, iv.byteLength);
    const stream = new DataView(new ArrayBuffer(8));
    const source = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    let left = ivView.getInt32(0);
    let right = ivView.getInt32(4);
    for (let at = 0; at < packet.length; at += 8) {
      this.#encrypt(left, right);
      stream.setInt32(0, this.#left);
      stream.setInt32(4, this.#right);
      const end = Math.min(8, packet.length - at);
      for (let i = 0; i < end; i++) clear[at + i] = (clear[at + i] ?? 0) ^ stream.getUint8(i);
      if (end < 8) break;
      left = source.getInt32(at);
      right = source.getInt32(at + 4);
    }
    return clear;
  }

  #encrypt(left: number, right: number): void {
    this.#left = left;
    this.#right = right;
    if (this.#name === 'tea') this.#encryptTea();
    else this.#encryptXtea();
  }

  #encryptTea(): void {
    const [k0, k1, k2, k3] = this.#key;
    let left = this.#left;
    let right = this.#right;
    for (let cycle = 0, sum = 0; cycle < TEA_CYCLES; cycle++) {
      sum = (sum + DELTA) | 0;
      left = (left + (((right << 4) + k0) ^ (right + sum) ^ ((right >>> 5) + k1))) | 0;
      right = (right + (((left << 4) + k2) ^ (left + sum) ^ ((left >>> 5) + k3))) | 0;
    }
    this.#left = left;
    this.#right = right;
  }

  #encryptXtea(): void {
    let left = this.#left;
    let right = this.#right;
    for (let cycle = 0, sum = 0; cycle < XTEA_CYCLES; cycle++) {
      left = (left + ((((right << 4) ^ (right >>> 5)) + right) ^ (sum + this.#part(sum)))) | 0;
      sum = (sum + DELTA) | 0;
      right = (right + ((((left << 4) ^ (left >>> 5)) + left) ^ (sum + this.#part(sum >>> 11)))) | 0;
    }
    this.#left = left;
    this.#right = right;
  }

  #part(index: number): number {
    return this.#key[(index & 3) as 0 | 1 | 2 | 3];
  }
}

const DELTA = 0x9e3779b9;
/** Two rounds each. */
const TEA_CYCLES = 8;
const XTEA_CYCLES = 32;
