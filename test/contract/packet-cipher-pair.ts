import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CIPHER_KEY,
  CIPHER_PN_HIGH,
  CIPHER_RESULT,
  CIPHER_STRIDE,
  CipherResult,
  describeDatagram,
  type PacketCipher,
} from '../../src/base/packet-cipher.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';

/** Two implementations do the same to every byte, whatever they are given. */
export function describeEqualCiphers(createLeft: () => PacketCipher, createRight: () => PacketCipher): void {
  describe('two packet ciphers', () => {
    const random = new SeededRandom(SEED);
    const below = (limit: number): number => Math.floor(random.nextFloat() * limit);
    let left: PacketCipher;
    let right: PacketCipher;

    beforeAll(() => {
      left = createLeft();
      right = createRight();
    });
    afterAll(() => {
      left.close();
      right.close();
    });

    it(`give the same for 10,000 random batches (seed ${SEED})`, { timeout: 120_000 }, () => {
      const slots: number[] = [];
      for (let batch = 0; batch < 10_000; batch++) {
        changeKeys(slots);
        const { bytes, table, count } = goodBatch(slots, batch);
        runBoth('seal', bytes, table, count);
        damage(bytes, table, count);
        runBoth('open', bytes, table, count);
      }
    });

    it(`give the same for tables of anything, and touch nothing else (seed ${SEED})`, () => {
      const slots: number[] = [];
      for (let i = 0; i < 20; i++) changeKeys(slots);
      const seen = new Set<number>();
      for (let batch = 0; batch < 20_000; batch++) {
        const memory = randomBytes(MEMORY + 2 * GUARD);
        const bytes = memory.subarray(GUARD, GUARD + below(MEMORY + 1));
        const count = 1 + below(4);
        const table = new Int32Array(count * CIPHER_STRIDE);
        for (let at = 0; at < table.length; at += CIPHER_STRIDE) {
          for (let column = 0; column < CIPHER_STRIDE; column++)
            table[at + column] = anyInteger(bytes.length);
          if (below(4) > 0) table[at + CIPHER_PN_HIGH] = below(2 ** 16);
          if (below(4) > 0) table[at + CIPHER_KEY] = slots[below(slots.length)]!;
        }
        const [head, tail] = [memory.slice(0, GUARD), memory.slice(GUARD + bytes.length)];
        runBoth(below(2) === 0 ? 'seal' : 'open', bytes, table, count);
        expect(areEqual(memory.subarray(0, GUARD), head)).toBe(true);
        expect(areEqual(memory.subarray(GUARD + bytes.length), tail)).toBe(true);
        for (let i = 0; i < count; i++) seen.add(table[i * CIPHER_STRIDE + CIPHER_RESULT]!);
      }
      // The fuzzing reached every branch that input can reach.
      expect([...seen].sort()).toEqual([
        CipherResult.done,
        CipherResult.forged,
        CipherResult.unknownKey,
        CipherResult.badDescriptor,
      ]);
    });

    /** Runs both on copies, compares, and leaves the outcome in the arguments. */
    function runBoth(run: 'seal' | 'open', bytes: Uint8Array, table: Int32Array, count: number): void {
      const copy = bytes.slice();
      const copyTable = table.slice();
      const done = left[run](bytes, table, count);
      expect(right[run](copy, copyTable, count)).toBe(done);
      expect(areEqual(copy, bytes)).toBe(true);
      expect(Array.from(copyTable)).toEqual(Array.from(table));
    }

    function changeKeys(slots: number[]): void {
      if (slots.length < 2 || below(3) === 0) {
        const [key, iv] = [randomBytes(16), randomBytes(12)];
        const slot = left.addKey(key, iv);
        expect(right.addKey(key, iv)).toBe(slot);
        slots.push(slot);
      }
      if (slots.length > 2 && below(4) === 0) {
        const [slot] = slots.splice(below(slots.length), 1);
        left.removeKey(slot!);
        right.removeKey(slot!);
      }
    }

    function goodBatch(slots: readonly number[], batch: number): Batch {
      const count = 1 + below(12);
      const table = new Int32Array(count * CIPHER_STRIDE);
      let end = 0;
      for (let i = 0; i < count; i++) {
        const additional = below(40);
        const header = additional + (below(3) === 0 ? 20 : 0);
        const length = header + (below(3) === 0 ? 1400 : below(300)) + 16;
        const pn = batch * 12 + i + (below(4) === 0 ? 2 ** 40 : 0);
        describeDatagram(table, i, end, additional, header, length, slots[below(slots.length)]!, pn);
        end += length + below(3);
      }
      return { bytes: randomBytes(end), table, count };
    }

    function damage(bytes: Uint8Array, table: Int32Array, count: number): void {
      if (below(2) === 0) bytes[below(bytes.length)]! ^= 1 << below(8);
      if (below(4) === 0) table[below(count) * CIPHER_STRIDE + below(CIPHER_STRIDE)]! += 1 - 2 * below(2);
    }

    function anyInteger(length: number): number {
      const kind = below(12);
      if (kind === 0) return random.nextUint32() | 0;
      if (kind === 1) return [-1, length, length + 1, 2 ** 31 - 1, -(2 ** 31)][below(5)]!;
      return below(kind < 6 ? 16 : 60);
    }

    function randomBytes(length: number): Uint8Array {
      const bytes = new Uint8Array(length);
      for (let i = 0; i < length; i += 4) {
        const word = random.nextUint32();
        for (let j = 0; j < 4 && i + j < length; j++) bytes[i + j] = word >>> (8 * j);
      }
      return bytes;
    }
  });
}

/** In one step: an assertion for each element would take most of the time of the test. */
function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

interface Batch {
  readonly bytes: Uint8Array;
  readonly table: Int32Array;
  readonly count: number;
}

const SEED = 20_261_120;
const MEMORY = 200;
const GUARD = 64;
