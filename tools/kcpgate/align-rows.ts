/** A table: figures stand to the right, words to the left; columns without content are left out. */
export function alignRows(rows: readonly (readonly string[])[], numeric: ReadonlySet<number>): string[] {
  const columns = rows[0]?.map((_, column) => column) ?? [];
  const widths = columns.map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const used = columns.filter((column) => rows.slice(1).some((row) => (row[column] ?? '') !== ''));
  return rows.map((row) =>
    used
      .map((column) => {
        const cell = row[column] ?? '';
        const width = widths[column] ?? 0;
        return numeric.has(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
