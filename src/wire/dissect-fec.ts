import { datagramKind, MIN_DATAGRAM_BYTES } from './datagram-kind.ts';
import { bytesField, type Draft, field } from './dissection-draft.ts';
import { dissectSegments } from './dissect-segment.ts';
import type { Field } from './dissection.ts';
import {
  FEC_DATA_HEADER_BYTES,
  FEC_HEADER_BYTES,
  fecPayloadLength,
  fecSequenceOf,
  fecSizeOf,
  FecType,
  fecTypeOf,
} from './fec-header.ts';
import { hex32 } from './printable.ts';

/** Takes a kcp-go FEC packet apart, and the segments in a data packet. */
export function dissectFec(draft: Draft, end: number): void {
  const { view } = draft.memory;
  const type = fecTypeOf(view, 0);
  const header = [field('seqid', fecSequenceOf(view, 0), 0, 4), field('type', type, 4, 2)];
  if (type === FecType.parity) {
    const codeWords = bytesField(draft.memory, 'codeWords', FEC_HEADER_BYTES, end - FEC_HEADER_BYTES);
    draft.unit('FEC_PARITY', 0, end, [...header, codeWords]);
    return;
  }
  header.push(field('size', fecSizeOf(view, 0), 6, 2));
  const counted = fecPayloadLength(view, 0, end);
  if (counted < 0) draft.problem('bad_fec_size', 6, `size ${fecSizeOf(view, 0)} does not fit the datagram`);
  const innerEnd = counted < 0 ? end : FEC_DATA_HEADER_BYTES + counted;
  if (type === FecType.outOfBand) dissectOutOfBand(draft, header, innerEnd);
  else dissectData(draft, header, innerEnd);
  if (innerEnd < end)
    draft.problem('trailing_bytes', innerEnd, `${end - innerEnd} bytes after the FEC packet`);
}

function dissectData(draft: Draft, header: readonly Field[], end: number): void {
  const { view } = draft.memory;
  const inner = FEC_DATA_HEADER_BYTES;
  draft.unit('FEC_DATA', 0, inner, header);
  const kind = datagramKind(view, inner, end - inner);
  if (kind === 'clear') dissectSegments(draft, inner, end);
  else if (end - inner < MIN_DATAGRAM_BYTES)
    draft.problem('too_short', inner, 'no room for a segment inside');
  else draft.problem('unknown_kind', inner + 4, 'what is inside does not begin with a segment');
}

function dissectOutOfBand(draft: Draft, header: readonly Field[], end: number): void {
  const { memory } = draft;
  const convAt = FEC_DATA_HEADER_BYTES;
  if (end - convAt < 4) {
    draft.problem('too_short', convAt, 'no room for a conv inside');
    draft.unit('FEC_OOB', 0, end, header);
    return;
  }
  const conv = memory.view.getUint32(convAt, true);
  const payloadAt = convAt + 4;
  draft.unit('FEC_OOB', 0, end, [
    ...header,
    field('conv', conv, convAt, 4, hex32(conv)),
    bytesField(memory, 'payload', payloadAt, end - payloadAt),
  ]);
}
