import { Duplex } from 'node:stream';
import { CloseCode, closeCodeName } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import { SendError, type SessionPort, type Sink } from '../../base/sink.ts';
import type { MessageQueue } from '../message-queue.ts';

/** What a stream can be made of. */
export interface StreamSource {
  /** @param make is given what arrived before, for the sink to take first. */
  divert(make: (port: SessionPort, inbox: MessageQueue) => Sink): void;
}

/**
 * Makes a Duplex of a connection; once. What arrives in one turn is pushed in chunks of up to 64 KiB; back-pressure goes both
 * ways. In message mode each chunk written is one message. Its end is the peer's FIN; a close other than `normal` destroys it
 * with a GatewayError `session_closed` whose `details` have the code.
 */
export function createSessionStream(source: StreamSource): Duplex {
  let made: SessionStream | undefined;
  source.divert((port, inbox) => {
    const stream = (made = new SessionStream(port));
    for (let early = inbox.take(); early !== undefined; early = inbox.take()) stream.push(early);
    return new DuplexSink(stream);
  });
  if (made === undefined) throw new GatewayError('internal');
  return made;
}

class SessionStream extends Duplex {
  private readonly port: SessionPort;
  /** The chunk that did not fit entirely. */
  private waiting: { chunk: Uint8Array; at: number; done: (error?: Error | null) => void } | undefined;
  paused = false;
  /** The session is over: nothing is to be told to it any more. */
  isOver = false;
  /** Why the session was cut off, while data that came before is still to be read. */
  private failure: GatewayError | undefined;
  private failureTimer: NodeJS.Timeout | undefined;

  constructor(port: SessionPort) {
    super({ allowHalfOpen: true, readableHighWaterMark: 256 * 1024, writableHighWaterMark: 256 * 1024 });
    this.port = port;
  }

  override read(size?: number): unknown {
    const chunk: unknown = super.read(size);
    if (this.failure !== undefined && this.readableLength === 0) this.destroy(this.failure);
    return chunk;
  }

  override _read(): void {
    if (!this.paused) return;
    this.paused = false;
    this.port.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.waiting = { chunk, at: 0, done };
    this.sendWaiting();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.port.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.failureTimer);
    if (!this.isOver) {
      // A stream that ended both ways closes by its FINs; one that is cut off closes now, and one that broke must not look
      // like an end in order to the back end.
      if (error !== null) this.port.close(CloseCode.kicked, 'the application gave up');
      else if (!this.readableEnded || !this.writableFinished) this.port.close(CloseCode.normal, 'closed');
    }
    done(error);
  }

  /** Destroys the stream once everything that arrived was read, at the latest after a while. */
  fail(error: GatewayError): void {
    if (this.readableLength === 0) {
      this.destroy(error);
      return;
    }
    this.failure = error;
    this.failureTimer = setTimeout(() => {
      this.destroy(error);
    }, READ_OUT_MS).unref();
  }

  sendWaiting(): void {
    const waiting = this.waiting;
    // An error of the writable side would throw away what is still to be read.
    if (waiting === undefined || this.failure !== undefined) return;
    const { chunk, at, done } = waiting;
    if (at < chunk.length) {
      const taken = this.port.send(chunk, at, chunk.length - at);
      // The session is about to tell why it closed; that is the error to give, not this.
      if (taken === SendError.closed && !this.isOver) return;
      if (taken < 0) {
        this.waiting = undefined;
        done(new GatewayError(taken === SendError.tooLarge ? 'message_too_large' : 'session_closed'));
        return;
      }
      waiting.at += taken;
      if (waiting.at < chunk.length) return;
    }
    this.waiting = undefined;
    done();
  }
}

/** Gathers pieces into chunks: one push a turn, not one a packet. */
class DuplexSink implements Sink {
  private readonly stream: SessionStream;
  private chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  private start = 0;
  private length = 0;
  private ended = false;

  constructor(stream: SessionStream) {
    this.stream = stream;
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    if (length > CHUNK_BYTES - this.length) this.push(true);
    if (length === bytes.length) this.chunk.set(bytes, this.length);
    else this.chunk.set(bytes.subarray(offset, offset + length), this.length);
    this.length += length;
    return !this.stream.paused;
  }

  flush(): void {
    this.push(false);
  }

  end(): void {
    this.push(false);
    this.ended = true;
    this.stream.push(null);
  }

  writable(): void {
    this.stream.sendWaiting();
  }

  drain(): void {
    // Only a gateway drains.
  }

  close(code: CloseCode, reason: string): void {
    this.stream.isOver = true;
    this.push(false);
    if (code === CloseCode.normal) {
      if (!this.ended) this.stream.push(null);
      this.stream.sendWaiting();
      if (!this.stream.writableEnded) this.stream.end();
      return;
    }
    const message = `the session was closed: ${closeCodeName(code)}${reason === '' ? '' : `, ${reason}`}`;
    this.stream.fail(new GatewayError('session_closed', message, { details: { code, reason } }));
  }

  private push(full: boolean): void {
    if (this.length > this.start) {
      const more = this.stream.push(this.chunk.subarray(this.start, this.length));
      if (!more) this.stream.paused = true;
      this.start = this.length;
    }
    if (full || CHUNK_BYTES - this.length < MIN_ROOM_BYTES) {
      // The application may hold on to what was pushed: the next chunk is fresh memory.
      this.chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      this.start = this.length = 0;
    }
  }
}

/** How long data of a session that was cut off waits for its reader. */
const READ_OUT_MS = 5_000;
const CHUNK_BYTES = 64 * 1024;
/** Less room than this is not worth keeping a chunk for; no segment is larger than 9000 bytes. */
const MIN_ROOM_BYTES = 9000;
