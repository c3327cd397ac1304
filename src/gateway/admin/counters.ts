import * as z from 'zod';

/** Counters that grow from zero and gauges of now, by name; in groups where there are several of a kind. */
export interface Counters {
  readonly [name: string]: number | Counters;
}

export const COUNTERS: z.ZodType<Counters> = z
  .record(z.string(), z.union([z.number(), z.lazy(() => COUNTERS)]))
  .describe(
    'Counters that grow from zero and gauges of now, by name, some in groups. Later versions may have more.',
  );

/** The numbers of a snapshot, as deep as they lie; anything else is left out. */
export function countersOf(stats: object): Counters {
  const counters: Record<string, number | Counters> = {};
  for (const [name, value] of Object.entries(stats) as [string, unknown][]) {
    if (typeof value === 'number') counters[name] = value;
    else if (typeof value === 'object' && value !== null) counters[name] = countersOf(value);
  }
  return counters;
}
