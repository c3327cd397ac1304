import type { SocketAddress } from '../../base/address.ts';
import { CloseCode } from '../../base/close-code.ts';
import type { Logger } from '../../base/logger.ts';
import { BatchArena, DESCRIPTOR_ADDRESS, DESCRIPTOR_LENGTH, DESCRIPTOR_STRIDE } from '../batch-arena.ts';
import {
  META_LENGTH,
  META_STRIDE,
  type Carrier,
  type CarrierCapabilities,
  type CarrierEvents,
  type CarrierKind,
  type CarrierStats,
  type ConnectionControl,
  type ReceiveBatch,
} from '../carrier.ts';
import { ConnectionCounters, type ConnectionEndReason, type RefusalReason } from '../connection-stats.ts';
import { ConnectionTable } from '../connection-table.ts';
import { BatchErrors } from './batch-errors.ts';
import type { Connection } from './connection.ts';
import type { ConnectionConfig } from './connection-options.ts';

/** What the kinds of {@link ConnectionCarrier} differ in. */
export interface ConnectionCarrierKind {
  readonly kind: CarrierKind;
  readonly localAddress: SocketAddress;
  /** Room in front of each datagram in the arena. */
  readonly headBytes: number;
  /** The shortest datagram that can be sent. */
  readonly minDatagramBytes: number;
  /** The most address slots in use at once: connections, and those gone that somebody retains. */
  readonly maxSlots: number;
  /** How long a connection may be unconfirmed, in ms; 0: for ever. */
  readonly confirmTimeoutMs: number;
  /** What peers are told when the carrier is closed. */
  readonly closeCode: CloseCode;
  /** Called when the carrier is closed: no more connections. Resolves when nothing is left of what made them. */
  stopAccepting(): Promise<void>;
  /** Called when nothing is left of a connection. */
  left(address: SocketAddress): void;
}

/**
 * A carrier whose address slots are connections. It keeps the slots, the arena, the limits and the counters; how bytes are
 * read and written is for its {@link Connection}s, which call back `deliver`, `written`, `fault` and `gone`.
 */
export class ConnectionCarrier implements Carrier {
  readonly kind: CarrierKind;
  readonly capabilities: CarrierCapabilities;
  readonly localAddress: SocketAddress;
  readonly arena: BatchArena;
  readonly connections: ConnectionControl;
  readonly counters = new ConnectionCounters();

  readonly #own: ConnectionCarrierKind;
  readonly #config: ConnectionConfig;
  readonly #logger: Logger;
  readonly #table: ConnectionTable<Connection>;
  readonly #batchErrors: BatchErrors;
  #onBatch: ((batch: ReceiveBatch) => void) | undefined;
  #events: CarrierEvents = {};
  #started = false;
  /** Went before there was anybody to be told. */
  readonly #goneUntold: number[] = [];
  /** Released, or to be ended, while datagrams may wait in the arena for them: done when those are sent. */
  readonly #afterFlush: (() => void)[] = [];
  #closing: Promise<void> | undefined;
  #whenEmpty: (() => void) | undefined;

  #receivedDatagrams = 0;
  #receivedBytes = 0;
  #receiveBatches = 0;
  #receiveCalls = 0;
  #oversizeDrops = 0;
  #sentDatagrams = 0;
  #sentBytes = 0;
  #sendCalls = 0;
  #sendDrops = 0;
  #socketErrors = 0;

  constructor(own: ConnectionCarrierKind, config: ConnectionConfig) {
    this.kind = own.kind;
    this.localAddress = own.localAddress;
    this.#own = own;
    this.#config = config;
    this.#logger = config.logger;
    this.#batchErrors = new BatchErrors(config.logger);
    this.#table = new ConnectionTable(own.maxSlots);
    const { arenaBytes, maxBatch, maxDatagramBytes, highWaterBytes } = config;
    this.arena = new BatchArena({ bytes: arenaBytes, maxDatagrams: maxBatch, headBytes: own.headBytes });
    this.capabilities = { maxDatagramBytes, reliable: true, ordered: true, maxBatch, segmentation: false };
    this.connections = {
      highWaterBytes,
      queuedBytes: (slot) => this.#table.at(slot)?.queuedBytes ?? 0,
      confirm: (slot) => {
        this.#confirm(slot);
      },
      pause: (slot) => {
        const connection = this.#table.at(slot);
        if (connection?.isEnding === false) connection.pause();
      },
      resume: (slot) => {
        const connection = this.#table.at(slot);
        if (connection?.isEnding === false) connection.resume();
      },
      disconnect: (slot, code, reason) => {
        this.#disconnect(slot, code, reason);
      },
    };
  }

  // ---- Carrier ----

  start(onBatch: (batch: ReceiveBatch) => void, events: CarrierEvents = {}): void {
    this.#onBatch = onBatch;
    this.#events = events;
    this.#started = true;
    for (const connection of this.#table) if (!connection.isEnding) connection.start();
    if (this.#goneUntold.length > 0) setImmediate(this.#tellGone);
  }

  flush(): void {
    if (this.arena.count > 0) {
      if (this.#sendAll()) this.arena.reset();
      else this.arena.replace();
    }
    if (this.#afterFlush.length > 0) for (const run of this.#afterFlush.splice(0)) run();
  }

  /** @returns the slot of a connection whose peer has that address; none is made. */
  intern(address: SocketAddress): number {
    const slot = this.#table.find(address);
    this.#table.retain(slot);
    return slot;
  }

  retain(slot: number): void {
    this.#table.retain(slot);
  }

  release(slot: number): void {
    if (this.arena.count === 0) this.#table.release(slot);
    else this.#afterFlush.push(() => this.#table.release(slot));
  }

  addressOf(slot: number): SocketAddress {
    return this.#table.addressOf(slot);
  }

  stats(): CarrierStats {
    return {
      receivedDatagrams: this.#receivedDatagrams,
      receivedBytes: this.#receivedBytes,
      receiveBatches: this.#receiveBatches,
      receiveCalls: this.#receiveCalls,
      oversizeDrops: this.#oversizeDrops,
      receiveDrops: 0,
      batchErrors: this.#batchErrors.count,
      sentDatagrams: this.#sentDatagrams,
      sentBytes: this.#sentBytes,
      sendCalls: this.#sendCalls,
      segmentedSends: 0,
      sendDrops: this.#sendDrops,
      socketErrors: this.#socketErrors,
      connections: this.counters.snapshot(this.#table.connections),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  // ---- for whoever makes connections ----

  /** No connection is taken any more. */
  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Takes a connection and gives it a slot.
   * @param elapsedMs how long it has existed, unconfirmed.
   * @returns false when there is no slot left: it is to be refused.
   */
  open(connection: Connection, address: SocketAddress, elapsedMs = 0): boolean {
    const slot = this.#table.add(connection, address);
    if (slot < 0) return false;
    connection.slot = slot;
    this.counters.opened++;
    const { confirmTimeoutMs } = this.#own;
    if (confirmTimeoutMs > 0) {
      connection.timer = setTimeout(
        () => {
          this.fault(connection, 'first_datagram_timeout');
        },
        Math.max(1, confirmTimeoutMs - elapsedMs),
      );
    }
    if (this.#started) connection.start();
    return true;
  }

  /** Counts a connection that is not taken. */
  refuse(reason: RefusalReason): void {
    this.counters.refuse(reason);
  }

  // ---- for the connections ----

  /** A connection read from its socket: once for each time. */
  countRead(): void {
    this.#receiveCalls++;
  }

  /** Hands datagrams of one connection to the user. */
  deliver(batch: ReceiveBatch): void {
    if (this.#onBatch === undefined) return;
    const { meta, count } = batch;
    this.#receiveBatches++;
    this.#receivedDatagrams += count;
    for (let i = 0; i < count; i++) this.#receivedBytes += meta[i * META_STRIDE + META_LENGTH]!;
    try {
      this.#onBatch(batch);
    } catch (error) {
      this.#batchErrors.add(error);
    }
    this.flush();
  }

  /** The system took something of what was queued for a connection. */
  written(connection: Connection): void {
    if (!connection.isStopped || connection.queuedBytes * 2 >= this.#config.highWaterBytes) return;
    connection.isStopped = false;
    if (connection.isEnding || connection.isLeft) return;
    this.#tell(() => this.#events.writable?.(connection.slot));
  }

  /** The socket of a connection reported an error; `gone` follows. */
  failed(connection: Connection, reason: ConnectionEndReason): void {
    this.#socketErrors++;
    connection.endReason ??= reason;
  }

  /** A connection cannot go on: it is reset. `gone` follows. */
  fault(connection: Connection, reason: ConnectionEndReason): void {
    if (reason === 'frame_oversize') this.#oversizeDrops++;
    connection.endReason ??= reason;
    connection.isEnding = true;
    connection.reset();
  }

  /** The peer ended a connection: nobody answers any more what is sent. `gone` follows. */
  peerClosed(connection: Connection): void {
    if (connection.isEnding) return;
    connection.endReason ??= 'peer_closed';
    connection.isEnding = true;
    connection.destroy();
  }

  /** A connection cannot go on and ends in order by itself: nothing is sent or delivered. `gone` follows. */
  faultInOrder(connection: Connection, reason: ConnectionEndReason): void {
    if (reason === 'frame_oversize') this.#oversizeDrops++;
    connection.endReason ??= reason;
    connection.isEnding = true;
    this.#limitEnd(connection);
  }

  /** Nothing is left of a connection. Never called from within a call of the user. */
  gone(connection: Connection): void {
    const { slot } = connection;
    // It was refused for want of a slot.
    if (slot < 0) return;
    clearTimeout(connection.timer);
    connection.isEnding = true;
    this.counters.close(connection.endReason ?? 'peer_closed');
    this.#own.left(this.#table.addressOf(slot));
    this.#table.detach(slot);
    if (!connection.isLeft) this.#reportGone(slot);
    this.release(slot);
    if (this.#table.connections === 0) this.#whenEmpty?.();
  }

  // ---- sending ----

  /** @returns false when a connection still reads the memory of the arena. */
  #sendAll(): boolean {
    const { descriptors, count } = this.arena;
    const { maxDatagramBytes } = this.#config;
    let isFree = true;
    for (let first = 0; first < count;) {
      const target = descriptors[first * DESCRIPTOR_STRIDE + DESCRIPTOR_ADDRESS]!;
      let end = first;
      let bytes = 0;
      for (; end < count; end++) {
        const at = end * DESCRIPTOR_STRIDE;
        const length = descriptors[at + DESCRIPTOR_LENGTH]!;
        const fits = length >= this.#own.minDatagramBytes && length <= maxDatagramBytes;
        if (descriptors[at + DESCRIPTOR_ADDRESS] !== target || !fits) break;
        bytes += length;
      }
      if (end > first && !this.#sendRun(target, first, end, bytes)) isFree = false;
      if (end === first) {
        this.#sendDrops++;
        end++;
      }
      first = end;
    }
    return isFree;
  }

  /** Sends neighbours for one connection. @returns false when it still reads the memory of the arena. */
  #sendRun(target: number, first: number, end: number, bytes: number): boolean {
    const connection = this.#table.at(target);
    if (connection === undefined || connection.isEnding || !connection.isWritable) {
      this.#sendDrops += end - first;
      return true;
    }
    const queued = connection.queuedBytes;
    if (queued > 0 && queued + bytes > this.#config.maxQueueBytes) {
      this.#sendDrops += end - first;
      this.fault(connection, 'slow_consumer');
      return true;
    }
    const isFree = connection.send(this.arena, first, end);
    this.#sendCalls++;
    this.#sentDatagrams += end - first;
    this.#sentBytes += bytes;
    if (connection.queuedBytes > this.#config.highWaterBytes) connection.isStopped = true;
    return isFree;
  }

  // ---- ending ----

  #confirm(slot: number): void {
    const connection = this.#table.at(slot);
    if (connection === undefined || connection.isEnding) return;
    clearTimeout(connection.timer);
    connection.timer = undefined;
  }

  #disconnect(slot: number, code: CloseCode, reason: string): void {
    const connection = this.#table.at(slot);
    if (connection === undefined || connection.isLeft) return;
    connection.isLeft = true;
    if (this.arena.count === 0) {
      this.#end(connection, code, reason);
      return;
    }
    // What is in the arena may not be complete: it is not for us to send it.
    this.#afterFlush.push(() => {
      this.#end(connection, code, reason);
    });
  }

  #end(connection: Connection, code: CloseCode, reason: string): void {
    if (connection.isEnding) return;
    connection.endReason ??= 'disconnected';
    connection.isEnding = true;
    this.#limitEnd(connection);
    connection.end(code, reason);
  }

  #limitEnd(connection: Connection): void {
    clearTimeout(connection.timer);
    connection.timer = setTimeout(() => {
      connection.reset();
    }, this.#config.lingerMs);
  }

  async #closeAll(): Promise<void> {
    this.#onBatch = undefined;
    const stopped = this.#own.stopAccepting();
    for (const connection of this.#table) {
      connection.isLeft = true;
      // One that nobody ever read would not see its peer close.
      if (!this.#started) connection.start();
      this.#end(connection, this.#own.closeCode, '');
    }
    if (this.#table.connections > 0) {
      await new Promise<void>((resolve) => {
        this.#whenEmpty = resolve;
      });
    }
    await stopped;
  }

  // ---- events ----

  #reportGone(slot: number): void {
    if (this.#started) {
      this.#tell(() => this.#events.disconnected?.(slot));
      return;
    }
    this.retain(slot);
    this.#goneUntold.push(slot);
  }

  readonly #tellGone = (): void => {
    for (const slot of this.#goneUntold.splice(0)) {
      if (!this.isClosing) this.#tell(() => this.#events.disconnected?.(slot));
      this.release(slot);
    }
  };

  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.error('an event callback of a carrier threw', { error });
    }
  }
}
