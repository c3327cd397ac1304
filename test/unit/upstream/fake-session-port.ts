import { createHash } from 'node:crypto';
import type { CloseCode } from '../../../src/base/close-code.ts';
import type { SeededRandom } from '../../../src/base/seeded-random.ts';
import { SendError, type SessionPort, type Sink } from '../../../src/base/sink.ts';

export interface FakeSessionOptions {
  /** Whether `send` may take a part, as in stream mode. */
  readonly mode: 'stream' | 'message';
  /** Bytes that `send` can queue until the next turn. */
  readonly capacity: number;
  /** The most bytes that one turn takes out of the queue. */
  readonly drainPerTurn?: number;
  readonly random: SeededRandom;
  /** Keeps what arrives; otherwise only its hash and length are known. */
  readonly keep?: boolean;
}

/**
 * The session side of a sink for tests: a tiny send queue that empties a little each turn of the event loop, and a source
 * that writes pieces until the sink says stop. Notes every call that breaks the contract.
 */
export class FakeSession implements SessionPort {
  readonly info = {
    id: 'session-1',
    remoteAddress: { address: '192.0.2.1', family: 4, port: 5 },
    conv: 7,
  } as const;
  readonly violations: string[] = [];
  readonly messages: Buffer[] = [];
  closed: { code: CloseCode; reason: string } | undefined;
  ended = false;
  receivedBytes = 0;
  sentBytes = 0;
  sendCalls = 0;
  peakHeld = 0;
  heldBytes: () => number = () => 0;

  readonly #options: FakeSessionOptions;
  readonly #hash = createHash('sha256');
  #sink: Sink | undefined;
  #isSinkClosed = false;
  #queued = 0;
  #blocked = false;
  #paused = false;
  #isFrozen = false;
  #source: { bytes: Buffer; at: number; pieceBytes: number; end: boolean } | undefined;
  #turning = false;

  constructor(options: FakeSessionOptions) {
    this.#options = options;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  bind(open: (port: SessionPort) => Sink): Sink {
    this.#sink = open(this);
    this.#wake();
    return this.#sink;
  }

  /** Writes all of `bytes` to the sink in pieces of random size up to `pieceBytes`, then ends that direction if told. */
  feed(bytes: Buffer, pieceBytes: number, end = false): void {
    this.#source = { bytes, at: 0, pieceBytes, end };
    this.#wake();
  }

  get isFed(): boolean {
    return this.#source === undefined;
  }

  /** While frozen, nothing that was sent is taken out of the queue. */
  freeze(frozen: boolean): void {
    this.#isFrozen = frozen;
    this.#wake();
  }

  /** Ends the session from its own side. */
  closeSink(code: CloseCode, reason = ''): void {
    this.#isSinkClosed = true;
    this.#source = undefined;
    this.#sink?.close(code, reason);
  }

  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** A session without login has no such messages. */
  sendDatagram(): number {
    return SendError.closed;
  }

  send(bytes: Uint8Array, offset: number, length: number): number {
    this.sendCalls++;
    this.#note('send');
    if (length === 0) return SendError.empty;
    if (this.ended) return SendError.closed;
    const { mode, capacity, random } = this.#options;
    const room = capacity - this.#queued;
    let taken = mode === 'stream' ? Math.min(length, room) : length <= room ? length : 0;
    if (mode === 'stream' && random.nextInt(4) === 0) taken = random.nextInt(taken + 1);
    if (mode === 'message' && length > capacity) return SendError.tooLarge;
    this.#queued += taken;
    this.receivedBytes += taken;
    const data = bytes.subarray(offset, offset + taken);
    this.#hash.update(data);
    if (this.#options.keep === true && taken > 0) this.messages.push(Buffer.from(data));
    if (taken < length) this.#blocked = true;
    this.#wake();
    return taken;
  }

  end(): void {
    this.#note('end');
    this.ended = true;
  }

  resume(): void {
    this.#note('resume');
    this.#paused = false;
    this.#wake();
  }

  close(code: CloseCode, reason: string): void {
    this.#note('close');
    this.closed = { code, reason };
    this.#wake();
  }

  /** Waits until something holds; fails when the test's own time is up. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  #note(call: string): void {
    if (this.#isSinkClosed || this.closed !== undefined) this.violations.push(`${call} after close`);
    if (call === 'end' && this.ended) this.violations.push('end twice');
  }

  #wake(): void {
    if (this.#turning) return;
    this.#turning = true;
    setImmediate(() => {
      this.#turning = false;
      this.#turn();
    });
  }

  #turn(): void {
    this.peakHeld = Math.max(this.peakHeld, this.heldBytes());
    if (this.closed !== undefined) {
      if (!this.#isSinkClosed) this.closeSink(this.closed.code, this.closed.reason);
      return;
    }
    if (this.#sink === undefined || this.#isSinkClosed) return;
    if (!this.#isFrozen && this.#queued > 0) {
      this.#queued -= Math.min(this.#queued, this.#options.drainPerTurn ?? this.#options.capacity);
      if (this.#blocked) {
        this.#blocked = false;
        this.#sink.writable();
      }
    } else if (!this.#isFrozen && this.#blocked) {
      this.#blocked = false;
      this.#sink.writable();
    }
    this.#deliver(this.#sink);
    if (!this.#isFrozen && (this.#queued > 0 || this.#blocked)) this.#wake();
  }

  #deliver(sink: Sink): void {
    const source = this.#source;
    if (source === undefined || this.#paused) return;
    // A run is bounded, as a receive window is.
    let budget = 256 * 1024;
    while (source.at < source.bytes.length && !this.#paused && budget > 0) {
      const most = Math.min(source.pieceBytes, source.bytes.length - source.at);
      const length = 1 + this.#options.random.nextInt(most);
      // The bytes are only lent: what is kept without a copy would be seen as garbage.
      const lent = Buffer.from(source.bytes.subarray(source.at, source.at + length));
      this.#paused = !sink.write(lent, 0, length, true);
      lent.fill(0xee);
      source.at += length;
      this.sentBytes += length;
      budget -= length;
    }
    sink.flush();
    if (source.at < source.bytes.length) {
      if (!this.#paused) this.#wake();
      return;
    }
    this.#source = undefined;
    if (source.end) sink.end();
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function randomBytes(random: SeededRandom, length: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = random.nextUint32();
  return Buffer.from(words.buffer, 0, length);
}
