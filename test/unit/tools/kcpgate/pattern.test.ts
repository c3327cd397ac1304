import { expect, test } from 'vitest';
import { Pattern } from '../../../../tools/kcpgate/pattern.ts';

/** The first bytes of the stream from `position` on, taken run by run. */
function take(pattern: Pattern, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const run = Math.min(length - done, pattern.runAt(position + done));
    const at = pattern.offsetOf(position + done);
    bytes.set(pattern.bytes.subarray(at, at + run), done);
    done += run;
  }
  return bytes;
}

test('the stream is the same for the same seed, and goes on over the end of its block', () => {
  const pattern = new Pattern(7);
  const end = pattern.runAt(0);
  const bytes = take(pattern, end - 10, 30);
  expect(bytes).toEqual(take(new Pattern(7), end - 10, 30));
  expect(bytes.subarray(10)).toEqual(take(pattern, 0, 20));
  expect(bytes).not.toEqual(take(new Pattern(8), end - 10, 30));
  expect(pattern.countDifferences(end - 10, bytes, 0, 30)).toBe(0);
});

test('differences are counted one by one, wherever they are', () => {
  const pattern = new Pattern(1);
  const end = pattern.runAt(0);
  const bytes = new Uint8Array(40);
  bytes.set(take(pattern, end - 15, 30), 5);
  for (const at of [5, 19, 20, 34]) bytes[at]! ^= 0xff;
  expect(pattern.countDifferences(end - 15, bytes, 5, 30)).toBe(4);
});

test('a stream that is off by a segment does not look right', () => {
  const pattern = new Pattern(1);
  const bytes = take(pattern, 1376, 1376);
  expect(pattern.countDifferences(0, bytes, 0, 1376)).toBeGreaterThan(1000);
});
