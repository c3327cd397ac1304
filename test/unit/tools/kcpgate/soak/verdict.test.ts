import { expect, test } from 'vitest';
import type { Sample } from '../../../../../tools/kcpgate/soak/sample.ts';
import { fittedRise, judgeSamples, SOAK_LIMITS } from '../../../../../tools/kcpgate/soak/verdict.ts';

const MIB = 1024 * 1024;

/** A run of 600 seconds, a sample every ten. */
function run(memory: (seconds: number) => { residentMib: number; heapMib: number }): Sample[] {
  return Array.from({ length: 60 }, (_, i) => {
    const seconds = (i + 1) * 10;
    const { residentMib, heapMib } = memory(seconds);
    return {
      seconds,
      residentBytes: residentMib * MIB,
      heapUsedBytes: heapMib * MIB,
      externalBytes: 0,
      descriptors: 20,
      sessions: 10,
      openedSessions: i,
      verifiedBytes: 0,
    };
  });
}

test('what rises in the warm-up only is no leak', () => {
  const samples = run((seconds) => ({ residentMib: 60 + Math.min(seconds, 140), heapMib: 10 }));
  expect(judgeSamples(samples, SOAK_LIMITS)).toEqual([]);
});

test('noise around a level is none', () => {
  const samples = run((seconds) => ({
    residentMib: 100 + 10 * Math.sin(seconds),
    heapMib: 10 + Math.sin(seconds),
  }));
  expect(judgeSamples(samples, SOAK_LIMITS)).toEqual([]);
});

test('a steady rise is one, in either memory', () => {
  expect(
    judgeSamples(
      run((seconds) => ({ residentMib: 60 + seconds / 20, heapMib: 10 })),
      SOAK_LIMITS,
    ),
  ).toEqual([expect.stringContaining('resident memory rose by 22.0 MiB')]);
  expect(
    judgeSamples(
      run((seconds) => ({ residentMib: 60, heapMib: 10 + seconds / 60 })),
      SOAK_LIMITS,
    ),
  ).toEqual([expect.stringContaining('heap in use rose by 7.3 MiB')]);
});

test('the rise is that of the best line, whatever the times', () => {
  const samples = run((seconds) => ({ residentMib: seconds, heapMib: 0 })).filter(
    ({ seconds }) => seconds % 30 !== 0,
  );
  expect(fittedRise(samples, 'residentBytes') / MIB).toBeCloseTo(580);
  expect(fittedRise(samples.slice(0, 2), 'residentBytes')).toBe(0);
});

test('a run that is over before the warm-up is not judged', () => {
  const steep = run((seconds) => ({ residentMib: seconds, heapMib: seconds }));
  expect(judgeSamples(steep.slice(0, 8), SOAK_LIMITS)).toEqual([]);
  expect(judgeSamples(steep.slice(0, 12), SOAK_LIMITS)).toHaveLength(2);
});
