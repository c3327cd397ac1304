import { Command } from './command.ts';
import type { DecodeFault } from './decode-fault.ts';
import type { WireMemory } from './memory.ts';
import {
  commandOf,
  conversationOf,
  payloadLengthOf,
  SEGMENT_FIELD,
  SEGMENT_HEADER_BYTES,
  timestampOf,
  unacknowledgedOf,
  windowOf,
  writeSegmentHeader,
} from './segment.ts';

/** Random bytes of a challenge. */
export const PATH_DATA_BYTES = 8;

/** A PATH_CHALLENGE or PATH_RESPONSE is always this long. */
export const PATH_PROBE_BYTES = SEGMENT_HEADER_BYTES + PATH_DATA_BYTES;

/** Asks whether the peer can be reached at its address, or proves it by repeating what was asked. */
export interface PathProbe {
  readonly type: 'pathChallenge' | 'pathResponse';
  readonly conv: number;
  readonly wnd: number;
  readonly una: number;
  /** The challenger's clock in milliseconds, modulo 2^32; a response repeats it. */
  readonly ts: number;
  /** {@link PATH_DATA_BYTES} random bytes; a response repeats them. */
  readonly data: Uint8Array;
}

/** Writes a PATH_CHALLENGE or PATH_RESPONSE. Returns {@link PATH_PROBE_BYTES}. */
export function writePathProbe(memory: WireMemory, at: number, probe: PathProbe): number {
  const { conv, wnd, ts, una } = probe;
  writeSegmentHeader(memory.view, at, conv, Command[probe.type], 0, wnd, ts, 0, una, PATH_DATA_BYTES);
  memory.bytes.set(probe.data.subarray(0, PATH_DATA_BYTES), at + SEGMENT_HEADER_BYTES);
  return PATH_PROBE_BYTES;
}

/** Reads either one, accepted by `checkSegment`; copies the data. `bad_length` when that is not 8 bytes. */
export function readPathProbe(memory: WireMemory, at: number): PathProbe | DecodeFault {
  const { view } = memory;
  if (payloadLengthOf(view, at) !== PATH_DATA_BYTES) return 'bad_length';
  const dataAt = at + SEGMENT_HEADER_BYTES;
  return {
    type: commandOf(view, at) === Command.pathResponse ? 'pathResponse' : 'pathChallenge',
    conv: conversationOf(view, at),
    wnd: windowOf(view, at),
    una: unacknowledgedOf(view, at) >>> 0,
    ts: timestampOf(view, at) >>> 0,
    data: memory.bytes.slice(dataAt, dataAt + PATH_DATA_BYTES),
  };
}

/** Whether the PATH_CHALLENGE or PATH_RESPONSE at `at`, accepted by `checkSegment`, has the 8 bytes it must have. */
export const hasPathData = (view: DataView, at: number): boolean =>
  payloadLengthOf(view, at) === PATH_DATA_BYTES;

/**
 * Whether the PATH_RESPONSE at `at`, accepted by `checkSegment`, brings back exactly `data`, {@link PATH_DATA_BYTES} bytes
 * that were random when they were sent. False when its payload has another length.
 */
export function pathDataEquals(bytes: Uint8Array, at: number, data: Uint8Array): boolean {
  const lenAt = at + SEGMENT_FIELD.len;
  let difference = bytes[lenAt]! ^ PATH_DATA_BYTES;
  difference |= bytes[lenAt + 1]! | bytes[lenAt + 2]! | bytes[lenAt + 3]!;
  if (difference !== 0) return false;
  for (let i = 0; i < PATH_DATA_BYTES; i++) difference |= bytes[at + SEGMENT_HEADER_BYTES + i]! ^ data[i]!;
  return difference === 0;
}

/**
 * Writes the PATH_RESPONSE to the challenge at `challengeAt` of `challenge`, for which {@link hasPathData} is true.
 * Returns {@link PATH_PROBE_BYTES}.
 */
export function writePathResponse(
  memory: WireMemory,
  at: number,
  wnd: number,
  una: number,
  challenge: WireMemory,
  challengeAt: number,
): number {
  const conv = conversationOf(challenge.view, challengeAt);
  const ts = timestampOf(challenge.view, challengeAt);
  writeSegmentHeader(memory.view, at, conv, Command.pathResponse, 0, wnd, ts, 0, una, PATH_DATA_BYTES);
  for (let i = SEGMENT_HEADER_BYTES; i < PATH_PROBE_BYTES; i++) {
    memory.bytes[at + i] = challenge.bytes[challengeAt + i]!;
  }
  return PATH_PROBE_BYTES;
}
