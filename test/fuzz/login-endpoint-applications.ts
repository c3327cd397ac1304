import type { SessionPort, Sink } from '../../src/base/sink.ts';

/** The byte at a place of a session's stream: no two sessions have the same, and no window hides a shift. */
const byteAt = (conv: number, index: number): number =>
  (Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(conv, 0x85ebca6b)) >>> 24;

/** Bytes of a message outside the order: its session and its number. */
const DATAGRAM_BYTES = 8;

/** A client's application: sends numbered bytes and checks that exactly those come back. */
export class ExactClient implements Sink {
  readonly conv: number;
  readonly totalBytes: number;
  sentBytes = 0;
  receivedBytes = 0;
  isOpen = false;
  closeCode: number | undefined;
  #hasEnded = false;
  readonly #port: SessionPort;
  readonly #violate: (text: string) => void;

  constructor(port: SessionPort, conv: number, totalBytes: number, violate: (text: string) => void) {
    this.#port = port;
    this.conv = conv;
    this.totalBytes = totalBytes;
    this.#violate = violate;
  }

  /** Sends some more of what is left. */
  send(mostBytes: number): void {
    const length = Math.min(mostBytes, this.totalBytes - this.sentBytes);
    if (length <= 0) return;
    const first = this.sentBytes;
    const bytes = Uint8Array.from({ length }, (_, index) => byteAt(this.conv, first + index));
    this.sentBytes += Math.max(0, this.#port.send(bytes, 0, length));
  }

  /** Sends what is left, and the end once everything came back. */
  finish(): void {
    this.send(this.totalBytes);
    if (this.receivedBytes < this.totalBytes || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#port.end();
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    for (let i = 0; i < length; i++) {
      const index = this.receivedBytes++;
      if (index >= this.sentBytes) this.#violate('a client got bytes that it did not send');
      if (bytes[offset + i] !== byteAt(this.conv, index)) this.#violate('a client got a wrong byte');
    }
    return true;
  }
  flush(): void {
    // Nothing is gathered.
  }
  end(): void {
    // The answer to its own end.
  }
  writable(): void {
    // The next send comes anyway.
  }
  drain(): void {
    // Clients are not drained.
  }
  opened(): void {
    this.isOpen = true;
  }
  close(code: number): void {
    this.closeCode = code;
  }
}

/** A gateway's application for an {@link ExactClient}: checks what arrives before it goes on. */
export class CheckedSink implements Sink {
  readonly conv: number;
  receivedBytes = 0;
  readonly #inner: Sink;
  readonly #violate: (text: string) => void;
  readonly #numbers = new Set<number>();

  constructor(inner: Sink, conv: number, violate: (text: string) => void) {
    this.#inner = inner;
    this.conv = conv;
    this.#violate = violate;
  }

  write(bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean): boolean {
    for (let i = 0; i < length; i++) {
      if (bytes[offset + i] !== byteAt(this.conv, this.receivedBytes++))
        this.#violate('the gateway got a wrong byte');
    }
    return this.#inner.write(bytes, offset, length, endOfMessage);
  }
  datagram(bytes: Uint8Array, offset: number, length: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset, length);
    if (length !== DATAGRAM_BYTES || view.getUint32(0) !== this.conv)
      this.#violate('the gateway got a wrong message');
    const number = view.getUint32(4);
    if (this.#numbers.has(number)) this.#violate('the gateway got a message twice');
    this.#numbers.add(number);
  }
  flush(): void {
    this.#inner.flush();
  }
  end(): void {
    this.#inner.end();
  }
  writable(): void {
    this.#inner.writable();
  }
  drain(): void {
    this.#inner.drain();
  }
  opened(): void {
    this.#inner.opened?.();
  }
  close(...why: Parameters<Sink['close']>): void {
    this.#inner.close(...why);
  }
}

/** A message outside the order that a {@link CheckedSink} knows. */
export function numberedMessage(conv: number, number: number): Uint8Array {
  const bytes = new Uint8Array(DATAGRAM_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, conv);
  view.setUint32(4, number);
  return bytes;
}
