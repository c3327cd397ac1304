import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/seeded-random.ts';

/** The published algorithm, word for word in big integers. */
function* reference(seed: bigint, stream: bigint): Generator<number> {
  const mask = (1n << 64n) - 1n;
  const increment = ((stream << 1n) | 1n) & mask;
  const step = (state: bigint): bigint => (state * 6364136223846793005n + increment) & mask;
  let state = step((step(0n) + seed) & mask);
  for (;;) {
    const word = Number((((state >> 18n) ^ state) >> 27n) & 0xffffffffn);
    const rotation = Number(state >> 59n);
    yield ((word >>> rotation) | (word << (-rotation & 31))) >>> 0;
    state = step(state);
  }
}

describe('SeededRandom', () => {
  test('gives the published numbers of seed 42, stream 54', () => {
    const random = new SeededRandom(42, 54);
    const numbers = Array.from({ length: 6 }, () => random.nextUint32());
    expect(numbers).toEqual([0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e]);
  });

  test('agrees with the algorithm in big integers for any seed and stream', () => {
    const seed = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(seed, fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seedNumber, stream) => {
        const random = new SeededRandom(seedNumber, stream);
        const expected = reference(BigInt(seedNumber), BigInt(stream));
        for (let i = 0; i < 50; i++) expect(random.nextUint32()).toBe(expected.next().value);
      }),
    );
  });

  test('streams of one seed differ', () => {
    const first = new SeededRandom(1, 1);
    const second = new SeededRandom(1, 2);
    const pairs = Array.from({ length: 20 }, () => [first.nextUint32(), second.nextUint32()]);
    expect(pairs.some(([a, b]) => a !== b)).toBe(true);
  });

  test('nextInt covers its range and no more, evenly', () => {
    const random = new SeededRandom(7);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 20_000; i++) {
      const drawn = random.nextInt(10);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    expect(counts).toHaveLength(10);
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });

  test('nextInt is even where a plain remainder would not be', () => {
    const random = new SeededRandom(8);
    const bound = 3 * 2 ** 30;
    let lower = 0;
    for (let i = 0; i < 10_000; i++) if (random.nextInt(bound) < bound / 2) lower++;
    expect(Math.abs(lower - 5000)).toBeLessThan(250);
  });

  test('nextFloat stays in [0, 1) and averages one half', () => {
    const random = new SeededRandom(9);
    let sum = 0;
    for (let i = 0; i < 10_000; i++) {
      const drawn = random.nextFloat();
      expect(drawn).toBeGreaterThanOrEqual(0);
      expect(drawn).toBeLessThan(1);
      sum += drawn;
    }
    expect(Math.abs(sum / 10_000 - 0.5)).toBeLessThan(0.02);
  });
});
