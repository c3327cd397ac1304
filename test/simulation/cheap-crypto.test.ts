import { expect, it } from 'vitest';
import {
  CIPHER_RESULT,
  CIPHER_STRIDE,
  CipherResult,
  describeDatagram,
} from '../../src/base/packet-cipher.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { CheapCipher, createCheapCrypto, randomBytes } from './cheap-crypto.ts';

const HEADER = 12;
const LENGTH = 60;

it('a cheap cipher notices every changed bit, another key and another packet number', () => {
  const random = new SeededRandom(1);
  const cipher = new CheapCipher();
  const keys = [1, 2].map(() => cipher.addKey(randomBytes(random, 16), randomBytes(random, 12)));
  const table = new Int32Array(CIPHER_STRIDE);
  const clear = randomBytes(random, LENGTH);
  const run = (bytes: Uint8Array, what: 'seal' | 'open', key: number, pn: number): number => {
    describeDatagram(table, 0, 0, HEADER, HEADER, LENGTH, key, pn);
    cipher[what](bytes, table, 1);
    return table[CIPHER_RESULT]!;
  };
  const sealed = clear.slice();
  expect(run(sealed, 'seal', keys[0]!, 7)).toBe(CipherResult.done);
  expect(sealed.subarray(HEADER, LENGTH - 16)).not.toEqual(clear.subarray(HEADER, LENGTH - 16));
  const opened = sealed.slice();
  expect(run(opened, 'open', keys[0]!, 7)).toBe(CipherResult.done);
  expect(opened.subarray(0, LENGTH - 16)).toEqual(clear.subarray(0, LENGTH - 16));
  for (let bit = 0; bit < 8 * LENGTH; bit++) {
    const changed = sealed.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(run(changed, 'open', keys[0]!, 7)).toBe(CipherResult.forged);
  }
  expect(run(sealed.slice(), 'open', keys[1]!, 7)).toBe(CipherResult.forged);
  expect(run(sealed.slice(), 'open', keys[0]!, 8)).toBe(CipherResult.forged);
  cipher.removeKey(keys[0]!);
  expect(run(sealed.slice(), 'open', keys[0]!, 7)).toBe(CipherResult.unknownKey);
});

it('cheap keys differ with everything they are made of', () => {
  const random = new SeededRandom(2);
  const crypto = createCheapCrypto(random);
  const [a, b] = [randomBytes(random, 32), randomBytes(random, 32)];
  const keys = [
    crypto.deriveKey(a, b, 'early', 1),
    crypto.deriveKey(a, b, 'client', 1),
    crypto.deriveKey(a, b, 'server', 1),
    crypto.deriveKey(b, b, 'client', 1),
    crypto.deriveKey(a, a, 'client', 1),
  ];
  expect(new Set(keys.map(String)).size).toBe(keys.length);
});
