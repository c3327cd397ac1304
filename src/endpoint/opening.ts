import type { PeerKind } from '../session/index.ts';
import { Command } from '../wire/command.ts';
import { ADDRESS_BLOCK_BYTES } from '../wire/address-block.ts';
import { checkSegment, commandOf, sequenceOf, unacknowledgedOf } from '../wire/segment.ts';

/**
 * Whether a clear datagram of an unknown conversation may open a session, and what its sender speaks.
 *
 * Its first segment must be data that a session just beginning could have sent: an `sn` within the first window and an
 * `una` of 0, because nothing was sent to that peer yet. Anything else is a late packet of a session that is gone.
 * @returns undefined when it may not.
 */
export function openingPeer(
  view: DataView,
  at: number,
  length: number,
  window: number,
): PeerKind | undefined {
  const command = commandOf(view, at);
  if (command !== Command.push && command !== Command.new) return undefined;
  const block = command === Command.new ? ADDRESS_BLOCK_BYTES : 0;
  if (checkSegment(view, at, at + length, block) === 0) return undefined;
  const sn = sequenceOf(view, at);
  if (sn < 0 || sn >= window || unacknowledgedOf(view, at) !== 0) return undefined;
  return command === Command.new ? 'kcpgate' : 'stock';
}
