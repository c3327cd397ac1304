import { alignRows } from '../../align-rows.ts';
import { bytesCell, countOf } from '../../admin/cell.ts';
import type { FlowReport } from '../examine/flow-report.ts';
import { endText } from './end-text.ts';
import { type Findings } from './findings.ts';
import { noteLines } from './note-text.ts';
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
    if (flows.length > 0) this.#block('Flows', flowLines(flows));
    for (const session of sessions) {
      const [title = '', ...lines] = sessionLines(session, startUs, this.#palette);
      this.#block(title, lines);
    }
    const text = notes.flatMap((note) => noteLines(note, this.#palette, this.#columns - INDENT.length));
    this.#block('Notes', notes.length === 0 ? ['nothing remarkable'] : text);
  }

  #block(title: string, lines: readonly string[]): void {
    if (title !== 'Capture') this.#output.writeLine('');
    this.#output.writeLine(this.#palette('heading', title));
    for (const line of lines) this.#output.writeLine(`${INDENT}${line}`);
  }
}

const INDENT = '  ';

function captureLines({ capture, flows, sessions, startUs }: Findings): string[] {
  const { packets, bytes, datagrams, notices } = capture;
  const lines = [
    `${countOf(packets, 'packet')}, ${countOf(datagrams, 'datagram')}, ${bytesCell(bytes)}; ` +
      `${countOf(flows.length, 'flow')}, ${countOf(sessions.length, 'session')}`,
  ];
  const lastUs = Math.max(0, ...flows.map((report) => report.lastUs));
  if (!Number.isNaN(startUs) && lastUs > 0) {
    lines.push(`from ${absoluteText(startUs)} UTC, ${spanText(Math.max(0, lastUs - startUs))} long`);
  }
  const other = Object.entries(notices).filter(([, count]) => count > 0);
  if (other.length > 0) lines.push(`else: ${other.map(([code, count]) => `${count} ${code}`).join(', ')}`);
  return lines;
}

function flowLines(flows: readonly FlowReport[]): string[] {
  const rows = flows.map(({ flow, packets, bytes, description, proxyHeaders, cutOff }) => {
    const extra = [
      description,
      ...(proxyHeaders === 'none' ? [] : [`${proxyHeaders === 'spp' ? 'SPP' : 'PROXY'} headers`]),
      ...(cutOff === 0 ? [] : [`${cutOff} cut off`]),
    ];
    const ends = `${endText(flow.a)} > ${endText(flow.b)}`;
    return [String(flow.index), flow.carrier, ends, String(packets), bytesCell(bytes), extra.join('; ')];
  });
  return alignRows([FLOW_HEADER, ...rows], NUMERIC_COLUMNS);
}

const FLOW_HEADER = ['#', 'CARRIER', 'ENDS', 'DATAGRAMS', 'BYTES', 'WHAT'];
const NUMERIC_COLUMNS: ReadonlySet<number> = new Set([0, 3, 4]);
