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
import { readUtf8, utf8CutLength, writeUtf8 } from './utf8.ts';

/** The longest reason, in bytes of UTF-8: what a WebSocket close frame holds. */
export const KICK_REASON_MAX_BYTES = 123;

/** The longest KICK. */
export const KICK_MAX_BYTES = SEGMENT_HEADER_BYTES + KICK_REASON_MAX_BYTES;

/** The gateway ends the session. */
export interface Kick {
  readonly type: 'kick';
  readonly conv: number;
  readonly wnd: number;
  readonly una: number;
  /** A close code. */
  readonly code: number;
  /** When the client may come back, in milliseconds from now; 0 = nothing said. */
  readonly retryAfterMs: number;
  /** For people; at most {@link KICK_REASON_MAX_BYTES} bytes of it travel. */
  readonly reason: string;
}

/** Close code of a KICK. */
export const kickCodeOf = (view: DataView, at: number): number => sequenceOf(view, at) >>> 0;
/** Retry-after of a KICK in milliseconds. */
export const kickRetryAfterOf = (view: DataView, at: number): number => timestampOf(view, at) >>> 0;

/** Writes a KICK of at most {@link KICK_MAX_BYTES}; a longer reason is cut between two characters. Returns its length. */
export function writeKick(memory: WireMemory, at: number, kick: Kick): number {
  const payloadAt = at + SEGMENT_HEADER_BYTES;
  const length = writeUtf8(memory.bytes, payloadAt, kick.reason, KICK_REASON_MAX_BYTES);
  const { conv, wnd, retryAfterMs, code, una } = kick;
  writeSegmentHeader(memory.view, at, conv, Command.kick, 0, wnd, retryAfterMs, code, una, length);
  return SEGMENT_HEADER_BYTES + length;
}

/**
 * Reads a KICK that `checkSegment` accepted. Never fails: a reason that is too long is cut, bytes that are not UTF-8
 * become U+FFFD, because the session is over whatever the reason says.
 */
export function readKick(memory: WireMemory, at: number): Kick {
  const { bytes, view } = memory;
  const payloadAt = at + SEGMENT_HEADER_BYTES;
  const length = utf8CutLength(bytes, payloadAt, payloadLengthOf(view, at), KICK_REASON_MAX_BYTES);
  return {
    type: 'kick',
    conv: conversationOf(view, at),
    wnd: windowOf(view, at),
    una: unacknowledgedOf(view, at) >>> 0,
    code: kickCodeOf(view, at),
    retryAfterMs: kickRetryAfterOf(view, at),
    reason: readUtf8(bytes, payloadAt, length),
  };
}
