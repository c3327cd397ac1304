import { addressBlockBytesOf } from '../wire/data-segment.ts';
import { Command } from '../wire/command.ts';
import { checkSegment, commandOf, SEGMENT_HEADER_BYTES } from '../wire/segment.ts';

/**
 * Whether a datagram only tries a path: it holds nothing but PATH_CHALLENGE, PATH_RESPONSE and PADDING (as RFC 9000, section
 * 9.1). Such a datagram does not move its session.
 */
export function isProbing(view: DataView, offset: number, length: number): boolean {
  const end = offset + length;
  for (let at = offset; end - at >= SEGMENT_HEADER_BYTES;) {
    const command = commandOf(view, at);
    if (command !== Command.pathChallenge && command !== Command.pathResponse && command !== Command.padding)
      return false;
    const total = checkSegment(view, at, end, addressBlockBytesOf(command));
    if (total === 0) return true;
    at += total;
  }
  return true;
}
