import { Command } from './command.ts';
import type { WireMemory } from './memory.ts';
import {
  conversationOf,
  payloadLengthOf,
  SEGMENT_HEADER_BYTES,
  sequenceOf,
  timestampOf,
  unacknowledgedOf,
  windowOf,
  writeSegmentHeader,
} from './segment.ts';
import { readUtf8, utf8Length, writeUtf8 } from './utf8.ts';

/** The longest list of line ids, in bytes of UTF-8 with its commas: a DRAIN fits every path. */
export const DRAIN_LINES_MAX_BYTES = 1000;

/** The longest DRAIN. */
export const DRAIN_MAX_BYTES = SEGMENT_HEADER_BYTES + DRAIN_LINES_MAX_BYTES;

/** The gateway asks the client to move to another line before a deadline. */
export interface Drain {
  readonly type: 'drain';
  readonly conv: number;
  readonly wnd: number;
  readonly una: number;
  /** The session ends when this many milliseconds have passed. */
  readonly deadlineMs: number;
  /** The client moves at a random time within this many milliseconds. */
  readonly jitterMs: number;
  /** Ids of the lines to prefer, best first; an id is not empty and holds no comma. */
  readonly lines: readonly string[];
}

/** Writes a DRAIN of at most {@link DRAIN_MAX_BYTES}; ids that do not fit are left out. Returns its length. */
export function writeDrain(memory: WireMemory, at: number, drain: Drain): number {
  const payloadAt = at + SEGMENT_HEADER_BYTES;
  let length = 0;
  for (const line of drain.lines) {
    const id = length === 0 ? line : `,${line}`;
    if (length + utf8Length(id) > DRAIN_LINES_MAX_BYTES) break;
    length += writeUtf8(memory.bytes, payloadAt + length, id, DRAIN_LINES_MAX_BYTES);
  }
  const { conv, wnd, deadlineMs, jitterMs, una } = drain;
  writeSegmentHeader(memory.view, at, conv, Command.drain, 0, wnd, deadlineMs, jitterMs, una, length);
  return SEGMENT_HEADER_BYTES + length;
}

/** Reads a DRAIN that `checkSegment` accepted. Never fails: empty ids and what is beyond the limit are left out. */
export function readDrain(memory: WireMemory, at: number): Drain {
  const { view } = memory;
  return {
    type: 'drain',
    conv: conversationOf(view, at),
    wnd: windowOf(view, at),
    una: unacknowledgedOf(view, at) >>> 0,
    deadlineMs: timestampOf(view, at) >>> 0,
    jitterMs: sequenceOf(view, at) >>> 0,
    lines: readLines(memory.bytes, at + SEGMENT_HEADER_BYTES, payloadLengthOf(view, at)),
  };
}

function readLines(bytes: Uint8Array, at: number, length: number): string[] {
  const lines = readUtf8(bytes, at, Math.min(length, DRAIN_LINES_MAX_BYTES)).split(',');
  if (length > DRAIN_LINES_MAX_BYTES) lines.pop();
  return lines.filter((line) => line !== '');
}
