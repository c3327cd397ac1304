import type { SeededRandom } from '../../src/base/seeded-random.ts';
import { CLOSE_CODES } from '../../src/base/close-code.ts';
import type { SessionPort, Sink } from '../../src/base/sink.ts';
import { chance, pick } from './endpoint-attacker.ts';

/** A sink around another that notes every call the contract of sinks forbids. */
export class WatchedSink implements Sink {
  closes = 0;
  #ends = 0;
  #openings = 0;
  #paused = false;
  readonly #inner: Sink;
  readonly #violate: (text: string) => void;

  constructor(inner: Sink, violate: (text: string) => void) {
    this.#inner = inner;
    this.#violate = violate;
  }

  /** The application asked for data again. */
  resumed(): void {
    this.#paused = false;
  }

  write(bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean): boolean {
    this.#mustBeOpen('write');
    if (this.#ends > 0) this.#violate('written to after the end');
    if (this.#paused) this.#violate('written to although it said stop');
    const more = this.#inner.write(bytes, offset, length, endOfMessage);
    this.#paused = !more;
    return more;
  }
  flush(): void {
    this.#mustBeOpen('flush');
    this.#inner.flush();
  }
  end(): void {
    this.#mustBeOpen('end');
    if (++this.#ends > 1) this.#violate('ended twice');
    this.#inner.end();
  }
  writable(): void {
    this.#mustBeOpen('writable');
    this.#inner.writable();
  }
  drain(): void {
    this.#mustBeOpen('drain');
    this.#inner.drain();
  }
  opened(): void {
    this.#mustBeOpen('opened');
    if (++this.#openings > 1) this.#violate('opened twice');
    this.#inner.opened?.();
  }
  close(code: number, reason: string): void {
    if (++this.closes > 1) this.#violate('closed twice');
    this.#inner.close(code as never, reason);
  }

  #mustBeOpen(call: string): void {
    if (this.closes > 0) this.#violate(`${call} after the close`);
  }
}

/** Binds an application through a {@link WatchedSink}, which also hears of its `resume`. */
export function watch(
  port: SessionPort,
  bind: (port: SessionPort) => Sink,
  violate: (text: string) => void,
): WatchedSink {
  // The application may call its port before its sink is made.
  const watched: { sink?: WatchedSink } = {};
  const heard: SessionPort = {
    send: (bytes, offset, length) => {
      const taken = port.send(bytes, offset, length);
      if (taken >= 0 && (watched.sink?.closes ?? 0) > 0) violate('told of the close and could still send');
      return taken;
    },
    sendDatagram: (bytes, offset, length) => port.sendDatagram(bytes, offset, length),
    end: () => {
      port.end();
    },
    resume: () => {
      watched.sink?.resumed();
      port.resume();
    },
    close: (code, reason) => {
      port.close(code, reason);
    },
  };
  watched.sink = new WatchedSink(bind(heard), violate);
  return watched.sink;
}

/** An application that does anything the contract allows, from within its sink's calls and from outside. */
export class LuckyApplication implements Sink {
  isClosed = false;
  readonly #random: SeededRandom;
  readonly #port: SessionPort;

  constructor(random: SeededRandom, port: SessionPort) {
    this.#random = random;
    this.#port = port;
  }

  /** One random call. */
  act(): void {
    const random = this.#random;
    const roll = random.nextFloat();
    if (roll < 0.55) {
      const bytes = new Uint8Array(pick(random, [1, 10, 500, 1400, 5000, 20_000]));
      this.#port.send(bytes, 0, bytes.length);
    } else if (roll < 0.9) this.#port.resume();
    else if (roll < 0.96) this.#port.end();
    else this.#port.close(pick(random, [CLOSE_CODES[0]!, ...CLOSE_CODES]).code, 'by luck');
  }

  write(): boolean {
    if (chance(this.#random, 0.1)) this.act();
    return chance(this.#random, 0.8);
  }
  flush(): void {
    if (chance(this.#random, 0.2)) this.act();
  }
  end(): void {
    if (chance(this.#random, 0.5)) this.#port.end();
  }
  writable(): void {
    if (chance(this.#random, 0.5)) this.act();
  }
  drain(): void {
    if (chance(this.#random, 0.7)) this.#port.end();
  }
  opened(): void {
    if (chance(this.#random, 0.1)) this.act();
  }
  close(): void {
    this.isClosed = true;
    if (chance(this.#random, 0.2)) this.act();
  }
}

/** Sends numbered bytes and checks that exactly those come back. */
export class ExactApplication implements Sink {
  readonly totalBytes: number;
  sentBytes = 0;
  receivedBytes = 0;
  wrongBytes = 0;
  isOpen = false;
  closeCode: number | undefined;
  #hasEnded = false;
  readonly #port: SessionPort;

  constructor(port: SessionPort, totalBytes: number) {
    this.#port = port;
    this.totalBytes = totalBytes;
  }

  /** Sends some more of what is left. */
  send(mostBytes: number): void {
    const length = Math.min(mostBytes, this.totalBytes - this.sentBytes);
    if (length <= 0) return;
    const first = this.sentBytes;
    const bytes = Uint8Array.from({ length }, (_, index) => byteAt(first + index));
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
    for (let i = 0; i < length; i++)
      if (bytes[offset + i] !== byteAt(this.receivedBytes++)) this.wrongBytes++;
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

/** The byte at a place of the stream; the pattern is longer than any window, so that misplaced bytes show. */
const byteAt = (index: number): number => (Math.imul(index + 1, 0x9e3779b1) >>> 24) & 255;
