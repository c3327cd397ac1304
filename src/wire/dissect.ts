import { datagramKind, type DatagramKind, MIN_DATAGRAM_BYTES } from './datagram-kind.ts';
import { dissectFec } from './dissect-fec.ts';
import { dissectOpaque } from './dissect-opaque.ts';
import { dissectSegments } from './dissect-segment.ts';
import type { Dissection } from './dissection.ts';
import { Draft } from './dissection-draft.ts';
import { wireMemory } from './memory.ts';

/** No datagram is longer: the length of UDP has 16 bits. */
export const MAX_DATAGRAM_BYTES = 65_535;

/**
 * Takes a whole datagram apart. Never throws, whatever the bytes are; the result grows with the number of segments, of
 * which at most {@link MAX_DATAGRAM_BYTES} / 24 are looked at.
 */
export function dissect(bytes: Uint8Array): Dissection {
  const memory = wireMemory(bytes);
  const draft = new Draft(memory);
  const end = Math.min(bytes.length, MAX_DATAGRAM_BYTES);
  if (end < bytes.length) draft.problem('oversize', end, `longer than ${MAX_DATAGRAM_BYTES} bytes`);
  const kind = datagramKind(memory.view, 0, bytes.length);
  dissectKind(draft, kind, end);
  return { length: bytes.length, kind, units: draft.units, problems: draft.problems };
}

function dissectKind(draft: Draft, kind: DatagramKind, end: number): void {
  switch (kind) {
    case 'clear':
      dissectSegments(draft, 0, end);
      return;
    case 'fec':
      dissectFec(draft, end);
      return;
    case 'sealed':
    case 'handshake':
      dissectOpaque(draft, kind, end);
      return;
    case 'empty':
      draft.problem('empty', 0, 'no bytes');
      return;
    case 'too_short':
      draft.problem('too_short', 0, `shorter than ${MIN_DATAGRAM_BYTES} bytes`);
      return;
    case 'unknown_kind':
      draft.problem('unknown_kind', 4, `byte 4 is ${draft.memory.bytes[4]!}, which is no kind of datagram`);
      return;
  }
}
