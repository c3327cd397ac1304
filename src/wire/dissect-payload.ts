import { formatSocketAddress } from '../base/address.ts';
import { ADDRESS_BLOCK_BYTES, checkAddressBlock, readAddressBlock } from './address-block.ts';
import { Command } from './command.ts';
import { bytesField, type Draft, field } from './dissection-draft.ts';
import type { Field } from './dissection.ts';
import { DRAIN_LINES_MAX_BYTES } from './drain.ts';
import { milliseconds } from './header-meaning.ts';
import { KICK_REASON_MAX_BYTES } from './kick.ts';
import { PATH_DATA_BYTES } from './path-probe.ts';
import { quotePrintable } from './printable.ts';
import { PROBE_ACK_BYTES, PROBE_ACK_FIELD } from './probe-ack.ts';
import { PROBE_MIN_BYTES } from './probe.ts';
import { RESET_TOKEN_BYTES } from './reset.ts';
import { commandOf, SEGMENT_HEADER_BYTES } from './segment.ts';
import { isUtf8, readUtf8, utf8CutLength } from './utf8.ts';

/** Adds what the payload of the segment at `at` means; `length` bytes of it are there. */
export function addPayload(
  draft: Draft,
  fields: Field[],
  at: number,
  payloadAt: number,
  length: number,
): void {
  const { memory } = draft;
  switch (commandOf(memory.view, at)) {
    case Command.kick:
      addText(draft, fields, 'reason', payloadAt, length, KICK_REASON_MAX_BYTES);
      return;
    case Command.drain:
      addText(draft, fields, 'lines', payloadAt, length, DRAIN_LINES_MAX_BYTES);
      return;
    case Command.probe:
      if (length < PROBE_MIN_BYTES - SEGMENT_HEADER_BYTES) {
        draft.problem('bad_length', payloadAt, `a PROBE is at least ${PROBE_MIN_BYTES} bytes long`);
      }
      addBytes(draft, fields, 'padding', payloadAt, length);
      return;
    case Command.probeAck:
      if (expectLength(draft, payloadAt, length, PROBE_ACK_BYTES - SEGMENT_HEADER_BYTES)) {
        addProbeAck(draft, fields, at);
      } else addBytes(draft, fields, 'payload', payloadAt, length);
      return;
    case Command.reset:
      expectLength(draft, payloadAt, length, RESET_TOKEN_BYTES);
      addBytes(draft, fields, 'token', payloadAt, length);
      return;
    case Command.pathChallenge:
    case Command.pathResponse:
      expectLength(draft, payloadAt, length, PATH_DATA_BYTES);
      addBytes(draft, fields, 'data', payloadAt, length);
      return;
    case Command.padding:
      addBytes(draft, fields, 'padding', payloadAt, length);
      return;
    case Command.ack:
    case Command.windowAsk:
    case Command.windowTell:
    case Command.fin:
      expectLength(draft, payloadAt, length, 0);
      addBytes(draft, fields, 'payload', payloadAt, length);
      return;
    default:
      addBytes(draft, fields, 'payload', payloadAt, length);
  }
}

/** Adds the address block at `at`, unless the datagram ends inside it. */
export function addAddressBlock(draft: Draft, fields: Field[], at: number, end: number): void {
  const state = checkAddressBlock(draft.memory.view, at, end);
  if (state === 'truncated') return;
  if (state === 'bad_version' || state === 'bad_length') {
    draft.problem('bad_address_block', at, `the address block has a ${state.replace('_', ' ')}`);
    fields.push(bytesField(draft.memory, 'address', at, ADDRESS_BLOCK_BYTES));
    return;
  }
  const text = state === 'filled' ? formatSocketAddress(readAddressBlock(draft.memory, at)) : 'not-filled';
  fields.push(field('address', state === 'filled' ? text : '', at, ADDRESS_BLOCK_BYTES, text));
}

function addProbeAck(draft: Draft, fields: Field[], at: number): void {
  const { view } = draft.memory;
  const blockAt = at + PROBE_ACK_FIELD.address;
  addAddressBlock(draft, fields, blockAt, blockAt + ADDRESS_BLOCK_BYTES);
  const retryAfterMs = view.getUint32(at + PROBE_ACK_FIELD.retryAfter, true);
  fields.push(
    field('nodeId', view.getUint32(at + PROBE_ACK_FIELD.nodeId, true), at + PROBE_ACK_FIELD.nodeId, 4),
    field('epoch', view.getUint32(at + PROBE_ACK_FIELD.epoch, true), at + PROBE_ACK_FIELD.epoch, 4),
    field('retryAfter', retryAfterMs, at + PROBE_ACK_FIELD.retryAfter, 4, milliseconds(retryAfterMs)),
  );
}

function expectLength(draft: Draft, at: number, length: number, expected: number): boolean {
  if (length === expected) return true;
  draft.problem('bad_length', at, `the payload has ${length} bytes instead of ${expected}`);
  return false;
}

function addBytes(draft: Draft, fields: Field[], name: string, at: number, length: number): void {
  if (length > 0) fields.push(bytesField(draft.memory, name, at, length));
}

function addText(
  draft: Draft,
  fields: Field[],
  name: string,
  at: number,
  length: number,
  maxBytes: number,
): void {
  const { bytes } = draft.memory;
  if (length > maxBytes) {
    draft.problem('bad_length', at, `the text has ${length} bytes, more than ${maxBytes}`);
  }
  if (!isUtf8(bytes, at, length)) draft.problem('bad_utf8', at, 'the text is not UTF-8');
  const text = readUtf8(bytes, at, utf8CutLength(bytes, at, length, maxBytes));
  fields.push(field(name, text, at, length, quotePrintable(text)));
}
