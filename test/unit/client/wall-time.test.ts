import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseHttpDate, parseRfc3339 } from '../../../src/client/wall-time.ts';

/** From year 1 to the end of year 9999. */
const anyMs = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 });

describe('RFC 3339', () => {
  test('is read as the platform reads it', () => {
    fc.assert(
      fc.property(anyMs, (ms) => {
        expect(parseRfc3339(new Date(ms).toISOString())).toBe(ms);
      }),
    );
  });

  test.each([
    ['2026-01-01T00:00:00Z', 1_767_225_600_000],
    ['2026-01-01T00:00:00.1Z', 1_767_225_600_100],
    ['2026-01-01T00:00:00.123999999Z', 1_767_225_600_123],
    ['2026-01-01T02:30:00+02:30', 1_767_225_600_000],
    ['2025-12-31T19:00:00-05:00', 1_767_225_600_000],
    ['2024-02-29T00:00:00Z', 1_709_164_800_000],
    ['2016-12-31T23:59:60Z', 1_483_228_800_000],
  ])('%s', (text, ms) => {
    expect(parseRfc3339(text)).toBe(ms);
  });

  test.each([
    '',
    '2026-01-01',
    '2026-01-01T00:00:00',
    '2026-00-01T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:61Z',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00+00:60',
    ' 2026-01-01T00:00:00Z',
  ])('%j is none', (text) => {
    expect(parseRfc3339(text)).toBeUndefined();
  });
});

describe('dates of HTTP', () => {
  test('are read as the platform reads them', () => {
    fc.assert(
      fc.property(anyMs, (ms) => {
        expect(parseHttpDate(new Date(ms).toUTCString())).toBe(Math.floor(ms / 1000) * 1000);
      }),
    );
  });

  test.each([
    '',
    '120',
    'Sun, 06 Nom 1994 08:49:37 GMT',
    'Sun, 31 Feb 1994 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
  ])('%j is none', (text) => {
    expect(parseHttpDate(text)).toBeUndefined();
  });
});
