import { formatSocketAddress, type SocketAddress } from '../../src/base/address.ts';
import {
  BatchArena,
  DESCRIPTOR_ADDRESS,
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_OFFSET,
  DESCRIPTOR_STRIDE,
} from '../../src/carrier/batch-arena.ts';
import type {
  Carrier,
  CarrierCapabilities,
  CarrierEvents,
  CarrierStats,
  ConnectionControl,
  ReceiveBatch,
} from '../../src/carrier/carrier.ts';
import { ReceiveSlab } from '../../src/carrier/receive-slab.ts';

/** One datagram for a {@link StrictCarrier}, and who sent it. */
export interface Arrival {
  readonly from: SocketAddress;
  readonly bytes: Uint8Array;
}

/** Takes what a {@link StrictCarrier} sends. */
export type Departure = (to: SocketAddress, bytes: Uint8Array) => void;

export interface StrictCarrierOptions {
  readonly localAddress: SocketAddress;
  /** A slot is a connection. */
  readonly connected: boolean;
  readonly arenaBytes: number;
  readonly send: Departure;
  /** Told of every misuse, and of what a batch callback threw. */
  readonly violate: (text: string) => void;
}

interface Slot {
  readonly address: SocketAddress;
  references: number;
  /** A connection that was not ended from either side. */
  isAlive: boolean;
  isConfirmed: boolean;
  /** The system takes nothing more for it. */
  isClogged: boolean;
}

/**
 * A carrier in memory that forgives nothing: like a socket it frees a slot as soon as nobody retains it and the batch that
 * named it is over, and gives its number to the next sender at once; what then still uses it is reported.
 */
export class StrictCarrier implements Carrier {
  readonly kind: 'memory' | 'tcp';
  readonly capabilities: CarrierCapabilities;
  readonly localAddress: SocketAddress;
  readonly arena: BatchArena;
  readonly connections?: ConnectionControl;
  sentDatagrams = 0;
  isClosed = false;
  readonly #options: StrictCarrierOptions;
  readonly #slots: (Slot | undefined)[] = [];
  readonly #byAddress = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #afterFlush: (() => void)[] = [];
  readonly #slab = new ReceiveSlab(MAX_BATCH_BYTES, MAX_BATCH);
  #onBatch: ((batch: ReceiveBatch) => void) | undefined;
  #events: CarrierEvents = {};

  constructor(options: StrictCarrierOptions) {
    this.#options = options;
    this.localAddress = options.localAddress;
    this.kind = options.connected ? 'tcp' : 'memory';
    this.arena = new BatchArena({ bytes: options.arenaBytes, maxDatagrams: MAX_BATCH });
    this.capabilities = {
      maxDatagramBytes: 2048,
      reliable: options.connected,
      ordered: options.connected,
      maxBatch: MAX_BATCH,
      segmentation: false,
    };
    if (options.connected) this.connections = this.#control();
  }

  /** Slots that somebody retains; of connections, those that live count too. */
  get retained(): number {
    return this.#slots.filter((slot) => slot !== undefined).length;
  }

  // ---- the network's side ----

  /** Delivers a batch. Of connections only those that are open are heard. */
  deliver(arrivals: readonly Arrival[]): void {
    const onBatch = this.#onBatch;
    if (onBatch === undefined || this.isClosed) return;
    const named: number[] = [];
    for (const { from, bytes } of arrivals) {
      const slot = this.#arrivedFrom(from);
      if (slot < 0 || !this.#slab.fits(bytes.length)) continue;
      this.#slab.append(bytes, slot);
      named.push(slot);
    }
    try {
      if (named.length > 0) onBatch(this.#slab);
    } catch (error) {
      this.#options.violate(`a batch threw ${String(error instanceof Error ? error.stack : error)}`);
    }
    this.flush();
    this.#slab.clear();
    for (const slot of named) this.release(slot);
  }

  /** Opens a connection. */
  connect(from: SocketAddress): void {
    if (this.isClosed || this.isConnected(from)) return;
    this.#add(from);
  }

  isConnected(from: SocketAddress): boolean {
    const slot = this.#byAddress.get(formatSocketAddress(from));
    return slot !== undefined && this.#slots[slot]?.isAlive === true;
  }

  /** A connection breaks. */
  breakOff(from: SocketAddress): void {
    const slot = this.#byAddress.get(formatSocketAddress(from));
    if (slot === undefined || this.#slots[slot]?.isAlive !== true) return;
    this.#bury(slot);
    this.#events.disconnected?.(slot);
    this.release(slot);
  }

  /** The system takes nothing more for a connection, or does again. */
  clog(from: SocketAddress, isClogged: boolean): void {
    const slot = this.#byAddress.get(formatSocketAddress(from));
    const found = slot === undefined ? undefined : this.#slots[slot];
    if (slot === undefined || found === undefined || found.isClogged === isClogged) return;
    found.isClogged = isClogged;
    if (!isClogged) this.#events.writable?.(slot);
  }

  /** Connections nobody confirmed. */
  get unconfirmed(): SocketAddress[] {
    return this.#slots.flatMap((slot) => (slot?.isAlive === true && !slot.isConfirmed ? [slot.address] : []));
  }

  // ---- Carrier ----

  start(onBatch: (batch: ReceiveBatch) => void, events: CarrierEvents = {}): void {
    this.#onBatch = onBatch;
    this.#events = events;
  }

  flush(): void {
    const { bytes, descriptors, count } = this.arena;
    for (let at = 0; at < count * DESCRIPTOR_STRIDE; at += DESCRIPTOR_STRIDE) {
      const offset = descriptors[at + DESCRIPTOR_OFFSET]!;
      const slot = this.#slots[descriptors[at + DESCRIPTOR_ADDRESS]!];
      const datagram = bytes.slice(offset, offset + descriptors[at + DESCRIPTOR_LENGTH]!);
      if (this.isClosed) continue;
      // To a connection that is gone it is dropped; an address has to be somebody's.
      if (slot === undefined) this.#options.violate('sent to a slot that is not in use');
      else if (slot.isAlive || !this.#options.connected) {
        this.sentDatagrams++;
        this.#options.send(slot.address, datagram);
      }
    }
    this.arena.reset();
    for (const run of this.#afterFlush.splice(0)) run();
  }

  intern(address: SocketAddress): number {
    const known = this.#byAddress.get(formatSocketAddress(address));
    if (known === undefined) return this.#options.connected ? -1 : this.#add(address);
    this.retain(known);
    return known;
  }

  retain(slot: number): void {
    const found = this.#slots[slot];
    if (found === undefined) this.#options.violate(`retained slot ${String(slot)}, which is not in use`);
    else found.references++;
  }

  release(slot: number): void {
    if (this.arena.count > 0) this.#afterFlush.push(() => this.#release(slot));
    else this.#release(slot);
  }

  addressOf(slot: number): SocketAddress {
    const found = this.#slots[slot];
    if (found === undefined) throw new RangeError(`address slot ${String(slot)} is not in use`);
    return found.address;
  }

  stats(): CarrierStats {
    return { ...NO_STATS, sentDatagrams: this.sentDatagrams };
  }

  close(): Promise<void> {
    this.isClosed = true;
    for (const [slot, found] of this.#slots.entries()) {
      if (found?.isAlive !== true) continue;
      this.#bury(slot);
      this.#release(slot);
    }
    return Promise.resolve();
  }

  // ---- inside ----

  #control(): ConnectionControl {
    return {
      highWaterBytes: HIGH_WATER_BYTES,
      queuedBytes: (slot) => (this.#slots[slot]?.isClogged === true ? HIGH_WATER_BYTES + 1 : 0),
      confirm: (slot) => {
        const found = this.#slots[slot];
        if (found !== undefined) found.isConfirmed = true;
      },
      disconnect: (slot) => {
        if (this.#slots[slot]?.isAlive !== true) return;
        this.#afterFlush.push(() => {
          if (this.#slots[slot]?.isAlive !== true) return;
          this.#bury(slot);
          this.#release(slot);
        });
        if (this.arena.count === 0) for (const run of this.#afterFlush.splice(0)) run();
      },
    };
  }

  #arrivedFrom(from: SocketAddress): number {
    const known = this.#byAddress.get(formatSocketAddress(from));
    if (this.#options.connected && !this.isConnected(from)) return -1;
    if (known === undefined) return this.#add(from);
    this.retain(known);
    return known;
  }

  #add(address: SocketAddress): number {
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = {
      ...{ address, references: 1, isAlive: this.#options.connected, isConfirmed: false, isClogged: false },
    };
    this.#byAddress.set(formatSocketAddress(address), slot);
    return slot;
  }

  /** The connection is over: another may come from the same address. */
  #bury(slot: number): void {
    const found = this.#slots[slot]!;
    found.isAlive = false;
    found.isClogged = false;
    this.#byAddress.delete(formatSocketAddress(found.address));
  }

  #release(slot: number): void {
    const found = this.#slots[slot];
    if (found === undefined) {
      this.#options.violate(`released slot ${String(slot)}, which is not in use`);
      return;
    }
    if (--found.references > 0) return;
    this.#slots[slot] = undefined;
    this.#free.push(slot);
    const key = formatSocketAddress(found.address);
    if (this.#byAddress.get(key) === slot) this.#byAddress.delete(key);
  }
}

const MAX_BATCH = 512;
const MAX_BATCH_BYTES = 256 * 1024;
const HIGH_WATER_BYTES = 64 * 1024;
const NO_STATS: CarrierStats = {
  receivedDatagrams: 0,
  receivedBytes: 0,
  receiveBatches: 0,
  receiveCalls: 0,
  oversizeDrops: 0,
  receiveDrops: 0,
  batchErrors: 0,
  sentDatagrams: 0,
  sentBytes: 0,
  sendCalls: 0,
  segmentedSends: 0,
  sendDrops: 0,
  socketErrors: 0,
};
