import type { Duplex } from 'node:stream';
import { CloseCode } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import { SendError, type Sink } from '../../base/sink.ts';
import type { Endpoint } from '../../endpoint/index.ts';
import type { KcpStats } from '../../kcp/index.ts';
import type { Session } from '../../session/index.ts';
import { MessageQueue } from './message-queue.ts';
import { createSessionStream, type StreamSink } from './session-stream.ts';

/** How a connection ended. */
export interface CloseInfo {
  readonly code: CloseCode;
  readonly reason: string;
}

/**
 * One client connection. Use either side of it, not both: {@link stream} for a byte stream, or {@link send} and
 * asynchronous iteration for messages.
 */
export class StockConnection implements AsyncIterable<Uint8Array> {
  /** Resolves when the peer answered for the first time. */
  readonly opened: Promise<void>;
  /** Resolves when the session ended, with the reason; never rejects. */
  readonly closed: Promise<CloseInfo>;
  private readonly endpoint: Pick<Endpoint, 'gone' | 'close'>;
  private readonly inbox: MessageQueue;
  private session: Session | undefined;
  private sink: Sink;
  private streamSide: StreamSink | undefined;
  private closeInfo: CloseInfo | undefined;
  /** {@link send} took less than it was given, and there was no word of room since. */
  private isBlocked = false;
  private writableWaiters: (() => void)[] = [];
  private markOpened!: () => void;
  private markClosed!: (info: CloseInfo) => void;

  /** Use `connectStock`. */
  constructor(endpoint: Pick<Endpoint, 'gone' | 'close'>, stream: boolean) {
    this.endpoint = endpoint;
    this.inbox = new MessageQueue(stream, () => this.session?.resume());
    this.sink = this.inbox;
    this.opened = new Promise((resolve) => (this.markOpened = resolve));
    this.closed = new Promise((resolve) => (this.markClosed = resolve));
  }

  /** Called by the endpoint when it makes the session. Internal. */
  attach(session: Session): Sink {
    this.session = session;
    return {
      write: (bytes, offset, length, endOfMessage) => this.sink.write(bytes, offset, length, endOfMessage),
      flush: () => {
        this.sink.flush();
      },
      end: () => {
        this.sink.end();
      },
      writable: () => {
        this.sink.writable();
        this.isBlocked = false;
        const waiters = this.writableWaiters;
        this.writableWaiters = [];
        for (const resolve of waiters) resolve();
      },
      drain: () => undefined,
      opened: () => {
        this.markOpened();
      },
      close: (code, reason) => {
        this.handleClose({ code, reason });
      },
    };
  }

  /**
   * The connection as a Duplex stream, always the same one. Its end is the peer's FIN; a close other than `normal` destroys
   * it with a GatewayError `session_closed` whose `details` have the code.
   */
  stream(): Duplex {
    if (this.streamSide === undefined) {
      this.streamSide = createSessionStream(this.openSession(), this.inbox);
      this.sink = this.streamSide.sink;
      // The end, and even the close, may have come before anybody asked for the stream.
      if (this.inbox.isEnded) this.sink.end();
      if (this.closeInfo !== undefined) this.sink.close(this.closeInfo.code, this.closeInfo.reason);
    }
    return this.streamSide.stream;
  }

  /**
   * Queues one message; in stream mode, bytes.
   * @returns the number of bytes taken: all; in stream mode perhaps some; 0 when the queue is full. For what was not taken
   *   wait for {@link writable} and send it again.
   * @throws GatewayError `message_empty`, `message_too_large` (more fragments than the peer's window), `session_closed`.
   */
  send(bytes: Uint8Array, offset = 0, length = bytes.length - offset): number {
    const taken = this.openSession().send(bytes, offset, length);
    if (taken >= 0) {
      if (taken < length) this.isBlocked = true;
      return taken;
    }
    if (taken === SendError.empty) throw new GatewayError('message_empty');
    if (taken === SendError.tooLarge) throw new GatewayError('message_too_large');
    throw new GatewayError('session_closed');
  }

  /** Resolves when there is room again after {@link send} took less than it was given, or the session ended. */
  async writable(): Promise<void> {
    if (this.closeInfo !== undefined || !this.isBlocked) return;
    await new Promise<void>((resolve) => this.writableWaiters.push(resolve));
  }

  /** The messages that arrive, until the peer ends or the session closes. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const message = await this.inbox.next();
      if (message === undefined) return;
      yield message;
    }
  }

  /** Ends this direction after everything queued was sent; data still arrives. With a stock peer, ends the session. */
  end(): void {
    this.session?.end();
  }

  /**
   * Sends what is queued, tells the peer, releases everything.
   * @returns how the session ended.
   */
  async close(code: CloseCode = CloseCode.normal, reason = 'closed'): Promise<CloseInfo> {
    this.session?.close(code, reason);
    const info = await this.closed;
    await this.untilGone();
    return info;
  }

  /** Drops everything at once, tells a kcpgate peer once, and resolves when nothing is left: no socket, no timer. Safe to call twice. */
  async destroy(code: CloseCode = CloseCode.normal, reason = 'destroyed'): Promise<void> {
    await this.endpoint.close(code, reason);
  }

  stats(): KcpStats {
    return this.openSession().stats();
  }

  private openSession(): Session {
    if (this.session === undefined) throw new GatewayError('session_closed');
    return this.session;
  }

  private handleClose(info: CloseInfo): void {
    this.closeInfo = info;
    this.sink.close(info.code, info.reason);
    for (const resolve of this.writableWaiters) resolve();
    this.writableWaiters = [];
    this.markClosed(info);
    void this.untilGone();
  }

  /** The session lingers a moment to answer repeats; then the socket goes. */
  private async untilGone(): Promise<void> {
    await this.endpoint.gone();
    await this.endpoint.close();
  }
}
