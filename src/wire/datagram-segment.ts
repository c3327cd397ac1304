import { Command } from './command.ts';
import type { WireMemory } from './memory.ts';
import {
  conversationOf,
  payloadLengthOf,
  SEGMENT_HEADER_BYTES,
  sequenceOf,
  unacknowledgedOf,
  windowOf,
  writeSegmentHeader,
} from './segment.ts';

/** DATAGRAM: a message that is neither repeated nor put in order. */
export interface DatagramSegment {
  readonly type: 'datagram';
  readonly conv: number;
  readonly wnd: number;
  readonly una: number;
  /** Counts the sender's datagrams of this session, modulo 2^32. */
  readonly counter: number;
  readonly payload: Uint8Array;
}

/** Writes a DATAGRAM. Returns its length. */
export function writeDatagramSegment(memory: WireMemory, at: number, segment: DatagramSegment): number {
  const { conv, wnd, counter, una, payload } = segment;
  writeSegmentHeader(memory.view, at, conv, Command.datagram, 0, wnd, 0, counter, una, payload.length);
  memory.bytes.set(payload, at + SEGMENT_HEADER_BYTES);
  return SEGMENT_HEADER_BYTES + payload.length;
}

/** Reads a DATAGRAM that `checkSegment` accepted; copies the payload. */
export function readDatagramSegment(memory: WireMemory, at: number): DatagramSegment {
  const { view } = memory;
  const payloadAt = at + SEGMENT_HEADER_BYTES;
  return {
    type: 'datagram',
    conv: conversationOf(view, at),
    wnd: windowOf(view, at),
    una: unacknowledgedOf(view, at) >>> 0,
    counter: sequenceOf(view, at) >>> 0,
    payload: memory.bytes.slice(payloadAt, payloadAt + payloadLengthOf(view, at)),
  };
}

/** The sender's count of a DATAGRAM, unsigned. */
export const datagramCounterOf = (view: DataView, at: number): number => sequenceOf(view, at) >>> 0;

/** Where the message of the DATAGRAM at `at` begins; it has `payloadLengthOf` bytes. */
export const datagramPayloadAt = (at: number): number => at + SEGMENT_HEADER_BYTES;

/** Writes the header of a DATAGRAM in front of `payloadBytes` that the caller puts behind it. Returns 24. */
export function writeDatagramHeader(
  view: DataView,
  at: number,
  conv: number,
  wnd: number,
  counter: number,
  una: number,
  payloadBytes: number,
): number {
  writeSegmentHeader(view, at, conv, Command.datagram, 0, wnd, 0, counter, una, payloadBytes);
  return SEGMENT_HEADER_BYTES;
}
