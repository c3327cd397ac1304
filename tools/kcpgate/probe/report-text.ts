import { formatSocketAddress } from '../../../src/base/address.ts';
import type { LineEvidence, LineReport } from '../../../src/client/node/index.ts';
import { textCell } from '../admin/cell.ts';
import { alignRows } from '../align-rows.ts';

/** What was found, for people: a row for each line at each address, the one to use first and marked. */
export function reportText({ best, lines, otherAddresses, reason, tookMs }: LineReport): string {
  const rows = [...lines, ...otherAddresses].map((evidence, index) =>
    rowOf(evidence, index === 0 && best !== null),
  );
  const verdict = best === null ? reason : `${textCell(best.id)}: ${textCell(reason)}`;
  const seenAs = lines.flatMap((evidence) => evidence.seenAs ?? [])[0];
  return [
    ...alignRows([HEADER, ...rows], NUMERIC_COLUMNS),
    '',
    `${verdict} (${String(Math.round(tookMs))} ms of probing)`,
    ...(seenAs === undefined ? [] : [`this host is seen as ${textCell(formatSocketAddress(seenAs))}`]),
    '',
  ].join('\n');
}

function rowOf(evidence: LineEvidence, isBest: boolean): string[] {
  const { line, address, sent, answered, rttsMs, medianRttMs, jitterMs, score, load } = evidence;
  return [
    `${isBest ? '*' : ' '} ${textCell(line.id)}`,
    line.transport === 'tcp' && line.tls ? 'tls' : line.transport,
    address === undefined ? '' : textCell(formatSocketAddress(address)),
    // Those that were on their way at the end are neither; but of a line that never answered they are all there is.
    rttsMs.length === 0 ? '' : `${String(answered)}/${String(answered === 0 ? rttsMs.length : sent)}`,
    tenths(medianRttMs),
    tenths(jitterMs),
    tenths(score?.ms ?? null),
    score === null ? '' : `${tenths(score.minMs)}-${tenths(score.maxMs)}`,
    load === null ? '' : `${String(Math.round((load / 255) * 100))} %`,
    remarkOn(evidence),
  ];
}

function remarkOn({ line, fullSize, draining, notReady, fault }: LineEvidence): string {
  const remarks = [
    ...(fault === null ? [] : [FAULTS[fault] ?? fault]),
    ...(draining ? ['draining'] : []),
    ...(notReady ? ['not ready'] : []),
    ...(fullSize === false ? ['1200 bytes do not pass'] : []),
    ...(line.priority === 0 ? [] : [`priority ${String(line.priority)}`]),
  ];
  return remarks.join(', ');
}

const tenths = (ms: number | null): string => (ms === null ? '' : ms.toFixed(1));

const HEADER = ['  LINE', 'BY', 'ADDRESS', 'ANSWERS', 'RTT', 'JITTER', 'SCORE', 'BOUNDS', 'LOAD', 'REMARKS'];
const NUMERIC_COLUMNS: ReadonlySet<number> = new Set([3, 4, 5, 6, 7, 8]);
const FAULTS: Readonly<Record<string, string>> = {
  no_answer: 'no answer',
  not_tried: 'not tried',
  unsupported: 'not supported here',
  connect_failed: 'cannot be reached',
  connect_timeout: 'not made in time',
};
