import { Command } from '../../../../src/wire/command.ts';
import { addressBlockBytesOf } from '../../../../src/wire/data-segment.ts';
import { datagramKind } from '../../../../src/wire/datagram-kind.ts';
import {
  packetNumberOf,
  SEALED_HEADER_BYTES,
  SEALED_OVERHEAD_BYTES,
} from '../../../../src/wire/sealed-header.ts';
import {
  checkSegment,
  commandOf,
  conversationOf,
  SEGMENT_HEADER_BYTES,
} from '../../../../src/wire/segment.ts';

/** The largest `mtu` of a gateway. Longer ones were glued together, or will be cut by the network card (UDP_SEGMENT, UDP_GRO). */
const LARGEST_PLAIN_BYTES = 1500;

/**
 * Finds the datagrams in what was captured as one. All but the last are of one size, which is said nowhere: it shows in where headers
 * stand. Sealed ones are found however short they are; segments in clear may stand one behind the other in one datagram, too, so
 * only what is too long for one is taken apart.
 */
export class GluedDatagrams {
  /** 1 where a segment begins. */
  readonly #begins = new Uint8Array(0x10000);

  /**
   * @param length bytes at `at` that were captured; `total` with those that were not.
   * @returns bytes of each datagram but the last; 0 when it is only one, or not to be told.
   */
  sizeOf(bytes: Uint8Array, view: DataView, at: number, length: number, total: number): number {
    if (length < 2 * SEALED_OVERHEAD_BYTES) return 0;
    switch (datagramKind(view, at, length)) {
      case 'sealed':
        return sealedSize(bytes, view, at, length);
      case 'clear':
        return total > LARGEST_PLAIN_BYTES && total < this.#begins.length
          ? this.#clearSize(view, at, length)
          : 0;
      default:
        return 0;
    }
  }

  /** The largest size at which segments begin throughout: datagrams of a run are full. */
  #clearSize(view: DataView, at: number, length: number): number {
    const begins = this.#begins.fill(0, 0, length + 1);
    let place = 0;
    while (length - place >= SEGMENT_HEADER_BYTES) {
      const command = commandOf(view, at + place);
      if (command < Command.new || command > LAST_COMMAND) return 0;
      begins[place] = 1;
      const bytes = checkSegment(view, at + place, at + length, addressBlockBytesOf(command));
      // Cut off, by the capture.
      if (bytes === 0) break;
      place += bytes;
    }
    for (let size = Math.min(LARGEST_PLAIN_BYTES, length - 1); size >= SEGMENT_HEADER_BYTES; size--) {
      if (begins[size] === 1 && isThroughout(size, Math.min(place, length), (from) => begins[from] === 1))
        return size;
    }
    return 0;
  }
}

/** Packet numbers rise from one to the next; some may be lost between. */
function sealedSize(bytes: Uint8Array, view: DataView, at: number, length: number): number {
  const last = Math.min(LARGEST_PLAIN_BYTES, length - SEALED_HEADER_BYTES);
  const conv = conversationOf(view, at);
  // Most are alone: the system finds the first byte faster than a loop does.
  const places = bytes.subarray(at, at + last + 1);
  const begin = conv & 0xff;
  for (
    let size = places.indexOf(begin, SEALED_OVERHEAD_BYTES);
    size >= 0;
    size = places.indexOf(begin, size + 1)
  ) {
    if (conversationOf(view, at + size) !== conv) continue;
    const isAll = isThroughout(size, length - SEALED_HEADER_BYTES, (from) => {
      const isSealed = datagramKind(view, at + from, SEALED_OVERHEAD_BYTES) === 'sealed';
      const step = packetNumberOf(view, at + from) - packetNumberOf(view, at + from - size);
      return isSealed && conversationOf(view, at + from) === conv && step >= 1 && step <= MAX_STEP;
    });
    if (isAll) return size;
  }
  return 0;
}

function isThroughout(size: number, end: number, isBeginning: (at: number) => boolean): boolean {
  for (let from = size; from < end; from += size) if (!isBeginning(from)) return false;
  return true;
}

const LAST_COMMAND = 95;
/** Of packet numbers, between two datagrams that arrived together. */
const MAX_STEP = 4096;
