import type { SocketAddress } from '../../src/base/address.ts';
import {
  DESCRIPTOR_ADDRESS,
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_OFFSET,
  DESCRIPTOR_STRIDE,
  type BatchArena,
} from '../../src/carrier/batch-arena.ts';
import type {
  Carrier,
  CarrierCapabilities,
  CarrierEvents,
  CarrierKind,
  CarrierStats,
  ConnectionControl,
  ReceiveBatch,
} from '../../src/carrier/carrier.ts';

/** A carrier of the simulated network: its arena is the real one. */
export interface ArenaCarrier extends Carrier {
  readonly arena: BatchArena;
}

/** Sees a datagram that leaves, and may keep it from leaving by returning false. The bytes are borrowed. */
export type Tap = (bytes: Uint8Array, to: SocketAddress) => boolean;

/** A carrier around another: counts the slots its user holds, and lets somebody see what it sends. */
export class TappedCarrier implements Carrier {
  readonly kind: CarrierKind;
  readonly capabilities: CarrierCapabilities;
  readonly localAddress: SocketAddress;
  readonly connections?: ConnectionControl;
  tap: Tap | undefined;
  /** Slots that were retained and not released. */
  retained = 0;
  readonly #inner: ArenaCarrier;

  constructor(inner: ArenaCarrier) {
    this.#inner = inner;
    this.kind = inner.kind;
    this.capabilities = inner.capabilities;
    this.localAddress = inner.localAddress;
    if (inner.connections !== undefined) this.connections = inner.connections;
  }

  get arena(): BatchArena {
    return this.#inner.arena;
  }

  start(onBatch: (batch: ReceiveBatch) => void, events?: CarrierEvents): void {
    // What the callback leaves in the arena is flushed by the inner carrier, past the tap.
    this.#inner.start((batch) => {
      onBatch(batch);
      this.#showAll();
    }, events);
  }

  flush(): void {
    this.#showAll();
    this.#inner.flush();
  }

  intern(address: SocketAddress): number {
    const slot = this.#inner.intern(address);
    if (slot >= 0) this.retained++;
    return slot;
  }

  retain(slot: number): void {
    this.retained++;
    this.#inner.retain(slot);
  }

  release(slot: number): void {
    this.retained--;
    this.#inner.release(slot);
  }

  addressOf(slot: number): SocketAddress {
    return this.#inner.addressOf(slot);
  }

  stats(): CarrierStats {
    return this.#inner.stats();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #showAll(): void {
    const { tap } = this;
    if (tap === undefined) return;
    const { bytes, descriptors, count } = this.#inner.arena;
    for (let at = 0; at < count * DESCRIPTOR_STRIDE; at += DESCRIPTOR_STRIDE) {
      const offset = descriptors[at + DESCRIPTOR_OFFSET]!;
      const slot = descriptors[at + DESCRIPTOR_ADDRESS]!;
      if (slot < 0) continue;
      const datagram = bytes.subarray(offset, offset + descriptors[at + DESCRIPTOR_LENGTH]!);
      // A slot that nobody has: the carrier drops it.
      if (!tap(datagram, this.#inner.addressOf(slot))) descriptors[at + DESCRIPTOR_ADDRESS] = NOBODY;
    }
  }
}

const NOBODY = -1;
