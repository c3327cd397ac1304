/** Latencies of many echoes, in milliseconds. */
export interface LatencySummary {
  readonly avg: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Summarises samples in milliseconds; all zero when there are none. Sorts them in place. */
export function summarizeLatency(samples: Float64Array): LatencySummary {
  samples.sort();
  const last = samples.length - 1;
  const at = (fraction: number): number => samples[Math.floor(fraction * last)] ?? 0;
  const sum = samples.reduce((total, sample) => total + sample, 0);
  return {
    avg: samples.length === 0 ? 0 : sum / samples.length,
    p50: at(0.5),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
    max: at(1),
  };
}

/** The middle of some numbers, or the mean of the two in the middle; NaN when there are none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
  return (lower + upper) / 2;
}
