import type { ExaminedDatagram, ExaminedSegment } from '../examined.ts';
import type { FoundDatagram } from '../found-datagram.ts';

/** A datagram of which nothing is known yet. */
export function emptyDatagram(): ExaminedDatagram {
  return {
    found: NOTHING_FOUND,
    kind: 'empty',
    proxyBytes: 0,
    foreignHeaderBytes: 0,
    clear: null,
    clearAt: 0,
    clearLength: 0,
    sealedBecause: null,
    conv: -1,
    session: -1,
    isFromClient: true,
    segmentCount: 0,
    segments: [],
  };
}

/** A segment to be filled in. */
export function emptySegment(): ExaminedSegment {
  return {
    at: 0,
    conv: 0,
    cmd: 0,
    frg: 0,
    wnd: 0,
    ts: 0,
    sn: 0,
    una: 0,
    length: 0,
    payloadAt: 0,
    marks: 0,
    roundTripUs: NaN,
  };
}

const NOWHERE = { address: '', port: 0 };
const NOTHING_FOUND: FoundDatagram = {
  packet: 0,
  timeUs: 0,
  flow: { index: -1, carrier: 'udp', a: NOWHERE, b: NOWHERE },
  isFromA: true,
  bytes: new Uint8Array(0),
  offset: 0,
  length: 0,
  missingBytes: 0,
  isProxyHeader: false,
  comment: '',
};
