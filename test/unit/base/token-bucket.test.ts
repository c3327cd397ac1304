import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeyedLimiter, TokenBucket } from '../../../src/base/token-bucket.ts';

function takeAll(take: () => boolean): number {
  let count = 0;
  while (count < 10_000 && take()) count++;
  return count;
}

describe('TokenBucket', () => {
  test('gives a burst at once, then what the rate brings back', () => {
    const bucket = new TokenBucket({ ratePerSecond: 10, burst: 5 });
    expect(takeAll(() => bucket.take(1000))).toBe(5);
    expect(bucket.take(1099)).toBe(false);
    expect(bucket.take(1100)).toBe(true);
    expect(takeAll(() => bucket.take(60_000))).toBe(5);
  });

  test('takes all or nothing', () => {
    const bucket = new TokenBucket({ ratePerSecond: 0, burst: 5 });
    expect(bucket.has(0, 6)).toBe(false);
    expect(bucket.take(0, 6)).toBe(false);
    expect(bucket.has(0, 5)).toBe(true);
    expect(bucket.take(0, 5)).toBe(true);
    expect(bucket.take(1e9)).toBe(false);
  });

  test('time that stands still or goes backwards brings nothing', () => {
    const bucket = new TokenBucket({ ratePerSecond: 1000, burst: 1 });
    expect(bucket.take(5000)).toBe(true);
    expect(bucket.take(5000)).toBe(false);
    expect(bucket.take(10)).toBe(false);
    expect(bucket.take(5000)).toBe(false);
    expect(bucket.take(5001)).toBe(true);
  });

  test('never gives more than burst plus rate times time', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 1, max: 4 })));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 20 }),
        steps,
        (rate, burst, calls) => {
          const bucket = new TokenBucket({ ratePerSecond: rate, burst });
          let now = 0;
          let given = 0;
          for (const [wait, n] of calls) {
            now += wait;
            if (bucket.take(now, n)) given += n;
            expect(given).toBeLessThanOrEqual(burst + (rate * now) / 1000 + 1e-6);
          }
        },
      ),
    );
  });
});

describe('KeyedLimiter', () => {
  test('limits each key by itself', () => {
    const limiter = new KeyedLimiter({ ratePerSecond: 1, burst: 3, maxKeys: 10 });
    expect(takeAll(() => limiter.take('a', 0))).toBe(3);
    expect(takeAll(() => limiter.take('b', 0))).toBe(3);
    expect(limiter.take('a', 999)).toBe(false);
    expect(limiter.take('a', 1000)).toBe(true);
    expect(limiter.take('a', 1000)).toBe(false);
  });

  test('forgets the least recently used key when its bucket is full again', () => {
    const limiter = new KeyedLimiter({ ratePerSecond: 1, burst: 2, maxKeys: 2 });
    limiter.take('a', 0);
    limiter.take('b', 500);
    limiter.take('c', 1000);
    expect(limiter.size).toBe(2);
    expect(limiter.overflowed).toBe(0);
    // 'a' was forgotten, 'b' was not: it has one token and a half left.
    expect(takeAll(() => limiter.take('b', 1000))).toBe(1);
  });

  test('use keeps a key from being forgotten', () => {
    const limiter = new KeyedLimiter({ ratePerSecond: 1, burst: 3, maxKeys: 2 });
    limiter.take('a', 0, 2);
    limiter.take('b', 10, 1);
    limiter.take('a', 20, 1);
    expect(limiter.take('c', 1010)).toBe(true);
    expect(limiter.overflowed).toBe(0);
    expect(limiter.take('a', 1010, 2)).toBe(false);
  });

  test('keys that find no place share one bucket, and those in the table keep theirs', () => {
    const limiter = new KeyedLimiter({ ratePerSecond: 1, burst: 2, maxKeys: 3 });
    for (const key of ['a', 'b', 'c']) limiter.take(key, 0);
    let passed = 0;
    for (let i = 0; i < 100; i++) if (limiter.take(`flood-${String(i)}`, 0)) passed++;
    expect(passed).toBe(2);
    expect(limiter.overflowed).toBe(100);
    expect(limiter.size).toBe(3);
    for (const key of ['a', 'b', 'c']) expect(limiter.take(key, 0)).toBe(true);
  });

  test('does what one bucket a key does while the keys fit', () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 0, max: 400 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const limit = { ratePerSecond: 3, burst: 2 };
        const limiter = new KeyedLimiter({ ...limit, maxKeys: 100 });
        const buckets = new Map<number, TokenBucket>();
        let now = 0;
        for (const [key, wait] of steps) {
          now += wait;
          const bucket = buckets.get(key) ?? new TokenBucket(limit);
          buckets.set(key, bucket);
          expect(limiter.has(String(key), now)).toBe(bucket.has(now));
          expect(limiter.take(String(key), now)).toBe(bucket.take(now));
        }
      }),
    );
  });

  test('holds at most maxKeys keys and spends at most maxKeys + 1 buckets', () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 300 }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 300 }), (maxKeys, steps) => {
        const limiter = new KeyedLimiter({ ratePerSecond: 5, burst: 4, maxKeys });
        let now = 0;
        let passed = 0;
        for (const [key, wait] of steps) {
          now += wait;
          const expected = limiter.has(String(key), now);
          expect(limiter.has(String(key), now)).toBe(expected);
          expect(limiter.take(String(key), now)).toBe(expected);
          if (expected) passed++;
          expect(limiter.size).toBeLessThanOrEqual(maxKeys);
        }
        expect(passed).toBeLessThanOrEqual((maxKeys + 1) * (4 + (5 * now) / 1000) + 1e-6);
      }),
    );
  });

  test('ten thousand keys, more than it holds, over a long time', () => {
    const limiter = new KeyedLimiter({ ratePerSecond: 10, burst: 1, maxKeys: 1000 });
    let passed = 0;
    for (let i = 0; i < 10_000; i++) if (limiter.take(`key-${String(i)}`, i)) passed++;
    expect(passed).toBe(10_000);
    expect(limiter.size).toBe(1000);
    expect(limiter.overflowed).toBe(0);
  });
});
