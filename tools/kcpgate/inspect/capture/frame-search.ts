import { datagramKind, MIN_DATAGRAM_BYTES } from '../../../../src/wire/datagram-kind.ts';
import { FRAME_HEADER_BYTES, MAX_FRAMED_BYTES } from '../../../../src/wire/frame.ts';
import { conversationOf, payloadLengthOf, SEGMENT_HEADER_BYTES } from '../../../../src/wire/segment.ts';
import { readMessageHeader, unmask, type MessageHeader } from './message-header.ts';

/** How datagrams stand in a stream. */
export type StreamCarrier = 'tcp' | 'websocket';

/** What a search gave. The object is reused. */
export interface FrameSearch {
  /** `maybe`: more bytes have to tell. */
  result: 'found' | 'maybe' | 'none';
  /** Where the frame begins; everything before is none. */
  at: number;
  carrier: StreamCarrier;
}

/** Bytes from the beginning of a frame on that tell whether it looks like one. */
export const FRAME_TELLS_BYTES = FRAME_HEADER_BYTES + MIN_DATAGRAM_BYTES;

/** Whether what is at `at` looks like a frame; {@link FRAME_TELLS_BYTES} must be there. */
export function looksLikeFrame(view: DataView, at: number): boolean {
  const length = view.getUint16(at);
  return length <= MAX_FRAMED_BYTES && looksLikeDatagram(view, at + FRAME_HEADER_BYTES, length);
}

/**
 * Finds where frames begin again in the middle of a stream. One is believed when it is of the conversation that is known, when
 * another of the same conversation follows it, or when bytes are one frame exactly. As long as the conversation is not known, only
 * frames are that a network would carry: a long wait for the end of what is none costs time.
 */
export class FrameFinder {
  readonly #search: FrameSearch = { result: 'none', at: 0, carrier: 'tcp' };
  readonly #header: MessageHeader = { opcode: 0, isLast: true, maskAt: -1, payloadAt: 0, length: 0 };
  readonly #clear = new Uint8Array(MIN_DATAGRAM_BYTES);
  readonly #clearView = new DataView(this.#clear.buffer);
  /** Of the candidate that was looked at last. */
  #conv = 0;
  /** Where the search began. */
  #from = 0;

  /**
   * Looks through `[at, end)`; the result is valid until the next call.
   * @param carrier undefined when it is not known.
   * @param conv -1 when it is not known.
   */
  find(
    bytes: Uint8Array,
    view: DataView,
    at: number,
    end: number,
    carrier: StreamCarrier | undefined,
    conv: number,
  ): Readonly<FrameSearch> {
    const search = this.#search;
    this.#from = at;
    search.result = 'none';
    search.at = Math.max(at, end - FRAME_TELLS_BYTES - MAX_MESSAGE_HEADER_BYTES);
    for (let from = at; from + FRAME_TELLS_BYTES <= end; from++) {
      const isFrame = carrier !== 'websocket' && this.#judge('tcp', bytes, view, from, end, conv);
      const isFound =
        isFrame || (carrier !== 'tcp' && this.#judge('websocket', bytes, view, from, end, conv));
      if (isFound) return search;
    }
    return search;
  }

  /** Whether it is surely one; notes the first that may be. */
  #judge(
    carrier: StreamCarrier,
    bytes: Uint8Array,
    view: DataView,
    from: number,
    end: number,
    conv: number,
  ): boolean {
    const next = this.#endOf(carrier, bytes, view, from, end);
    if (next === NONE) return false;
    const found = this.#conv;
    if (found !== conv && next - from > MAX_UNKNOWN_BYTES) return false;
    let result: FrameSearch['result'] = 'maybe';
    if (found === conv || (next === end && from === this.#from)) result = 'found';
    else if (next + FRAME_TELLS_BYTES + MAX_MESSAGE_HEADER_BYTES <= end) {
      const follows = this.#endOf(carrier, bytes, view, next, end) !== NONE && this.#conv === found;
      if (!follows) return false;
      result = 'found';
    }
    const search = this.#search;
    if (result === 'found' || search.result === 'none') {
      search.result = result;
      search.at = from;
      search.carrier = carrier;
    }
    return result === 'found';
  }

  /** Where the candidate at `at` ends; {@link NONE} when it is not one. */
  #endOf(carrier: StreamCarrier, bytes: Uint8Array, view: DataView, at: number, end: number): number {
    return carrier === 'tcp' ? this.#frameEnd(view, at) : this.#messageEnd(bytes, at, end);
  }

  #frameEnd(view: DataView, at: number): number {
    if (!looksLikeFrame(view, at)) return NONE;
    this.#conv = conversationOf(view, at + FRAME_HEADER_BYTES);
    return at + FRAME_HEADER_BYTES + view.getUint16(at);
  }

  #messageEnd(bytes: Uint8Array, at: number, end: number): number {
    if (bytes[at] !== WHOLE_BINARY) return NONE;
    const header = this.#header;
    if (readMessageHeader(bytes, at, end, header) !== 'ok') return NONE;
    const { payloadAt, maskAt, length } = header;
    if (length > MAX_FRAMED_BYTES || payloadAt + MIN_DATAGRAM_BYTES > end) return NONE;
    unmask(bytes, payloadAt, MIN_DATAGRAM_BYTES, maskAt, this.#clear, 0);
    if (!looksLikeDatagram(this.#clearView, 0, length)) return NONE;
    this.#conv = conversationOf(this.#clearView, 0);
    return payloadAt + length;
  }
}

function looksLikeDatagram(view: DataView, at: number, length: number): boolean {
  switch (datagramKind(view, at, length)) {
    case 'clear':
      return payloadLengthOf(view, at) <= length - SEGMENT_HEADER_BYTES;
    case 'sealed':
    case 'handshake':
    case 'fec':
      return true;
    default:
      return false;
  }
}

const NONE = -1;
const MAX_UNKNOWN_BYTES = 2048;
/** The first byte of a binary message in one piece. */
const WHOLE_BINARY = 0x82;
const MAX_MESSAGE_HEADER_BYTES = 14;
