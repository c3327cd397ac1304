import { CloseCode } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import { SendError, type SessionPort, type Sink } from '../../base/sink.ts';
import type { Session } from '../../session/index.ts';
import { closeInfo, type CloseInfo } from '../connection-status.ts';
import { MessageQueue } from '../message-queue.ts';
import type { SessionEndpoint } from './session-endpoint.ts';

/** What a connection needs of the endpoint that has its only session. */
export type SessionOwner = Pick<SessionEndpoint, 'gone' | 'close'>;

/**
 * One client connection, whatever its session is: {@link send} and asynchronous iteration, of messages or of the pieces of
 * a stream. What arrives and is not taken is held up to a bound, then the peer is slowed down.
 */
export abstract class SessionConnection implements AsyncIterable<Uint8Array> {
  /** Resolves when the peer answered for the first time. */
  readonly opened: Promise<void>;
  /** Resolves when the session ended, with the reason; never rejects. */
  readonly closed: Promise<CloseInfo>;
  private readonly owner: SessionOwner;
  private readonly inbox: MessageQueue;
  private current: Session | undefined;
  private sink: Sink;
  private closeInfo: CloseInfo | undefined;
  private unconfirmedAtClose = 0;
  /** {@link send} took less than it was given, and there was no word of room since. */
  private isBlocked = false;
  private writableWaiters: (() => void)[] = [];
  private markOpened!: () => void;
  private markClosed!: (info: CloseInfo) => void;

  /** @param stream in stream mode every piece that arrives counts as a message. */
  constructor(owner: SessionOwner, stream: boolean) {
    this.owner = owner;
    this.inbox = new MessageQueue(stream, () => this.current?.resume());
    this.sink = this.inbox;
    this.opened = new Promise((resolve) => (this.markOpened = resolve));
    this.closed = new Promise((resolve) => (this.markClosed = resolve));
  }

  /** Called by the endpoint when it makes the session. Internal. */
  attach(session: Session): Sink {
    this.current = session;
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
        this.wakeWriters();
      },
      drain: () => undefined,
      opened: () => {
        this.markOpened();
      },
      close: (code, reason) => {
        this.handleClose(closeInfo(code, reason, session.closing.retryAfterMs));
      },
    };
  }

  /**
   * Gives everything that arrives to another sink from now on, instead of holding it for the iteration; once. Its `flush`,
   * `end` and `close` are called as if it had been there from the beginning. Internal.
   * @param make is given what arrived before, for the sink to take first.
   */
  divert(make: (port: SessionPort, inbox: MessageQueue) => Sink): void {
    const { session } = this;
    const port: SessionPort = {
      send: (bytes, offset, length) => {
        this.noteSending();
        return session.send(bytes, offset, length);
      },
      sendDatagram: (bytes, offset, length) => {
        this.noteSending();
        return session.sendDatagram(bytes, offset, length);
      },
      end: () => session.end(),
      resume: () => session.resume(),
      close: (code, reason) => session.close(code, reason),
    };
    this.sink = make(port, this.inbox);
    // The end, and even the close, may have come before.
    if (this.inbox.isEnded) this.sink.end();
    if (this.closeInfo !== undefined) this.sink.close(this.closeInfo.code, this.closeInfo.reason);
  }

  /**
   * Queues one message; in stream mode, bytes.
   * @returns the number of bytes taken: all; in stream mode perhaps some; 0 when the queue is full. For what was not taken
   *   wait for {@link writable} and send it again.
   * @throws GatewayError `message_empty`, `message_too_large` (more than a message may have, or more fragments than the
   *   peer's window), `session_closed`.
   */
  send(bytes: Uint8Array, offset = 0, length = bytes.length - offset): number {
    this.noteSending();
    const taken = takenOrThrow(this.session.send(bytes, offset, length));
    if (taken < length) this.isBlocked = true;
    return taken;
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
    this.current?.end();
  }

  /**
   * Sends what is queued, tells the peer, releases everything.
   * @returns how the session ended.
   */
  async close(code: CloseCode = CloseCode.normal, reason = 'closed'): Promise<CloseInfo> {
    this.current?.close(code, reason);
    const info = await this.closed;
    await this.untilGone();
    return info;
  }

  /**
   * Drops everything at once, tells a kcpgate peer once, and resolves when nothing is left: no socket, no timer. Safe to call
   * twice.
   */
  async destroy(code: CloseCode = CloseCode.normal, reason = 'destroyed'): Promise<void> {
    await this.owner.close(code, reason);
  }

  /** @throws GatewayError `session_closed` before there is one. */
  protected get session(): Session {
    if (this.current === undefined) throw new GatewayError('session_closed');
    return this.current;
  }

  /** Messages that were taken by {@link send} and not acknowledged when the session closed. */
  get unconfirmed(): number {
    return this.unconfirmedAtClose;
  }

  /** Bytes that arrived and were not taken yet. */
  get heldBytes(): number {
    return this.inbox.heldBytes;
  }

  /** The application is about to send something. */
  protected noteSending(): void {
    // For those who watch their session.
  }

  /** The session ended. */
  protected handleClose(info: CloseInfo): void {
    this.closeInfo = info;
    this.unconfirmedAtClose = this.session.unacknowledgedMessages;
    this.sink.close(info.code, info.reason);
    this.wakeWriters();
    this.markClosed(info);
    void this.untilGone();
  }

  private wakeWriters(): void {
    const waiters = this.writableWaiters;
    this.writableWaiters = [];
    for (const resolve of waiters) resolve();
  }

  /** The session lingers a moment to answer repeats; then the sockets go. */
  private async untilGone(): Promise<void> {
    await this.owner.gone();
    await this.owner.close();
  }
}

/** What a session took. @throws GatewayError for a {@link SendError}. */
export function takenOrThrow(taken: number): number {
  if (taken >= 0) return taken;
  if (taken === SendError.empty) throw new GatewayError('message_empty');
  if (taken === SendError.tooLarge) throw new GatewayError('message_too_large');
  throw new GatewayError('session_closed');
}
