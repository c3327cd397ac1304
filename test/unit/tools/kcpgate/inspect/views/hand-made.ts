import { type AnySegment, writeAnySegment } from '../../../../../../src/wire/any-segment.ts';
import { addressBlockBytesOf } from '../../../../../../src/wire/data-segment.ts';
import { wireMemory } from '../../../../../../src/wire/memory.ts';
import {
  commandOf,
  conversationOf,
  fragmentOf,
  payloadLengthOf,
  SEGMENT_HEADER_BYTES,
  sequenceOf,
  timestampOf,
  unacknowledgedOf,
  windowOf,
} from '../../../../../../src/wire/segment.ts';
import { emptyDatagram } from '../../../../../../tools/kcpgate/inspect/examine/empty-datagram.ts';
import type { ExaminerCounters } from '../../../../../../tools/kcpgate/inspect/examine/examiner.ts';
import type { ExaminedDatagram, ExaminedSegment } from '../../../../../../tools/kcpgate/inspect/examined.ts';
import type { Flow } from '../../../../../../tools/kcpgate/inspect/found-datagram.ts';
import { Subject } from '../../../../../../tools/kcpgate/inspect/views/subject.ts';
import { TextOutput } from '../../../../../../tools/kcpgate/inspect/views/text-output.ts';

export const FLOW: Flow = {
  index: 0,
  carrier: 'udp',
  a: { address: '10.0.0.2', port: 51000 },
  b: { address: '10.0.0.1', port: 4000 },
};

/** An examiner that had room for all. */
export const NOTHING_LEFT: ExaminerCounters = { forgottenSessions: 0, forgottenFlows: 0, suppressedNotes: 0 };

/** Microseconds since 1970 of the first packet. */
export const START_US = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000;

export const PUSH: Extract<AnySegment, { type: 'push' }> = {
  type: 'push',
  conv: 0x01020304,
  frg: 0,
  wnd: 1024,
  ts: 1234,
  sn: 7,
  una: 5,
  payload: new TextEncoder().encode('abc'),
};

/** What is known of a datagram beside its segments, and of its segments in order. */
export interface HandMade {
  readonly packet?: number;
  readonly afterUs?: number;
  readonly fromClient?: boolean;
  readonly session?: number;
  readonly more?: Partial<ExaminedDatagram>;
  readonly segments?: readonly Partial<ExaminedSegment>[];
}

/** A clear datagram with these segments, examined by hand. */
export function handMade(segments: readonly AnySegment[], made: HandMade = {}): ExaminedDatagram {
  const { packet = 1, afterUs = 0, fromClient = true, session = 0, more = {} } = made;
  const bytes = new Uint8Array(4096);
  const memory = wireMemory(bytes);
  const starts: number[] = [];
  let length = 0;
  for (const segment of segments) {
    starts.push(length);
    length += writeAnySegment(memory, length, segment);
  }
  const examined = starts.map((at, index) => ({ ...read(memory.view, at), ...made.segments?.[index] }));
  return {
    ...emptyDatagram(),
    found: {
      packet,
      timeUs: START_US + afterUs,
      flow: FLOW,
      isFromA: fromClient,
      bytes,
      offset: 0,
      length,
      missingBytes: 0,
      isProxyHeader: false,
      comment: '',
    },
    kind: length === 0 ? 'empty' : 'clear',
    clear: bytes,
    clearLength: length,
    conv: examined[0]?.conv ?? -1,
    session,
    isFromClient: fromClient,
    segmentCount: examined.length,
    segments: examined,
    ...more,
  };
}

function read(view: DataView, at: number): ExaminedSegment {
  const cmd = commandOf(view, at);
  return {
    at,
    conv: conversationOf(view, at),
    cmd,
    frg: fragmentOf(view, at),
    wnd: windowOf(view, at),
    ts: timestampOf(view, at),
    sn: sequenceOf(view, at),
    una: unacknowledgedOf(view, at),
    length: payloadLengthOf(view, at),
    payloadAt: at + SEGMENT_HEADER_BYTES + addressBlockBytesOf(cmd),
    marks: 0,
    roundTripUs: NaN,
  };
}

/** A subject that looks at a datagram. */
export function subjectOf(datagram: ExaminedDatagram): Subject {
  const subject = new Subject(datagram);
  subject.startUs = START_US;
  subject.look(datagram);
  return subject;
}

/** An output whose text can be asked for. */
export function collected(): { readonly output: TextOutput; readonly text: () => string } {
  const pieces: Uint8Array[] = [];
  const output = new TextOutput((bytes) => {
    pieces.push(bytes.slice());
    return true;
  });
  return {
    output,
    text: () => {
      output.flush();
      return Buffer.concat(pieces).toString();
    },
  };
}
