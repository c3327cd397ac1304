import { CIPHER_STRIDE, describeDatagram, type PacketCipher } from '../base/packet-cipher.ts';
import {
  hasAddressBlock,
  isCopy,
  pathIdOf,
  SEALED_HEADER_BYTES,
  SEAL_TAG_BYTES,
  sealedHeaderBytes,
} from '../wire/sealed-header.ts';
import type { SessionEntry } from './session-table.ts';

/**
 * The sealed datagrams of a batch, gathered so that one call opens them all. Parallel arrays of fixed size: nothing is
 * allocated for a datagram.
 */
export class OpenQueue {
  readonly table = new Int32Array(MAX_QUEUED * CIPHER_STRIDE);
  readonly entries: (SessionEntry | undefined)[] = new Array<SessionEntry | undefined>(MAX_QUEUED).fill(
    undefined,
  );
  /** Address slot each came from. */
  readonly slots = new Int32Array(MAX_QUEUED);
  readonly pathIds = new Uint8Array(MAX_QUEUED);
  /** 1: a copy. */
  readonly copies = new Uint8Array(MAX_QUEUED);
  /** 48 bits each. */
  readonly packetNumbers = new Float64Array(MAX_QUEUED);
  readonly offsets = new Int32Array(MAX_QUEUED);
  readonly lengths = new Int32Array(MAX_QUEUED);
  /** Bytes in front of the text. */
  readonly headers = new Uint8Array(MAX_QUEUED);
  count = 0;

  get isFull(): boolean {
    return this.count === MAX_QUEUED;
  }

  /** Takes a datagram that is long enough for its header and tag; the queue must not be full. */
  push(
    entry: SessionEntry,
    key: number,
    pn: number,
    view: DataView,
    offset: number,
    length: number,
    slot: number,
  ): void {
    const row = this.count++;
    const header = sealedHeaderBytes(view, offset);
    describeDatagram(this.table, row, offset, SEALED_HEADER_BYTES, header, length, key, pn);
    this.entries[row] = entry;
    this.slots[row] = slot;
    this.pathIds[row] = pathIdOf(view, offset);
    this.copies[row] = isCopy(view, offset) ? 1 : 0;
    this.packetNumbers[row] = pn;
    this.offsets[row] = offset;
    this.lengths[row] = length;
    this.headers[row] = header;
  }

  /** Opens all, in place; each row of the table has its result. */
  open(cipher: PacketCipher, bytes: Uint8Array): void {
    cipher.open(bytes, this.table, this.count);
  }
}

/** Whether a sealed datagram is long enough for its header and tag. */
export const isLongEnough = (view: DataView, offset: number, length: number): boolean =>
  length >= SEALED_HEADER_BYTES + SEAL_TAG_BYTES &&
  (!hasAddressBlock(view, offset) || length >= sealedHeaderBytes(view, offset) + SEAL_TAG_BYTES);

const MAX_QUEUED = 1024;
