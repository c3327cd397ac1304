import type { Sample } from './sample.ts';

/** What may change over a run without being a leak. */
export interface SoakLimits {
  /** The share of the time in which memory may still grow: tables, pools and compiled code come to their size... */
  readonly warmUpShare: number;
  /** ...and at least so long: of a run that is over by then, memory is not judged. */
  readonly warmUpSeconds: number;
  /** How much resident memory may rise over the rest, along the line that fits best, in bytes. */
  readonly residentRiseBytes: number;
  /** The same of the heap in use. */
  readonly heapRiseBytes: number;
}

export const SOAK_LIMITS: SoakLimits = {
  warmUpShare: 0.25,
  warmUpSeconds: 60,
  residentRiseBytes: 12 * 1024 * 1024,
  heapRiseBytes: 4 * 1024 * 1024,
};

/** What is wrong, one line each; empty when nothing is. */
export function judgeSamples(samples: readonly Sample[], limits: SoakLimits): string[] {
  const warmed = afterWarmUp(samples, limits);
  return [
    judgeRise('resident memory', fittedRise(warmed, 'residentBytes'), limits.residentRiseBytes),
    judgeRise('heap in use', fittedRise(warmed, 'heapUsedBytes'), limits.heapRiseBytes),
  ].filter((fault) => fault !== undefined);
}

/** The samples that tell of growth; too few where the run was short. */
export function afterWarmUp(samples: readonly Sample[], limits: SoakLimits): readonly Sample[] {
  const duration = samples.at(-1)?.seconds ?? 0;
  const begin = Math.max(duration * limits.warmUpShare, limits.warmUpSeconds);
  return samples.filter(({ seconds }) => seconds > begin);
}

/** How much a value rises from the first sample to the last along the straight line that fits best (least squares). */
export function fittedRise(samples: readonly Sample[], key: 'residentBytes' | 'heapUsedBytes'): number {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || samples.length < MIN_SAMPLES) return 0;
  const meanTime = mean(samples.map(({ seconds }) => seconds));
  const meanValue = mean(samples.map((sample) => sample[key]));
  let covariance = 0;
  let variance = 0;
  for (const sample of samples) {
    covariance += (sample.seconds - meanTime) * (sample[key] - meanValue);
    variance += (sample.seconds - meanTime) ** 2;
  }
  return variance === 0 ? 0 : (covariance / variance) * (last.seconds - first.seconds);
}

function judgeRise(what: string, rise: number, limit: number): string | undefined {
  if (rise <= limit) return undefined;
  return `${what} rose by ${(rise / MIB).toFixed(1)} MiB after the warm-up; at most ${(limit / MIB).toFixed(1)} is allowed`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Fewer make no line. */
export const MIN_SAMPLES = 3;
const MIB = 1024 * 1024;
