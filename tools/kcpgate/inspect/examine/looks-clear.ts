import { Command } from '../../../../src/wire/command.ts';
import { addressBlockBytesOf } from '../../../../src/wire/data-segment.ts';
import {
  commandOf,
  conversationOf,
  payloadLengthOf,
  SEGMENT_HEADER_BYTES,
} from '../../../../src/wire/segment.ts';

/**
 * Whether segments stand from `at` to `end`: the first one's length has to fit, and so has a second one. Random bytes do so
 * once in a hundred million times.
 * @param missingBytes what the capture did not keep behind `end`.
 */
export function looksClear(view: DataView, at: number, end: number, missingBytes: number): boolean {
  const first = segmentEnd(view, at, end, missingBytes);
  if (first < 0) return false;
  if (end - first < SEGMENT_HEADER_BYTES) return true;
  return (
    conversationOf(view, first) === conversationOf(view, at) &&
    segmentEnd(view, first, end, missingBytes) >= 0
  );
}

/** Where the segment at `at` ends, -1 when it cannot be one. */
function segmentEnd(view: DataView, at: number, end: number, missingBytes: number): number {
  if (end - at < SEGMENT_HEADER_BYTES) return -1;
  const cmd = commandOf(view, at);
  if (cmd < Command.new || cmd > LAST_COMMAND) return -1;
  const next = at + SEGMENT_HEADER_BYTES + addressBlockBytesOf(cmd) + payloadLengthOf(view, at);
  return next <= end + missingBytes ? next : -1;
}

/** The last command that makes a datagram a clear one. */
const LAST_COMMAND = 95;
