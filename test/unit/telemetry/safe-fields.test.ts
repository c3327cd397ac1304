import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSecretName, safeFields } from '../../../src/telemetry/safe-fields.ts';

describe('safeFields', () => {
  it('keeps what JSON has', () => {
    const fields = { a: 1, b: 'x', c: true, d: null, e: [1, 'y'], f: { g: { h: 2 } } };
    expect(safeFields(fields)).toEqual(fields);
  });

  it('makes text of what JSON does not have', () => {
    const value = safeFields({
      big: 2n ** 64n,
      nan: NaN,
      inf: -Infinity,
      fn: () => 1,
      when: new Date(0),
      map: new Map([['k', 1n]]),
    });
    expect(value).toEqual({
      big: '18446744073709551616',
      nan: 'NaN',
      inf: '-Infinity',
      fn: '[function]',
      when: '1970-01-01T00:00:00.000Z',
      map: { k: '1' },
    });
  });

  it('shows the beginning of bytes', () => {
    expect(safeFields({ short: new Uint8Array([1, 255]), long: Buffer.alloc(1400) })).toEqual({
      short: '2 bytes: 01ff',
      long: `1400 bytes: ${'00'.repeat(32)}...`,
    });
  });

  it('tells errors with code, system fields and cause', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', port: 7001 });
    const { error } = safeFields({ error: new TypeError('upstream failed', { cause }) }) as {
      error: Record<string, unknown>;
    };
    expect(error).toMatchObject({
      name: 'TypeError',
      message: 'upstream failed',
      stack: expect.stringContaining('safe-fields.test') as string,
      cause: { name: 'Error', message: 'connect ECONNREFUSED', code: 'ECONNREFUSED', port: 7001 },
    });
  });

  it('leaves secrets out at every depth', () => {
    const text = JSON.stringify(
      safeFields({
        token: 's1',
        a: { resetToken: 's2', list: [{ api_key: 's3' }] },
        error: Object.assign(new Error('x'), { password: 's4' }),
      }),
    );
    expect(text).not.toMatch(/s[1-4]/);
    expect(text.match(/\[redacted\]/g)).toHaveLength(4);
  });

  it.each([
    ...['token', 'Secret', 'PASSWORD', 'key', 'keys', 'resetToken', 'ticket_key', 'auth-token'].map(
      (name) => [name, true] as const,
    ),
    ...['monkey', 'keyId', 'tokens_used', 'tokenizer', 'secretary', '', 'conv'].map(
      (name) => [name, false] as const,
    ),
  ])('the field %j is secret: %j', (name, expected) => {
    expect(isSecretName(name)).toBe(expected);
  });

  it('bounds text, lists, maps and depth, also of what contains itself', () => {
    const round: Record<string, unknown> = {
      text: 'x'.repeat(100_000),
      list: Array.from({ length: 10_000 }, () => 1),
    };
    round.self = round;
    round.map = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, index) => [`k${String(index)}`, index]),
    );
    expect(JSON.stringify(safeFields(round)).length).toBeLessThan(64 * 1024);
  });

  it('survives a getter that throws', () => {
    const fields = Object.defineProperty({ a: 1 }, 'bad', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    expect(safeFields(fields)).toEqual({ a: 1, bad: '[unreadable]' });
  });

  it('never throws and always gives JSON', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string(),
          fc.anything({
            withBigInt: true,
            withTypedArray: true,
            withMap: true,
            withSet: true,
            withDate: true,
            withNullPrototype: true,
            withSparseArray: true,
          }),
        ),
        (fields) => {
          expect(typeof JSON.stringify(safeFields(fields))).toBe('string');
        },
      ),
    );
  });
});
