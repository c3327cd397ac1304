import type {
  CaptureNoticeCode,
  FoundDatagram,
} from '../../../../../../tools/kcpgate/inspect/found-datagram.ts';
import type { CaptureCounters } from '../../../../../../tools/kcpgate/inspect/capture/capture-counters.ts';
import { CaptureReader } from '../../../../../../tools/kcpgate/inspect/capture/read-capture.ts';

/** A datagram that outlives its call. */
export interface KeptDatagram extends Omit<FoundDatagram, 'bytes' | 'offset' | 'length' | 'flow'> {
  readonly hex: string;
  /** `udp 10.0.0.1:4000 > 10.0.0.2:5000` */
  readonly way: string;
  readonly flow: number;
}

export interface ReadResult {
  readonly datagrams: KeptDatagram[];
  /** Code and packet of each. */
  readonly notices: readonly (readonly [CaptureNoticeCode, number])[];
  readonly counters: CaptureCounters;
}

export function keep(found: FoundDatagram): KeptDatagram {
  const { bytes, offset, length, flow, ...rest } = found;
  const { a, b } = flow;
  const [from, to] = found.isFromA ? [a, b] : [b, a];
  return {
    ...rest,
    flow: flow.index,
    way: `${flow.carrier} ${from.address}:${from.port} > ${to.address}:${to.port}`,
    hex: Buffer.from(bytes.subarray(offset, offset + length)).toString('hex'),
  };
}

/** Reads a capture that comes in pieces with the given ends; each piece is overwritten behind the call. */
export function readAll(
  capture: Uint8Array,
  cuts: readonly number[] = [],
  maxMemoryBytes?: number,
): ReadResult {
  const datagrams: KeptDatagram[] = [];
  const notices: (readonly [CaptureNoticeCode, number])[] = [];
  const reader = new CaptureReader({
    sink: (found) => datagrams.push(keep(found)),
    notice: (code, packet) => notices.push([code, packet]),
    ...(maxMemoryBytes === undefined ? {} : { maxMemoryBytes }),
  });
  let from = 0;
  for (const to of [...cuts, capture.length]) {
    const piece = new Uint8Array(capture.subarray(from, to));
    reader.push(piece);
    piece.fill(0xdd);
    from = to;
  }
  reader.finish();
  return { datagrams, notices, counters: reader.counters };
}

export const hexOf = ({ datagrams }: ReadResult): string[] => datagrams.map(({ hex }) => hex);
