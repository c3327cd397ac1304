import { medianText, ratioText, shownFigures, spreadText, type ShownFigure } from './cells.ts';
import type { BenchReport, ContenderResult, ScenarioReport } from './report.ts';
import { headLines, verdictText } from './table.ts';
import { judgeTargets } from './targets.ts';

/** The report as Markdown, a table a scenario, one column a contender. */
export function formatMarkdown(report: BenchReport): string {
  const tables = report.scenarios.map(({ scenario, ...rest }) =>
    [`\`${scenario}\``, '', ...scenarioTable({ scenario, ...rest })].join('\n'),
  );
  return `${[headLines(report).join('\n\n'), ...tables].join('\n\n')}\n`;
}

/** Every target with what was measured. */
export function formatMarkdownTargets(report: BenchReport): string {
  const rows = judgeTargets(report).map(({ label, bound, value, isMet }) => [
    label,
    bound,
    value === undefined ? '' : value.toFixed(2),
    verdictText(isMet),
  ]);
  return `${tableLines(['target', 'bound', 'measured', ''], [0, 3], rows).join('\n')}\n`;
}

function scenarioTable(scenario: ScenarioReport): string[] {
  const rows = shownFigures(scenario).map((figure) => [
    figure.info.label,
    ...scenario.results.map((result) => cellOf(result, figure)),
  ]);
  return tableLines(['figure', ...scenario.results.map(({ contender }) => contender)], [0], rows);
}

/** `612.3 (598.1..640.0), 4.51 x`. */
function cellOf(result: ContenderResult, figure: ShownFigure): string {
  const [spread, ratio] = [spreadText(result, figure), ratioText(result, figure)];
  return `${medianText(result, figure)}${spread && ` (${spread})`}${ratio && `, ${ratio}`}`;
}

function tableLines(
  header: readonly string[],
  textColumns: readonly number[],
  rows: readonly (readonly string[])[],
): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(header),
    line(header.map((_, column) => (textColumns.includes(column) ? '---' : '---:'))),
    ...rows.map(line),
  ];
}
