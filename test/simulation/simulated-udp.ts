import type { SocketAddress } from '../../src/base/address.ts';
import {
  BatchArena,
  DESCRIPTOR_ADDRESS,
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_OFFSET,
  DESCRIPTOR_STRIDE,
} from '../../src/carrier/batch-arena.ts';
import {
  META_ADDRESS,
  META_STRIDE,
  type Carrier,
  type CarrierCapabilities,
  type CarrierStats,
  type ReceiveBatch,
} from '../../src/carrier/carrier.ts';
import { AddressTable } from '../../src/carrier/node/address-table.ts';
import { ReceiveSlab } from '../../src/carrier/receive-slab.ts';
import type { VirtualLoop } from './virtual-loop.ts';

export interface SimulatedUdpOptions {
  /** The largest datagram delivered. Default 2048. */
  readonly maxDatagramBytes?: number;
  /** The most datagrams in one batch. Default 256. */
  readonly maxBatch?: number;
  /** Memory of the send arena. Default 64 KiB: many carriers are made. */
  readonly arenaBytes?: number;
}

/** What takes the datagrams of a {@link SimulatedUdp}. */
export interface DatagramRouter {
  /** Takes a copy of one datagram for `text` and `port`. */
  route(
    from: SimulatedUdp,
    text: string,
    port: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void;
  /** The carrier was closed: its address is free. */
  unbind(carrier: SimulatedUdp): void;
}

interface Arrival {
  readonly datagram: Uint8Array;
  readonly text: string;
  readonly port: number;
}

/** A UDP socket of a simulated network, as a carrier: what arrives in one millisecond is one batch. */
export class SimulatedUdp implements Carrier {
  readonly kind = 'udp';
  readonly capabilities: CarrierCapabilities;
  readonly localAddress: SocketAddress;
  readonly arena: BatchArena;

  readonly #loop: VirtualLoop;
  readonly #router: DatagramRouter;
  readonly #addresses = new AddressTable();
  readonly #slab: ReceiveSlab;
  #inbox: Arrival[] = [];
  #onBatch: ((batch: ReceiveBatch) => void) | undefined;
  #isDeliveryDue = false;
  #isClosed = false;
  /** Released while datagrams may wait in the arena for them. */
  readonly #releasedSlots: number[] = [];

  #receivedDatagrams = 0;
  #receivedBytes = 0;
  #receiveBatches = 0;
  #oversizeDrops = 0;
  #receiveDrops = 0;
  #batchErrors = 0;
  #sentDatagrams = 0;
  #sentBytes = 0;
  #sendDrops = 0;

  constructor(
    loop: VirtualLoop,
    router: DatagramRouter,
    localAddress: SocketAddress,
    options: SimulatedUdpOptions = {},
  ) {
    const { maxDatagramBytes = 2048, maxBatch = 256, arenaBytes = 64 * 1024 } = options;
    this.#loop = loop;
    this.#router = router;
    this.localAddress = localAddress;
    this.capabilities = { maxDatagramBytes, reliable: false, ordered: false, maxBatch, segmentation: false };
    this.arena = new BatchArena({ bytes: arenaBytes, maxDatagrams: maxBatch });
    this.#slab = new ReceiveSlab(Math.max(SLAB_BYTES, maxDatagramBytes), maxBatch);
  }

  start(onBatch: (batch: ReceiveBatch) => void): void {
    this.#onBatch = onBatch;
    if (this.#inbox.length > 0) this.#scheduleDelivery();
  }

  flush(): void {
    const { bytes, descriptors, count } = this.arena;
    for (let i = 0, at = 0; i < count; i++, at += DESCRIPTOR_STRIDE) {
      const slot = descriptors[at + DESCRIPTOR_ADDRESS]!;
      const length = descriptors[at + DESCRIPTOR_LENGTH]!;
      if (this.#isClosed || !this.#addresses.has(slot)) {
        this.#sendDrops++;
        continue;
      }
      this.#sentDatagrams++;
      this.#sentBytes += length;
      const [text, port] = [this.#addresses.textOf(slot), this.#addresses.portOf(slot)];
      this.#router.route(this, text, port, bytes, descriptors[at + DESCRIPTOR_OFFSET]!, length);
    }
    this.arena.reset();
    for (const slot of this.#releasedSlots.splice(0)) this.#addresses.release(slot);
  }

  intern(address: SocketAddress): number {
    return this.#addresses.intern(address.address, address.port);
  }

  retain(slot: number): void {
    this.#addresses.retain(slot);
  }

  release(slot: number): void {
    if (this.arena.count === 0) this.#addresses.release(slot);
    else this.#releasedSlots.push(slot);
  }

  addressOf(slot: number): SocketAddress {
    return this.#addresses.addressOf(slot);
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

  /** Also what the death of the process does to it: nobody is told. */
  close(): Promise<void> {
    if (!this.#isClosed) this.#router.unbind(this);
    this.#isClosed = true;
    this.#inbox = [];
    return Promise.resolve();
  }

  // ---- the network's side ----

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** A datagram arrives, which is this carrier's from now on. */
  receive(datagram: Uint8Array, text: string, port: number): void {
    if (this.#isClosed) return;
    if (datagram.length > this.capabilities.maxDatagramBytes) {
      this.#oversizeDrops++;
      return;
    }
    if (this.#inbox.length === MAX_INBOX) {
      this.#receiveDrops++;
      return;
    }
    this.#inbox.push({ datagram, text, port });
    if (this.#onBatch !== undefined) this.#scheduleDelivery();
  }

  #scheduleDelivery(): void {
    if (this.#isDeliveryDue) return;
    this.#isDeliveryDue = true;
    this.#loop.afterNetwork(this.#deliver);
  }

  readonly #deliver = (): void => {
    this.#isDeliveryDue = false;
    const arrived = this.#inbox;
    this.#inbox = [];
    const slab = this.#slab;
    for (let next = 0; next < arrived.length && !this.#isClosed;) {
      for (; next < arrived.length; next++) {
        const { datagram, text, port } = arrived[next]!;
        if (!slab.fits(datagram.length)) break;
        const slot = this.#addresses.intern(text, port);
        if (slot < 0) {
          this.#receiveDrops++;
          continue;
        }
        slab.append(datagram, slot);
        this.#receivedDatagrams++;
        this.#receivedBytes += datagram.length;
      }
      slab.moreWaiting = next < arrived.length;
      if (slab.count > 0) this.#hand(slab);
    }
  };

  #hand(slab: ReceiveSlab): void {
    this.#receiveBatches++;
    try {
      this.#onBatch?.(slab);
    } catch {
      this.#batchErrors++;
    }
    this.flush();
    for (let i = 0; i < slab.count; i++) this.#addresses.release(slab.meta[i * META_STRIDE + META_ADDRESS]!);
    slab.clear();
  }
}

const SLAB_BYTES = 64 * 1024;
/** A socket's buffer: beyond it datagrams are lost. */
const MAX_INBOX = 4096;
