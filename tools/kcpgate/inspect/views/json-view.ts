import { commandName } from '../../../../src/wire/command.ts';
import type { Field, Unit } from '../../../../src/wire/dissection.ts';
import type { SpuriousRetransmission } from '../examine/examiner-options.ts';
import type { ExaminedSegment } from '../examined.ts';
import { jsonOfCapture, jsonOfFlow, jsonOfNote, jsonOfSession, jsonOfSpurious } from './json-findings.ts';
import type { Findings } from './findings.ts';
import { unitOf } from './line-view.ts';
import { markNames } from './mark-table.ts';
import type { Subject } from './subject.ts';
import type { TextOutput } from './text-output.ts';
import type { View } from './view.ts';

/** What a {@link JsonView} writes. */
export interface JsonParts {
  /** An object for each segment, and for each datagram without any. */
  readonly segments: boolean;
  /** At the end one for the capture as a whole, then one for each flow and session. */
  readonly reports: boolean;
  /** Then one for each note. */
  readonly notes: boolean;
}

/** One JSON object a line. */
export class JsonView implements View {
  readonly #output: TextOutput;
  readonly #parts: JsonParts;

  constructor(output: TextOutput, parts: JsonParts) {
    this.#output = output;
    this.#parts = parts;
  }

  show(subject: Subject, segments: readonly ExaminedSegment[]): void {
    if (!this.#parts.segments) return;
    const datagram = datagramJson(subject);
    if (segments.length === 0)
      this.#line({ type: 'datagram', ...datagram, units: subject.reading.headers.map(unitJson) });
    for (const segment of segments) {
      const unit = unitOf(subject.reading, segment);
      this.#line({ type: 'segment', ...datagram, ...segmentJson(subject, segment, unit) });
    }
  }

  onSpurious(spurious: SpuriousRetransmission): void {
    // Where it is clear from the beginning the segment, which comes next, has the mark.
    if (!this.#parts.segments || spurious.evidence === 'acknowledged_before') return;
    this.#line({ type: 'spurious', ...jsonOfSpurious(spurious) });
  }

  finish(findings: Findings): void {
    const { flows, sessions, notes } = findings;
    if (this.#parts.reports) {
      this.#line({ type: 'capture', ...jsonOfCapture(findings) });
      for (const flow of flows) this.#line({ type: 'flow', ...jsonOfFlow(flow) });
      for (const session of sessions) this.#line({ type: 'session', ...jsonOfSession(session) });
    }
    if (!this.#parts.notes) return;
    for (const note of notes) this.#line({ type: 'note', ...jsonOfNote(note) });
  }

  #line(value: object): void {
    this.#output.writeLine(JSON.stringify(value));
  }
}

function datagramJson(subject: Subject): object {
  const { datagram, packetNumber, pathId } = subject;
  const { found, kind, sealedBecause, conv, session } = datagram;
  return {
    packet: found.packet,
    timeUs: found.timeUs > 0 ? found.timeUs : null,
    carrier: found.flow.carrier,
    flow: found.flow.index,
    src: subject.source,
    dst: subject.destination,
    kind,
    bytes: found.length,
    missingBytes: found.missingBytes,
    session: session < 0 ? null : session,
    direction: subject.direction,
    pn: packetNumber < 0 ? null : packetNumber,
    pathId: pathId < 0 ? null : pathId,
    copy: subject.isCopy,
    decrypted: subject.isDecrypted,
    sealedBecause,
    conv: conv < 0 ? null : conv,
    problems: subject.reading.problems,
    ...(found.comment === '' ? {} : { comment: found.comment }),
  };
}

function segmentJson({ datagram }: Subject, segment: ExaminedSegment, unit: Unit | undefined): object {
  const { cmd, frg, wnd, length, payloadAt, marks, roundTripUs } = segment;
  const { clear } = datagram;
  return {
    cmd,
    name: commandName(cmd) ?? null,
    frg,
    wnd,
    ts: segment.ts >>> 0,
    sn: segment.sn >>> 0,
    una: segment.una >>> 0,
    len: length,
    marks: markNames(marks),
    roundTripUs: Number.isNaN(roundTripUs) ? null : roundTripUs,
    meaning: unit === undefined ? {} : meaningOf(unit),
    payload: clear === null ? '' : hexText(clear, payloadAt, length),
  };
}

/** Whole payloads: much faster than byte by byte. */
function hexText({ buffer, byteOffset, length: size }: Uint8Array, at: number, length: number): string {
  return Buffer.from(buffer, byteOffset + at, Math.max(0, Math.min(length, size - at))).toString('hex');
}

/** What fields mean in this command, beside the header's own names. */
function meaningOf({ fields }: Unit): object {
  return Object.fromEntries(
    fields
      .filter(({ name, unused }) => !unused && !HEADER_NAMES.has(name))
      .map(({ name, value }) => [name, value]),
  );
}

function unitJson({ name, offset, length, fields }: Unit): object {
  return {
    name,
    offset,
    length,
    fields: Object.fromEntries(fields.map((field: Field) => [field.name, field.value])),
  };
}

const HEADER_NAMES: ReadonlySet<string> = new Set([
  'conv',
  'cmd',
  'frg',
  'wnd',
  'ts',
  'sn',
  'una',
  'len',
  'payload',
  'padding',
]);
