import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { SocketAddress } from '../../../../src/base/address.ts';
import {
  META_ADDRESS,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type Carrier,
  type ReceiveBatch,
} from '../../../../src/carrier/carrier.ts';
import { createUdpCarrier } from '../../../../src/carrier/node/udp.ts';
import type { LoadOptions } from '../load-options.ts';
import type { PoolMessage, PoolThreadData } from './pool-thread.ts';
import type { RingPair } from './ring-carrier.ts';
import {
  ADDRESS_ENTRY,
  createRingMemory,
  ENTRY_LENGTH,
  ENTRY_OFFSET,
  ENTRY_SLOT,
  RingReader,
  RingWriter,
} from './shared-ring.ts';

/**
 * An echo server in the worker-pool model: one I/O loop owns the socket and hands batches of datagrams, by `conv`, to threads
 * that run the sessions; what these write comes back to the I/O loop to be sent. It is here to be compared with what a
 * gateway does (one loop, or loops with sockets of their own), and runs the same endpoint and sessions.
 */
export async function startPoolServer(bind: SocketAddress, load: LoadOptions): Promise<PoolServer> {
  const carrier = await createUdpCarrier({ bind });
  return new PoolServer(carrier, load);
}

class PoolServer {
  private readonly carrier: Carrier;
  private readonly threads: readonly PoolThread[];
  /** Slots that were named to the threads. They are kept: a benchmark has few peers. */
  private readonly knownSlots = new Set<number>();
  private drops = 0;

  constructor(carrier: Carrier, load: LoadOptions) {
    this.carrier = carrier;
    this.threads = Array.from({ length: load.poolThreads }, () => new PoolThread(carrier, load));
    carrier.start((batch) => this.handOut(batch));
  }

  get address(): SocketAddress {
    return this.carrier.localAddress;
  }

  account(): Promise<Readonly<Record<string, unknown>>> {
    return Promise.resolve({ ringDrops: this.drops, carrier: this.carrier.stats() });
  }

  async stop(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.stop()));
    await this.carrier.close();
  }

  private handOut(batch: ReceiveBatch): void {
    const { meta, count } = batch;
    for (let i = 0, at = 0; i < count; i++, at += META_STRIDE) {
      const slot = meta[at + META_ADDRESS] ?? 0;
      const length = meta[at + META_LENGTH] ?? 0;
      const size = meta[at + META_SEGMENT_SIZE] ?? 0;
      const offset = meta[at + META_OFFSET] ?? 0;
      if (!this.knownSlots.has(slot)) this.introduce(slot);
      this.handOutRun(batch, offset, length, size === 0 ? length : size, slot);
    }
    for (const thread of this.threads) thread.publish();
  }

  /** Datagrams that arrived glued together are of one peer, but not always of one session: neighbours for one thread stay together. */
  private handOutRun(batch: ReceiveBatch, offset: number, length: number, size: number, slot: number): void {
    const end = offset + length;
    let from = offset;
    let thread = this.threadOf(batch.view, offset, end);
    for (let next = offset + size; next < end; next += size) {
      const nextThread = this.threadOf(batch.view, next, end);
      if (nextThread === thread) continue;
      this.give(thread, batch.bytes, from, next - from, size, slot);
      from = next;
      thread = nextThread;
    }
    this.give(thread, batch.bytes, from, end - from, size, slot);
  }

  private give(
    thread: PoolThread | undefined,
    bytes: Uint8Array,
    offset: number,
    length: number,
    size: number,
    slot: number,
  ): void {
    if (thread?.give(bytes, offset, length, length > size ? size : 0, slot) !== true) this.drops++;
  }

  private threadOf(view: DataView, offset: number, end: number): PoolThread | undefined {
    const conv = end - offset < 4 ? 0 : view.getUint32(offset, true);
    return this.threads[conv % this.threads.length];
  }

  private introduce(slot: number): void {
    this.knownSlots.add(slot);
    this.carrier.retain(slot);
    const text = new TextEncoder().encode(JSON.stringify(this.carrier.addressOf(slot)));
    for (const thread of this.threads) thread.give(text, 0, text.length, ADDRESS_ENTRY, slot);
  }
}

/** One thread of the pool as the I/O loop sees it. */
class PoolThread {
  private readonly carrier: Carrier;
  private readonly worker: Worker;
  private readonly writer: RingWriter;
  private readonly reader: RingReader;
  private readonly exited: Promise<void>;
  private again: NodeJS.Immediate | undefined;

  constructor(carrier: Carrier, load: LoadOptions) {
    const rings: RingPair = {
      toPool: createRingMemory(RING_BYTES, RING_ENTRIES),
      fromPool: createRingMemory(RING_BYTES, RING_ENTRIES),
    };
    const workerData: PoolThreadData = { rings, load, localAddress: carrier.localAddress };
    this.carrier = carrier;
    this.writer = new RingWriter(rings.toPool);
    this.reader = new RingReader(rings.fromPool);
    // Next to this file, compiled or not.
    const program = new URL(`./pool-thread${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
    this.worker = new Worker(program, { workerData });
    this.worker.on('message', () => {
      if (this.again === undefined) this.send();
    });
    this.exited = new Promise((resolve) => this.worker.once('exit', () => resolve()));
    this.send();
  }

  /** Copies bytes into the ring. @returns false when it is full: as a full socket buffer, it drops. */
  give(bytes: Uint8Array, offset: number, length: number, segmentSize: number, slot: number): boolean {
    const at = this.writer.reserve(length);
    if (at < 0) return false;
    this.writer.bytes.set(bytes.subarray(offset, offset + length), at);
    this.writer.commit(length, segmentSize, slot);
    return true;
  }

  publish(): void {
    if (this.writer.publish()) this.worker.postMessage('wake' satisfies PoolMessage);
  }

  async stop(): Promise<void> {
    clearImmediate(this.again);
    this.worker.postMessage('stop' satisfies PoolMessage);
    await this.exited;
  }

  /** Sends what the thread has written. */
  private readonly send = (): void => {
    this.again = undefined;
    const count = this.reader.available();
    if (count === 0) {
      if (this.reader.sleep()) return;
    } else {
      for (let done = 0; done < count;) done += this.sendRun(done, count);
      this.reader.consume(count);
    }
    // The socket is read in between.
    this.again = setImmediate(this.send);
  };

  /** Sends datagrams that lie one after the other, by way of the socket's arena, which is empty. @returns how many. */
  private sendRun(first: number, count: number): number {
    const { entries, bytes } = this.reader;
    const { arena } = this.carrier;
    const start = entries[this.reader.entryAt(first) + ENTRY_OFFSET] ?? 0;
    let end = start;
    let next = first;
    for (; next < Math.min(count, first + RUN_DATAGRAMS); next++) {
      const at = this.reader.entryAt(next);
      const length = entries[at + ENTRY_LENGTH] ?? 0;
      if (entries[at + ENTRY_OFFSET] !== end || end + length - start > RUN_BYTES) break;
      end += length;
    }
    const to = arena.reserve(end - start);
    arena.bytes.set(bytes.subarray(start, end), to);
    for (let i = first; i < next; i++) {
      const at = this.reader.entryAt(i);
      const length = entries[at + ENTRY_LENGTH] ?? 0;
      arena.target = entries[at + ENTRY_SLOT] ?? 0;
      arena.reserve(length);
      arena.commit(length);
    }
    this.carrier.flush();
    return next - first;
  }
}

const RING_BYTES = 4 * 1024 * 1024;
const RING_ENTRIES = 8192;
/** Half of a send arena, of its memory and of its datagrams. */
const RUN_BYTES = 128 * 1024;
const RUN_DATAGRAMS = 512;
