import type { Sink } from '../base/sink.ts';

/** Bytes waiting for the application, at which it stops taking more: the receive window closes behind it. */
const HIGH_WATER_BYTES = 1024 * 1024;

/** Puts messages together and holds them, bounded, until the application asks. */
export class MessageQueue implements Sink {
  private readonly stream: boolean;
  private readonly resume: () => void;
  private readonly messages: Uint8Array[] = [];
  private head = 0;
  private bytes = 0;
  private parts: Uint8Array[] = [];
  private finished = false;
  private ended = false;
  private paused = false;
  private waiter: ((message: Uint8Array | undefined) => void) | undefined;

  /** @param stream in stream mode every piece counts as a message. */
  constructor(stream: boolean, resume: () => void) {
    this.stream = stream;
    this.resume = resume;
  }

  /** The peer finished its direction. */
  get isEnded(): boolean {
    return this.ended;
  }

  /** Bytes of messages that were not taken yet. */
  get heldBytes(): number {
    return this.bytes;
  }

  /** The next message; undefined once nothing more will come. One caller at a time. */
  next(): Promise<Uint8Array | undefined> {
    const message = this.take();
    if (message !== undefined) return Promise.resolve(message);
    if (this.finished) return Promise.resolve(undefined);
    return new Promise((resolve) => (this.waiter = resolve));
  }

  /** Takes what is there, or undefined. */
  take(): Uint8Array | undefined {
    const message = this.messages[this.head];
    if (message === undefined) return undefined;
    this.messages[this.head++] = NONE;
    if (this.head === this.messages.length) this.head = this.messages.length = 0;
    this.bytes -= message.length;
    if (this.paused && this.bytes <= HIGH_WATER_BYTES / 2) {
      this.paused = false;
      this.resume();
    }
    return message;
  }

  write(bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean): boolean {
    const piece = bytes.slice(offset, offset + length);
    if (this.stream) {
      if (length > 0) this.put(piece);
    } else if (!endOfMessage) {
      this.parts.push(piece);
    } else if (this.parts.length === 0) {
      this.put(piece);
    } else {
      this.parts.push(piece);
      this.put(joined(this.parts));
      this.parts = [];
    }
    this.paused = this.bytes >= HIGH_WATER_BYTES;
    return !this.paused;
  }

  flush(): void {
    if (this.waiter === undefined) return;
    const message = this.take();
    if (message !== undefined) this.answer(message);
  }

  end(): void {
    this.ended = true;
    this.finish();
  }

  close(): void {
    this.finish();
  }

  writable(): void {
    // Sending is the connection's business.
  }

  drain(): void {
    // Only a gateway drains.
  }

  private put(message: Uint8Array): void {
    this.messages.push(message);
    this.bytes += message.length;
  }

  private finish(): void {
    this.finished = true;
    if (this.messages.length === 0) this.answer(undefined);
  }

  private answer(message: Uint8Array | undefined): void {
    const waiter = this.waiter;
    this.waiter = undefined;
    waiter?.(message);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const NONE = new Uint8Array(0);
