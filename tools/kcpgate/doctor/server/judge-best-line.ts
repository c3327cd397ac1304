import type { LineReport } from '../../../../src/client/lines/line-report.ts';
import type { Finding } from '../finding.ts';

/** The line that clients choose here.. */
export function judgeBestLine({ best, lines, reason, tookMs }: LineReport): Finding[] {
  if (best === null) return [];
  const scores = Object.fromEntries(lines.map(({ line, score }) => [line.id, score?.ms ?? null]));
  const details = { line: best.id, transport: best.transport, reason, scores, tookMs };
  return [{ check: 'best line', status: 'ok', text: `${best.id} (${best.transport}): ${reason}`, details }];
}
