import type { SocketAddress } from '../base/address.ts';
import { NO_LOG, type Logger } from '../base/logger.ts';
import { BatchArena, DESCRIPTOR_ADDRESS, DESCRIPTOR_LENGTH, DESCRIPTOR_STRIDE } from './batch-arena.ts';
import type { Carrier, CarrierCapabilities, CarrierStats, ReceiveBatch } from './carrier.ts';
import { ReceiveSlab } from './receive-slab.ts';

export interface MemoryCarrierOptions {
  /** The largest datagram delivered, in bytes; larger ones are dropped and counted. Default 2048. */
  readonly maxDatagramBytes?: number;
  /** Memory of the send arena. Default 256 KiB. */
  readonly arenaBytes?: number;
  /** Memory of the inbox of each carrier; what does not fit is dropped and counted. Default 1 MiB. */
  readonly inboxBytes?: number;
  /** The most datagrams in one batch, sent or received. Default 4096. */
  readonly maxBatch?: number;
  /** Where a batch callback that throws is reported. Default: nowhere. */
  readonly logger?: Logger;
}

/** Two carriers joined to each other, for tests and benchmarks. */
export function createMemoryPair(
  options: MemoryCarrierOptions = {},
): readonly [MemoryCarrier, MemoryCarrier] {
  const hub = new MemoryHub(options);
  return [hub.join(), hub.join()];
}

/**
 * A network within the process. What one carrier flushes stands at once in the inbox of the other and waits there until
 * somebody calls `deliver`: there is no timer, so a test decides when the network moves.
 */
export class MemoryHub {
  /** Member `i` has address slot `i` on every carrier of the hub. */
  readonly members: MemoryCarrier[] = [];
  readonly #options: MemoryCarrierOptions;

  constructor(options: MemoryCarrierOptions = {}) {
    this.#options = options;
  }

  /** Adds a carrier with an address of its own (10.0.0.1:1, 10.0.0.2:2 and so on); `options` go before the hub's. */
  join(options: MemoryCarrierOptions = {}): MemoryCarrier {
    const carrier = new MemoryCarrier(this, this.members.length, { ...this.#options, ...options });
    this.members.push(carrier);
    return carrier;
  }

  /**
   * Delivers what every member has in its inbox, once.
   * @returns the number of datagrams delivered; 0 means the network is quiet.
   */
  deliver(): number {
    let delivered = 0;
    for (const member of this.members) delivered += member.deliver();
    return delivered;
  }
}

/** One end of a {@link MemoryHub}. Address slots of members stay valid, retained or not. */
export class MemoryCarrier implements Carrier {
  readonly kind = 'memory';
  readonly capabilities: CarrierCapabilities;
  readonly localAddress: SocketAddress;
  readonly arena: BatchArena;

  readonly #hub: MemoryHub;
  readonly #slot: number;
  readonly #logger: Logger;
  #inbox: ReceiveSlab;
  /** Fills up while the other slab is being delivered. */
  #spareInbox: ReceiveSlab;
  #onBatch: ((batch: ReceiveBatch) => void) | undefined;
  #delivering = false;
  #closed = false;

  #receivedDatagrams = 0;
  #receivedBytes = 0;
  #receiveBatches = 0;
  #oversizeDrops = 0;
  #receiveDrops = 0;
  #batchErrors = 0;
  #sentDatagrams = 0;
  #sentBytes = 0;
  #sendDrops = 0;

  /** Use {@link MemoryHub.join} or {@link createMemoryPair}. */
  constructor(hub: MemoryHub, slot: number, options: MemoryCarrierOptions) {
    const maxBatch = options.maxBatch ?? 4096;
    const inboxBytes = options.inboxBytes ?? 1024 * 1024;
    this.#hub = hub;
    this.#slot = slot;
    this.#logger = options.logger ?? NO_LOG;
    this.arena = new BatchArena({ bytes: options.arenaBytes ?? 256 * 1024, maxDatagrams: maxBatch });
    this.#inbox = new ReceiveSlab(inboxBytes, maxBatch);
    this.#spareInbox = new ReceiveSlab(inboxBytes, maxBatch);
    this.localAddress = addressOfMember(slot);
    this.capabilities = {
      maxDatagramBytes: options.maxDatagramBytes ?? 2048,
      reliable: false,
      ordered: true,
      maxBatch,
      segmentation: false,
    };
  }

  start(onBatch: (batch: ReceiveBatch) => void): void {
    this.#onBatch = onBatch;
  }

  flush(): void {
    const { bytes, descriptors, count } = this.arena;
    let first = 0;
    while (first < count && !this.#closed) {
      const target = descriptors[first * DESCRIPTOR_STRIDE + DESCRIPTOR_ADDRESS]!;
      const end = endOfRun(descriptors, first, count);
      const receiver = this.#hub.members[target];
      if (receiver === undefined) this.#sendDrops += end - first;
      else this.#sendRun(receiver, bytes, descriptors, first, end);
      first = end;
    }
    this.#sendDrops += count - first;
    this.arena.reset();
  }

  /**
   * Hands what is in the inbox to the callback.
   * @returns the number of datagrams; 0 when there are none, before `start`, and when called from within the callback.
   */
  deliver(): number {
    const batch = this.#inbox;
    const onBatch = this.#onBatch;
    if (batch.count === 0 || onBatch === undefined || this.#delivering || this.#closed) return 0;
    this.#inbox = this.#spareInbox;
    this.#spareInbox = batch;
    this.#delivering = true;
    this.#receiveBatches++;
    try {
      onBatch(batch);
    } catch (error) {
      this.#batchErrors++;
      this.#logger.error('a receive callback threw', { error });
    }
    this.flush();
    this.#delivering = false;
    const delivered = batch.count;
    batch.clear();
    if (this.#inbox.count === 0) {
      // Nothing came meanwhile: the same memory again, as with a socket, whose readers may keep views of it.
      this.#spareInbox = this.#inbox;
      this.#inbox = batch;
    }
    return delivered;
  }

  intern(address: SocketAddress): number {
    return this.#hub.members.findIndex(
      ({ localAddress }) => localAddress.address === address.address && localAddress.port === address.port,
    );
  }

  retain(_slot: number): void {
    // Members keep their slots.
  }

  release(_slot: number): void {
    // Members keep their slots.
  }

  addressOf(slot: number): SocketAddress {
    return addressOfMember(slot);
  }

  stats(): CarrierStats {
    return {
      receivedDatagrams: this.#receivedDatagrams,
      receivedBytes: this.#receivedBytes,
      receiveBatches: this.#receiveBatches,
      receiveCalls: 0,
      oversizeDrops: this.#oversizeDrops,
      receiveDrops: this.#receiveDrops,
      batchErrors: this.#batchErrors,
      sentDatagrams: this.#sentDatagrams,
      sentBytes: this.#sentBytes,
      sendCalls: 0,
      segmentedSends: 0,
      sendDrops: this.#sendDrops,
      socketErrors: 0,
    };
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#inbox.clear();
    return Promise.resolve();
  }

  #sendRun(
    receiver: MemoryCarrier,
    bytes: Uint8Array,
    descriptors: Int32Array,
    first: number,
    end: number,
  ): void {
    let length = 0;
    for (let i = first; i < end; i++) length += descriptors[i * DESCRIPTOR_STRIDE + DESCRIPTOR_LENGTH]!;
    this.#sentDatagrams += end - first;
    this.#sentBytes += length;
    receiver.#receiveRun(bytes, descriptors, first, end, this.#slot);
  }

  /** Takes datagrams from a sender. Like a network, it tells the sender nothing about what was dropped. */
  #receiveRun(bytes: Uint8Array, descriptors: Int32Array, first: number, end: number, sender: number): void {
    if (this.#closed) return;
    const limit = this.capabilities.maxDatagramBytes;
    let next = first;
    while (next < end) {
      const fitting = endOfFitting(descriptors, next, end, limit);
      const taken = this.#inbox.appendRun(bytes, descriptors, next, fitting, sender);
      this.#countReceived(descriptors, next, next + taken);
      this.#receiveDrops += fitting - next - taken;
      if (fitting < end) this.#oversizeDrops++;
      next = fitting + 1;
    }
  }

  #countReceived(descriptors: Int32Array, first: number, end: number): void {
    this.#receivedDatagrams += end - first;
    for (let i = first; i < end; i++) {
      this.#receivedBytes += descriptors[i * DESCRIPTOR_STRIDE + DESCRIPTOR_LENGTH]!;
    }
  }
}

/** Index after the last datagram for the same target as `first`. */
function endOfRun(descriptors: Int32Array, first: number, count: number): number {
  const target = descriptors[first * DESCRIPTOR_STRIDE + DESCRIPTOR_ADDRESS];
  let end = first + 1;
  while (end < count && descriptors[end * DESCRIPTOR_STRIDE + DESCRIPTOR_ADDRESS] === target) end++;
  return end;
}

/** Index of the next datagram longer than `limit`, or `end`. */
function endOfFitting(descriptors: Int32Array, first: number, end: number, limit: number): number {
  let next = first;
  while (next < end && descriptors[next * DESCRIPTOR_STRIDE + DESCRIPTOR_LENGTH]! <= limit) next++;
  return next;
}

function addressOfMember(slot: number): SocketAddress {
  const host = slot + 1;
  return {
    address: `10.${host >>> 16}.${(host >>> 8) & 255}.${host & 255}`,
    family: 4,
    port: 1 + (slot % 65535),
  };
}
