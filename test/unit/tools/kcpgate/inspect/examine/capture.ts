import { wireMemory } from '../../../../../../src/wire/memory.ts';
import { type AnySegment, writeAnySegment } from '../../../../../../src/wire/any-segment.ts';
import { Examiner, type ExaminerOptions } from '../../../../../../tools/kcpgate/inspect/examine/examiner.ts';
import type {
  ExaminedDatagram,
  ExaminedSegment,
  ExpertNoteCode,
} from '../../../../../../tools/kcpgate/inspect/examined.ts';
import type {
  Flow,
  FlowEnd,
  FoundCarrier,
  FoundDatagram,
} from '../../../../../../tools/kcpgate/inspect/found-datagram.ts';
import type { SpuriousRetransmission } from '../../../../../../tools/kcpgate/inspect/examine/examiner.ts';

export const CLIENT: FlowEnd = { address: '192.0.2.7', port: 50_001 };
const GATEWAY: FlowEnd = { address: '198.51.100.1', port: 4000 };
export const CONV = 0x01020304;

/** What a test puts into a capture, one datagram after another, and what the examiner makes of it. */
export class Capture {
  readonly examiner: Examiner;
  readonly spurious: SpuriousRetransmission[] = [];
  /** Of the next packet, in ms. */
  nowMs = 1000;
  packet = 0;
  readonly #flows = new Map<string, Flow>();

  constructor(options: ExaminerOptions = {}) {
    this.examiner = new Examiner({ ...options, onSpurious: (one) => this.spurious.push(one) });
  }

  flow(client: FlowEnd = CLIENT, carrier: FoundCarrier = 'udp', gateway: FlowEnd = GATEWAY): Flow {
    const key = `${carrier} ${client.address} ${client.port} ${gateway.address} ${gateway.port}`;
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      flow = { index: this.#flows.size, carrier, a: client, b: gateway };
      this.#flows.set(key, flow);
    }
    return flow;
  }

  /** Captures bytes; more about them in `about`. */
  take(bytes: Uint8Array, isFromA: boolean, about: Partial<FoundDatagram> = {}): ExaminedDatagram {
    return this.examiner.examine({
      packet: ++this.packet,
      timeUs: this.nowMs * 1000,
      flow: about.flow ?? this.flow(),
      isFromA,
      bytes,
      offset: 0,
      length: bytes.length,
      missingBytes: 0,
      isProxyHeader: false,
      comment: '',
      ...about,
    });
  }

  /** The client sends these segments in one datagram. */
  up(...segments: AnySegment[]): ExaminedDatagram {
    return this.take(datagramOf(...segments), true);
  }

  /** The gateway does. */
  down(...segments: AnySegment[]): ExaminedDatagram {
    return this.take(datagramOf(...segments), false);
  }

  codes(): ExpertNoteCode[] {
    return this.examiner.notes.map(({ code }) => code);
  }
}

/** Bytes of one clear datagram. */
export function datagramOf(...segments: AnySegment[]): Uint8Array {
  let at = 0;
  for (const segment of segments) at += writeAnySegment(SCRATCH, at, segment);
  return SCRATCH.bytes.slice(0, at);
}

const SCRATCH = wireMemory(new Uint8Array(65_535));

export interface PushFields {
  readonly sn: number;
  readonly ts: number;
  readonly una?: number;
  readonly wnd?: number;
  readonly frg?: number;
  readonly length?: number;
  readonly conv?: number;
  readonly type?: 'push' | 'new';
}

/** A PUSH, or with `type` a NEW. */
export function push({
  sn,
  ts,
  una = 0,
  wnd = 128,
  frg = 0,
  length = 10,
  conv = CONV,
  type = 'push',
}: PushFields): AnySegment {
  const fields = { conv, frg, wnd, ts, sn: sn >>> 0, una: una >>> 0, payload: new Uint8Array(length) };
  return type === 'new' ? { type, ...fields, address: null } : { type, ...fields };
}

/** An ACK of `sn` that returns `ts`. */
export function ack(sn: number, ts: number, una: number, wnd = 128, conv = CONV): AnySegment {
  return { type: 'ack', conv, wnd, ts, sn: sn >>> 0, una: una >>> 0 };
}

/** The only segment of a datagram. */
export function only({ segments, segmentCount }: ExaminedDatagram): ExaminedSegment {
  if (segmentCount !== 1) throw new Error(`${segmentCount} segments`);
  return segments[0]!;
}
