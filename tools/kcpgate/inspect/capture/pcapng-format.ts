import type { Notices } from './notices.ts';
import { emptyPacket, type PacketTaker } from './packet-taker.ts';
import { readComment, readInterface, readLostPackets, type CaptureInterface } from './pcapng-options.ts';
import { MAX_RECORD_BYTES, type RecordFormat } from './record-joiner.ts';

/** Whether a section begins there; its first 4 bytes read the same in both orders. */
export const isPcapng = (view: DataView, at: number): boolean => view.getUint32(at, true) === SECTION_HEADER;

/**
 * Blocks, in sections of either byte order:
 *
 *     type u32 | length u32 | body, padded to 4 | length u32
 *
 * Blocks of types that are not known are left out. When a length cannot be, the next block that can is looked for.
 */
export class PcapngFormat implements RecordFormat {
  readonly #taker: PacketTaker;
  readonly #notices: Notices;
  readonly #onLost: (packets: number) => void;
  readonly #packet = emptyPacket();
  #isLittleEndian = true;
  #interfaces: CaptureInterface[] = [];
  /** What each interface of the section has lost so far. */
  #lost: number[] = [];
  #isLost = false;

  /** @param onLost told how many packets more were not captured; negative when fewer were. */
  constructor(taker: PacketTaker, notices: Notices, onLost: (packets: number) => void) {
    this.#taker = taker;
    this.#notices = notices;
    this.#onLost = onLost;
  }

  measure(_bytes: Uint8Array, view: DataView, at: number, available: number): number {
    if (available < SECTION_START_BYTES) return SECTION_START_BYTES;
    if (this.#isLost) return this.#search(view, at, available);
    if (isPcapng(view, at) && !this.#beginSection(view, at))
      return this.#lose('a section of an unknown byte order');
    const length = view.getUint32(at + 4, this.#isLittleEndian);
    const type = view.getUint32(at, this.#isLittleEndian);
    if (length < BLOCK_FRAME_BYTES || length % 4 !== 0) return this.#lose(`a block of ${length} bytes`);
    const limit = PACKET_BLOCKS.has(type) ? MAX_RECORD_BYTES : MAX_OTHER_BLOCK_BYTES;
    if (length > limit) return this.#lose(`a block of ${length} bytes`);
    return length;
  }

  take(bytes: Uint8Array, view: DataView, at: number, length: number): void {
    if (this.#isLost) return;
    const type = view.getUint32(at, this.#isLittleEndian);
    const end = at + length - 4;
    if (view.getUint32(end, this.#isLittleEndian) !== view.getUint32(at + 4, this.#isLittleEndian)) {
      this.#notices.tell('capture_damaged', 'the two lengths of a block are not the same');
    }
    switch (type) {
      case ENHANCED_PACKET:
        return this.#takePacket(bytes, view, at, end, 4);
      case OLD_PACKET:
        return this.#takePacket(bytes, view, at, end, 2);
      case SIMPLE_PACKET:
        return this.#takeSimplePacket(bytes, view, at, end);
      case SECTION_HEADER:
        this.#interfaces = [];
        this.#lost = [];
        return;
      case INTERFACE_DESCRIPTION:
        return this.#takeInterface(view, at, end);
      case INTERFACE_STATISTICS:
        return this.#takeStatistics(view, at, end);
    }
  }

  #beginSection(view: DataView, at: number): boolean {
    const magic = view.getUint32(at + 8, true);
    if (magic !== ORDER_MAGIC && magic !== ORDER_MAGIC_SWAPPED) return false;
    this.#isLittleEndian = magic === ORDER_MAGIC;
    return true;
  }

  #lose(what: string): number {
    this.#notices.tell('capture_damaged', `${what}; looking for the next one that can be`);
    this.#isLost = true;
    return 1;
  }

  /** Looks for a block that is surely one. */
  #search(view: DataView, at: number, available: number): number {
    if (available < PACKET_START_BYTES) return PACKET_START_BYTES;
    if (isPcapng(view, at) && this.#beginSection(view, at)) {
      const length = view.getUint32(at + 4, this.#isLittleEndian);
      if (length < BLOCK_FRAME_BYTES || length % 4 !== 0 || length > MAX_RECORD_BYTES) return 1;
      this.#isLost = false;
      return length;
    }
    const read = (offset: number): number => view.getUint32(at + offset, this.#isLittleEndian);
    const length = read(4);
    const isPacket =
      read(0) === ENHANCED_PACKET &&
      length % 4 === 0 &&
      length <= MAX_RECORD_BYTES &&
      read(8) < this.#interfaces.length &&
      read(20) <= read(24) &&
      PACKET_START_BYTES + 4 + read(20) <= length;
    if (!isPacket) return 1;
    this.#isLost = false;
    return length;
  }

  #takeInterface(view: DataView, at: number, end: number): void {
    const described = readInterface(view, at + 8, end, this.#isLittleEndian);
    if (described === undefined || this.#interfaces.length >= MAX_INTERFACES) {
      this.#notices.tell('capture_damaged', 'an interface that cannot be, or too many of them');
      return;
    }
    this.#interfaces.push(described);
  }

  /** They count from the beginning of the section: the last ones of an interface hold. */
  #takeStatistics(view: DataView, at: number, end: number): void {
    const id = end - at < STATISTICS_START_BYTES ? -1 : view.getUint32(at + 8, this.#isLittleEndian);
    if (this.#interfaces[id] === undefined) return this.#refuse('statistics of no interface');
    const lost = readLostPackets(view, at + STATISTICS_START_BYTES, end, this.#isLittleEndian);
    this.#onLost(lost - (this.#lost[id] ?? 0));
    this.#lost[id] = lost;
  }

  /** @param idBytes of the interface number: 4, or 2 in the block that came before the enhanced one. */
  #takePacket(bytes: Uint8Array, view: DataView, at: number, end: number, idBytes: 2 | 4): void {
    const isLittleEndian = this.#isLittleEndian;
    const packet = this.#packet;
    const dataAt = at + PACKET_START_BYTES;
    const id =
      idBytes === 4 ? view.getUint32(at + 8, isLittleEndian) : view.getUint16(at + 8, isLittleEndian);
    const from = this.#interfaces[id];
    if (dataAt > end || from === undefined)
      return this.#refuse(dataAt > end ? 'a packet block cut off' : `no interface ${id}`);
    const kept = view.getUint32(at + 20, isLittleEndian);
    if (kept > end - dataAt) return this.#refuse('a packet longer than its block');
    const high = view.getUint32(at + 12, isLittleEndian);
    const low = view.getUint32(at + 16, isLittleEndian);
    packet.timeUs =
      from.offsetUs + high * from.wholeUsPerHigh + (high * from.restUsPerHigh + low * from.usPerUnit);
    const optionsAt = dataAt + ((kept + 3) & ~3);
    packet.comment = optionsAt < end ? readComment(bytes, view, optionsAt, end, isLittleEndian) : '';
    this.#hand(bytes, view, dataAt, kept, view.getUint32(at + 24, isLittleEndian), from.linkType);
  }

  #takeSimplePacket(bytes: Uint8Array, view: DataView, at: number, end: number): void {
    const from = this.#interfaces[0];
    const dataAt = at + SIMPLE_PACKET_START_BYTES;
    if (from === undefined || dataAt > end) return this.#refuse('a packet without an interface, or cut off');
    const original = view.getUint32(at + 8, this.#isLittleEndian);
    const limit = from.snapshotBytes === 0 ? Infinity : from.snapshotBytes;
    this.#packet.timeUs = 0;
    this.#packet.comment = '';
    this.#hand(bytes, view, dataAt, Math.min(original, limit, end - dataAt), original, from.linkType);
  }

  #hand(
    bytes: Uint8Array,
    view: DataView,
    at: number,
    length: number,
    original: number,
    linkType: number,
  ): void {
    const packet = this.#packet;
    packet.linkType = linkType;
    packet.bytes = bytes;
    packet.view = view;
    packet.at = at;
    packet.length = length;
    packet.originalLength = Math.max(length, original);
    this.#taker(packet);
  }

  #refuse(why: string): void {
    this.#notices.tell('capture_damaged', why);
  }
}

const SECTION_HEADER = 0x0a0d0d0a;
const ORDER_MAGIC = 0x1a2b3c4d;
const ORDER_MAGIC_SWAPPED = 0x4d3c2b1a;
const INTERFACE_DESCRIPTION = 1;
const OLD_PACKET = 2;
const SIMPLE_PACKET = 3;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;
const PACKET_BLOCKS: ReadonlySet<number> = new Set([OLD_PACKET, SIMPLE_PACKET, ENHANCED_PACKET]);
/** Type, length and byte order of a section. */
const SECTION_START_BYTES = 12;
const BLOCK_FRAME_BYTES = 12;
/** Up to where the bytes of a packet begin. */
const PACKET_START_BYTES = 28;
const SIMPLE_PACKET_START_BYTES = 12;
/** Type, length, number of the interface and time. */
const STATISTICS_START_BYTES = 20;
const MAX_INTERFACES = 4096;
/** Of a block that is left out. A longer one is none: most of the file would be left out with it. */
const MAX_OTHER_BLOCK_BYTES = 16 * 1024 * 1024;
