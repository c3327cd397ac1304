import { MEASURES, type MeasureInfo } from './measure.ts';
import type { ContenderResult, ScenarioReport } from './report.ts';

/** A figure that is shown, with its name in the report. */
export interface ShownFigure {
  readonly name: string;
  readonly info: MeasureInfo;
}

/** The figures of a scenario that are for people, in their order. */
export function shownFigures({ results }: ScenarioReport): ShownFigure[] {
  return Object.entries(MEASURES)
    .map(([name, info]) => ({ name, info }))
    .filter(({ name, info }) => info.isDetail === undefined && results.some(({ median }) => name in median));
}

/** The median, or nothing when the contender has no such figure. */
export function medianText({ median }: ContenderResult, { name, info }: ShownFigure): string {
  return median[name]?.toFixed(info.digits) ?? '';
}

/** `min..max` over the runs; nothing for a single run. */
export function spreadText({ min, max, runs }: ContenderResult, { name, info }: ShownFigure): string {
  const [least, most] = [min[name], max[name]];
  if (least === undefined || most === undefined || runs.length < 2) return '';
  return `${least.toFixed(info.digits)}..${most.toFixed(info.digits)}`;
}

/** `4.51 x`; nothing for the reference, and where neither more nor less is better. */
export function ratioText({ ratios }: ContenderResult, { name, info }: ShownFigure): string {
  const ratio = ratios[name];
  return ratio === undefined || info.better === undefined ? '' : `${ratio.toFixed(2)} x`;
}
