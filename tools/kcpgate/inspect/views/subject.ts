import { MIN_DATAGRAM_BYTES } from '../../../../src/wire/datagram-kind.ts';
import { HELLO_FIELD } from '../../../../src/wire/hello.ts';
import { readPacketNumber } from '../../../../src/wire/packet-number.ts';
import { isCopy, packetNumberOf, pathIdOf } from '../../../../src/wire/sealed-header.ts';
import type { ExaminedDatagram, ExaminedSegment } from '../examined.ts';
import type { FlowEnd } from '../found-datagram.ts';
import { type Reading, readingOf, wasDecrypted } from './reading.ts';

/** One datagram as views and filters look at it. What costs something is worked out when it is asked for, once. */
export class Subject {
  /** Time of the first packet that has any, in microseconds; NaN before. */
  startUs = NaN;
  readonly #memory = new ViewCache();
  #datagram: ExaminedDatagram;
  #reading: Reading | null = null;

  constructor(datagram: ExaminedDatagram) {
    this.#datagram = datagram;
  }

  get datagram(): ExaminedDatagram {
    return this.#datagram;
  }

  /** Turns to the next datagram. */
  look(datagram: ExaminedDatagram): void {
    this.#datagram = datagram;
    this.#reading = null;
    const { timeUs } = datagram.found;
    if (Number.isNaN(this.startUs) && timeUs > 0) this.startUs = timeUs;
  }

  /** Seconds since the first packet; 0 when the input tells no time. */
  get seconds(): number {
    const seconds = (this.#datagram.found.timeUs - this.startUs) / 1e6;
    return Number.isNaN(seconds) ? 0 : seconds;
  }

  get source(): FlowEnd {
    const { flow, isFromA } = this.#datagram.found;
    return isFromA ? flow.a : flow.b;
  }

  get destination(): FlowEnd {
    const { flow, isFromA } = this.#datagram.found;
    return isFromA ? flow.b : flow.a;
  }

  /** Who sent it in its session; null when it belongs to none. */
  get direction(): 'client' | 'gateway' | null {
    if (this.#datagram.session < 0) return null;
    return this.#datagram.isFromClient ? 'client' : 'gateway';
  }

  /** Packet number of a sealed or handshake datagram, else -1. */
  get packetNumber(): number {
    const at = this.#headerAt();
    if (at < 0) return -1;
    const view = this.#memory.of(this.#datagram.found.bytes);
    return this.#datagram.kind === 'sealed'
      ? packetNumberOf(view, at)
      : readPacketNumber(view, at + HELLO_FIELD.pn);
  }

  /** Path id of a sealed datagram, else -1. */
  get pathId(): number {
    const at = this.#headerAt();
    if (at < 0 || this.#datagram.kind !== 'sealed') return -1;
    return pathIdOf(this.#memory.of(this.#datagram.found.bytes), at);
  }

  /** Whether it says that it was sent on another path, too. */
  get isCopy(): boolean {
    const at = this.#headerAt();
    return (
      at >= 0 && this.#datagram.kind === 'sealed' && isCopy(this.#memory.of(this.#datagram.found.bytes), at)
    );
  }

  /** Whether its segments had to be decrypted, and could be. */
  get isDecrypted(): boolean {
    return wasDecrypted(this.#datagram);
  }

  /** The datagram taken apart. */
  get reading(): Reading {
    this.#reading ??= readingOf(this.#datagram);
    return this.#reading;
  }

  /** Whether anything is wrong with its bytes. */
  get hasProblem(): boolean {
    return this.reading.problems.length > 0;
  }

  /** Where the header of a sealed or handshake datagram stands, if it is whole; else -1. */
  #headerAt(): number {
    const { kind, found, proxyBytes } = this.#datagram;
    if (kind !== 'sealed' && kind !== 'handshake') return -1;
    return found.length - proxyBytes < MIN_DATAGRAM_BYTES ? -1 : found.offset + proxyBytes;
  }
}

/** Whether a segment, or without one a datagram, is wanted. */
export type Predicate = (subject: Subject, segment: ExaminedSegment | null) => boolean;

/** A view of memory that stays the same for many datagrams. */
class ViewCache {
  #bytes: Uint8Array | null = null;
  #view: DataView = new DataView(new ArrayBuffer(0));

  of(bytes: Uint8Array): DataView {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return this.#view;
  }
}
