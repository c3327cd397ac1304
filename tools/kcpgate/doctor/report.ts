import { release } from 'node:os';
import type { Finding, FindingStatus } from './finding.ts';

/** The findings for people: one line each, then what to do. */
export function formatReport(findings: readonly Finding[], version: string, hasColour: boolean): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = [
    `kcpgate ${version}, Node ${process.versions.node}, ${process.platform} ${process.arch} ${release()}`,
    '',
  ];
  for (const { check, status, text, advice = [] } of findings) {
    lines.push(`${label(status, hasColour)}  ${shown(check).padEnd(width)}  ${shown(text)}`);
    for (const line of advice) lines.push(`${' '.repeat(LABEL_WIDTH + width + 4)}-> ${shown(line)}`);
  }
  return `${lines.join('\n')}\n\n${summary(findings)}\n`;
}

function label(status: FindingStatus, hasColour: boolean): string {
  const [word, colour] = LABELS[status];
  const padded = word.padEnd(LABEL_WIDTH);
  return hasColour ? `\u001b[${colour}m${padded}\u001b[0m` : padded;
}

function summary(findings: readonly Finding[]): string {
  const failures = findings.filter(({ status }) => status === 'failure').length;
  const warnings = findings.filter(({ status }) => status === 'warning').length;
  if (failures > 0) return `${failures} of ${findings.length} checks failed.`;
  if (warnings > 0) return `Works; ${warnings} of ${findings.length} checks found something to improve.`;
  return 'All is well.';
}

/** What others said may be in it; line ends are our own. */
const shown = (text: string): string => text.replace(/(?!\n)\p{C}/gu, '?');

const LABELS: Readonly<Record<FindingStatus, readonly [word: string, colour: number]>> = {
  ok: ['ok', 32],
  note: ['note', 36],
  warning: ['warn', 33],
  failure: ['FAIL', 31],
};
const LABEL_WIDTH = 4;
