import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import { isIPv6 } from 'node:net';
import { CloseCode } from '../base/close-code.ts';
import type { Logger } from '../base/logger.ts';
import { describeSystemError } from '../base/node-error.ts';
import { SendError, type SessionPort, type Sink } from '../base/sink.ts';
import { HeldBytes } from './held-bytes.ts';
import type { SessionInfo } from './upstream.ts';

/** Where a server is. */
export interface UdpServer {
  /** Host name or IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** What sinks of one upstream share. */
export interface UdpSinkContext {
  readonly totals: {
    connectFailures: number;
    brokenConnections: number;
    bytesFromSessions: number;
    bytesToSessions: number;
  };
  readonly logger: Logger;
  /** The session is gone, and its socket. */
  readonly released: (sink: UdpSink) => void;
}

/** One session, and its socket. */
export class UdpSink implements Sink {
  readonly #port: SessionPort;
  readonly #session: SessionInfo;
  readonly #context: UdpSinkContext;
  /** The beginning of a message that comes in pieces, or messages from before there was a socket to send on. */
  readonly #held = new HeldBytes();
  /** Messages that wait for the socket. */
  readonly #early: Buffer[] = [];
  #earlyBytes = 0;
  #socket: Socket | undefined;
  #isConnected = false;
  #endTimer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #isRefused = false;

  constructor(port: SessionPort, session: SessionInfo, context: UdpSinkContext) {
    this.#port = port;
    this.#session = session;
    this.#context = context;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get heldBytes(): number {
    return this.#held.length + this.#earlyBytes;
  }

  /** Looks the name up and opens the socket. */
  connect({ host, port }: UdpServer): void {
    lookup(host, (error, address) => {
      if (this.#isClosed) return;
      if (error !== null) this.#fail(describeSystemError(error));
      else this.#open(address, port);
    });
  }

  write(bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean): boolean {
    this.#context.totals.bytesFromSessions += length;
    if (this.#isClosed) return true;
    if (this.#held.length + length > MAX_DATAGRAM_BYTES) {
      this.#giveUp(CloseCode.messageTooLarge, 'the message is longer than a datagram');
      return true;
    }
    if (this.#held.length === 0 && endOfMessage) {
      this.#send(bytes.subarray(offset, offset + length));
    } else {
      this.#held.append(bytes, offset, length);
      if (endOfMessage) this.#send(this.#held.take());
    }
    // What comes before there is a socket is held; no more than a little.
    return this.#isConnected || this.#earlyBytes < MAX_EARLY_BYTES;
  }

  datagram(bytes: Uint8Array, offset: number, length: number): void {
    this.#context.totals.bytesFromSessions += length;
    if (this.#isClosed) return;
    if (!this.#isConnected && this.#earlyBytes >= MAX_EARLY_BYTES) return;
    this.#send(bytes.subarray(offset, offset + length));
  }

  flush(): void {
    // Each datagram was sent as it came.
  }

  /** UDP has no end: what the server still answers to the last datagrams has a moment to come. */
  end(): void {
    this.#endTimer ??= setTimeout(() => this.#port.end(), LAST_ANSWERS_MS).unref();
  }

  writable(): void {
    // What there was no room for is lost.
  }

  drain(): void {
    this.end();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isConnected = false;
    clearTimeout(this.#endTimer);
    this.#held.clear();
    this.#early.length = this.#earlyBytes = 0;
    this.#socket?.close();
    this.#context.released(this);
  }

  /** The upstream goes away. */
  shutDown(code: CloseCode, reason: string): void {
    this.#giveUp(code, reason);
  }

  #open(address: string, port: number): void {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    this.#socket = socket;
    socket.on('error', (error) => this.#handleError(error));
    socket.on('message', (bytes) => this.#answer(bytes));
    // Given a callback, that and no 'error' is told of a failure.
    socket.connect(port, address, (error?: NodeJS.ErrnoException) => {
      if (this.#isClosed) return;
      if (error !== undefined) {
        this.#fail(describeSystemError(error));
        return;
      }
      this.#isConnected = true;
      for (const message of this.#early.splice(0)) socket.send(message);
      this.#earlyBytes = 0;
      this.#port.resume();
    });
  }

  /** @param bytes borrowed. */
  #send(bytes: Uint8Array): void {
    // What the system does not take any more is lost, as on the way.
    if (this.#socket !== undefined && this.#isConnected && this.#socket.getSendQueueSize() > MAX_UNSENT_BYTES)
      return;
    // The system takes it later than now.
    const message = Buffer.from(bytes);
    if (this.#isConnected) {
      this.#socket?.send(message);
      return;
    }
    this.#early.push(message);
    this.#earlyBytes += message.length;
  }

  #answer(bytes: Uint8Array): void {
    let taken = this.#port.sendDatagram(bytes, 0, bytes.length);
    if (taken === SendError.tooLarge) taken = this.#port.send(bytes, 0, bytes.length);
    if (taken > 0) this.#context.totals.bytesToSessions += taken;
  }

  /** Nobody is there (ICMP), which may be different for the next datagram; or there is no socket to be had. */
  #handleError(error: NodeJS.ErrnoException): void {
    if (this.#isClosed) return;
    if (!this.#isConnected) {
      this.#fail(describeSystemError(error));
      return;
    }
    if (this.#isRefused) return;
    this.#isRefused = true;
    this.#context.totals.brokenConnections++;
    const reason = describeSystemError(error);
    this.#context.logger.debug('server refuses datagrams', { session: this.#session.id, reason });
  }

  #fail(reason: string): void {
    this.#context.totals.connectFailures++;
    this.#context.logger.warn('cannot reach the server', { session: this.#session.id, reason });
    this.#giveUp(CloseCode.upstreamUnavailable, reason);
  }

  #giveUp(code: CloseCode, reason: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#port.close(code, reason);
  }
}

/** What IPv4 can carry. */
const MAX_DATAGRAM_BYTES = 65_507;
const MAX_EARLY_BYTES = 65_536;
/** Datagrams that the system has not taken yet. */
const MAX_UNSENT_BYTES = 256 * 1024;
const LAST_ANSWERS_MS = 250;
