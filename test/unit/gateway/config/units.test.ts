import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatDuration,
  formatSize,
  parseDurationMs,
  parseSizeBytes,
} from '../../../../src/gateway/config/units.ts';

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['5s', 5000],
    ['1.5s', 1500],
    ['1m', 60_000],
    ['2h', 7_200_000],
    ['0s', 0],
    ['10 s', 10_000],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(['5', '', 's', '-1s', '1d', '5S', '1e3s', '0.5ms', '1s2s', '99999999999999h', ' 5s', '5  s'])(
    '%j is none',
    (text) => {
      expect(parseDurationMs(text)).toBeUndefined();
    },
  );

  it('are read back as they were written', () => {
    fc.assert(fc.property(fc.nat(), (ms) => parseDurationMs(formatDuration(ms)) === ms));
  });
});

describe('sizes', () => {
  it.each([
    ['64KiB', 65_536],
    ['4MiB', 4_194_304],
    ['1GiB', 1_073_741_824],
    ['0.5MiB', 524_288],
    ['1200', 1200],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseSizeBytes(text)).toBe(bytes);
  });

  it.each(['', '64KB', '64kib', '4M', '-1', '1.5', 'MiB', '9007199254740993', '99999999GiB'])(
    '%j is none',
    (text) => {
      expect(parseSizeBytes(text)).toBeUndefined();
    },
  );

  it('are read back as they were written', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        (bytes) => bytes > 999_999_999_999_999 || parseSizeBytes(formatSize(bytes)) === bytes,
      ),
    );
  });
});
