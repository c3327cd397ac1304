import { alignRows } from '../align-rows.ts';
import { medianText, ratioText, shownFigures, spreadText } from './cells.ts';
import type { BenchReport, ScenarioReport } from './report.ts';
import { judgeTargets } from './targets.ts';

/** The report as a table for people, one row a figure and contender. */
export function formatReport(report: BenchReport): string {
  const rows = [HEADER, ...report.scenarios.flatMap(scenarioRows)];
  const lines = [...headLines(report), '', ...alignRows(rows, NUMERIC_COLUMNS)];
  const sites = report.scenarios.flatMap(({ allocationSites }) => allocationSites ?? []);
  if (sites.length > 0) {
    lines.push('', 'bytes a datagram, by the function that allocates');
    for (const { place, bytesPerPacket } of sites) {
      lines.push(`${bytesPerPacket.toFixed(2).padStart(10)}  ${place}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Every target with what was measured. */
export function formatTargets(report: BenchReport): string {
  const rows = judgeTargets(report).map(({ label, bound, value, isMet }) => [
    label,
    bound,
    value === undefined ? '' : value.toFixed(2),
    verdictText(isMet),
  ]);
  return `${alignRows([['target', '', 'measured', ''], ...rows], new Set([1, 2])).join('\n')}\n`;
}

export function verdictText(isMet: boolean | undefined): string {
  if (isMet === undefined) return 'not measured';
  return isMet ? 'met' : 'MISSED';
}

/** Where and how it was measured, and loudly what was not as it was meant to be. */
export function headLines({ machine, runs, scenarios }: BenchReport): string[] {
  const { node, platform, kernel, cpu, cores, kcpGo } = machine;
  const peer = kcpGo === null ? '' : `, kcp-go ${kcpGo}`;
  const head = `node ${node}, ${platform} ${kernel}, ${cores} x ${cpu}${peer}; median of ${runs} run${runs === 1 ? '' : 's'}`;
  const missing = scenarios
    .flatMap(({ results }) => results)
    .filter(({ isWithoutNative }) => isWithoutNative)
    .map(({ contender, native }) => {
      const reason = native === undefined || native.status === 'loaded' ? '' : native.reason;
      return `!!! NATIVE ADDON NOT LOADED in "${contender}": ${reason} !!!`;
    });
  return [head, ...new Set(missing)];
}

const HEADER = ['scenario', 'figure', 'contender', 'median', 'min..max', 'ratio'] as const;
const NUMERIC_COLUMNS: ReadonlySet<number> = new Set([3, 4, 5]);

function scenarioRows(scenario: ScenarioReport): string[][] {
  return shownFigures(scenario).flatMap((figure, figureIndex) =>
    scenario.results
      .filter(({ median }) => figure.name in median)
      .map((result, index) => [
        figureIndex + index === 0 ? scenario.scenario : '',
        index === 0 ? figure.info.label : '',
        result.contender,
        medianText(result, figure),
        spreadText(result, figure),
        ratioText(result, figure),
      ]),
  );
}
