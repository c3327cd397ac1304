import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  CIPHER_ADDITIONAL_LENGTH,
  CIPHER_HEADER_LENGTH,
  CIPHER_KEY,
  CIPHER_LENGTH,
  CIPHER_OFFSET,
  CIPHER_PN_HIGH,
  CIPHER_RESULT,
  CIPHER_STRIDE,
  CIPHER_TAG_BYTES,
  CipherResult,
  describeDatagram,
  type PacketCipher,
} from '../../src/base/packet-cipher.ts';

/** What every implementation of {@link PacketCipher} promises. */
export function describePacketCipher(name: string, create: () => PacketCipher): void {
  describe(`packet cipher: ${name}`, () => {
    let cipher: PacketCipher;
    let key: number;

    beforeEach(() => {
      cipher = create();
      key = cipher.addKey(pattern(16, 1), pattern(12, 2));
      return () => cipher.close();
    });

    /** Seals one datagram: a 12-byte header and a text. */
    const sealOne = (text: Uint8Array, pn: number, slot = key): Uint8Array => {
      const bytes = new Uint8Array(HEADER + text.length + CIPHER_TAG_BYTES);
      bytes.set(pattern(HEADER, 3));
      bytes.set(text, HEADER);
      expect(cipher.seal(bytes, rowOf(bytes.length, slot, pn), 1)).toBe(1);
      return bytes;
    };
    const openOne = (bytes: Uint8Array, pn: number, slot = key): number => {
      const table = rowOf(bytes.length, slot, pn);
      const done = cipher.open(bytes, table, 1);
      expect(done).toBe(table[CIPHER_RESULT] === CipherResult.done ? 1 : 0);
      return table[CIPHER_RESULT]!;
    };

    it.each(VECTORS)('gives the known bytes: $name', (vector) => {
      const slot = cipher.addKey(fromHex(vector.key), fromHex(vector.iv));
      const sealed = fromHex(vector.sealed);
      const bytes = new Uint8Array(sealed.length);
      bytes.set(fromHex(vector.clear));
      const table = new Int32Array(CIPHER_STRIDE);
      const { additionalLength, headerLength, pn } = vector;
      describeDatagram(table, 0, 0, additionalLength, headerLength, bytes.length, slot, pn);
      expect(cipher.seal(bytes, table, 1)).toBe(1);
      expect(toHex(bytes)).toBe(vector.sealed);
      expect(cipher.open(bytes, table, 1)).toBe(1);
      expect(toHex(bytes.subarray(0, -CIPHER_TAG_BYTES))).toBe(vector.clear);
    });

    it('brings texts of all lengths back, one batch after the other over one memory', () => {
      const bytes = new Uint8Array(64 * 1024);
      const table = new Int32Array(32 * CIPHER_STRIDE);
      for (let length = 0, pn = 0; length <= 1500;) {
        const first = length;
        let count = 0;
        for (let offset = 0; count < 32 && length <= 1500; count++, length++) {
          const total = HEADER + length + CIPHER_TAG_BYTES;
          bytes.set(pattern(HEADER + length, length), offset);
          describeDatagram(table, count, offset, HEADER, HEADER, total, key, pn++);
          offset += total;
        }
        expect(cipher.seal(bytes, table, count)).toBe(count);
        expect(cipher.open(bytes, table, count)).toBe(count);
        for (let i = 0; i < count; i++) {
          const at = table[i * CIPHER_STRIDE + CIPHER_OFFSET]!;
          const clear = bytes.subarray(at, at + HEADER + first + i);
          expect(Buffer.compare(clear, pattern(HEADER + first + i, first + i))).toBe(0);
        }
      }
    });

    it('keeps header and surroundings as they are', () => {
      const bytes = pattern(200, 7);
      const before = bytes.slice();
      const table = new Int32Array(CIPHER_STRIDE);
      describeDatagram(table, 0, 50, 12, 32, 100, key, 1);
      expect(cipher.seal(bytes, table, 1)).toBe(1);
      expect(bytes.subarray(0, 82)).toEqual(before.subarray(0, 82));
      expect(bytes.subarray(82, 150)).not.toEqual(before.subarray(82, 150));
      expect(bytes.subarray(150)).toEqual(before.subarray(150));
    });

    it('lets the bytes between additional data and text be filled in on the way', () => {
      const bytes = pattern(100, 7);
      const table = new Int32Array(CIPHER_STRIDE);
      describeDatagram(table, 0, 0, 12, 32, 100, key, 1);
      expect(cipher.seal(bytes, table, 1)).toBe(1);
      bytes.fill(0xee, 12, 32);
      expect(cipher.open(bytes, table, 1)).toBe(1);
      expect(bytes.subarray(32, 84)).toEqual(pattern(84, 7).subarray(32));
    });

    it('works on any part of any memory, shared memory too', () => {
      for (const buffer of [new ArrayBuffer(4096), new SharedArrayBuffer(4096)]) {
        const bytes = new Uint8Array(buffer, 13, 99);
        bytes.set(pattern(99, 4));
        const table = new Int32Array(buffer, 1024 + 4, CIPHER_STRIDE);
        describeDatagram(table, 0, 0, 12, 12, 99, key, 5);
        expect(cipher.seal(bytes, table, 1)).toBe(1);
        expect(new Uint8Array(buffer, 0, 13)).toEqual(new Uint8Array(13));
        expect(new Uint8Array(buffer, 112, 100)).toEqual(new Uint8Array(100));
        expect(cipher.open(bytes, table, 1)).toBe(1);
        expect(Uint8Array.from(bytes.subarray(0, 83))).toEqual(pattern(83, 4));
      }
    });

    it.each([
      ['the first byte of the additional data', 0],
      ['the last byte of the additional data', HEADER - 1],
      ['the first byte of the text', HEADER],
      ['the last byte of the text', HEADER + 99],
      ['the first byte of the tag', HEADER + 100],
      ['the last byte of the tag', HEADER + 115],
    ])('finds a change of %s, and leaves no text', (_, index) => {
      for (let bit = 0; bit < 8; bit++) {
        const sealed = sealOne(pattern(100, 9), bit);
        sealed[index]! ^= 1 << bit;
        expect(openOne(sealed, bit)).toBe(CipherResult.forged);
        expect(sealed.subarray(HEADER, HEADER + 100)).toEqual(new Uint8Array(100));
      }
    });

    it('finds a datagram that was cut, or stretched', () => {
      const sealed = sealOne(pattern(100, 9), 1);
      expect(openOne(sealed.slice(0, -1), 1)).toBe(CipherResult.forged);
      expect(openOne(Uint8Array.from([...sealed, 0]), 1)).toBe(CipherResult.forged);
    });

    it('finds the wrong key and the wrong packet number', () => {
      const other = cipher.addKey(pattern(16, 99), pattern(12, 2));
      const otherIv = cipher.addKey(pattern(16, 1), pattern(12, 98));
      const sealed = sealOne(pattern(100, 9), 1);
      expect(openOne(sealed.slice(), 1, other)).toBe(CipherResult.forged);
      expect(openOne(sealed.slice(), 1, otherIv)).toBe(CipherResult.forged);
      for (let bit = 0; bit < 48; bit++) {
        const pn = bit === 0 ? 0 : 1 + 2 ** bit;
        expect(openOne(sealed.slice(), pn)).toBe(CipherResult.forged);
      }
      expect(openOne(sealed, 1)).toBe(CipherResult.done);
    });

    it('tells packet numbers of 48 bits apart, and takes none of more', () => {
      const edges = [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 48 - 1];
      const seen = new Set(edges.map((pn) => toHex(sealOne(pattern(20, 1), pn))));
      expect(seen.size).toBe(edges.length);
      for (const pn of edges) expect(openOne(sealOne(pattern(20, 1), pn), pn)).toBe(CipherResult.done);
      for (const pn of [2 ** 48, -1]) expect(openOne(new Uint8Array(64), pn)).toBe(BAD);
    });

    it('holds many keys, each its own', () => {
      const slots = Array.from({ length: 1000 }, (_, i) => cipher.addKey(pattern(16, i), pattern(12, i)));
      expect(new Set(slots).size).toBe(1000);
      const bytes = new Uint8Array(1000 * 64);
      const table = new Int32Array(1000 * CIPHER_STRIDE);
      slots.forEach((slot, i) => {
        bytes.set(pattern(48, i), i * 64);
        describeDatagram(table, i, i * 64, HEADER, HEADER, 64, slot, 7);
      });
      expect(cipher.seal(bytes, table, 1000)).toBe(1000);
      const swapped = table.slice();
      swapped[CIPHER_KEY] = slots[1]!;
      swapped[CIPHER_STRIDE + CIPHER_KEY] = slots[0]!;
      expect(cipher.open(bytes.slice(), swapped, 1000)).toBe(998);
      expect(cipher.open(bytes, table, 1000)).toBe(1000);
      slots.forEach((_, i) => {
        expect(bytes.subarray(i * 64, i * 64 + 48)).toEqual(pattern(48, i));
      });
    });

    it('copies keys: what the caller does with its own later changes nothing', () => {
      const material = { key: pattern(16, 1), iv: pattern(12, 2) };
      const slot = cipher.addKey(material.key, material.iv);
      material.key.fill(0);
      material.iv.fill(0);
      expect(openOne(sealOne(pattern(30, 5), 9), 9, slot)).toBe(CipherResult.done);
    });

    it('does not know a removed key, also when another has its place', () => {
      const sealed = sealOne(pattern(30, 5), 9);
      cipher.removeKey(key);
      expect(openOne(sealed.slice(), 9)).toBe(CipherResult.unknownKey);
      for (let i = 0; i < 5000; i++) {
        const next = cipher.addKey(pattern(16, 1), pattern(12, 2));
        // A slot comes again some day, but not soon.
        if (i < 2000) expect(next).not.toBe(key);
        expect(next).toBeGreaterThan(0);
        cipher.removeKey(key === next ? 0 : key);
        expect(openOne(sealed.slice(), 9, next)).toBe(CipherResult.done);
        cipher.removeKey(next);
      }
    });

    it('ignores slots that are not in use', () => {
      for (const slot of [0, -1, key + 1, key + 2 ** 20, 2 ** 31 - 1, -(2 ** 31), NaN]) {
        cipher.removeKey(slot);
        expect(openOne(new Uint8Array(64), 1, slot)).toBe(CipherResult.unknownKey);
      }
      expect(openOne(sealOne(pattern(30, 5), 9), 9)).toBe(CipherResult.done);
    });

    it('has a result for each datagram of a batch', () => {
      const bytes = new Uint8Array(5 * 100);
      const table = new Int32Array(5 * CIPHER_STRIDE);
      for (let i = 0; i < 5; i++) describeDatagram(table, i, i * 100, HEADER, HEADER, 100, key, i);
      expect(cipher.seal(bytes, table, 5)).toBe(5);
      bytes[1 * 100 + 50]! ^= 1;
      table[2 * CIPHER_STRIDE + CIPHER_KEY] = 0;
      table[3 * CIPHER_STRIDE + CIPHER_LENGTH] = 101;
      expect(cipher.open(bytes, table, 5)).toBe(2);
      expect(results(table)).toEqual([
        CipherResult.done,
        CipherResult.forged,
        CipherResult.unknownKey,
        // Runs into its neighbour, which has not changed yet: not what was sealed.
        CipherResult.forged,
        CipherResult.done,
      ]);
    });

    it('touches only the rows it was asked for', () => {
      const table = new Int32Array(3 * CIPHER_STRIDE);
      expect(cipher.seal(new Uint8Array(100), table, 0)).toBe(0);
      expect(cipher.seal(new Uint8Array(100), table, 2)).toBe(0);
      expect(results(table)).toEqual([BAD, BAD, 0]);
    });

    it.each([
      ['starts before the memory', CIPHER_OFFSET, -1],
      ['starts far before it', CIPHER_OFFSET, -(2 ** 31)],
      ['ends after it', CIPHER_OFFSET, 1],
      ['starts after it', CIPHER_OFFSET, 101],
      ['starts as far as can be said', CIPHER_OFFSET, 2 ** 31 - 1],
      ['is longer than it', CIPHER_LENGTH, 101],
      ['is as long as can be said', CIPHER_LENGTH, 2 ** 31 - 1],
      ['has a negative length', CIPHER_LENGTH, -1],
      ['has no room for the tag', CIPHER_LENGTH, HEADER + 15],
      ['has no length', CIPHER_LENGTH, 0],
      ['has a header into its tag', CIPHER_HEADER_LENGTH, 85],
      ['has a header longer than itself', CIPHER_HEADER_LENGTH, 101],
      ['has a header as long as can be said', CIPHER_HEADER_LENGTH, 2 ** 31 - 1],
      ['has a negative header', CIPHER_HEADER_LENGTH, -1],
      ['has additional data into its text', CIPHER_ADDITIONAL_LENGTH, HEADER + 1],
      ['has negative additional data', CIPHER_ADDITIONAL_LENGTH, -1],
      ['has a packet number of 49 bits', CIPHER_PN_HIGH, 2 ** 16],
      ['has a negative packet number', CIPHER_PN_HIGH, -1],
    ])('leaves alone a datagram that %s', (_, column, value) => {
      const memory = pattern(300, 1);
      const bytes = memory.subarray(100, 200);
      for (const run of ['seal', 'open'] as const) {
        const table = rowOf(100, key, 1);
        table[column] = value;
        expect(cipher[run](bytes, table, 1)).toBe(0);
        expect(table[CIPHER_RESULT]).toBe(BAD);
      }
      expect(memory).toEqual(pattern(300, 1));
    });

    it('takes the smallest and the largest datagram of a memory', () => {
      const bytes = new Uint8Array(100_000);
      const table = new Int32Array(CIPHER_STRIDE);
      for (const length of [CIPHER_TAG_BYTES, bytes.length]) {
        describeDatagram(table, 0, bytes.length - length, 0, 0, length, key, length);
        expect(cipher.seal(bytes, table, 1)).toBe(1);
        expect(cipher.open(bytes, table, 1)).toBe(1);
      }
      describeDatagram(table, 0, 0, bytes.length - 16, bytes.length - 16, bytes.length, key, 1);
      expect(cipher.seal(bytes, table, 1)).toBe(1);
      expect(cipher.open(bytes, table, 1)).toBe(1);
    });

    it('refuses a batch with more datagrams than rows', () => {
      const table = new Int32Array(2 * CIPHER_STRIDE + 7);
      for (const run of ['seal', 'open'] as const) {
        for (const count of [3, -1, 0.5, NaN, Infinity]) {
          expect(() => cipher[run](new Uint8Array(10), table, count)).toThrow(RangeError);
        }
      }
    });

    it('refuses keys and ivs of other lengths', () => {
      for (const [keyLength, ivLength] of [
        [0, 12],
        [15, 12],
        [17, 12],
        [32, 12],
        [16, 11],
        [16, 13],
        [16, 0],
      ]) {
        expect(() => cipher.addKey(new Uint8Array(keyLength!), new Uint8Array(ivLength!))).toThrow(
          RangeError,
        );
      }
    });

    it('forgets every key when it is closed', () => {
      const sealed = sealOne(pattern(30, 5), 9);
      cipher.close();
      cipher.close();
      cipher.removeKey(key);
      expect(openOne(sealed, 9)).toBe(CipherResult.unknownKey);
      expect(() => cipher.addKey(new Uint8Array(16), new Uint8Array(12))).toThrow('closed');
    });

    it('keeps tables apart', () => {
      const other = create();
      other.addKey(pattern(16, 50), pattern(12, 51));
      const sealed = sealOne(pattern(30, 5), 9);
      const table = rowOf(sealed.length, key, 9);
      expect(other.open(sealed.slice(), table, 1)).toBe(0);
      other.close();
      expect(openOne(sealed, 9)).toBe(CipherResult.done);
    });

    it.skipIf(IS_SANITIZED)('holds no more memory for keys that come and go, and for batches', () => {
      const bytes = new Uint8Array(32 * 1400);
      const table = new Int32Array(32 * CIPHER_STRIDE);
      const churn = (keys: number, batches: number): number => {
        for (let i = 0; i < keys; i++) cipher.removeKey(cipher.addKey(KEY, IV));
        for (let i = 0; i < keys / 1000; i++) {
          const other = create();
          for (let j = 0; j < 300; j++) other.addKey(KEY, IV);
          other.close();
        }
        for (let batch = 0; batch < batches; batch++) {
          for (let i = 0; i < 32; i++)
            describeDatagram(table, i, i * 1400, 12, 12, 1400, key, batch * 32 + i);
          cipher.seal(bytes, table, 32);
          if (batch % 16 === 0) bytes[500]! ^= 1;
          cipher.open(bytes, table, 32);
        }
        return process.memoryUsage().rss;
      };
      const before = churn(100_000, 500);
      // A key that stays costs some 1250 bytes: those removed, or closed with their cipher, would show as hundreds of MiB.
      expect(churn(1_000_000, 1000) - before).toBeLessThan(64 * 2 ** 20);
    });
  });
}

interface Vector {
  readonly name: string;
  readonly key: string;
  readonly iv: string;
  readonly pn: number;
  readonly additionalLength: number;
  readonly headerLength: number;
  readonly clear: string;
  readonly sealed: string;
}

const VECTORS = (
  JSON.parse(readFileSync(new URL('../vectors/aead.json', import.meta.url), 'utf8')) as {
    datagrams: readonly Vector[];
  }
).datagrams;

/** A sanitizer holds freed memory back, so the size of the process says nothing. */
const IS_SANITIZED = process.env.LD_PRELOAD?.includes('asan') ?? false;
const HEADER = 12;
const BAD = CipherResult.badDescriptor;
const KEY = new Uint8Array(16);
const IV = new Uint8Array(12);

function rowOf(length: number, slot: number, pn: number): Int32Array {
  const table = new Int32Array(CIPHER_STRIDE);
  describeDatagram(table, 0, 0, HEADER, HEADER, length, slot, pn);
  return table;
}

function results(table: Int32Array): (number | undefined)[] {
  return Array.from(
    { length: table.length / CIPHER_STRIDE },
    (_, i) => table[i * CIPHER_STRIDE + CIPHER_RESULT],
  );
}

/** Bytes that differ with every seed and index. */
function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (Math.imul(seed * 7919 + i + 1, 0x9e3779b1) >>> 19) & 0xff);
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
