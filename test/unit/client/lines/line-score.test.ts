import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jitterOf, medianOf, scoreProbes, timeoutMs } from '../../../../src/client/lines/line-score.ts';

test('a score is what the formula says', () => {
  const score = scoreProbes({ rttsMs: [20, 24, 22, 30], lost: 1, isConnection: false, load: 0 })!;
  // Median 23, mean difference (4 + 2 + 8) / 3, loss 1.5 / 6, RTO 23 + 4 x jitter.
  const jitter = 14 / 3;
  expect(score.parts.rttMs).toBe(23);
  expect(score.parts.jitterMs).toBeCloseTo(2 * jitter);
  expect(score.parts.retransmissionMs).toBeCloseTo((0.25 / 0.75) * (23 + 4 * jitter));
  expect(score.ms).toBeCloseTo(23 + 2 * jitter + (23 + 4 * jitter) / 3);
  expect(score.minMs).toBe(20);
});

test('a connection costs 10 ms or more, a full gateway 30', () => {
  const of = (isConnection: boolean, load: number, rttsMs = [20, 20]): number =>
    scoreProbes({ rttsMs, lost: 0, isConnection, load })!.ms;
  expect(of(true, 0) - of(false, 0)).toBeCloseTo(10);
  expect(of(true, 0, [600, 600]) - of(false, 0, [600, 600])).toBeCloseTo(100);
  expect(of(false, 255) - of(false, 0)).toBeCloseTo(30);
});

test('without an answer there is no score', () => {
  expect(scoreProbes({ rttsMs: [], lost: 5, isConnection: false, load: 0 })).toBeNull();
  expect(medianOf([])).toBeNull();
  expect(jitterOf([7])).toBeNull();
  expect(timeoutMs(0, 0)).toBe(30);
});

test('a score lies within its bounds and is what its parts add up to; what is lost makes it worse', () => {
  const probes = fc.record({
    rttsMs: fc.array(fc.nat(4000), { minLength: 1, maxLength: 5 }),
    lost: fc.nat(4),
    isConnection: fc.boolean(),
    load: fc.nat(255),
  });
  fc.assert(
    fc.property(probes, (given) => {
      const { ms, minMs, maxMs, parts } = scoreProbes(given)!;
      expect(minMs).toBeLessThanOrEqual(ms);
      expect(maxMs).toBeGreaterThanOrEqual(ms - 1e-9);
      expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBeCloseTo(ms);
      expect(scoreProbes({ ...given, lost: given.lost + 1 })!.ms).toBeGreaterThan(ms);
    }),
  );
});
