import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tokenExpiry } from '../../../src/client/token-expiry.ts';

const encoded = (text: string): string => Buffer.from(text).toString('base64url');
const jwt = (payload: string): string => `${encoded('{"alg":"none"}')}.${encoded(payload)}.sig`;

test('the end of a JSON Web Token is read from it', () => {
  expect(tokenExpiry(jwt('{"sub":"älice","exp":1767225600}'))).toBe(1_767_225_600_000);
  expect(tokenExpiry(jwt('{"exp":1767225600.5}'))).toBe(1_767_225_600_500);
});

test.each([
  ['a text', 'a-token'],
  ['nothing', ''],
  ['two parts', 'a.b'],
  ['four parts', `${jwt('{"exp":1}')}.x`],
  ['a payload that is no base64url', 'a.%%%.c'],
  ['a payload that is no JSON', jwt('{')],
  ['a payload that is no object', jwt('1767225600')],
  ['null', jwt('null')],
  ['no end', jwt('{"sub":"alice"}')],
  ['an end that is no number', jwt('{"exp":"1767225600"}')],
  ['one beyond all numbers', jwt('{"exp":1e999}')],
  ['one that is too long', jwt(`{"exp":1,"x":"${'y'.repeat(10_000)}"}`)],
])('%s says nothing', (_, token) => {
  expect(tokenExpiry(token)).toBeUndefined();
});

test('no text is too odd', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      tokenExpiry(`${a}.${b}.${a}`);
      tokenExpiry(jwt(b));
    }),
  );
});
