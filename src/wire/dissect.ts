import { datagramKind, type DatagramKind, MIN_DATAGRAM_BYTES } from './datagram-kind.ts';
import { dissectFec } from './dissect-fec.ts';
import { dissectHandshake } from './dissect-handshake.ts';
import { dissectProxy } from './dissect-proxy.ts';
import { dissectSealed } from './dissect-sealed.ts';
import { dissectSegments } from './dissect-segment.ts';
import type { Dissection } from './dissection.ts';
import { Draft } from './dissection-draft.ts';
import { wireMemory } from './memory.ts';
import type { ProxyMode } from './proxy-header.ts';

/** No datagram is longer: the length of UDP has 16 bits. */
export const MAX_DATAGRAM_BYTES = 65_535;

export interface DissectOptions {
  /** Headers that may stand in front of the datagram. Default `off`. */
  readonly proxy?: ProxyMode;
}

/**
 * Takes a whole datagram apart. Never throws, whatever the bytes are; the result grows with the number of segments, of
 * which at most {@link MAX_DATAGRAM_BYTES} / 24 are looked at. A PROXY or SPP header alone, without a datagram behind it, is
 * no problem: its kind is `empty`.
 */
export function dissect(bytes: Uint8Array, options: DissectOptions = {}): Dissection {
  const memory = wireMemory(bytes);
  const draft = new Draft(memory);
  const end = Math.min(bytes.length, MAX_DATAGRAM_BYTES);
  if (end < bytes.length) draft.problem('oversize', end, `longer than ${MAX_DATAGRAM_BYTES} bytes`);
  const at = dissectProxy(draft, end, options.proxy ?? 'off');
  const kind = at < 0 ? 'proxy_fault' : datagramKind(memory.view, at, bytes.length - at);
  const isHeaderAlone = kind === 'empty' && at > 0;
  if (kind !== 'proxy_fault' && !isHeaderAlone) dissectKind(draft, kind, at, end);
  return { length: bytes.length, kind, units: draft.units, problems: draft.problems };
}

function dissectKind(draft: Draft, kind: DatagramKind, at: number, end: number): void {
  switch (kind) {
    case 'clear':
      dissectSegments(draft, at, end);
      return;
    case 'fec':
      dissectFec(draft, at, end);
      return;
    case 'sealed':
      dissectSealed(draft, at, end);
      return;
    case 'handshake':
      dissectHandshake(draft, at, end);
      return;
    case 'empty':
      draft.problem('empty', at, 'no bytes');
      return;
    case 'too_short':
      draft.problem('too_short', at, `shorter than ${MIN_DATAGRAM_BYTES} bytes`);
      return;
    case 'unknown_kind':
      draft.problem(
        'unknown_kind',
        at + 4,
        `byte 4 is ${draft.memory.bytes[at + 4]!}, which is no kind of datagram`,
      );
      return;
  }
}
