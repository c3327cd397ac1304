/** Points of a diagram: times and heights, as many as can be told apart in it. */
export class PointSeries {
  readonly #maxPoints: number;
  #xs: number[] = [];
  #ys: number[] = [];
  #added = 0;
  /** Only every so many points are taken, once there are too many. */
  #stride = 1;

  /** @param maxPoints held at most; then those that would fall on each other are merged, after that every second is left out. */
  constructor(maxPoints: number) {
    this.#maxPoints = maxPoints;
  }

  /** All that were added, those left out included. */
  get added(): number {
    return this.#added;
  }

  get length(): number {
    return this.#xs.length;
  }

  add(x: number, y: number): void {
    this.#added += 1;
    if (this.#added % this.#stride !== 0) return;
    this.#xs.push(x);
    this.#ys.push(y);
    if (this.#xs.length >= this.#maxPoints) this.#thin();
  }

  /** Calls back with every point, in order. */
  each(take: (x: number, y: number) => void): void {
    for (let i = 0; i < this.#xs.length; i++) take(this.#xs[i] ?? 0, this.#ys[i] ?? 0);
  }

  #thin(): void {
    this.#keep(distinctCells(this.#xs, this.#ys));
    if (this.#xs.length <= this.#maxPoints / 2) return;
    this.#keep((_, index) => index % 2 === 0);
    this.#stride *= 2;
  }

  #keep(isKept: (x: number, index: number) => boolean): void {
    const ys = this.#ys;
    this.#ys = ys.filter((y, index) => isKept(this.#xs[index] ?? y, index));
    this.#xs = this.#xs.filter((x, index) => isKept(x, index));
  }
}

/** Tells the first point in each cell of a grid over all of them. */
function distinctCells(xs: readonly number[], ys: readonly number[]): (x: number, index: number) => boolean {
  const [x0, xSpan] = rangeOf(xs);
  const [y0, ySpan] = rangeOf(ys);
  const seen = new Set<number>();
  const isFirst = xs.map((x, index) => {
    const column = Math.floor(((x - x0) / xSpan) * (COLUMNS - 1));
    const row = Math.floor((((ys[index] ?? 0) - y0) / ySpan) * (ROWS - 1));
    const cell = column * ROWS + row;
    if (seen.has(cell)) return false;
    seen.add(cell);
    return true;
  });
  return (_, index) => isFirst[index] ?? false;
}

function rangeOf(values: readonly number[]): [least: number, span: number] {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return [least, Math.max(most - least, 1)];
}

/** Finer than a diagram is drawn. */
const COLUMNS = 4096;
const ROWS = 2048;
