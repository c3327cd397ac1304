import { MAX_FRAMED_BYTES } from '../../../../src/wire/frame.ts';
import { HeldBytes } from './held-bytes.ts';
import { OPCODE, readMessageHeader, unmask, type MessageHeader } from './message-header.ts';
import type { StreamOwner } from './stream-owner.ts';

/** Finds the binary messages in a direction of a WebSocket connection. */
export class MessageReader {
  /** After {@link take}: bytes to come that belong to a frame that is left out. */
  skipBytes = 0;
  /** After {@link take}: there was something that no WebSocket sends. */
  isDamaged = false;
  /** After {@link take}: the closing frame was seen. */
  isClosed = false;
  readonly #connection: StreamOwner;
  readonly #isForward: boolean;
  readonly #header: MessageHeader = { opcode: 0, isLast: true, maskAt: -1, payloadAt: 0, length: 0 };
  /** Earlier frames of a message in several. */
  readonly #message: HeldBytes;
  #state: 'between' | 'inside' | 'leaving_out' = 'between';

  constructor(connection: StreamOwner, isForward: boolean) {
    this.#connection = connection;
    this.#isForward = isForward;
    this.#message = new HeldBytes(connection, connection.shared.budget, 2 * MAX_FRAMED_BYTES);
  }

  /** Takes one frame from the beginning of `[at, end)`. Returns its bytes, 0 when more have to come or it is damaged. */
  take(bytes: Uint8Array, at: number, end: number): number {
    this.skipBytes = 0;
    this.isDamaged = false;
    const header = this.#header;
    const read = readMessageHeader(bytes, at, end, header);
    if (read === 'more') return 0;
    if (read === 'damaged') {
      this.#tell('a WebSocket frame that cannot be');
      this.isDamaged = true;
      return 0;
    }
    if (header.opcode >= OPCODE.close) {
      if (header.payloadAt + header.length > end) return 0;
      this.isClosed = header.opcode === OPCODE.close;
      return header.payloadAt + header.length - at;
    }
    if (!this.#mayTake()) return this.#leaveOut(at);
    if (header.payloadAt + header.length > end) return 0;
    this.#takePayload(bytes);
    return header.payloadAt + header.length - at;
  }

  /**
   * Hands over what is there of a message in one frame whose end is missing.
   * @returns the bytes of the frame that are missing, 0 when that is not known.
   */
  handPart(bytes: Uint8Array, length: number): number {
    const header = this.#header;
    if (readMessageHeader(bytes, 0, length, header) !== 'ok') return 0;
    const kept = length - header.payloadAt;
    const isWhole = header.opcode === OPCODE.binary && header.isLast && this.#state === 'between';
    if (isWhole && header.length <= MAX_FRAMED_BYTES) {
      const { scratch } = this.#connection.shared;
      unmask(bytes, header.payloadAt, kept, header.maskAt, scratch, 0);
      this.#connection.hand(this.#isForward, scratch, 0, kept, header.length - kept);
    } else if (header.opcode < OPCODE.close) {
      this.#message.clear();
      this.#state = header.isLast ? 'between' : 'leaving_out';
    }
    return header.length - kept;
  }

  /** Forgets a message that was begun. */
  forget(): void {
    this.#message.clear();
    this.#state = 'between';
    this.skipBytes = 0;
    this.isDamaged = false;
  }

  /** Whether the frame is of a message that is wanted; tells when it cannot be. */
  #mayTake(): boolean {
    const { opcode, length } = this.#header;
    const isContinuation = opcode === OPCODE.continuation;
    if (isContinuation && this.#state === 'leaving_out') return false;
    if (opcode === OPCODE.text) return this.#refuse('a text message');
    if (isContinuation !== (this.#state === 'inside'))
      return this.#refuse('a message within another, or without beginning');
    const whole = length + this.#message.length;
    return whole <= MAX_FRAMED_BYTES || this.#refuse(`a message of ${whole} bytes`);
  }

  #refuse(what: string): false {
    this.#tell(what);
    this.#message.clear();
    return false;
  }

  #leaveOut(at: number): number {
    const { isLast, payloadAt, length } = this.#header;
    this.#state = isLast ? 'between' : 'leaving_out';
    this.skipBytes = length;
    return payloadAt - at;
  }

  #takePayload(bytes: Uint8Array): void {
    const { isLast, maskAt, payloadAt, length } = this.#header;
    // Only who connected hides its bytes.
    this.#connection.connectedFrom(this.#isForward === maskAt >= 0);
    const isAlone = isLast && this.#state === 'between';
    if (isAlone && maskAt < 0) return this.#hand(bytes, payloadAt, length);
    const { scratch } = this.#connection.shared;
    unmask(bytes, payloadAt, length, maskAt, scratch, 0);
    if (isAlone) return this.#hand(scratch, 0, length);
    this.#state = 'inside';
    const fits = this.#message.append(scratch, 0, length);
    if (fits && isLast) this.#hand(this.#message.bytes, 0, this.#message.length);
    if (!fits) this.#tell('no memory is left for a message');
    if (fits && !isLast) return;
    this.#message.clear();
    this.#state = isLast ? 'between' : 'leaving_out';
  }

  #hand(bytes: Uint8Array, at: number, length: number): void {
    this.#connection.hand(this.#isForward, bytes, at, length, 0);
  }

  #tell(what: string): void {
    this.#connection.shared.notices.tell('frame_damaged', what);
  }
}
