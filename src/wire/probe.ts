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
  writeSegmentHeader,
} from './segment.ts';

/** A shorter PROBE is not answered, so that an answer is never longer than its question. */
export const PROBE_MIN_BYTES = 64;

/** Measures a line: sent by a client, answered by PROBE_ACK. */
export interface Probe {
  readonly type: 'probe';
  /** 0 = whoever receives it answers; else the owner of this conv answers. */
  readonly conv: number;
  /** Which line or attempt this is, 0 to 255. */
  readonly index: number;
  /** The sender's clock in milliseconds, modulo 2^32. */
  readonly ts: number;
  /** Number of the probe. */
  readonly number: number;
  /** Random; the answer repeats it. */
  readonly nonce: number;
  /** Zero bytes after the header, at least 40. */
  readonly paddingBytes: number;
}

/** Writes a PROBE with its padding. Returns its length. */
export function writeProbe(memory: WireMemory, at: number, probe: Probe): number {
  const { conv, index, ts, number, nonce, paddingBytes } = probe;
  writeSegmentHeader(memory.view, at, conv, Command.probe, index, 0, ts, number, nonce, paddingBytes);
  const paddingAt = at + SEGMENT_HEADER_BYTES;
  memory.bytes.fill(0, paddingAt, paddingAt + paddingBytes);
  return SEGMENT_HEADER_BYTES + paddingBytes;
}

/** Reads a PROBE that `checkSegment` accepted: `bad_length` when it is too short to be answered. */
export function readProbe(memory: WireMemory, at: number): Probe | DecodeFault {
  const { view } = memory;
  const paddingBytes = payloadLengthOf(view, at);
  if (SEGMENT_HEADER_BYTES + paddingBytes < PROBE_MIN_BYTES) return 'bad_length';
  return {
    type: 'probe',
    conv: conversationOf(view, at),
    index: fragmentOf(view, at),
    ts: timestampOf(view, at) >>> 0,
    number: sequenceOf(view, at) >>> 0,
    nonce: unacknowledgedOf(view, at) >>> 0,
    paddingBytes,
  };
}
