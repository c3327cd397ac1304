import { commandName } from '../../../../src/wire/command.ts';
import type { Dissection, Field, Problem, Unit } from '../../../../src/wire/dissection.ts';
import { formatLine } from '../../../../src/wire/print.ts';
import { hex32 } from '../../../../src/wire/printable.ts';
import { textCell } from '../../admin/cell.ts';
import type { ExaminedDatagram, ExaminedSegment } from '../examined.ts';
import { endText } from './end-text.ts';
import { markText } from './mark-table.ts';
import type { Palette } from './palette.ts';
import type { Reading } from './reading.ts';
import type { Subject } from './subject.ts';
import type { TextOutput } from './text-output.ts';
import { spanText, type TimeChoice, TimeText } from './time-text.ts';
import type { View } from './view.ts';

export interface LineViewOptions {
  readonly time: TimeChoice;
  /** Whether the beginnings of payloads, tags and ciphertexts are shown, too. */
  readonly withBytes: boolean;
}

/** One line a segment, as packet sniffers have them: packet, time, ends, carrier, segment, facts in (), marks in []. */
export class LineView implements View {
  readonly #output: TextOutput;
  readonly #palette: Palette;
  readonly #options: LineViewOptions;
  readonly #time: TimeText;
  #endsWidth = 0;
  /** Of the capture file, for the next line. */
  #comment = '';

  constructor(output: TextOutput, palette: Palette, options: LineViewOptions) {
    this.#output = output;
    this.#palette = palette;
    this.#options = options;
    this.#time = new TimeText(options.time);
  }

  show(subject: Subject, segments: readonly ExaminedSegment[]): void {
    const { datagram, reading } = subject;
    const begin = this.#begin(subject);
    this.#comment = commentText(datagram.found.comment);
    const headers = headersWithLine(datagram, reading);
    const faults = problemLines(reading.problems, reading);
    for (const unit of headers) this.#line(begin, this.#unitText(unit), datagram, headerFacts(datagram), '');
    if (datagram.segmentCount === 0 && headers.length === 0) {
      this.#line(begin, bareText(datagram, reading), datagram, bareFacts(datagram), '');
    }
    const facts = segmentFacts(subject);
    for (const segment of segments) {
      const unit = unitOf(reading, segment);
      const roundTrip = Number.isNaN(segment.roundTripUs)
        ? []
        : [`round trip ${spanText(segment.roundTripUs)}`];
      const text = unit === undefined ? bareSegmentText(segment) : this.#unitText(unit);
      this.#line(begin, text, datagram, [...facts, ...roundTrip], markText(segment.marks));
    }
    for (const fault of faults) this.#output.writeLine(`${INDENT}${this.#palette('fault', fault)}`);
  }

  #begin(subject: Subject): string {
    const { found } = subject.datagram;
    const ends = `${endText(subject.source)} > ${endText(subject.destination)}`;
    // Columns stand still as far as they can be known: they only grow.
    this.#endsWidth = Math.min(MAX_ENDS_WIDTH, Math.max(this.#endsWidth, ends.length));
    const packet = String(found.packet).padStart(PACKET_WIDTH);
    const time = this.#time.of(found.timeUs, subject.startUs).padStart(TIME_WIDTH);
    const carrier = found.flow.carrier === 'websocket' ? 'ws ' : found.flow.carrier;
    const { direction } = subject;
    const shown = direction === null ? ends : this.#palette(direction, ends);
    const padding = ' '.repeat(Math.max(0, this.#endsWidth - ends.length));
    return `${this.#palette('dim', `${packet} ${time}`)}  ${shown}${padding}  ${carrier}`;
  }

  #line(
    begin: string,
    text: string,
    datagram: ExaminedDatagram,
    facts: readonly string[],
    marks: string,
  ): void {
    const parts = [begin, '  ', text];
    const all =
      datagram.found.missingBytes > 0
        ? [...facts, `${datagram.found.missingBytes} bytes not captured`]
        : facts;
    if (all.length > 0) parts.push('  ', this.#palette('dim', `(${all.join(', ')})`));
    if (marks !== '') parts.push('  ', this.#palette('mark', marks));
    if (this.#comment !== '') parts.push('  ', this.#palette('dim', this.#comment));
    this.#comment = '';
    this.#output.writeLine(parts.join(''));
  }

  #unitText(unit: Unit): string {
    const fields = this.#options.withBytes
      ? unit.fields
      : unit.fields.filter((field) => !BYTE_FIELDS.has(field.name));
    return formatLine(alone({ ...unit, fields }));
  }
}

/** The unit `dissect` made of a segment. */
export function unitOf(reading: Reading, segment: ExaminedSegment): Unit | undefined {
  return reading.segments.find((unit) => unit.offset + reading.segmentBase === segment.at);
}

/** A comment as it may stand in a line. */
function commentText(comment: string): string {
  const shown = comment.length > MAX_COMMENT_LENGTH ? `${comment.slice(0, MAX_COMMENT_LENGTH)}...` : comment;
  return shown === '' ? '' : `# ${textCell(shown)}`;
}

/** A segment that `dissect` saw otherwise. */
function bareSegmentText({ conv, cmd, sn, length }: ExaminedSegment): string {
  return `${hex32(conv)} ${commandName(cmd) ?? `UNKNOWN_${cmd}`} sn=${sn >>> 0} len=${length}`;
}

/** What stands around the segments and has a line of its own: the rest is told in the facts of each segment. */
function headersWithLine({ kind, segmentCount }: ExaminedDatagram, { headers }: Reading): readonly Unit[] {
  // That of kcp-go's encryption alone says nothing.
  if (segmentCount === 0)
    return headers.length > 1 ? headers.filter(({ name }) => name !== 'KCP_GO_CRYPT') : headers;
  return kind === 'handshake'
    ? headers.filter((unit) => !unit.name.startsWith('PROXY') && unit.name !== 'SPP')
    : [];
}

function headerFacts({ found, sealedBecause }: ExaminedDatagram): string[] {
  const facts = [`${found.length} bytes`];
  if (sealedBecause !== null) facts.push(SEALED_WORDS[sealedBecause]);
  return facts;
}

const SEALED_WORDS = { no_key: 'no key', open_failed: 'no key opens it', cut_off: 'cut off' } as const;

function bareText({ kind, found }: ExaminedDatagram, reading: Reading): string {
  if (reading.outer !== null && kind !== 'opaque') return formatLine({ ...reading.outer, problems: [] });
  return `${kind} ${found.length} bytes`;
}

function bareFacts({ kind, sealedBecause }: ExaminedDatagram): string[] {
  if (sealedBecause !== null) return [SEALED_WORDS[sealedBecause]];
  return kind === 'opaque' ? ['not this protocol, or encrypted by kcp-go'] : [];
}

/** How the segments of a datagram were wrapped. */
function segmentFacts(subject: Subject): string[] {
  const { datagram, reading } = subject;
  const facts: string[] = [];
  for (const unit of reading.headers) {
    const address = fieldText(unit, 'source');
    const port = Number(fieldText(unit, 'sourcePort'));
    if (address !== undefined) facts.push(`${unit.name} ${endText({ address, port })}`);
    if (unit.name.startsWith('FEC')) facts.push(`fec ${fieldText(unit, 'seqid') ?? ''}`);
  }
  if (datagram.kind === 'kcp_go_crypt') facts.push('crypt');
  if (datagram.kind === 'handshake') facts.push('in the handshake');
  if (datagram.kind === 'sealed') {
    const copy = subject.isCopy ? 'sealed copy' : 'sealed';
    facts.push(`${copy} pn=${subject.packetNumber} path=${subject.pathId}`);
  }
  return facts;
}

const fieldText = (unit: Unit, name: string): string | undefined =>
  unit.fields.find((field: Field) => field.name === name)?.text;

function problemLines(problems: readonly Problem[], { outer }: Reading): string[] {
  if (problems.length === 0) return [];
  const shape: Dissection = { length: outer?.length ?? 0, kind: outer?.kind ?? 'clear', units: [], problems };
  return formatLine(shape).split('\n').slice(1);
}

/** A unit as `formatLine` wants it. */
const alone = (unit: Unit): Dissection => ({
  length: unit.length,
  kind: 'clear',
  units: [unit],
  problems: [],
});

const BYTE_FIELDS: ReadonlySet<string> = new Set([
  'payload',
  'padding',
  'ciphertext',
  'tag',
  'random',
  'ticketNonce',
  'ticketText',
  'ticketTag',
  'codeWords',
  'token',
  'data',
  'rest',
  'skipped',
]);
const MAX_COMMENT_LENGTH = 200;
const PACKET_WIDTH = 5;
const TIME_WIDTH = 10;
/** Two IPv6 addresses may be longer than that: they push the rest aside. */
const MAX_ENDS_WIDTH = 48;
const INDENT = ' '.repeat(PACKET_WIDTH + 1 + TIME_WIDTH + 2);
