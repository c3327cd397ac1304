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

const PAYLOAD_BYTES = 40;

/** A PROBE_ACK is always this long. */
export const PROBE_ACK_BYTES = SEGMENT_HEADER_BYTES + PAYLOAD_BYTES;

/**
 * Where the parts of a PROBE_ACK stand, from its first byte:
 *
 *     header (wnd = load and flags) | address block 20 | node id u32 | epoch u32 | retry-after u32 | 8 zero
 */
export const PROBE_ACK_FIELD = { address: 24, nodeId: 44, epoch: 48, retryAfter: 52, reserved: 56 } as const;

const LOAD_MASK = 0xff;
const DRAINING = 0x100;
const NOT_READY = 0x200;

/** A gateway's answer to a PROBE. */
export interface ProbeAck {
  readonly type: 'probeAck';
  /** From the probe, as are `index`, `ts`, `number` and `nonce`. */
  readonly conv: number;
  readonly index: number;
  readonly ts: number;
  readonly number: number;
  readonly nonce: number;
  /** How busy the gateway is, 0 idle to 255 full. */
  readonly load: number;
  /** It takes no new sessions because it is being drained. */
  readonly draining: boolean;
  /** It takes no sessions yet. */
  readonly notReady: boolean;
  /** The client's address as the gateway sees it, or null when it does not say. */
  readonly address: SocketAddress | null;
  readonly nodeId: number;
  /** When the gateway started, in seconds of Unix time. */
  readonly epochSeconds: number;
  /** When the client should ask again, in milliseconds; 0 = nothing said. */
  readonly retryAfterMs: number;
}

/** Writes a PROBE_ACK. Returns {@link PROBE_ACK_BYTES}. */
export function writeProbeAck(memory: WireMemory, at: number, ack: ProbeAck): number {
  const { view, bytes } = memory;
  const { conv, index, ts, number, nonce } = ack;
  const wnd = (ack.load & LOAD_MASK) | (ack.draining ? DRAINING : 0) | (ack.notReady ? NOT_READY : 0);
  writeSegmentHeader(view, at, conv, Command.probeAck, index, wnd, ts, number, nonce, PAYLOAD_BYTES);
  writeAddressBlock(memory, at + PROBE_ACK_FIELD.address, ack.address);
  view.setUint32(at + PROBE_ACK_FIELD.nodeId, ack.nodeId, true);
  view.setUint32(at + PROBE_ACK_FIELD.epoch, ack.epochSeconds, true);
  view.setUint32(at + PROBE_ACK_FIELD.retryAfter, ack.retryAfterMs, true);
  bytes.fill(0, at + PROBE_ACK_FIELD.reserved, at + PROBE_ACK_BYTES);
  return PROBE_ACK_BYTES;
}

/** Reads a PROBE_ACK that `checkSegment` accepted: `bad_length` or `bad_address_block` when its payload is wrong. */
export function readProbeAck(memory: WireMemory, at: number): ProbeAck | DecodeFault {
  const { view } = memory;
  if (payloadLengthOf(view, at) !== PAYLOAD_BYTES) return 'bad_length';
  const addressAt = at + PROBE_ACK_FIELD.address;
  const state = checkAddressBlock(view, addressAt, addressAt + ADDRESS_BLOCK_BYTES);
  if (state !== 'filled' && state !== 'not_filled') return 'bad_address_block';
  const wnd = windowOf(view, at);
  return {
    type: 'probeAck',
    conv: conversationOf(view, at),
    index: fragmentOf(view, at),
    ts: timestampOf(view, at) >>> 0,
    number: sequenceOf(view, at) >>> 0,
    nonce: unacknowledgedOf(view, at) >>> 0,
    load: wnd & LOAD_MASK,
    draining: (wnd & DRAINING) !== 0,
    notReady: (wnd & NOT_READY) !== 0,
    address: state === 'filled' ? readAddressBlock(memory, addressAt) : null,
    nodeId: view.getUint32(at + PROBE_ACK_FIELD.nodeId, true),
    epochSeconds: view.getUint32(at + PROBE_ACK_FIELD.epoch, true),
    retryAfterMs: view.getUint32(at + PROBE_ACK_FIELD.retryAfter, true),
  };
}
