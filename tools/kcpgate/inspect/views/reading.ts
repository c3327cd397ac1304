import { dissect } from '../../../../src/wire/dissect.ts';
import type { Dissection, Problem, Unit } from '../../../../src/wire/dissection.ts';
import type { ProxyMode } from '../../../../src/wire/proxy-header.ts';
import type { ExaminedDatagram } from '../examined.ts';

/** A datagram taken apart by `dissect`, with what was decrypted. */
export interface Reading {
  /** The bytes that were captured; null for kcp-go encryption, under which nothing can be told. */
  readonly outer: Dissection | null;
  /** What was decrypted; null when nothing was. Its offsets count from the first decrypted byte. */
  readonly inner: Dissection | null;
  /** What stands around the segments. */
  readonly headers: readonly Unit[];
  /** Segments, and where the first byte of the memory that their offsets count from stands. */
  readonly segments: readonly Unit[];
  readonly segmentBase: number;
  /** Everything that is wrong, outside first. */
  readonly problems: readonly Problem[];
}

/** Takes apart what was examined. */
export function readingOf(datagram: ExaminedDatagram): Reading {
  const { found } = datagram;
  const bytes = found.bytes.subarray(found.offset, found.offset + found.length);
  const outer = datagram.kind === 'kcp_go_crypt' ? null : dissect(bytes, { proxy: proxyModeOf(datagram) });
  const inner = innerOf(datagram);
  const outerUnits = outer?.units ?? [];
  const holder = inner ?? outer;
  return {
    outer,
    inner,
    headers: [...outerUnits, ...(inner?.units ?? [])].filter((unit) => !isSegment(unit)),
    segments: holder === null ? [] : holder.units.filter(isSegment),
    segmentBase: inner === null ? found.offset : datagram.clearAt,
    problems: [...(outer?.problems ?? []), ...(inner?.problems ?? [])],
  };
}

/** Whether segments were decrypted: they are not among the captured bytes. */
export function wasDecrypted({ kind, clear }: ExaminedDatagram, found: Uint8Array): boolean {
  return clear !== null && (kind === 'kcp_go_crypt' || clear !== found);
}

/** A unit that `dissect` made of a segment. */
const isSegment = (unit: Unit): boolean => unit.fields[1]?.name === 'cmd';

function innerOf(datagram: ExaminedDatagram): Dissection | null {
  const { found, clear, clearAt, clearLength } = datagram;
  if (clear === null || clearLength === 0 || !wasDecrypted(datagram, found.bytes)) return null;
  return dissect(clear.subarray(clearAt, clearAt + clearLength));
}

/** Which header stands in front: the examiner has found one that is right. */
function proxyModeOf({ found, proxyBytes }: ExaminedDatagram): ProxyMode {
  if (proxyBytes === 0) return 'off';
  return found.bytes[found.offset] === SPP_BEGIN ? 'spp' : 'proxy';
}

/** First byte of an SPP header; no PROXY header begins with it. */
const SPP_BEGIN = 0x56;
