import { MEASURES, type MeasureInfo } from './measure.ts';
import type { BenchReport, PairingResult, ScenarioReport } from './report.ts';

/** The report as a table for people, one row a figure. */
export function formatReport(report: BenchReport): string {
  const { node, platform, cpu, cpus, runs } = report;
  const head = `node ${node}, ${platform}, ${cpus} x ${cpu}; median of ${runs} run${runs === 1 ? '' : 's'}`;
  const rows = [HEADER, ...report.scenarios.flatMap(scenarioRows)];
  const sites = report.scenarios.flatMap(({ allocationSites }) => allocationSites ?? []);
  const lines = [head, '', ...alignRows(rows)];
  if (sites.length > 0) {
    lines.push('', 'bytes a datagram, by the function that allocates');
    for (const { place, bytesPerPacket } of sites) {
      lines.push(`${bytesPerPacket.toFixed(2).padStart(10)}  ${place}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

const HEADER = ['scenario', 'figure', 'kcpgate', 'kcp-go', 'ratio', 'kcp-go -> kcpgate', 'target'] as const;

function scenarioRows({ scenario, results, ratios }: ScenarioReport): string[][] {
  const of = (pairing: PairingResult['pairing']): PairingResult | undefined =>
    results.find((result) => result.pairing === pairing);
  const ours = of('kcpgate');
  if (ours === undefined) return [];
  const names = Object.keys(MEASURES).filter((name) => name in ours.median);
  return names.map((name, row) => {
    const info = MEASURES[name] ?? { label: name, digits: 2 };
    const show = (result: PairingResult | undefined): string =>
      result?.median[name] === undefined ? '' : result.median[name].toFixed(info.digits);
    const ratio = ratios[name];
    const shownRatio = ratio === undefined || info.better === undefined ? '' : ratio.toFixed(2);
    return [
      row === 0 ? scenario : '',
      info.label,
      show(ours),
      show(of('kcp-go')),
      shownRatio,
      show(of('kcp-go -> kcpgate')),
      verdict(info, ours.median[name] ?? NaN, ratio),
    ];
  });
}

function verdict(info: MeasureInfo, value: number, ratio: number | undefined): string {
  if (info.max !== undefined) return `${value <= info.max ? 'met' : 'MISSED'} (<= ${info.max})`;
  if (info.minRatio === undefined || ratio === undefined) return '';
  return `${ratio >= info.minRatio ? 'met' : 'MISSED'} (ratio >= ${info.minRatio})`;
}

function alignRows(rows: readonly (readonly string[])[]): string[] {
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const used = widths.map((_, column) => rows.slice(1).some((row) => (row[column] ?? '') !== ''));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .filter((_, column) => used[column])
      .join('  ')
      .trimEnd(),
  );
}

/** Figures stand to the right, words to the left. */
function isText(column: number): boolean {
  return column < 2 || column === HEADER.length - 1;
}
