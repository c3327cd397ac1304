import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isUtf8, readUtf8, utf8CutLength, utf8Length, writeUtf8 } from '../../../src/wire/utf8.ts';

const platformDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
const strictDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
const platformEncoder = new TextEncoder();

const anyText = fc.string({ unit: 'binary' });
/** Bytes that often look like UTF-8: lead and continuation bytes at the edges of what is allowed. */
const tricky = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...[0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1],
        ...[0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xf8, 0xff, 0xbb],
      ),
      fc.integer({ min: 0, max: 255 }),
    ),
    { maxLength: 24 },
  )
  .map((bytes) => Uint8Array.from(bytes));

function encode(text: string, maxBytes = 1000): Uint8Array {
  const bytes = new Uint8Array(1000);
  return bytes.slice(3, 3 + writeUtf8(bytes, 3, text, maxBytes));
}

function isStrictlyUtf8(bytes: Uint8Array): boolean {
  try {
    strictDecoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

describe('UTF-8', () => {
  it('encodes as the platform does, lone surrogates too', () => {
    fc.assert(
      fc.property(
        fc.oneof(anyText, fc.constantFrom('\ud800', 'a\udc00b', '\udbff\udbff', '😀\ud83d')),
        (text) => {
          const expected = platformEncoder.encode(text);
          expect(encode(text)).toEqual(expected);
          expect(utf8Length(text)).toBe(expected.length);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('decodes any bytes as the platform does', () => {
    fc.assert(
      fc.property(tricky, (bytes) => {
        expect(readUtf8(bytes, 0, bytes.length)).toBe(platformDecoder.decode(bytes));
        expect(isUtf8(bytes, 0, bytes.length)).toBe(isStrictlyUtf8(bytes));
      }),
      { numRuns: 10_000 },
    );
  });

  it('reads only what it is asked to', () => {
    const bytes = platformEncoder.encode('a✓b');
    expect(readUtf8(bytes, 1, 3)).toBe('✓');
    expect(readUtf8(bytes, 1, 2)).toBe('\ufffd');
    expect(isUtf8(bytes, 1, 3)).toBe(true);
    expect(isUtf8(bytes, 1, 2)).toBe(false);
    expect(isUtf8(bytes, 2, 2)).toBe(false);
  });

  it('cuts between two characters and fills all the room there is', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 0, max: 40 }), (text, maxBytes) => {
        const cut = encode(text, maxBytes);
        expect(cut.length).toBeLessThanOrEqual(maxBytes);
        expect(isUtf8(cut, 0, cut.length)).toBe(true);
        const whole = platformEncoder.encode(text);
        expect(cut).toEqual(whole.slice(0, cut.length));
        if (whole.length <= maxBytes) expect(cut.length).toBe(whole.length);
        else expect(maxBytes - cut.length).toBeLessThan(4);
        expect(utf8CutLength(whole, 0, whole.length, maxBytes)).toBe(cut.length);
      }),
      { numRuns: 2000 },
    );
  });
});
