import { alignRows } from '../../align-rows.ts';
import { bytesCell, countOf } from '../../admin/cell.ts';
import type { FlowReport } from '../examine/flow-report.ts';
import { endText } from './end-text.ts';
import { type Findings } from './findings.ts';
import { noteLines, wrapped } from './note-text.ts';
import type { Palette } from './palette.ts';
import { sessionLines } from './session-text.ts';
import type { TextOutput } from './text-output.ts';
import { absoluteText, spanText } from './time-text.ts';
import type { View } from './view.ts';

/** What there was: the capture, each flow, each session with both directions side by side, and what is wrong. */
export class StatsView implements View {
  readonly #output: TextOutput;
  readonly #palette: Palette;
  readonly #columns: number;

  /** @param columns width of the output. */
  constructor(output: TextOutput, palette: Palette, columns: number) {
    this.#output = output;
    this.#palette = palette;
    this.#columns = columns;
  }

  show(): void {
    // The end tells all.
  }

  finish(findings: Findings): void {
    const { flows, sessions, notes, startUs } = findings;
    this.#block('Capture', captureLines(findings));
    if (flows.length > 0) {
      const lines = flowLines(flows.slice(0, MAX_SHOWN), this.#columns - INDENT.length);
      this.#block('Flows', [...lines, ...moreLines(flows.length)]);
    }
    for (const session of sessions.slice(0, MAX_SHOWN)) {
      const [title = '', ...lines] = sessionLines(session, startUs, this.#palette);
      this.#block(title, lines);
    }
    const more = moreLines(sessions.length);
    if (more.length > 0) this.#block('Sessions', more);
    const text = notes.flatMap((note) => noteLines(note, this.#palette, this.#columns - INDENT.length));
    this.#block('Notes', notes.length === 0 ? ['nothing remarkable'] : text);
  }

  #block(title: string, lines: readonly string[]): void {
    if (title !== 'Capture') this.#output.writeLine('');
    this.#output.writeLine(this.#palette('heading', title));
    for (const line of lines) this.#output.writeLine(line === '' ? line : `${INDENT}${line}`);
  }
}

const INDENT = '  ';

/** Flows, and sessions: nobody reads on. */
const MAX_SHOWN = 1000;

const moreLines = (count: number): string[] =>
  count > MAX_SHOWN ? [`and ${count - MAX_SHOWN} more; --filter chooses, --json has all`] : [];

function captureLines({ capture, flows, sessions, left, startUs }: Findings): string[] {
  const { packets, bytes, datagrams, lostPackets, notices } = capture;
  const lines = [
    `${countOf(packets, 'packet')}, ${countOf(datagrams, 'datagram')}, ${bytesCell(bytes)}; ` +
      `${countOf(flows.length, 'flow')}, ${countOf(sessions.length, 'session')}`,
  ];
  const lastUs = Math.max(0, ...flows.map((report) => report.lastUs));
  if (!Number.isNaN(startUs) && lastUs > 0) {
    lines.push(`from ${absoluteText(startUs)} UTC, ${spanText(Math.max(0, lastUs - startUs))} long`);
  }
  if (lostPackets > 0)
    lines.push(`${countOf(lostPackets, 'packet')} not captured, because there were too many`);
  const other = Object.entries(notices).filter(([, count]) => count > 0);
  if (other.length > 0) lines.push(`else: ${other.map(([code, count]) => `${count} ${code}`).join(', ')}`);
  const { forgottenSessions, forgottenFlows, suppressedNotes } = left;
  const forgotten: readonly [number, string][] = [
    [forgottenSessions, 'session'],
    [forgottenFlows, 'flow'],
    [suppressedNotes, 'note'],
  ];
  const words = forgotten.filter(([count]) => count > 0).map(([count, noun]) => countOf(count, noun));
  if (words.length > 0) lines.push(`no room for: ${words.join(', ')}`);
  return lines;
}

function flowLines(flows: readonly FlowReport[], columns: number): string[] {
  const table = flows.map(({ flow, packets, bytes }) => {
    const ends = `${endText(flow.a)} > ${endText(flow.b)}`;
    return [String(flow.index), flow.carrier, ends, String(packets), bytesCell(bytes)];
  });
  const rows = [FLOW_HEADER, ...table];
  const used = alignRows(rows, NUMERIC_COLUMNS)[0]?.length ?? 0;
  const whatColumns = Math.max(MIN_WHAT_COLUMNS, columns - used - 2);
  const whole = flows.flatMap((report, index) =>
    wrapped(whatText(report), whatColumns).map((what, line) => [...cellsOf(table, index, line), what]),
  );
  return alignRows([[...FLOW_HEADER, 'WHAT'], ...whole], NUMERIC_COLUMNS);
}

function whatText({ description, proxyHeaders, cutOff }: FlowReport): string {
  const parts = [description];
  if (proxyHeaders !== 'none') parts.push(`${proxyHeaders === 'spp' ? 'SPP' : 'PROXY'} headers`);
  if (cutOff > 0) parts.push(`${cutOff} cut off`);
  return parts.join('; ');
}

/** Only the first line of a flow has cells. */
const cellsOf = (table: readonly string[][], index: number, line: number): readonly string[] =>
  line === 0 ? (table[index] ?? []) : FLOW_HEADER.map(() => '');

const FLOW_HEADER = ['#', 'CARRIER', 'ENDS', 'DATAGRAMS', 'BYTES'];
const NUMERIC_COLUMNS: ReadonlySet<number> = new Set([0, 3, 4]);
const MIN_WHAT_COLUMNS = 24;
