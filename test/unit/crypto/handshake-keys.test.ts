import { hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { KeyPurpose } from '../../../src/base/handshake-crypto.ts';
import { createHandshakeCrypto } from '../../../src/crypto/handshake-keys.ts';
import { fromHex, toHex, vectors } from './key-vectors.ts';

const crypto = createHandshakeCrypto();

describe('keys of a handshake', () => {
  it('are the fixed ones', () => {
    const { inputs, keys } = vectors;
    const secret = fromHex(inputs.secret);
    const both = fromHex(inputs.clientRandom + inputs.serverRandom);
    expect(toHex(crypto.deriveKey(secret, both.subarray(0, 16), 'early', 1))).toBe(keys.early);
    expect(toHex(crypto.deriveKey(secret, both, 'client', 1))).toBe(keys.client);
    expect(toHex(crypto.deriveKey(secret, both, 'server', 2))).toBe(keys.server);
    expect(toHex(secret) + toHex(both)).toBe(inputs.secret + inputs.clientRandom + inputs.serverRandom);
  });

  it.each<KeyPurpose>(['early', 'client', 'server'])('are those of HKDF for any input: %s', (purpose) => {
    for (let i = 0; i < 50; i++) {
      const secret = crypto.randomBytes(32);
      const salt = crypto.randomBytes(purpose === 'early' ? 16 : 32);
      const expected = new Uint8Array(hkdfSync('sha256', secret, salt, `kcpgate/1 ${purpose}`, 28));
      expect(crypto.deriveKey(secret, salt, purpose, i)).toEqual(expected);
    }
  });

  it('belong to the caller: nothing else lies in their memory', () => {
    const key = crypto.deriveKey(new Uint8Array(32), new Uint8Array(16), 'early', 1);
    expect(key.buffer.byteLength).toBe(28);
    expect(crypto.randomBytes(16).buffer.byteLength).toBe(16);
  });
});

describe('random bytes', () => {
  it('are as many as wanted, and others each time', () => {
    expect(crypto.randomBytes(0)).toHaveLength(0);
    const seen = new Set(Array.from({ length: 100 }, () => toHex(crypto.randomBytes(16))));
    expect(seen.size).toBe(100);
  });
});

describe('the comparison', () => {
  it.each([
    ['', '', true],
    ['00', '00', true],
    ['00', '01', false],
    ['00', '0000', false],
    ['0000', '00', false],
    ['ff00ff', 'ff00ff', true],
    ['ff00ff', 'ff00fe', false],
    ['ff00ff', '7f00ff', false],
  ])('of %s and %s says %s', (a, b, expected) => {
    expect(crypto.equal(fromHex(a), fromHex(b))).toBe(expected);
  });
});
