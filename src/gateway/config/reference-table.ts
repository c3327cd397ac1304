import { type ConfigRow, describeConfig } from './describe.ts';

const BEGIN = '<!-- configuration table: begin (generated from the schema) -->';
const END = '<!-- configuration table: end -->';

/** The tables of all keys, one a section or type of entry, in Markdown. */
export function referenceTables(): string {
  const sections = new Map<string, ConfigRow[]>();
  for (const row of describeConfig()) {
    const title = row.entryType === '' ? row.section : `${row.section}: ${row.entryType}`;
    sections.set(title, [...(sections.get(title) ?? []), row]);
  }
  return [...sections].map(([title, rows]) => `### ${title}\n\n${table(rows)}`).join('\n\n');
}

/**
 * A Markdown page with what stands between its two table marks replaced by the current tables.
 * @throws Error when the page does not have the marks.
 */
export function withReferenceTables(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the page needs the lines ${BEGIN} and ${END}`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${referenceTables()}\n\n${page.slice(end)}`;
}

function table(rows: readonly ConfigRow[]): string {
  const cells = rows.map((row) => [
    code(row.key.slice(row.section.length).replace(/^\./, '')),
    row.type,
    row.default === 'required' || row.default === 'none' ? row.default : code(row.default),
    row.range,
    row.variable === '' ? '' : code(row.variable),
    row.text,
  ]);
  const all = [['Key', 'Type', 'Default', 'Range', 'Environment', 'Meaning'], ...cells];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  const lines = all.map((line) => join(line.map((cell, column) => cell.padEnd(widths[column] ?? 0))));
  const rule = join(widths.map((width) => '-'.repeat(width)));
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}

function join(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}
