import { dissect } from '../../../../src/wire/dissect.ts';
import type { Dissection, Problem, Unit } from '../../../../src/wire/dissection.ts';
import type { ProxyMode } from '../../../../src/wire/proxy-header.ts';
import type { ExaminedDatagram } from '../examined.ts';
import { openedCrypt } from './crypt-unit.ts';

/** A datagram taken apart by `dissect`, with what was decrypted. */
export interface Reading {
  /** The bytes that were captured; null for what is opaque or kcp-go encrypted: `dissect` knows nothing of that. */
  readonly outer: Dissection | null;
  /** What was decrypted; null when nothing was. Its offsets count from the first byte inside. */
  readonly inner: Dissection | null;
  /** What stands around the segments, from outside to inside. */
  readonly headers: readonly Unit[];
  readonly segments: readonly Unit[];
  /** Where the byte that offsets of {@link segments} count from stands in {@link ExaminedDatagram.clear}. */
  readonly segmentBase: number;
  /** Everything that is wrong, outside first. */
  readonly problems: readonly Problem[];
}

/** Takes apart what was examined. */
export function readingOf(datagram: ExaminedDatagram): Reading {
  const crypt = openedCrypt(datagram);
  if (crypt !== null) {
    const inner = dissect((datagram.clear ?? NOTHING).subarray(crypt.at, crypt.end));
    return readingFrom(null, inner, crypt.at, [crypt.unit]);
  }
  const { found } = datagram;
  const bytes = found.bytes.subarray(found.offset, found.offset + found.length);
  const dissected = dissect(bytes, { proxy: proxyModeOf(datagram) });
  // What looks like this protocol, but is not, must not be shown as if it were.
  const outer = datagram.kind === 'opaque' && dissected.kind !== 'too_short' ? null : dissected;
  const inner = innerOf(datagram);
  return readingFrom(outer, inner, inner === null ? found.offset : datagram.clearAt, []);
}

/** Whether segments were decrypted: they are not among the captured bytes. */
export const wasDecrypted = ({ kind, clear, found }: ExaminedDatagram): boolean =>
  clear !== null && (kind === 'kcp_go_crypt' || clear !== found.bytes);

function readingFrom(
  outer: Dissection | null,
  inner: Dissection | null,
  segmentBase: number,
  around: readonly Unit[],
): Reading {
  const units = [...(outer?.units ?? []), ...(inner?.units ?? [])];
  const holder = inner ?? outer;
  return {
    outer,
    inner,
    headers: [...around, ...units.filter((unit) => !isSegment(unit))],
    segments: holder === null ? [] : holder.units.filter(isSegment),
    segmentBase,
    problems: [...(outer?.problems ?? []), ...(inner?.problems ?? [])],
  };
}

/** A unit that `dissect` made of a segment. */
const isSegment = (unit: Unit): boolean => unit.fields[1]?.name === 'cmd';

function innerOf(datagram: ExaminedDatagram): Dissection | null {
  const { clear, clearAt, clearLength } = datagram;
  if (clear === null || clearLength === 0 || !wasDecrypted(datagram)) return null;
  return dissect(clear.subarray(clearAt, clearAt + clearLength));
}

/** Which header stands in front: the examiner has found one that is right. */
function proxyModeOf({ found, proxyBytes }: ExaminedDatagram): ProxyMode {
  if (proxyBytes === 0) return 'off';
  return found.bytes[found.offset] === SPP_BEGIN ? 'spp' : 'proxy';
}

/** First byte of an SPP header; no PROXY header begins with it. */
const SPP_BEGIN = 0x56;
const NOTHING = new Uint8Array(0);
