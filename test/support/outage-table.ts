/** Times of one kind of event, in ms, as a row of a table. */
export interface OutageRow {
  readonly label: string;
  readonly timesMs: readonly number[];
}

/** Prints the rows with p50, p99 and the longest. */
export function printOutages(title: string, rows: readonly OutageRow[]): void {
  const width = Math.max(...rows.map(({ label }) => label.length), 10);
  const lines = rows.map(({ label, timesMs }) => {
    const sorted = timesMs.toSorted((a, b) => a - b);
    const at = (share: number): string => {
      const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
      return (value === undefined ? '-' : value.toFixed(0)).padStart(8);
    };
    return `${label.padEnd(width)}${String(sorted.length).padStart(6)}${at(0.5)}${at(0.99)}${at(1)}`;
  });
  const head = `${'ms'.padEnd(width)}${['runs', 'p50', 'p99', 'max'].map((name, i) => name.padStart(i === 0 ? 6 : 8)).join('')}`;
  console.log([title, head, ...lines].join('\n'));
}
