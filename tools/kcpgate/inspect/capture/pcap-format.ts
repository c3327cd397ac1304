import type { Notices } from './notices.ts';
import { emptyPacket, type PacketTaker } from './packet-taker.ts';
import { MAX_RECORD_BYTES, type RecordFormat } from './record-joiner.ts';

/** How a pcap file writes its numbers. */
export interface PcapVariant {
  readonly isLittleEndian: boolean;
  /** Of the lower half of a time stamp: microseconds or nanoseconds. */
  readonly unitsPerSecond: 1_000_000 | 1_000_000_000;
}

/** Tells a pcap file by its first four bytes. */
export function pcapVariantAt(view: DataView, at: number): PcapVariant | undefined {
  for (const isLittleEndian of [true, false]) {
    const magic = view.getUint32(at, isLittleEndian);
    if (magic === MAGIC_MICROSECONDS) return { isLittleEndian, unitsPerSecond: 1_000_000 };
    if (magic === MAGIC_NANOSECONDS) return { isLittleEndian, unitsPerSecond: 1_000_000_000 };
  }
  return undefined;
}

/**
 *     magic u32 | version 2 x u16 | zone, accuracy 2 x u32 | snapshot length u32 | link type u32
 *
 * and then for each packet
 *
 *     seconds u32 | fraction u32 | bytes kept u32 | bytes u32 | what was kept
 *
 * When a packet's header cannot be, the next one that can is looked for.
 */
export class PcapFormat implements RecordFormat {
  readonly #isLittleEndian: boolean;
  readonly #unitsPerSecond: number;
  readonly #taker: PacketTaker;
  readonly #notices: Notices;
  readonly #packet = emptyPacket();
  #hasFileHeader = false;
  /** Whether the next header is being looked for. */
  #isLost = false;
  #lastSeconds = NaN;

  constructor(variant: PcapVariant, taker: PacketTaker, notices: Notices) {
    this.#isLittleEndian = variant.isLittleEndian;
    this.#unitsPerSecond = variant.unitsPerSecond;
    this.#taker = taker;
    this.#notices = notices;
  }

  measure(_bytes: Uint8Array, view: DataView, at: number, available: number): number {
    if (!this.#hasFileHeader) return FILE_HEADER_BYTES;
    if (available < PACKET_HEADER_BYTES) return PACKET_HEADER_BYTES;
    const kept = view.getUint32(at + 8, this.#isLittleEndian);
    if (this.#isLost) {
      if (!this.#mayBeHeader(view, at, kept)) return 1;
      this.#isLost = false;
    } else if (kept > MAX_PACKET_BYTES) {
      this.#notices.tell('capture_damaged', `a packet of ${kept} bytes; looking for the next one`);
      this.#isLost = true;
      return 1;
    }
    return PACKET_HEADER_BYTES + kept;
  }

  take(bytes: Uint8Array, view: DataView, at: number, length: number): void {
    const packet = this.#packet;
    if (!this.#hasFileHeader) {
      this.#hasFileHeader = true;
      // The upper half tells of check sums behind packets; no length of ours reaches there.
      packet.linkType = view.getUint32(at + 20, this.#isLittleEndian) & 0xffff;
      return;
    }
    if (this.#isLost) return;
    const isLittleEndian = this.#isLittleEndian;
    this.#lastSeconds = view.getUint32(at, isLittleEndian);
    const fraction = view.getUint32(at + 4, isLittleEndian);
    packet.timeUs =
      this.#lastSeconds * 1_000_000 + (this.#unitsPerSecond === 1_000_000 ? fraction : fraction / 1000);
    packet.bytes = bytes;
    packet.view = view;
    packet.at = at + PACKET_HEADER_BYTES;
    packet.length = length - PACKET_HEADER_BYTES;
    packet.originalLength = Math.max(packet.length, view.getUint32(at + 12, isLittleEndian));
    this.#taker(packet);
  }

  /** As good as certain: each of these numbers would have to come about by chance. */
  #mayBeHeader(view: DataView, at: number, kept: number): boolean {
    const original = view.getUint32(at + 12, this.#isLittleEndian);
    if (kept === 0 || kept > original || original > MAX_PACKET_BYTES) return false;
    if (view.getUint32(at + 4, this.#isLittleEndian) >= this.#unitsPerSecond) return false;
    const seconds = view.getUint32(at, this.#isLittleEndian);
    return Number.isNaN(this.#lastSeconds) || Math.abs(seconds - this.#lastSeconds) <= NEAR_S;
  }
}

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER_BYTES = 24;
const PACKET_HEADER_BYTES = 16;
const MAX_PACKET_BYTES = MAX_RECORD_BYTES - PACKET_HEADER_BYTES;
/** How far the next packet may be in time when one is looked for: an hour. */
const NEAR_S = 3600;
