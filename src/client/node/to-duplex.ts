import { Duplex } from 'node:stream';
import { CloseCode, closeCodeName } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import type { ClientSession } from '../sdk/client-session.ts';
import { createSessionStream } from './session-stream.ts';

/**
 * Makes a Duplex of a session; once. Use nothing else of it to send and receive then. Back-pressure goes both ways. Its end is
 * the peer's; a close other than `normal` destroys it with a GatewayError `session_closed` whose `details` have the code.
 * Destroying it closes the session.
 *
 * In stream mode bytes are gathered in chunks. In message mode each chunk written is one message, and each message that
 * arrives is one chunk; it lives on over connections as the session does.
 */
export function toDuplex(session: ClientSession): Duplex {
  return session.isStream ? createSessionStream(session) : new MessageDuplex(session);
}

class MessageDuplex extends Duplex {
  readonly #session: ClientSession;
  readonly #messages: AsyncIterator<Uint8Array, void>;
  #isReading = false;
  /** All messages were taken from the session. */
  #isReadOut = false;
  /** Why the session was cut off, while data that came before is still to be read. */
  #failure: GatewayError | undefined;

  constructor(session: ClientSession) {
    super({
      allowHalfOpen: true,
      readableObjectMode: true,
      readableHighWaterMark: HIGH_WATER_MESSAGES,
      writableHighWaterMark: HIGH_WATER_BYTES,
    });
    this.#session = session;
    this.#messages = session[Symbol.asyncIterator]();
    void session.closed.then(({ code, reason }) => {
      if (code === CloseCode.normal) return;
      const message = `the session was closed: ${closeCodeName(code)}${reason === '' ? '' : `, ${reason}`}`;
      this.#failure = new GatewayError('session_closed', message, { details: { code, reason } });
      this.#failIfRead();
    });
  }

  override read(size?: number): unknown {
    const message: unknown = super.read(size);
    this.#failIfRead();
    return message;
  }

  override _read(): void {
    if (this.#isReading || this.#isReadOut) return;
    this.#isReading = true;
    void this.#readOn();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    void this.#send(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#session.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const isInOrder = error === null && this.readableEnded && this.writableFinished;
    if (error !== null) void this.#session.close(CloseCode.kicked, 'the application gave up');
    else if (!isInOrder) void this.#session.close(CloseCode.normal, 'closed');
    done(error);
  }

  async #send(chunk: Uint8Array, done: (error?: Error | null) => void): Promise<void> {
    try {
      while (this.#session.send(chunk) < chunk.length) await this.#session.writable();
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      // Why it closed is told once everything was read; an error of the writable side would throw away what is still to be read.
      const isTold =
        error.code === 'session_closed' && (await this.#session.closed).code !== CloseCode.normal;
      if (!isTold) done(error);
      return;
    }
    done();
  }

  /** Until nobody wants more. */
  async #readOn(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#messages.next();
      if (done === true) break;
      if (!this.push(value)) {
        this.#isReading = false;
        return;
      }
    }
    this.#isReadOut = true;
    // A session that ended in order has a peer that did; one that did not tells by its close.
    if (!this.#session.isOver || (await this.#session.closed).code === CloseCode.normal) this.push(null);
    else this.#failIfRead();
  }

  #failIfRead(): void {
    if (this.#failure !== undefined && this.#isReadOut && this.readableLength === 0)
      this.destroy(this.#failure);
  }
}

const HIGH_WATER_MESSAGES = 16;
const HIGH_WATER_BYTES = 256 * 1024;
