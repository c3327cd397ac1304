import type { SocketAddress } from '../base/address.ts';
import {
  ADDRESS_BLOCK_BYTES,
  checkAddressBlock,
  readAddressBlock,
  writeAddressBlock,
} from './address-block.ts';
import { Command } from './command.ts';
import type { DecodeFault } from './decode-fault.ts';
import type { WireMemory } from './memory.ts';
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
  writeSegmentHeader,
} from './segment.ts';

/** Bytes in front of the payload of a NEW: header and address block. */
export const NEW_HEADER_BYTES = SEGMENT_HEADER_BYTES + ADDRESS_BLOCK_BYTES;

/** A piece of the ordered data. */
export interface Push {
  readonly type: 'push';
  readonly conv: number;
  /** Pieces of the same message still to come, 0 to 255. */
  readonly frg: number;
  readonly wnd: number;
  /** The sender's clock in milliseconds at this transmission, modulo 2^32. */
  readonly ts: number;
  readonly sn: number;
  readonly una: number;
  readonly payload: Uint8Array;
}

/** PUSH with an address block, which `len` does not count. */
export interface New extends Omit<Push, 'type'> {
  readonly type: 'new';
  /** The client's address as a proxy on the way filled it in; null = not filled, as a client sends it. */
  readonly address: SocketAddress | null;
}

/** Bytes between header and payload that `len` does not count: an address block in NEW, nothing in all others. */
export const addressBlockBytesOf = (cmd: number): number => (cmd === Command.new ? ADDRESS_BLOCK_BYTES : 0);

/** Writes a PUSH or NEW with its payload. Returns its length. */
export function writeDataSegment(memory: WireMemory, at: number, segment: Push | New): number {
  const { conv, frg, wnd, ts, sn, una, payload } = segment;
  writeSegmentHeader(memory.view, at, conv, Command[segment.type], frg, wnd, ts, sn, una, payload.length);
  let length = SEGMENT_HEADER_BYTES;
  if (segment.type === 'new') length += writeAddressBlock(memory, at + length, segment.address);
  memory.bytes.set(payload, at + length);
  return length + payload.length;
}

/** Reads a PUSH or NEW that `checkSegment` accepted; copies the payload. `bad_address_block` when that is wrong. */
export function readDataSegment(memory: WireMemory, at: number): Push | New | DecodeFault {
  const { bytes, view } = memory;
  const blockBytes = addressBlockBytesOf(commandOf(view, at));
  const payloadAt = at + SEGMENT_HEADER_BYTES + blockBytes;
  const fields = {
    conv: conversationOf(view, at),
    frg: fragmentOf(view, at),
    wnd: windowOf(view, at),
    ts: timestampOf(view, at) >>> 0,
    sn: sequenceOf(view, at) >>> 0,
    una: unacknowledgedOf(view, at) >>> 0,
    payload: bytes.slice(payloadAt, payloadAt + payloadLengthOf(view, at)),
  };
  if (blockBytes === 0) return { type: 'push', ...fields };
  const state = checkAddressBlock(view, at + SEGMENT_HEADER_BYTES, payloadAt);
  if (state !== 'filled' && state !== 'not_filled') return 'bad_address_block';
  const address = state === 'filled' ? readAddressBlock(memory, at + SEGMENT_HEADER_BYTES) : null;
  return { type: 'new', ...fields, address };
}
