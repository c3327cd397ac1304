import { FRAME_HEADER_BYTES, MAX_FRAMED_BYTES } from '../../../../src/wire/frame.ts';
import type { StreamCarrier } from './frame-search.ts';
import { HeldBytes } from './held-bytes.ts';
import { MessageReader } from './message-reader.ts';
import { tellOpening } from './stream-opening.ts';
import type { StreamOwner } from './stream-owner.ts';

/**
 * One direction of a connection, from bytes in order to datagrams.
 *
 * - `opening`: what it carries is to be told by its beginning
 * - `tcp`, `websocket`: frames, messages
 * - `searching`: where the next frame begins is not known
 * - `ignored`: nothing for us
 */
export class DirectionStream {
  readonly #connection: StreamOwner;
  readonly #isForward: boolean;
  readonly #isFromBeginning: boolean;
  readonly #held: HeldBytes;
  readonly #messages: MessageReader;
  #mode: 'opening' | StreamCarrier | 'searching' | 'ignored' = 'opening';
  /** Bytes to come that belong to a frame that was given up, or handed over in part. */
  #skipBytes = 0;
  #hadProxyHeader = false;
  #searchedBytes = 0;

  /** @param isFromBeginning whether the first byte that comes is the first of the stream. */
  constructor(connection: StreamOwner, isForward: boolean, isFromBeginning: boolean) {
    this.#isFromBeginning = isFromBeginning;
    this.#connection = connection;
    this.#isForward = isForward;
    this.#held = new HeldBytes(connection, connection.shared.budget, MAX_HELD_BYTES);
    this.#messages = new MessageReader(connection, isForward);
  }

  /** Takes the next bytes. */
  take(bytes: Uint8Array, at: number, length: number): void {
    if (this.#mode === 'ignored') return;
    const held = this.#held;
    if (held.length === 0) {
      const used = this.#run(bytes, at, at + length);
      if (used < length) this.#hold(bytes, at + used, length - used);
    } else if (this.#hold(bytes, at, length)) {
      held.consume(this.#run(held.bytes, 0, held.length));
    }
  }

  /** Bytes are missing here. */
  gap(bytes: number): void {
    if (this.#mode === 'ignored') return;
    this.#tell('stream_gap', `${bytes} bytes of a connection are missing`);
    const skipped = Math.min(bytes, this.#skipBytes);
    this.#skipBytes -= skipped;
    let left = bytes - skipped;
    if (left === 0) return;
    const frameLeft = this.#handHeldPart();
    if (frameLeft > 0) this.#skipBytes = Math.max(0, frameLeft - left);
    left -= Math.min(left, frameLeft);
    this.#held.clear();
    if (left > 0) this.#lose();
  }

  /** The stream ends here. @param isEndOfCapture it may go on, but nobody saw it. */
  end(isEndOfCapture: boolean): void {
    this.#connection.flushProxyHeader();
    if (this.#held.length > 0 && !isEndOfCapture) {
      if (this.#mode === 'opening') this.#tell('stream_foreign', 'a connection of a few bytes');
      if (this.#mode === 'tcp' || this.#mode === 'websocket') {
        this.#tell('frame_damaged', 'a connection ends inside a frame');
      }
    }
    this.#ignore();
  }

  /** Gives back all memory; what was begun is lost. */
  forget(): void {
    const isLost = this.#held.length > 0 && this.#mode !== 'ignored';
    this.#held.clear();
    this.#messages.forget();
    if (!isLost) return;
    this.#tell('stream_gap', 'a connection had to make room for others');
    this.#lose();
  }

  #hold(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#held.append(bytes, at, length)) return true;
    this.#held.clear();
    this.#tell('stream_gap', 'no memory is left for a connection');
    this.#lose();
    return false;
  }

  /** Takes what it can of `[from, end)`. Returns how many bytes that was. */
  #run(bytes: Uint8Array, from: number, end: number): number {
    let at = from;
    while (at < end) {
      const skipped = Math.min(this.#skipBytes, end - at);
      this.#skipBytes -= skipped;
      at += skipped;
      const mode = this.#mode;
      const used = this.#step(bytes, at, end);
      at += used;
      if (used === 0 && skipped === 0 && mode === this.#mode) break;
    }
    return at - from;
  }

  /** One frame, or whatever a mode takes at once; 0 when more has to come, or the mode changed. */
  #step(bytes: Uint8Array, at: number, end: number): number {
    if (at === end) return 0;
    switch (this.#mode) {
      case 'tcp':
        return this.#takeFrame(bytes, at, end);
      case 'websocket':
        return this.#takeMessage(bytes, at, end);
      case 'opening':
        return this.#takeOpening(bytes.subarray(at, end));
      case 'searching':
        return this.#search(bytes, at, end);
      case 'ignored':
        return end - at;
    }
  }

  #takeFrame(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < FRAME_HEADER_BYTES) return 0;
    const length = (bytes[at]! << 8) | bytes[at + 1]!;
    if (length === 0 || length > MAX_FRAMED_BYTES) {
      this.#tell('frame_damaged', `a frame of ${length} bytes`);
      this.#lose();
      return 0;
    }
    if (end - at - FRAME_HEADER_BYTES < length) return 0;
    this.#connection.hand(this.#isForward, bytes, at + FRAME_HEADER_BYTES, length, 0);
    return FRAME_HEADER_BYTES + length;
  }

  #takeMessage(bytes: Uint8Array, at: number, end: number): number {
    const used = this.#messages.take(bytes, at, end);
    this.#skipBytes = this.#messages.skipBytes;
    if (this.#messages.isDamaged) this.#lose();
    if (this.#messages.isClosed) this.#ignore();
    return used;
  }

  #takeOpening(bytes: Uint8Array): number {
    const opening = tellOpening(bytes, !this.#hadProxyHeader);
    switch (opening.kind) {
      case 'more':
        return 0;
      case 'proxy':
        this.#hadProxyHeader = true;
        this.#connection.takeProxyHeader(this.#isForward, bytes.slice(0, opening.bytes));
        return opening.bytes;
      case 'request':
      case 'response':
        this.#connection.connectedFrom(this.#isForward === (opening.kind === 'request'));
        this.#begin('websocket');
        return opening.bytes;
      case 'encrypted':
        this.#tell('stream_encrypted', 'a connection is encrypted with TLS');
        this.#ignore();
        return bytes.length;
      case 'frames':
      case 'foreign':
        return this.#takeUnmarkedOpening(opening.kind, bytes.length);
    }
  }

  /** In the middle of a stream a beginning of frames has to be proved. */
  #takeUnmarkedOpening(kind: 'frames' | 'foreign', bytes: number): number {
    if (!this.#isFromBeginning && !this.#hadProxyHeader) {
      this.#mode = 'searching';
      return 0;
    }
    if (kind === 'frames') {
      this.#begin('tcp');
      return 0;
    }
    this.#tell('stream_foreign', 'a connection of something else');
    this.#ignore();
    return bytes;
  }

  #begin(carrier: StreamCarrier): void {
    this.#connection.carries(carrier);
    this.#connection.flushProxyHeader();
    this.#mode = carrier;
  }

  #search(bytes: Uint8Array, from: number, end: number): number {
    const { carrier, conv, shared } = this.#connection;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const search = shared.finder.find(bytes, view, from, end, carrier, conv);
    const passed = search.at - from;
    this.#searchedBytes += passed;
    if (search.result === 'found') {
      this.#searchedBytes = 0;
      this.#begin(search.carrier);
    } else if (carrier === undefined && this.#searchedBytes > MAX_SEARCHED_BYTES) {
      this.#tell('stream_foreign', 'a connection of something else');
      this.#ignore();
    }
    return passed;
  }

  /** Hands over what is there of a frame whose end is missing. Returns how many bytes of it are, 0 when that is not known. */
  #handHeldPart(): number {
    const held = this.#held;
    if (this.#mode === 'websocket') return this.#messages.handPart(held.bytes, held.length);
    if (this.#mode !== 'tcp' || held.length <= FRAME_HEADER_BYTES) return 0;
    const length = (held.bytes[0]! << 8) | held.bytes[1]!;
    const kept = held.length - FRAME_HEADER_BYTES;
    this.#connection.hand(this.#isForward, held.bytes, FRAME_HEADER_BYTES, kept, length - kept);
    return length - kept;
  }

  #lose(): void {
    this.#messages.forget();
    this.#skipBytes = 0;
    this.#mode = 'searching';
  }

  #ignore(): void {
    this.#held.clear();
    this.#messages.forget();
    this.#mode = 'ignored';
  }

  #tell(code: Parameters<StreamOwner['shared']['notices']['tell']>[0], text: string): void {
    this.#connection.shared.notices.tell(code, text);
  }
}

/** A frame and a segment with the next ones. */
const MAX_HELD_BYTES = 256 * 1024;
/** Without a frame in so many bytes there will be none. */
const MAX_SEARCHED_BYTES = 256 * 1024;
