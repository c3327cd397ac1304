import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { CloseCode } from '../../base/close-code.ts';
import { writeUtf8 } from '../../wire/utf8.ts';
import { DESCRIPTOR_LENGTH, DESCRIPTOR_OFFSET, DESCRIPTOR_STRIDE, type BatchArena } from '../batch-arena.ts';
import { ReceiveSlab } from '../receive-slab.ts';
import { Connection } from './connection.ts';
import type { ConnectionCarrier } from './connection-carrier.ts';
import type { ConnectionConfig } from './connection-options.ts';

/** The subprotocol of version 1: each binary message is a datagram. */
export const WEBSOCKET_PROTOCOL = 'kcpgate.v1';

/** A WebSocket connection that carries one datagram in each binary message. */
export class WsConnection extends Connection {
  readonly #carrier: ConnectionCarrier;
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  /** Of all connections of the carrier: one reads at a time. */
  readonly #slab: ReceiveSlab;
  #pingTimer: NodeJS.Timeout | undefined;
  /** Pings sent since anything was heard. */
  #unanswered = 0;
  readonly #onWritten = (): void => {
    this.#carrier.written(this);
  };

  /**
   * @param webSocket open; it reads once this turn is over.
   * @param socket what it runs on.
   */
  constructor(carrier: ConnectionCarrier, webSocket: WebSocket, socket: Duplex, slab: ReceiveSlab) {
    super();
    this.#carrier = carrier;
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#slab = slab;
    webSocket.pause();
    webSocket.on('message', (data, isBinary) => {
      this.#onMessage(data, isBinary);
    });
    webSocket.on('error', (error: { readonly code?: string }) => {
      this.#onError(error);
    });
    webSocket.once('close', () => {
      clearInterval(this.#pingTimer);
      this.#deliver(false);
      carrier.gone(this);
    });
    // Behind the listener of `ws`, which has emitted every message of the chunk by then.
    socket.on('data', this.#onChunk);
  }

  /** Asks the peer for a sign of life every so often; two without an answer end the connection. */
  keepAlive(pingIntervalMs: number): void {
    this.#pingTimer = setInterval(() => {
      // What is not read is not heard either.
      if (this.#webSocket.isPaused) return;
      if (this.#unanswered >= MAX_UNANSWERED_PINGS) {
        this.#carrier.fault(this, 'ping_timeout');
        return;
      }
      this.#unanswered++;
      if (this.isWritable) this.#webSocket.ping();
    }, pingIntervalMs);
  }

  get isWritable(): boolean {
    return this.#webSocket.readyState === this.#webSocket.OPEN;
  }

  get queuedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  start(): void {
    this.#webSocket.resume();
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  send(arena: BatchArena, first: number, end: number): boolean {
    const webSocket = this.#webSocket;
    const { bytes, descriptors } = arena;
    const from = descriptors[first * DESCRIPTOR_STRIDE + DESCRIPTOR_OFFSET]!;
    const last = (end - 1) * DESCRIPTOR_STRIDE;
    const to = descriptors[last + DESCRIPTOR_OFFSET]! + descriptors[last + DESCRIPTOR_LENGTH]!;
    // `ws` keeps what the system does not take at once, and tells nobody: it gets memory of its own.
    const run = Buffer.from(bytes.subarray(from, to));
    this.#socket.cork();
    for (let i = first; i < end; i++) {
      const at = i * DESCRIPTOR_STRIDE;
      const offset = descriptors[at + DESCRIPTOR_OFFSET]! - from;
      const datagram = run.subarray(offset, offset + descriptors[at + DESCRIPTOR_LENGTH]!);
      if (i === end - 1) webSocket.send(datagram, this.#onWritten);
      else webSocket.send(datagram);
    }
    this.#socket.uncork();
    return true;
  }

  end(code: CloseCode, reason: string): void {
    clearInterval(this.#pingTimer);
    this.#webSocket.resume();
    const text = Buffer.alloc(CLOSE_REASON_MAX_BYTES);
    this.#webSocket.close(code, text.subarray(0, writeUtf8(text, 0, reason, CLOSE_REASON_MAX_BYTES)));
  }

  destroy(): void {
    clearInterval(this.#pingTimer);
    this.#webSocket.terminate();
  }

  reset(): void {
    this.destroy();
  }

  readonly #onChunk = (): void => {
    // A pong, or anything else.
    this.#unanswered = 0;
    this.#carrier.countRead();
    this.#deliver(false);
  };

  #onMessage(data: RawData, isBinary: boolean): void {
    if (this.isLeft || this.isEnding) return;
    if (!isBinary) {
      // What came before it is delivered first.
      this.#deliver(false);
      this.#carrier.faultInOrder(this, 'text_message');
      this.#webSocket.close(UNSUPPORTED_DATA, 'only binary messages carry datagrams');
      return;
    }
    const datagram = data as Buffer;
    if (!this.#slab.fits(datagram.length)) this.#deliver(true);
    this.#slab.append(datagram, this.slot);
  }

  /** `ws` ends a connection whose peer breaks the protocol by itself, with the code of RFC 6455. */
  #onError({ code }: { readonly code?: string }): void {
    if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.#carrier.faultInOrder(this, 'frame_oversize');
    else if (code?.startsWith('WS_ERR_') === true) this.#carrier.faultInOrder(this, 'websocket_fault');
    else this.#carrier.failed(this, 'error');
  }

  #deliver(moreWaiting: boolean): void {
    if (this.#slab.count === 0) return;
    this.#slab.moreWaiting = moreWaiting;
    this.#carrier.deliver(this.#slab);
    this.#slab.clear();
  }
}

const MAX_UNANSWERED_PINGS = 2;

/** RFC 6455, 7.4.1. */
const UNSUPPORTED_DATA = 1003;

/** RFC 6455, 5.5: a control frame holds 125 bytes, of which the code takes two. */
const CLOSE_REASON_MAX_BYTES = 123;

/** What `ws` is told to hold at most for one connection, and that it does not compress. */
export function webSocketLimits({ maxDatagramBytes, lingerMs }: ConnectionConfig): WebSocketLimits {
  return {
    perMessageDeflate: false,
    maxPayload: maxDatagramBytes,
    maxFragments: MAX_PIECES,
    maxBufferedChunks: MAX_PIECES,
    closeTimeout: lingerMs,
  };
}

/** Room for what one read of a socket brings, beside a message that began in an earlier one. */
export function webSocketSlab({ maxDatagramBytes, maxBatch }: ConnectionConfig): ReceiveSlab {
  return new ReceiveSlab(READ_BYTES + maxDatagramBytes, maxBatch);
}

interface WebSocketLimits {
  readonly perMessageDeflate: false;
  readonly maxPayload: number;
  readonly maxFragments: number;
  readonly maxBufferedChunks: number;
  readonly closeTimeout: number;
}

/** Each piece of a message, however small, costs an object while the rest is waited for. */
const MAX_PIECES = 1024;

/** What one read of a socket gives at most. */
const READ_BYTES = 65_536;
