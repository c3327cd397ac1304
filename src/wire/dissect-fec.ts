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
export function dissectFec(draft: Draft, at: number, end: number): void {
  const { view } = draft.memory;
  const type = fecTypeOf(view, at);
  const header = [field('seqid', fecSequenceOf(view, at), at, 4), field('type', type, at + 4, 2)];
  if (type === FecType.parity) {
    const codeWords = bytesField(
      draft.memory,
      'codeWords',
      at + FEC_HEADER_BYTES,
      end - at - FEC_HEADER_BYTES,
    );
    draft.unit('FEC_PARITY', at, end - at, [...header, codeWords]);
    return;
  }
  header.push(field('size', fecSizeOf(view, at), at + 6, 2));
  const counted = fecPayloadLength(view, at, end);
  if (counted < 0)
    draft.problem('bad_fec_size', at + 6, `size ${fecSizeOf(view, at)} does not fit the datagram`);
  const innerEnd = counted < 0 ? end : at + FEC_DATA_HEADER_BYTES + counted;
  if (type === FecType.outOfBand) dissectOutOfBand(draft, header, at, innerEnd);
  else dissectData(draft, header, at, innerEnd);
  if (innerEnd < end)
    draft.problem('trailing_bytes', innerEnd, `${end - innerEnd} bytes after the FEC packet`);
}

function dissectData(draft: Draft, header: readonly Field[], at: number, end: number): void {
  const { view } = draft.memory;
  const inner = at + FEC_DATA_HEADER_BYTES;
  draft.unit('FEC_DATA', at, inner - at, header);
  const kind = datagramKind(view, inner, end - inner);
  if (kind === 'clear') dissectSegments(draft, inner, end);
  else if (end - inner < MIN_DATAGRAM_BYTES)
    draft.problem('too_short', inner, 'no room for a segment inside');
  else draft.problem('unknown_kind', inner + 4, 'what is inside does not begin with a segment');
}

function dissectOutOfBand(draft: Draft, header: readonly Field[], at: number, end: number): void {
  const { memory } = draft;
  const convAt = at + FEC_DATA_HEADER_BYTES;
  if (end - convAt < 4) {
    draft.problem('too_short', convAt, 'no room for a conv inside');
    draft.unit('FEC_OOB', at, end - at, header);
    return;
  }
  const conv = memory.view.getUint32(convAt, true);
  const payloadAt = convAt + 4;
  draft.unit('FEC_OOB', at, end - at, [
    ...header,
    field('conv', conv, convAt, 4, hex32(conv)),
    bytesField(memory, 'payload', payloadAt, end - payloadAt),
  ]);
}
