import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Deframer, writeFrameHeader, FRAME_HEADER_BYTES } from '../../wire/frame.ts';
import { DESCRIPTOR_LENGTH, DESCRIPTOR_OFFSET, DESCRIPTOR_STRIDE, type BatchArena } from '../batch-arena.ts';
import { Connection } from './connection.ts';
import type { ConnectionCarrier } from './connection-carrier.ts';
import type { StreamBatch } from './stream-batch.ts';

/** A TCP or TLS connection that carries framed datagrams. */
export class TcpConnection extends Connection {
  readonly #carrier: ConnectionCarrier;
  readonly #socket: Socket;
  readonly #deframer: Deframer;
  /** Of all connections of the carrier: one reads at a time. */
  readonly #batch: StreamBatch;
  /** TLS may hold on to what it is given after it has been taken over. */
  readonly #isTls: boolean;
  #isSecure: boolean;
  readonly #onWritten = (): void => {
    this.#carrier.written(this);
  };

  /** @param isSecure the TLS handshake is over, or there is none. */
  constructor(carrier: ConnectionCarrier, socket: Socket, batch: StreamBatch, isSecure: boolean) {
    super();
    this.#carrier = carrier;
    this.#socket = socket;
    this.#deframer = new Deframer(carrier.capabilities.maxDatagramBytes);
    this.#batch = batch;
    this.#isTls = socket instanceof TLSSocket;
    this.#isSecure = isSecure;
    socket.once('secure', () => {
      this.#isSecure = true;
    });
    socket.on('error', () => {
      carrier.failed(this, this.#isSecure ? 'error' : 'tls_failed');
    });
    socket.once('close', () => {
      if (!this.#isSecure) this.endReason ??= 'tls_failed';
      carrier.gone(this);
    });
  }

  get isWritable(): boolean {
    return this.#socket.writable;
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  start(): void {
    this.#socket.on('data', (chunk: Uint8Array<ArrayBuffer>) => {
      this.#onData(chunk);
    });
    this.#socket.once('end', () => {
      this.#carrier.peerClosed(this);
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  send(arena: BatchArena, first: number, end: number): boolean {
    const { bytes, view, descriptors } = arena;
    const from = descriptors[first * DESCRIPTOR_STRIDE + DESCRIPTOR_OFFSET]! - FRAME_HEADER_BYTES;
    let to = from;
    for (let i = first; i < end; i++) {
      const length = descriptors[i * DESCRIPTOR_STRIDE + DESCRIPTOR_LENGTH]!;
      to += writeFrameHeader(view, to, length) + length;
    }
    const run = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from);
    const socket = this.#socket;
    if (this.#isTls || socket.writableLength > 0) {
      // It will be queued, so it gets memory of its own size.
      socket.write(Buffer.from(run), this.#onWritten);
      return true;
    }
    socket.write(run, this.#onWritten);
    // What the system took at once is not counted any more.
    return socket.writableLength === 0;
  }

  end(): void {
    // Unread data would turn the end into a reset: it is read and dropped.
    this.#socket.resume();
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    const socket = this.#socket;
    // A connection about to be ended cannot be reset any more; neither can TLS be.
    const isEnded = socket.writableEnded && !socket.writableFinished;
    if (this.#isTls || isEnded) socket.destroy();
    else socket.resetAndDestroy();
  }

  #onData(chunk: Uint8Array<ArrayBuffer>): void {
    if (this.isLeft || this.isEnding) return;
    this.#carrier.countRead();
    // Not a Buffer, whose `slice` shares memory.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const deframer = this.#deframer;
    const batch = this.#batch;
    batch.begin(bytes);
    deframer.begin(bytes, 0, bytes.length);
    /** How much further back than in the chunk a datagram stands in the batch. */
    let shift = 0;
    while (!this.#isDeaf() && deframer.next()) {
      if (deframer.bytes !== bytes) {
        shift = this.#gather(bytes);
        continue;
      }
      if (batch.isFull) this.#deliver(true);
      batch.add(deframer.at + shift, deframer.length, this.slot);
    }
    if (batch.count > 0) this.#deliver(bytes.length >= READ_BYTES);
    batch.clear();
    if (deframer.fault !== undefined && !this.#isDeaf()) this.#carrier.fault(this, deframer.fault);
  }

  /**
   * The first datagram of a chunk came in pieces and stands in memory of the deframer. It goes into one batch with the
   * rest of the chunk all the same: a turn of the user, with all it sends, costs more than the copy.
   * @returns how much further back than in the chunk the rest stands.
   */
  #gather(chunk: Uint8Array<ArrayBuffer>): number {
    const { bytes, at, length, pendingBytes } = this.#deframer;
    const restAt = chunk.length - pendingBytes;
    this.#batch.beginWith(bytes.subarray(at, at + length), chunk.subarray(restAt));
    this.#batch.add(0, length, this.slot);
    return length - restAt;
  }

  #deliver(moreWaiting: boolean): void {
    if (this.#isDeaf()) return;
    this.#batch.moreWaiting = moreWaiting;
    this.#carrier.deliver(this.#batch);
    this.#batch.count = 0;
  }

  /** Read anew after a call that may have changed it. */
  #isDeaf(): boolean {
    return this.isLeft || this.isEnding;
  }
}

/** What one read of a socket gives at most. */
const READ_BYTES = 65_536;
