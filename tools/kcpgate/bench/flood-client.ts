import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SocketAddress } from '../../../src/base/address.ts';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import { BatchArena } from '../../../src/carrier/batch-arena.ts';
import { createDatagramSocket } from '../../../src/carrier/node/create-datagram-socket.ts';
import { JUNK_KINDS, writeJunk } from './junk.ts';
import type { LoadOptions } from './load-options.ts';

/** One flood. */
export interface FloodResult {
  /** Datagrams sent; how many of them arrived the receiver knows. */
  readonly sent: number;
  readonly seconds: number;
  /** When it began, in ms of Unix time. */
  readonly startedAt: number;
}

/** Sends junk as fast as one socket takes it. */
export class FloodClient {
  private readonly socket: Awaited<ReturnType<typeof createDatagramSocket>>;
  private readonly batches: readonly BatchArena[];
  private readonly seconds: number;

  static async to(server: SocketAddress, load: LoadOptions): Promise<FloodClient> {
    const socket = await createDatagramSocket({
      bind: { address: server.family === 6 ? '::' : '0.0.0.0', family: server.family, port: 0 },
      remote: server,
      // As datagrams of many senders come: each on its own.
      segmentation: false,
    });
    socket.start(() => undefined);
    return new FloodClient(socket, socket.intern(server), load);
  }

  private constructor(
    socket: FloodClient['socket'],
    slot: number,
    { seed, liveConvs, junkSeconds }: LoadOptions,
  ) {
    const random = new SeededRandom(seed);
    this.socket = socket;
    this.seconds = junkSeconds;
    // Made beforehand; the receiver keeps nothing of them, so they can come again.
    this.batches = Array.from({ length: BATCHES }, () => {
      const arena = new BatchArena({ maxDatagrams: BATCH_DATAGRAMS });
      arena.target = slot;
      for (let i = 0; i < BATCH_DATAGRAMS; i++) {
        writeJunk(JUNK_KINDS[i % JUNK_KINDS.length] ?? 'noise', arena, random, liveConvs);
      }
      return arena;
    });
  }

  /** Floods for the time that was asked for. */
  async flood(): Promise<FloodResult> {
    const before = this.socket.stats().sentDatagrams;
    const startedAt = performance.now();
    const end = startedAt + this.seconds * 1000;
    while (performance.now() < end) {
      for (const { bytes, descriptors, count } of this.batches)
        this.socket.sendBatch(bytes, descriptors, count);
      await nextTurn();
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const sent = this.socket.stats().sentDatagrams - before;
    return { sent, seconds, startedAt: performance.timeOrigin + startedAt };
  }

  close(): Promise<void> {
    return this.socket.close();
  }
}

const BATCHES = 16;
/** As many as fit the arena however long they are. */
const BATCH_DATAGRAMS = 180;
