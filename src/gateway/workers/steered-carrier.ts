import type { SocketAddress } from '../../base/address.ts';
import type { Logger } from '../../base/logger.ts';
import {
  META_ADDRESS,
  META_ECN,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type Carrier,
  type CarrierArena,
  type CarrierCapabilities,
  type CarrierEvents,
  type CarrierKind,
  type CarrierStats,
  type ReceiveBatch,
} from '../../carrier/carrier.ts';
import { BatchErrors } from '../../carrier/node/batch-errors.ts';
import { RowBatch } from '../../carrier/row-batch.ts';
import { datagramKind } from '../../wire/datagram-kind.ts';
import { parseProxyHeader, ProxyHeader, type ProxyMode } from '../../wire/proxy-header.ts';
import { conversationOf } from '../../wire/segment.ts';
import { BlockBatch } from './datagram-block.ts';
import type { HandedDatagrams, HandOver } from './hand-over.ts';

/** Which of the workers this is. */
export interface SteeringPlace {
  readonly worker: number;
  readonly workers: number;
  /** The place of the socket among those of a worker. */
  readonly socket: number;
  /** What may stand in front of datagrams. */
  readonly mode: ProxyMode;
}

/**
 * A UDP socket of one of several workers. The kernel steers datagrams by their first four bytes, but
 *
 * - glued ones (UDP_GRO) go where the first of them belongs, and
 * - with a PROXY or SPP header in front it is not `conv` that it looks at.
 *
 * Whatever came for another worker goes on to that one, as it came; and what others pass on comes as if from the socket, so
 * that the answer leaves from the same address. It costs one look at each datagram. What has no `conv`, or 0, stays.
 */
export class SteeredCarrier implements Carrier {
  readonly kind: CarrierKind;
  readonly localAddress: SocketAddress;
  readonly arena: CarrierArena;
  readonly #inner: Carrier;
  readonly #place: SteeringPlace;
  readonly #handOver: HandOver;
  readonly #batchErrors: BatchErrors;
  readonly #header = new ProxyHeader();
  readonly #rows: RowBatch;
  readonly #addressOf = (slot: number): SocketAddress => this.#inner.addressOf(slot);
  #onBatch: ((batch: ReceiveBatch) => void) | undefined;
  /** Came for others, and there was no room; or came from others, and its sender cannot be reached. */
  #drops = 0;

  /** @param inner the socket; this owns it. */
  constructor(inner: Carrier, place: SteeringPlace, handOver: HandOver, logger: Logger) {
    this.kind = inner.kind;
    this.localAddress = inner.localAddress;
    this.arena = inner.arena;
    this.#inner = inner;
    this.#place = place;
    this.#handOver = handOver;
    this.#batchErrors = new BatchErrors(logger);
    this.#rows = new RowBatch(inner.capabilities.maxBatch);
  }

  get capabilities(): CarrierCapabilities {
    return this.#inner.capabilities;
  }

  start(onBatch: (batch: ReceiveBatch) => void, events?: CarrierEvents): void {
    this.#onBatch = onBatch;
    this.#inner.start((batch) => {
      this.#receive(batch, onBatch);
    }, events);
  }

  flush(): void {
    this.#inner.flush();
  }

  intern(address: SocketAddress): number {
    return this.#inner.intern(address);
  }

  retain(slot: number): void {
    this.#inner.retain(slot);
  }

  release(slot: number): void {
    this.#inner.release(slot);
  }

  addressOf(slot: number): SocketAddress {
    return this.#inner.addressOf(slot);
  }

  stats(): CarrierStats {
    const stats = this.#inner.stats();
    return {
      ...stats,
      receiveDrops: stats.receiveDrops + this.#drops,
      batchErrors: stats.batchErrors + this.#batchErrors.count,
    };
  }

  close(): Promise<void> {
    this.#onBatch = undefined;
    return this.#inner.close();
  }

  /** Takes what another worker passes on. */
  take({ datagrams, senders }: HandedDatagrams): void {
    const onBatch = this.#onBatch;
    if (onBatch === undefined) return;
    const batch = new BlockBatch(datagrams);
    const slots = senders.map((sender) => this.#inner.intern(sender));
    const { meta, count } = batch;
    let kept = 0;
    for (let i = 0, at = 0; i < count; i++, at += META_STRIDE) {
      const slot = slots[meta[at + META_ADDRESS]!]!;
      if (slot < 0) {
        this.#drops++;
        continue;
      }
      if (kept < i) meta.copyWithin(kept * META_STRIDE, at, at + META_STRIDE);
      meta[kept++ * META_STRIDE + META_ADDRESS] = slot;
    }
    batch.count = kept;
    try {
      if (kept > 0) onBatch(batch);
    } catch (error) {
      this.#batchErrors.add(error);
    }
    this.#inner.flush();
    for (const slot of slots) if (slot >= 0) this.#inner.release(slot);
  }

  #receive(batch: ReceiveBatch, onBatch: (batch: ReceiveBatch) => void): void {
    if (this.#isOwn(batch)) {
      onBatch(batch);
      return;
    }
    try {
      this.#split(batch, onBatch);
    } finally {
      this.#handOver.flush();
    }
  }

  #isOwn(batch: ReceiveBatch): boolean {
    const { meta, count } = batch;
    const { worker } = this.#place;
    for (let i = 0, at = 0; i < count; i++, at += META_STRIDE) {
      const size = meta[at + META_SEGMENT_SIZE]!;
      let offset = meta[at + META_OFFSET]!;
      const end = offset + meta[at + META_LENGTH]!;
      do {
        const length = size === 0 ? end - offset : Math.min(size, end - offset);
        if (this.#workerOf(batch, offset, length) !== worker) return false;
        offset += length;
      } while (offset < end);
    }
    return true;
  }

  /** Takes a batch apart: what is of this worker is delivered, one by one, and the rest handed over. */
  #split(batch: ReceiveBatch, onBatch: (batch: ReceiveBatch) => void): void {
    const { meta, count } = batch;
    const { worker: own, socket } = this.#place;
    const rows = this.#rows;
    rows.over(batch);
    for (let i = 0, at = 0; i < count; i++, at += META_STRIDE) {
      const size = meta[at + META_SEGMENT_SIZE]!;
      const slot = meta[at + META_ADDRESS]!;
      const ecn = meta[at + META_ECN]!;
      let offset = meta[at + META_OFFSET]!;
      const end = offset + meta[at + META_LENGTH]!;
      do {
        const length = size === 0 ? end - offset : Math.min(size, end - offset);
        const worker = this.#workerOf(batch, offset, length);
        if (worker === own) {
          if (rows.isFull) this.#deliver(onBatch, true);
          rows.add(offset, length, 0, slot, ecn);
        } else if (!this.#handOver.add(worker, socket, batch.bytes, offset, length, slot, this.#addressOf)) {
          this.#drops++;
        }
        offset += length;
      } while (offset < end);
    }
    if (rows.count > 0) this.#deliver(onBatch, batch.moreWaiting);
  }

  #deliver(onBatch: (batch: ReceiveBatch) => void, moreWaiting: boolean): void {
    this.#rows.moreWaiting = moreWaiting;
    try {
      onBatch(this.#rows);
    } finally {
      this.#rows.count = 0;
    }
  }

  /** Whose a datagram is. */
  #workerOf(batch: ReceiveBatch, offset: number, length: number): number {
    const { worker, workers } = this.#place;
    const head = this.#headBytes(batch, offset, length);
    const at = offset + head;
    const kind = datagramKind(batch.view, at, length - head);
    if (kind !== 'clear' && kind !== 'sealed' && kind !== 'handshake') return worker;
    const conv = conversationOf(batch.view, at);
    return conv === 0 ? worker : conv % workers;
  }

  /** Length of the header in front of a datagram. */
  #headBytes(batch: ReceiveBatch, offset: number, length: number): number {
    const { mode } = this.#place;
    if (mode === 'off') return 0;
    return parseProxyHeader(batch, offset, length, mode, this.#header) === 'ok' ? this.#header.length : 0;
  }
}
