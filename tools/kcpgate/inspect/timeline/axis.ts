/** The places of marks on an axis: round numbers. */
export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
  /** Digits behind the point that the marks need. */
  readonly digits: number;
}

/** An axis from 0 to at least `most`, with about `count` marks at multiples of 1, 2 or 5 times a power of ten. */
export function axisTo(most: number, count: number, isWhole: boolean): Axis {
  const span = most > 0 && Number.isFinite(most) ? most : 1;
  const power = 10 ** Math.floor(Math.log10(span / count));
  const step = Math.max(
    isWhole ? 1 : 0,
    (STEPS.find((factor) => span / (factor * power) <= count) ?? 10) * power,
  );
  const ticks: number[] = [];
  for (let i = 0; i * step <= span * 1.000_001; i++) ticks.push(i * step);
  return { from: 0, to: span, ticks, digits: Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)) };
}

const STEPS = [1, 2, 5, 10];
