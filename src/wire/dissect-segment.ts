import { commandName } from './command.ts';
import { addressBlockBytesOf } from './data-segment.ts';
import { addAddressBlock, addPayload } from './dissect-payload.ts';
import { type Draft, field } from './dissection-draft.ts';
import type { Field } from './dissection.ts';
import { type FieldMeaning, headerMeaningOf } from './header-meaning.ts';
import { hex32 } from './printable.ts';
import {
  commandOf,
  conversationOf,
  payloadLengthOf,
  SEGMENT_FIELD,
  SEGMENT_HEADER_BYTES,
} from './segment.ts';

/**
 * Takes the segments from `from` to `end` apart, up to the first that is cut off.
 * @param header conv of the header in front of them; without one all must have that of the first.
 */
export function dissectSegments(draft: Draft, from: number, end: number, header?: number): void {
  const conv = header ?? conversationOf(draft.memory.view, from);
  const whose = header === undefined ? 'the first segment' : 'the header';
  let at = from;
  while (end - at >= SEGMENT_HEADER_BYTES) {
    if (conversationOf(draft.memory.view, at) !== conv) {
      draft.problem('conv_mismatch', at, `conv is not the ${hex32(conv)} of ${whose}`);
    }
    at = dissectSegment(draft, at, end);
  }
  if (at < end) draft.problem('trailing_bytes', at, `${end - at} bytes after the last segment`);
}

/** Adds one segment. Returns where the next begins. */
function dissectSegment(draft: Draft, at: number, end: number): number {
  const { view } = draft.memory;
  const cmd = commandOf(view, at);
  const name = commandName(cmd);
  if (name === undefined) draft.problem('unknown_command', at + 4, `${cmd} is not a command`);
  const fields = headerFields(view, at, cmd);
  const blockBytes = addressBlockBytesOf(cmd);
  const blockAt = at + SEGMENT_HEADER_BYTES;
  const payloadAt = blockAt + blockBytes;
  if (blockBytes > 0) addAddressBlock(draft, fields, blockAt, end);
  const claimed = payloadLengthOf(view, at);
  const available = Math.max(0, end - payloadAt);
  if (payloadAt > end) {
    draft.problem('truncated_address_block', blockAt, 'the datagram ends inside the address block');
  } else if (claimed > available) {
    draft.problem('truncated_payload', payloadAt, `len is ${claimed}, but ${available} bytes follow`);
  }
  const length = Math.min(claimed, available);
  addPayload(draft, fields, at, payloadAt, length);
  const next = Math.min(end, payloadAt + length);
  draft.unit(name ?? `UNKNOWN_${cmd}`, at, next - at, fields);
  return next;
}

function headerFields(view: DataView, at: number, cmd: number): Field[] {
  const conv = conversationOf(view, at);
  const meaning = headerMeaningOf(cmd);
  return [
    field('conv', conv, at, 4, hex32(conv)),
    field('cmd', cmd, at + SEGMENT_FIELD.cmd, 1, commandName(cmd) ?? String(cmd)),
    headerField('frg', meaning.frg, view.getUint8(at + SEGMENT_FIELD.frg), at + SEGMENT_FIELD.frg, 1),
    headerField('wnd', meaning.wnd, view.getUint16(at + SEGMENT_FIELD.wnd, true), at + SEGMENT_FIELD.wnd, 2),
    headerField('ts', meaning.ts, view.getUint32(at + SEGMENT_FIELD.ts, true), at + SEGMENT_FIELD.ts, 4),
    headerField('sn', meaning.sn, view.getUint32(at + SEGMENT_FIELD.sn, true), at + SEGMENT_FIELD.sn, 4),
    headerField('una', meaning.una, view.getUint32(at + SEGMENT_FIELD.una, true), at + SEGMENT_FIELD.una, 4),
    field('len', payloadLengthOf(view, at), at + SEGMENT_FIELD.len, 4),
  ];
}

function headerField(
  name: string,
  meaning: FieldMeaning | undefined,
  value: number,
  offset: number,
  length: number,
): Field {
  const text = meaning?.text === undefined ? String(value) : meaning.text(value);
  return field(meaning?.name ?? name, value, offset, length, text, meaning === undefined);
}
