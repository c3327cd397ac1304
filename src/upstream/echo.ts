import { CloseCode } from '../base/close-code.ts';
import { SendError, type SessionPort, type Sink } from '../base/sink.ts';
import { HeldBytes } from './held-bytes.ts';
import type { Upstream, UpstreamStats } from './upstream.ts';

/** What an {@link EchoUpstream} is made with. */
export interface EchoUpstreamOptions {
  readonly name: string;
  /** The largest message that is put together, in bytes; a larger one closes its session. Default 1 MiB. */
  readonly maxMessageBytes?: number;
}

/**
 * Sends each message back as it came, boundaries and all; of a byte stream, each piece.
 *
 * It holds at most one message for a session: one that is not complete yet, or one that the session had no room for.
 * In that case it takes nothing more until there is room.
 */
export class EchoUpstream implements Upstream {
  readonly name: string;
  readonly kind = 'echo';
  readonly mode = 'message';
  readonly #maxMessageBytes: number;
  readonly #totals: EchoTotals = { sessions: 0, bytesFromSessions: 0, bytesToSessions: 0 };
  readonly #sinks = new Set<EchoSink>();
  #closed = false;

  constructor(options: EchoUpstreamOptions) {
    this.name = options.name;
    this.#maxMessageBytes = options.maxMessageBytes ?? 1_048_576;
  }

  open(port: SessionPort): Sink {
    const sink = new EchoSink(port, this.#maxMessageBytes, this.#totals, this.#sinks);
    this.#totals.sessions++;
    this.#sinks.add(sink);
    if (this.#closed) sink.shutDown();
    return sink;
  }

  stats(): UpstreamStats {
    let heldBytes = 0;
    for (const sink of this.#sinks) heldBytes += sink.heldBytes;
    const { sessions, bytesFromSessions, bytesToSessions } = this.#totals;
    return {
      sessions,
      activeSessions: this.#sinks.size,
      connections: 0,
      connectFailures: 0,
      brokenConnections: 0,
      bytesFromSessions,
      bytesToSessions,
      heldBytes,
    };
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const sink of this.#sinks) sink.shutDown();
    return Promise.resolve();
  }
}

interface EchoTotals {
  sessions: number;
  bytesFromSessions: number;
  bytesToSessions: number;
}

class EchoSink implements Sink {
  readonly #port: SessionPort;
  readonly #maxMessageBytes: number;
  readonly #totals: EchoTotals;
  readonly #siblings: Set<EchoSink>;
  readonly #held = new HeldBytes();
  /** `#held` is the beginning of a message; otherwise all of it is to be sent. */
  #isPartial = false;
  #isEnding = false;
  #isDraining = false;
  #isClosed = false;

  constructor(port: SessionPort, maxMessageBytes: number, totals: EchoTotals, siblings: Set<EchoSink>) {
    this.#port = port;
    this.#maxMessageBytes = maxMessageBytes;
    this.#totals = totals;
    this.#siblings = siblings;
  }

  get heldBytes(): number {
    return this.#held.length;
  }

  write(bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean): boolean {
    this.#totals.bytesFromSessions += length;
    if (this.#isClosed) return true;
    if (this.#held.length === 0 && endOfMessage) return this.#send(bytes, offset, length);
    if (this.#held.length > 0 && !this.#isPartial) {
      this.#giveUp(CloseCode.overload, 'a message came before there was room for the last one');
      return true;
    }
    if (this.#held.length + length > this.#maxMessageBytes) {
      this.#giveUp(CloseCode.messageTooLarge, 'the message is larger than the echo can hold');
      return true;
    }
    this.#held.append(bytes, offset, length);
    this.#isPartial = !endOfMessage;
    return this.#isPartial || this.#sendHeld();
  }

  datagram(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#isClosed) return;
    this.#totals.bytesFromSessions += length;
    const taken = this.#port.sendDatagram(bytes, offset, length);
    if (taken > 0) this.#totals.bytesToSessions += taken;
  }

  flush(): void {
    // Every message was sent when it was complete.
  }

  end(): void {
    this.#isEnding = true;
    this.#endIfDone();
  }

  writable(): void {
    if (this.#isClosed || this.#isPartial || this.#held.length === 0) return;
    if (!this.#sendHeld()) return;
    // In a drain the session may still hold messages that are to come back.
    if (!this.#isEnding) this.#port.resume();
    if (this.#isEnding || this.#isDraining) this.#endIfDone();
  }

  drain(): void {
    this.#isDraining = true;
    this.#endIfDone();
  }

  close(): void {
    this.#isClosed = true;
    this.#held.clear();
    this.#siblings.delete(this);
  }

  /** The upstream goes away. */
  shutDown(): void {
    this.#giveUp(CloseCode.drain, 'the gateway is shutting down');
  }

  /** Sends straight from the session's memory; only what it has no room for is copied. */
  #send(bytes: Uint8Array, offset: number, length: number): boolean {
    const taken = this.#port.send(bytes, offset, length);
    if (taken < 0) return this.#refused(taken);
    this.#totals.bytesToSessions += taken;
    if (taken === length) return true;
    this.#held.append(bytes, offset + taken, length - taken);
    return false;
  }

  #sendHeld(): boolean {
    const taken = this.#port.send(this.#held.bytes, this.#held.offset, this.#held.length);
    if (taken < 0) return this.#refused(taken);
    this.#totals.bytesToSessions += taken;
    this.#held.consume(taken);
    return this.#held.length === 0;
  }

  /** What can never be sent is dropped; unless the session is ending anyway, that ends it. */
  #refused(error: number): boolean {
    this.#held.clear();
    if (error === SendError.tooLarge) {
      this.#giveUp(CloseCode.messageTooLarge, 'the message is larger than the peer can receive');
    }
    return true;
  }

  #giveUp(code: CloseCode, reason: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#port.close(code, reason);
  }

  #endIfDone(): void {
    if (this.#isClosed) return;
    if (this.#held.length === 0 || this.#isPartial) this.#port.end();
  }
}
