import { describe, expect, it } from 'vitest';
import { MessageNumbers } from '../../../src/session/message-numbers.ts';

describe('the counters of messages outside the order', () => {
  it('let each message through once, also late and over the wrap', () => {
    const numbers = new MessageNumbers(false);
    const from = 2 ** 32 - 3;
    for (const offset of [0, 1, 3, 2, 5]) expect(numbers.accept((from + offset) | 0)).toBe(true);
    for (const offset of [0, 1, 2, 3, 5]) expect(numbers.accept((from + offset) | 0)).toBe(false);
    expect(numbers.accept((from + 4) | 0)).toBe(true);
  });

  it.each([1_000_000, 2 ** 31 - 1, 2 ** 31 + 7])(
    'are not led astray by one that was harmed: %i',
    (harmed) => {
      const numbers = new MessageNumbers(false);
      expect(numbers.accept(10)).toBe(true);
      expect(numbers.accept(harmed | 0)).toBe(false);
      for (let number = 11; number < 20; number++) expect(numbers.accept(number)).toBe(true);
    },
  );

  it.each([
    ['the first one was harmed', 3_000_000, 0],
    ['thousands were lost', 0, 50_000],
  ])('follow the second one when %s', (_, first, next) => {
    const numbers = new MessageNumbers(false);
    expect(numbers.accept(first)).toBe(true);
    expect(numbers.accept(next)).toBe(false);
    for (let number = next + 1; number < next + 10; number++) expect(numbers.accept(number)).toBe(true);
    expect(numbers.accept(next + 5)).toBe(false);
  });
});
