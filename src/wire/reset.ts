import { Command } from './command.ts';
import type { DecodeFault } from './decode-fault.ts';
import type { WireMemory } from './memory.ts';
import { conversationOf, payloadLengthOf, SEGMENT_HEADER_BYTES, writeSegmentHeader } from './segment.ts';

/** Bytes of the token that makes a RESET believable. */
export const RESET_TOKEN_BYTES = 16;

/** A RESET is always this long. */
export const RESET_BYTES = SEGMENT_HEADER_BYTES + RESET_TOKEN_BYTES;

/** "I do not know this session": a client that knows the token logs in again. */
export interface Reset {
  readonly type: 'reset';
  readonly conv: number;
  /** {@link RESET_TOKEN_BYTES} bytes. */
  readonly token: Uint8Array;
}

/** Writes a RESET. Returns {@link RESET_BYTES}. */
export function writeReset(memory: WireMemory, at: number, reset: Reset): number {
  writeSegmentHeader(memory.view, at, reset.conv, Command.reset, 0, 0, 0, 0, 0, RESET_TOKEN_BYTES);
  memory.bytes.set(reset.token.subarray(0, RESET_TOKEN_BYTES), at + SEGMENT_HEADER_BYTES);
  return RESET_BYTES;
}

/** Reads a RESET that `checkSegment` accepted; copies the token. `bad_length` when that is not 16 bytes. */
export function readReset(memory: WireMemory, at: number): Reset | DecodeFault {
  if (payloadLengthOf(memory.view, at) !== RESET_TOKEN_BYTES) return 'bad_length';
  const tokenAt = at + SEGMENT_HEADER_BYTES;
  return {
    type: 'reset',
    conv: conversationOf(memory.view, at),
    token: memory.bytes.slice(tokenAt, tokenAt + RESET_TOKEN_BYTES),
  };
}
