import type { Sample } from './sample.ts';

/** What may change over a run without being a leak. */
export interface SoakLimits {
  /** The share of the time in which memory may still grow: tables, pools and compiled code come to their size. */
  readonly warmUpShare: number;
  /** How much resident memory may rise over the rest, along the line that fits best, in bytes. */
  readonly residentRiseBytes: number;
  /** The same of the heap in use. */
  readonly heapRiseBytes: number;
}

export const SOAK_LIMITS: SoakLimits = {
  warmUpShare: 0.25,
  residentRiseBytes: 12 * 1024 * 1024,
  heapRiseBytes: 4 * 1024 * 1024,
};

/** What is wrong, one line each; empty when nothing is. */
export function judgeSamples(samples: readonly Sample[], limits: SoakLimits): string[] {
  const warmed = samples.slice(Math.floor(samples.length * limits.warmUpShare));
  return [
    judgeRise('resident memory', fittedRise(warmed, 'residentBytes'), limits.residentRiseBytes),
    judgeRise('heap in use', fittedRise(warmed, 'heapUsedBytes'), limits.heapRiseBytes),
  ].filter((fault) => fault !== undefined);
}

/** How much a value rises from the first sample to the last along the straight line that fits best (least squares). */
export function fittedRise(samples: readonly Sample[], key: 'residentBytes' | 'heapUsedBytes'): number {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || samples.length < 3) return 0;
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

const MIB = 1024 * 1024;
