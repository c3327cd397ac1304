import * as segment from '../../../src/wire/segment.ts';

/** One segment as read from a datagram. All numbers are unsigned. */
export interface GoldenSegment {
  readonly conversation: number;
  readonly command: number;
  readonly fragment: number;
  readonly window: number;
  readonly timestamp: number;
  readonly sequence: number;
  readonly unacknowledged: number;
  /** Hexadecimal. */
  readonly payload: string;
}

/** Every whole segment of a datagram; what is cut off at its end is left out. */
export function readSegments(datagram: Uint8Array): GoldenSegment[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const segments: GoldenSegment[] = [];
  for (let at = 0; at < datagram.length;) {
    const total = segment.checkSegment(view, at, datagram.length, 0);
    if (total === 0) break;
    segments.push({
      conversation: segment.conversationOf(view, at),
      command: segment.commandOf(view, at),
      fragment: segment.fragmentOf(view, at),
      window: segment.windowOf(view, at),
      timestamp: segment.timestampOf(view, at) >>> 0,
      sequence: segment.sequenceOf(view, at) >>> 0,
      unacknowledged: segment.unacknowledgedOf(view, at) >>> 0,
      payload: toHex(datagram.subarray(at + segment.SEGMENT_HEADER_BYTES, at + total)),
    });
    at += total;
  }
  return segments;
}

/** Bytes a segment takes in a datagram. */
export function sizeOf(one: GoldenSegment): number {
  return segment.SEGMENT_HEADER_BYTES + one.payload.length / 2;
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
