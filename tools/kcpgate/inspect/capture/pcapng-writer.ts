/** Packets that begin with their IP header. */
export const LINK_TYPE_RAW = 101;
/** Packets that begin with their Ethernet header. */
export const LINK_TYPE_ETHERNET = 1;

export interface PcapngWriterOptions {
  /** Takes the bytes of the file, in order; a chunk is its own from then on. */
  readonly sink: (chunk: Uint8Array) => void;
  /** Of all packets, default {@link LINK_TYPE_RAW}. Numbers: the list of link types of pcap. */
  readonly linkType?: number;
}

/**
 * Writes a pcapng file with one interface. Times keep a thousandth of a microsecond as far as a number does. Nothing is held
 * back: after each call the file is whole.
 */
export class PcapngWriter {
  readonly #sink: (chunk: Uint8Array) => void;

  constructor(options: PcapngWriterOptions) {
    this.#sink = options.sink;
    this.#sink(sectionHeader());
    this.#sink(interfaceDescription(options.linkType ?? LINK_TYPE_RAW));
  }

  /**
   * @param timeUs microseconds since 1970.
   * @param comment what a reader shows beside the packet, at most 65,535 bytes of UTF-8; longer ones are cut.
   * @param originalLength bytes the packet had, when not all are kept; default `length`.
   */
  writePacket(
    timeUs: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    comment = '',
    originalLength = length,
  ): void {
    const said = commentBytes(comment);
    const optionBytes =
      said.length === 0 ? 0 : OPTION_HEADER_BYTES + padded(said.length) + OPTION_HEADER_BYTES;
    const block = begunBlock(BLOCK.enhancedPacket, 20 + padded(length) + optionBytes);
    const view = viewOf(block);
    const wholeUs = Math.max(0, Math.floor(timeUs));
    const wholeMs = Math.floor(wholeUs / 1000);
    const restNs = (wholeUs % 1000) * 1000 + Math.floor((timeUs - Math.floor(timeUs)) * 1000);
    const time = BigInt(wholeMs) * 1_000_000n + BigInt(restNs);
    view.setUint32(12, Number((time >> 32n) & 0xffff_ffffn), true);
    view.setUint32(16, Number(time & 0xffff_ffffn), true);
    view.setUint32(20, length, true);
    view.setUint32(24, originalLength, true);
    block.set(bytes.subarray(offset, offset + length), 28);
    if (optionBytes > 0) {
      const at = 28 + padded(length);
      view.setUint16(at, OPTION_COMMENT, true);
      view.setUint16(at + 2, said.length, true);
      block.set(said, at + OPTION_HEADER_BYTES);
    }
    this.#sink(block);
  }
}

function sectionHeader(): Uint8Array {
  const block = begunBlock(BLOCK.sectionHeader, 16);
  const view = viewOf(block);
  view.setUint32(8, 0x1a2b3c4d, true);
  view.setUint16(12, 1, true);
  // The length of the section is not known.
  view.setUint32(16, 0xffff_ffff, true);
  view.setUint32(20, 0xffff_ffff, true);
  return block;
}

function interfaceDescription(linkType: number): Uint8Array {
  const block = begunBlock(BLOCK.interfaceDescription, 8 + 8 + OPTION_HEADER_BYTES);
  const view = viewOf(block);
  view.setUint16(8, linkType, true);
  view.setUint16(16, OPTION_TIME_RESOLUTION, true);
  view.setUint16(18, 1, true);
  // Nanoseconds.
  view.setUint8(20, 9);
  return block;
}

/** A block with its type and both lengths, and zeros between. */
function begunBlock(type: number, bodyBytes: number): Uint8Array {
  const block = new Uint8Array(BLOCK_FRAME_BYTES + bodyBytes);
  const view = viewOf(block);
  view.setUint32(0, type, true);
  view.setUint32(4, block.length, true);
  view.setUint32(block.length - 4, block.length, true);
  return block;
}

function commentBytes(comment: string): Uint8Array {
  if (comment === '') return NOTHING;
  const into = new Uint8Array(Math.min(MAX_OPTION_BYTES, comment.length * 3));
  return into.subarray(0, new TextEncoder().encodeInto(comment, into).written);
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const padded = (bytes: number): number => (bytes + 3) & ~3;

const NOTHING = new Uint8Array(0);
const BLOCK = { sectionHeader: 0x0a0d0d0a, interfaceDescription: 1, enhancedPacket: 6 } as const;
/** Type, length, and the length once more. */
const BLOCK_FRAME_BYTES = 12;
const OPTION_HEADER_BYTES = 4;
const OPTION_COMMENT = 1;
const OPTION_TIME_RESOLUTION = 9;
const MAX_OPTION_BYTES = 0xffff;
