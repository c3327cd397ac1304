import type { RecordedCause } from '../found-datagram.ts';

/** What holds for a whole datagram while its segments are analysed. One object, filled in again for each. */
export class Moment {
  packet = 0;
  /** Microseconds; 0 when the input tells no time. */
  timeUs = 0;
  /** Bytes of the whole datagram, also those the capture did not keep. */
  datagramBytes = 0;
  /** Where the clear segments begin in their memory. */
  clearAt = 0;
  /** A number that changes when the session changes its line. */
  epoch = 0;
  /** Whether the datagram says that it is a copy (bit 0x08). */
  isCopy = false;
  /** Whether packet numbers tell duplicates; without them bytes have to. */
  isNumbered = false;
  /** By `sn`, why segments are sent again, where a recording says so. */
  causes: ReadonlyMap<number, RecordedCause> = NOT_TOLD;
}

export const NOT_TOLD: ReadonlyMap<number, RecordedCause> = new Map();
