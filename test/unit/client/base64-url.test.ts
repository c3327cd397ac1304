import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBase64Url } from '../../../src/client/base64-url.ts';

test('every byte string is read back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(decodeBase64Url(Buffer.from(bytes).toString('base64url'))).toEqual(bytes);
    }),
  );
});

test.each([
  ['padding', 'AA=='],
  ['the other alphabet', 'ab+/'],
  ['a blank', 'AA AA'],
  ['a lone letter', 'AAAAA'],
  ['bits that belong to no byte', 'AB'],
  ['bits that belong to no byte, of three letters', 'AAB'],
  ['letters outside of ASCII', 'AAÄA'],
  ['letters of two units', 'A\u{1f600}A'],
])('%s is refused', (_, text) => {
  expect(decodeBase64Url(text)).toBeUndefined();
});
