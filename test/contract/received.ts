import {
  META_ADDRESS,
  META_ECN,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type ReceiveBatch,
} from '../../src/carrier/carrier.ts';

export interface ReceivedDatagram {
  /** A copy. */
  readonly bytes: Uint8Array;
  readonly slot: number;
  readonly ecn: number;
  /** It came glued together with others. */
  readonly glued: boolean;
}

/** The datagrams of a batch one by one, whether or not they came glued together. */
export function datagramsOf({ bytes, meta, count }: ReceiveBatch): ReceivedDatagram[] {
  const datagrams: ReceivedDatagram[] = [];
  for (let at = 0; at < count * META_STRIDE; at += META_STRIDE) {
    const start = meta[at + META_OFFSET]!;
    const end = start + meta[at + META_LENGTH]!;
    const segmentSize = meta[at + META_SEGMENT_SIZE]!;
    const glued = segmentSize > 0;
    let offset = start;
    do {
      const next = glued ? Math.min(offset + segmentSize, end) : end;
      datagrams.push({
        bytes: bytes.slice(offset, next),
        slot: meta[at + META_ADDRESS]!,
        ecn: meta[at + META_ECN]!,
        glued,
      });
      offset = next;
    } while (offset < end);
  }
  return datagrams;
}
