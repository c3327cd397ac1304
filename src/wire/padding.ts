import { Command } from './command.ts';
import type { WireMemory } from './memory.ts';
import { conversationOf, payloadLengthOf, SEGMENT_HEADER_BYTES, writeSegmentHeader } from './segment.ts';

/** Makes a datagram longer; ignored by the receiver. */
export interface Padding {
  readonly type: 'padding';
  readonly conv: number;
  /** Zero bytes after the header. */
  readonly paddingBytes: number;
}

/** Writes a PADDING of `paddingBytes` zeros. Returns its length, header included. */
export function writePadding(memory: WireMemory, at: number, padding: Padding): number {
  const { conv, paddingBytes } = padding;
  writeSegmentHeader(memory.view, at, conv, Command.padding, 0, 0, 0, 0, 0, paddingBytes);
  const paddingAt = at + SEGMENT_HEADER_BYTES;
  memory.bytes.fill(0, paddingAt, paddingAt + paddingBytes);
  return SEGMENT_HEADER_BYTES + paddingBytes;
}

/** Reads a PADDING that `checkSegment` accepted. */
export function readPadding(memory: WireMemory, at: number): Padding {
  return {
    type: 'padding',
    conv: conversationOf(memory.view, at),
    paddingBytes: payloadLengthOf(memory.view, at),
  };
}
