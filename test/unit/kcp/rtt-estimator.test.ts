import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INITIAL_RTO_MS, MAX_RTO_MS, RttEstimator } from '../../../src/kcp/rtt-estimator.ts';

const estimatorOf = (...samples: readonly number[]): RttEstimator => {
  const estimator = new RttEstimator(30, 10);
  for (const rttMs of samples) estimator.sample(rttMs);
  return estimator;
};

describe('the RTT estimator', () => {
  it('starts without an opinion and with the initial timeout', () => {
    const estimator = estimatorOf();
    expect(estimator).toMatchObject({ srttMs: 0, rttvarMs: 0, latestMs: 0, rtoMs: INITIAL_RTO_MS });
  });

  it('takes the first sample as it is, with half of it as deviation', () => {
    expect(estimatorOf(100)).toMatchObject({ srttMs: 100, rttvarMs: 50, latestMs: 100, rtoMs: 300 });
  });

  it('moves by an eighth and a quarter per sample', () => {
    // srtt 100 -> 100 + 80/8 = 110; var 50 -> 50 * 3/4 + 80/4 = 57.5, four of them 230.
    expect(estimatorOf(100, 180)).toMatchObject({ srttMs: 110, latestMs: 180, rtoMs: 340 });
  });

  it('adds at least the interval, and never goes below the minimum', () => {
    const steady = new Array<number>(200).fill(100);
    expect(estimatorOf(...steady).rtoMs).toBeLessThanOrEqual(114);
    expect(estimatorOf(...steady).rtoMs).toBeGreaterThanOrEqual(110);
    expect(estimatorOf(...new Array<number>(200).fill(1)).rtoMs).toBe(30);
  });

  it('ignores samples from the future and absurd ones', () => {
    expect(estimatorOf(100, -1, -70_000, MAX_RTO_MS + 1)).toMatchObject({
      srttMs: 100,
      rtoMs: 300,
      latestMs: 100,
    });
  });

  it('stays within its bounds and near exact arithmetic, whatever the samples', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: MAX_RTO_MS }), { minLength: 1 }), (samples) => {
        const estimator = new RttEstimator(30, 10);
        let srtt = -1;
        let deviation = 0;
        for (const rttMs of samples) {
          estimator.sample(rttMs);
          deviation = srtt < 0 ? rttMs / 2 : deviation * 0.75 + Math.abs(rttMs - srtt) / 4;
          srtt = srtt < 0 ? rttMs : srtt + (rttMs - srtt) / 8;
        }
        expect(Math.abs(estimator.srttMs - srtt)).toBeLessThanOrEqual(2);
        expect(Math.abs(estimator.rttvarMs - deviation)).toBeLessThanOrEqual(3);
        expect(estimator.rtoMs).toBeGreaterThanOrEqual(30);
        expect(estimator.rtoMs).toBeLessThanOrEqual(MAX_RTO_MS);
      }),
    );
  });
});
