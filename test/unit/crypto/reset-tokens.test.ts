import { createHmac, hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createResetTokens, deriveResetKey } from '../../../src/crypto/reset-tokens.ts';
import { fromHex, toHex, vectors } from './key-vectors.ts';

describe('reset tokens', () => {
  it('are the fixed ones', () => {
    const { inputs, resetToken } = vectors;
    expect(toHex(createResetTokens(fromHex(inputs.resetKey)).tokenOf(inputs.conv))).toBe(resetToken);
  });

  it('take the whole conv, as an unsigned integer', () => {
    const key = fromHex('5a'.repeat(48));
    const tokens = createResetTokens(key);
    const token = createHmac('sha256', key).update(fromHex('feffffff')).digest().subarray(0, 16);
    expect(tokens.tokenOf(0xfffffffe)).toEqual(new Uint8Array(token));
    expect(tokens.tokenOf(0xfffffffe)).not.toEqual(tokens.tokenOf(0x7ffffffe));
  });

  it('depend on a key of which a copy is kept', () => {
    const key = fromHex('5a'.repeat(32));
    const tokens = createResetTokens(key);
    const before = tokens.tokenOf(1);
    key.fill(0);
    expect(tokens.tokenOf(1)).toEqual(before);
    expect(createResetTokens(key).tokenOf(1)).not.toEqual(before);
  });

  it('want a key that cannot be guessed', () => {
    expect(() => createResetTokens(new Uint8Array(31))).toThrow(RangeError);
  });
});

describe('a derived reset key', () => {
  it('is another for each ticket key, and none that anything else is made with', () => {
    const ticketKey = new Uint8Array(32).fill(1);
    const expected = hkdfSync('sha256', ticketKey, '', 'kcpgate/1 reset', 32);
    expect(deriveResetKey(ticketKey)).toEqual(new Uint8Array(expected));
    expect(deriveResetKey(new Uint8Array(32).fill(2))).not.toEqual(deriveResetKey(ticketKey));
  });
});
