import type { CloseCode } from '../../src/base/close-code.ts';
import { SendError, type SessionPort, type Sink } from '../../src/base/sink.ts';
import {
  MAX_STREAM_BYTES,
  ModelFault,
  type ByteStreamModel,
  type DatagramModel,
} from './byte-stream-model.ts';

/** Which end of a session. */
export type Side = 'client' | 'gateway';

/** How a session ended for an application. */
export interface SessionEnd {
  readonly code: CloseCode;
  readonly reason: string;
  readonly atMs: number;
  /** It was reading then. */
  readonly wasReading: boolean;
}

export interface StreamApplicationParts {
  readonly side: Side;
  readonly port: SessionPort;
  readonly out: ByteStreamModel;
  readonly in: ByteStreamModel;
  readonly datagramsOut: DatagramModel;
  readonly datagramsIn: DatagramModel;
  readonly now: () => number;
  /** Told what is wrong: a sink must not throw. */
  readonly report: (fault: Error) => void;
  readonly closed: () => void;
}

/**
 * The user of one end of a session: sends what it is told to send as fast as the session takes it, and shows the models
 * everything that comes. It can stop reading for a while.
 */
export class StreamApplication implements Sink {
  readonly side: Side;
  readonly out: ByteStreamModel;
  readonly in: ByteStreamModel;
  /** How it ended; nothing may come after that. */
  ended: SessionEnd | undefined;
  /** It asked its session to end with this code, or an operator did. */
  askedCode: CloseCode | undefined;
  /** An operator asked: it is told at once, whatever becomes of what it sent. */
  isKicked = false;
  /** Bytes that were taken and had not arrived when it was kicked. */
  outstandingBytes = 0;
  isReading = true;
  /** At some time it did not. */
  hasPaused = false;
  /** Of a client: it was told that the session is open. */
  isOpen = false;
  /** Gateways are not told. */
  readonly opened?: () => void;
  readonly #parts: StreamApplicationParts;
  /** Lengths still to be sent: of messages, or of pieces of the stream. */
  readonly #waiting: number[] = [];
  #waitingBytes = 0;
  #isEndWanted = false;
  /** It stops reading after so many more writes. */
  #writesLeft = Infinity;

  constructor(parts: StreamApplicationParts) {
    this.#parts = parts;
    this.side = parts.side;
    this.out = parts.out;
    this.in = parts.in;
    if (parts.side === 'client') {
      this.opened = () => {
        this.#guard(() => {
          if (this.isOpen) throw new ModelFault(`${this.in.name}: opened twice`);
          if (this.in.delivered > 0) throw new ModelFault(`${this.in.name}: bytes came before it was opened`);
        });
        this.isOpen = true;
      };
    }
  }

  /** Everything it was told to send was taken, the end included. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.out.isEnded === this.#isEndWanted;
  }

  /** Neither closed nor about to be. */
  get isUsable(): boolean {
    return this.ended === undefined && this.askedCode === undefined;
  }

  /** For people. */
  get text(): string {
    const { out, in: incoming, ended, askedCode } = this;
    const end = ended === undefined ? 'open' : `closed ${ended.code} "${ended.reason}" at ${ended.atMs}`;
    const asked = askedCode === undefined ? '' : `, asked ${askedCode}`;
    const reading = this.isReading ? '' : ', not reading';
    const came = `in ${incoming.delivered}/${incoming.taken}${incoming.isEndTold ? ' and its end' : ''}`;
    const went = `out ${out.taken}, ${this.#waitingBytes} wait${out.isEnded ? ', ended' : ''}`;
    return `${this.side} ${end}${asked}${reading}; ${came}; ${went}`;
  }

  // ---- what it is told to do ----

  /** Sends a message, or so much more of the stream. */
  send(bytes: number): void {
    if (!this.isUsable || this.#isEndWanted) return;
    if (this.out.taken + this.#waitingBytes + bytes > MAX_STREAM_BYTES) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes;
    this.#pump();
  }

  sendDatagram(bytes: number): void {
    if (!this.isUsable) return;
    this.#parts.port.sendDatagram(this.#parts.datagramsOut.next(bytes), 0, bytes);
  }

  /** Ends its direction after what waits. */
  finish(): void {
    if (!this.isUsable) return;
    this.#isEndWanted = true;
    this.#pump();
  }

  /** Stops reading after so many more writes. */
  pause(writes: number): void {
    this.#writesLeft = writes;
  }

  resume(): void {
    this.#writesLeft = Infinity;
    if (this.isReading) return;
    this.isReading = true;
    this.#parts.port.resume();
  }

  /** Ends the session. */
  leave(code: CloseCode): void {
    if (!this.isUsable) return;
    this.askedCode = code;
    this.#parts.port.close(code, `the ${this.side} had enough`);
  }

  /** An operator is about to end its session. */
  noteKick(code: CloseCode): void {
    if (!this.isUsable) return;
    this.askedCode = code;
    this.isKicked = true;
    this.outstandingBytes = this.out.taken - this.out.delivered;
  }

  // ---- Sink ----

  write(bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean): boolean {
    this.#guard(() => {
      if (!this.isReading) throw new ModelFault(`${this.in.name}: bytes came to one who does not read`);
      this.in.deliver(bytes, offset, length, endOfMessage);
    });
    if (--this.#writesLeft > 0) return true;
    this.isReading = false;
    this.hasPaused = true;
    return false;
  }

  flush(): void {
    this.#guard(() => undefined);
  }

  end(): void {
    this.#guard(() => {
      this.in.deliverEnd();
    });
  }

  writable(): void {
    this.#guard(() => undefined);
    this.#pump();
  }

  drain(): void {
    this.#guard(() => undefined);
    this.#isEndWanted = true;
    this.#waiting.length = this.#waitingBytes = 0;
    this.#pump();
  }

  datagram(bytes: Uint8Array, offset: number, length: number): void {
    this.#guard(() => {
      this.#parts.datagramsIn.deliver(bytes, offset, length);
    });
  }

  close(code: CloseCode, reason: string): void {
    this.#guard(() => undefined);
    this.ended = { code, reason, atMs: this.#parts.now(), wasReading: this.isReading };
    this.#waiting.length = this.#waitingBytes = 0;
    this.#parts.closed();
  }

  /** Nothing is called after the close, and what the models find wrong is told. */
  #guard(check: () => void): void {
    try {
      if (this.ended !== undefined) throw new ModelFault(`${this.in.name}: called after the close`);
      check();
    } catch (fault) {
      this.#parts.report(fault instanceof Error ? fault : new ModelFault(String(fault)));
    }
  }

  #pump(): void {
    const { port } = this.#parts;
    for (let length = this.#waiting[0]; length !== undefined; length = this.#waiting[0]) {
      const taken = port.send(this.out.next(length), 0, length);
      if (taken === SendError.closed) return;
      if (taken < 0) {
        this.#parts.report(new ModelFault(`${this.out.name}: ${length} bytes are refused with ${taken}`));
        return;
      }
      if (taken > 0) this.out.take(taken);
      this.#waitingBytes -= taken;
      if (taken < length) {
        this.#waiting[0] = length - taken;
        return;
      }
      this.#waiting.shift();
    }
    if (!this.#isEndWanted || this.out.isEnded || !this.isUsable) return;
    port.end();
    this.out.end();
  }
}
