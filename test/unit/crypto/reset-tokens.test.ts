import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createResetTokens } from '../../../src/crypto/reset-tokens.ts';
import { fromHex, toHex, vectors } from './key-vectors.ts';

describe('reset tokens', () => {
  it.each(vectors.resetTokens)('are the fixed ones', ({ key, conv, token }) => {
    expect(toHex(createResetTokens(fromHex(key)).tokenOf(conv))).toBe(token);
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
