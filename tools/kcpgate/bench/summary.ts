import type { Measures } from './measure.ts';
import { median } from './percentile.ts';

/** One figure over several runs. */
export interface Spread {
  readonly min: Measures;
  readonly median: Measures;
  readonly max: Measures;
}

/** Summarises each figure; the runs have the same ones. */
export function spreadOf(runs: readonly Measures[]): Spread {
  const names = Object.keys(runs[0] ?? {});
  const over = (summarize: (values: readonly number[]) => number): Measures =>
    Object.fromEntries(names.map((name) => [name, summarize(runs.map((run) => run[name] ?? NaN))]));
  return {
    min: over((values) => Math.min(...values)),
    median: over(median),
    max: over((values) => Math.max(...values)),
  };
}

/** Every figure divided by the same figure of the reference, where that is more than zero. */
export function ratiosTo(reference: Measures, measures: Measures): Measures {
  const ratios: Record<string, number> = {};
  for (const [name, value] of Object.entries(measures)) {
    const other = reference[name];
    if (other !== undefined && other > 0) ratios[name] = value / other;
  }
  return ratios;
}
