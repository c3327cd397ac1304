import { CloseCode } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import {
  META_ADDRESS,
  META_LENGTH,
  META_OFFSET,
  META_STRIDE,
  type Carrier,
  type CarrierStats,
  type ConnectionControl,
  type ReceiveBatch,
} from '../../carrier/carrier.ts';
import { DROP_REASONS, DropCounters, type DropReason } from '../../endpoint/drop-reason.ts';
import { Command } from '../../wire/command.ts';
import { datagramKind } from '../../wire/datagram-kind.ts';
import { commandOf, conversationOf } from '../../wire/segment.ts';
import { BlockBatch, type DatagramBlock } from './datagram-block.ts';
import { LineLane } from './line-lane.ts';
import type { Disconnection, LineInput, LineOutput } from './line-message.ts';

/** What a {@link ConnectionRelay} asks of the workers. */
export interface RelayWorkers {
  readonly count: number;
  /** It serves: what is posted to it will be taken, if it does not die. */
  isRunning(worker: number): boolean;
  /** The memory of the datagrams goes with it. */
  post(worker: number, input: LineInput): void;
}

/** A connection of which something came. */
interface Link {
  readonly slot: number;
  /** Where its datagrams go; NOBODY until one came that goes anywhere. */
  worker: number;
  /** Its session is known: all its datagrams go to the same worker from now on. */
  isDecided: boolean;
  /** Bytes posted to workers that they did not take yet. */
  postedBytes: number;
  isPaused: boolean;
  /** Bytes from the worker that it has no word of yet. */
  unsaidBytes: number;
  /** In the list of those that were just sent something. */
  isListed: boolean;
}

/**
 * A line whose connections the main thread accepts for workers. It looks at the `conv` of what arrives and nothing else: the
 * datagrams of a connection go to the worker that has its session, `conv mod workers`, and what that sends goes out.
 *
 * Everything stays in order and nothing is lost while a connection lives. What is on its way is bounded: so much for each
 * connection, and for all of a worker; beyond it connections are not read, or ended if that goes on. A worker that dies
 * takes its connections with it: their clients come back.
 */
export class ConnectionRelay {
  readonly #carrier: Carrier;
  readonly #connections: ConnectionControl;
  readonly #workers: RelayWorkers;
  readonly #lanes: readonly LineLane[];
  /** By slot. */
  readonly #links: (Link | undefined)[] = [];
  readonly #drops = new DropCounters();
  readonly #paused = new Set<Link>();
  /** Ended in the middle of the batch that is being taken: what follows of them is dropped. */
  readonly #endedNow = new Set<number>();
  /** Datagrams from workers for connections that are gone. */
  #lateDrops = 0;
  #immediate: NodeJS.Immediate | undefined;
  readonly #postAll = (): void => {
    this.#immediate = undefined;
    for (let worker = 0; worker < this.#lanes.length; worker++) this.#post(worker);
  };

  /**
   * @param line the place of the line among those that were attached.
   * @param carrier one with connections; the relay owns it.
   */
  constructor(line: number, carrier: Carrier, workers: RelayWorkers) {
    if (carrier.connections === undefined) throw new GatewayError('internal', 'a line without connections');
    this.#carrier = carrier;
    this.#connections = carrier.connections;
    this.#workers = workers;
    this.#lanes = Array.from({ length: workers.count }, () => new LineLane(line));
  }

  /** Starts to receive. */
  start(): void {
    this.#carrier.start(
      (batch) => {
        this.#receive(batch);
      },
      {
        disconnected: (slot) => {
          this.#handleDisconnected(slot);
        },
        writable: (slot) => {
          const link = this.#links[slot];
          if (link !== undefined) this.#acknowledge(link);
        },
      },
    );
  }

  /** Counters of the carrier. */
  carrierStats(): CarrierStats {
    const stats = this.#carrier.stats();
    return { ...stats, sendDrops: stats.sendDrops + this.#lateDrops };
  }

  /** Datagrams that went to no worker, by reason. */
  drops(): readonly (readonly [DropReason, number])[] {
    const counts = this.#drops.snapshot();
    return DROP_REASONS.map((reason) => [reason, counts[reason]]);
  }

  /** Ends every connection after what was sent to it. Resolves when nothing is left. */
  close(): Promise<void> {
    clearImmediate(this.#immediate);
    return this.#carrier.close();
  }

  // ---- from connections to workers ----

  #receive(batch: ReceiveBatch): void {
    const { meta, count } = batch;
    for (let i = 0, at = 0; i < count; i++, at += META_STRIDE) {
      const slot = meta[at + META_ADDRESS]!;
      if (this.#endedNow.has(slot)) continue;
      this.#take(batch, meta[at + META_OFFSET]!, meta[at + META_LENGTH]!, slot);
    }
    this.#endedNow.clear();
  }

  #take(batch: ReceiveBatch, offset: number, length: number, slot: number): void {
    const link = this.#linkOf(slot);
    const worker = this.#route(link, batch.view, offset, length);
    if (worker === NOBODY) return;
    if (!this.#workers.isRunning(worker)) {
      return this.#endNow(link, CloseCode.overload, 'its worker is being started');
    }
    const lane = this.#lanes[worker]!;
    if (lane.postedBytes + length > WORKER_LIMIT_BYTES) {
      return this.#endNow(link, CloseCode.overload, 'its worker does not keep up');
    }
    if (!lane.holds(slot)) {
      this.#carrier.retain(slot);
      lane.open(slot, this.#carrier.addressOf(slot));
    }
    if (!lane.fits(length)) this.#post(worker);
    lane.add(batch.bytes, offset, length, slot);
    link.postedBytes += length;
    this.#schedule();
    if (link.postedBytes > CONNECTION_CREDIT_BYTES || lane.postedBytes > WORKER_CREDIT_BYTES)
      this.#pause(link);
  }

  #linkOf(slot: number): Link {
    return (this.#links[slot] ??= {
      slot,
      worker: NOBODY,
      isDecided: false,
      postedBytes: 0,
      isPaused: false,
      unsaidBytes: 0,
      isListed: false,
    });
  }

  /** The worker a datagram is for. NOBODY when it was dropped, or ended its connection. */
  #route(link: Link, view: DataView, offset: number, length: number): number {
    const kind = datagramKind(view, offset, length);
    if (kind !== 'clear' && kind !== 'sealed' && kind !== 'handshake') {
      // Whoever has the connection counts what it does not understand.
      if (link.worker === NOBODY) this.#drops.count(kind === 'fec' ? 'kind_not_accepted' : kind);
      return link.worker;
    }
    const owner = conversationOf(view, offset) % this.#workers.count;
    if (kind === 'clear' && commandOf(view, offset) === Command.probe) {
      // Any worker answers, and it says nothing of the session to come.
      if (link.worker === NOBODY) link.worker = this.#runningFrom(owner);
      return link.worker;
    }
    if (!link.isDecided) {
      link.isDecided = true;
      if (link.worker !== NOBODY && link.worker !== owner) this.#lanes[link.worker]!.close(link.slot);
      link.worker = owner;
    }
    if (link.worker === owner) return owner;
    this.#drops.count('connection_taken');
    this.#endNow(link, CloseCode.protocolError, 'a connection carries one session');
    return NOBODY;
  }

  /** The first worker that runs, from that one on; that one if none does. */
  #runningFrom(first: number): number {
    const { count } = this.#workers;
    for (let i = 0; i < count; i++) {
      const worker = (first + i) % count;
      if (this.#workers.isRunning(worker)) return worker;
    }
    return first;
  }

  #pause(link: Link): void {
    if (link.isPaused) return;
    if (this.#connections.pause === undefined) {
      return this.#endNow(link, CloseCode.slowConsumer, 'its worker does not keep up');
    }
    link.isPaused = true;
    this.#paused.add(link);
    this.#connections.pause(link.slot);
  }

  /** Workers took something: reads on where there is room again. */
  #resumeSome(): void {
    for (const link of this.#paused) {
      const lane = this.#lanes[link.worker];
      if (link.postedBytes * 2 > CONNECTION_CREDIT_BYTES) continue;
      if (lane !== undefined && lane.postedBytes * 2 > WORKER_CREDIT_BYTES) continue;
      link.isPaused = false;
      this.#paused.delete(link);
      this.#connections.resume?.(link.slot);
    }
  }

  // ---- from workers to connections ----

  /** Takes a message of a worker. */
  hear(worker: number, { confirmed, datagrams, taken, disconnected, released }: LineOutput): void {
    const lane = this.#lanes[worker];
    if (lane === undefined) return;
    for (const slot of confirmed)
      if (this.#linkAt(slot, worker) !== undefined) this.#connections.confirm(slot);
    if (datagrams !== null) this.#send(lane, datagrams);
    for (const { slot, bytes } of taken) {
      lane.postedBytes -= bytes;
      const link = this.#links[slot];
      if (link !== undefined) link.postedBytes -= bytes;
    }
    for (const disconnection of disconnected) this.#disconnect(worker, disconnection);
    if (released.length > 0) {
      // The slots may be used anew in this turn: what there is to say of the old connections goes first.
      this.#post(worker);
      for (const slot of released) if (lane.release(slot)) this.#carrier.release(slot);
    }
    if (this.#paused.size > 0) this.#resumeSome();
  }

  #send(lane: LineLane, block: DatagramBlock): void {
    const { bytes, meta, count } = new BlockBatch(block);
    const { arena } = this.#carrier;
    const sentTo: Link[] = [];
    for (let i = 0, at = 0; i < count; i++, at += META_STRIDE) {
      const slot = meta[at + META_ADDRESS]!;
      const length = meta[at + META_LENGTH]!;
      const offset = meta[at + META_OFFSET]!;
      const link = this.#links[slot];
      if (link === undefined || !lane.holds(slot)) {
        this.#lateDrops++;
        continue;
      }
      const to = this.#reserve(slot, length);
      if (to < 0) {
        this.#lateDrops++;
        continue;
      }
      arena.bytes.set(bytes.subarray(offset, offset + length), to);
      arena.commit(length);
      link.unsaidBytes += length;
      if (link.isListed) continue;
      link.isListed = true;
      sentTo.push(link);
    }
    this.#carrier.flush();
    for (const link of sentTo) {
      link.isListed = false;
      this.#acknowledge(link);
    }
  }

  #reserve(slot: number, length: number): number {
    const { arena } = this.#carrier;
    arena.target = slot;
    const at = arena.reserve(length);
    if (at >= 0) return at;
    this.#carrier.flush();
    return arena.reserve(length);
  }

  /** Tells the worker that there is room for more, unless the system has not taken what is here; then `writable` follows. */
  #acknowledge(link: Link): void {
    const { slot, unsaidBytes: bytes } = link;
    if (bytes === 0 || this.#connections.queuedBytes(slot) > this.#connections.highWaterBytes) return;
    link.unsaidBytes = 0;
    this.#lanes[link.worker]?.acknowledge(slot, bytes);
    this.#schedule();
  }

  // ---- connections end ----

  #disconnect(worker: number, { slot, code, reason }: Disconnection): void {
    const link = this.#linkAt(slot, worker);
    if (link !== undefined) this.#end(link, code, reason);
  }

  /** Ends a connection of the batch that is being taken. */
  #endNow(link: Link, code: CloseCode, reason: string): void {
    this.#endedNow.add(link.slot);
    this.#end(link, code, reason);
  }

  #end(link: Link, code: CloseCode, reason: string): void {
    this.#forget(link);
    this.#connections.disconnect(link.slot, code, reason);
  }

  #handleDisconnected(slot: number): void {
    const link = this.#links[slot];
    if (link !== undefined) this.#forget(link);
  }

  /** Workers are told that a connection is gone. */
  #forget(link: Link): void {
    this.#links[link.slot] = undefined;
    this.#paused.delete(link);
    for (const lane of this.#lanes) if (lane.holds(link.slot)) lane.close(link.slot);
    this.#schedule();
  }

  /** A worker died, and what was on its way with it. */
  handleDeath(worker: number): void {
    const lane = this.#lanes[worker];
    if (lane === undefined) return;
    for (const slot of lane.reset()) {
      const link = this.#links[slot];
      if (link !== undefined) this.#end(link, CloseCode.staleSession, 'its session is gone');
      this.#carrier.release(slot);
    }
  }

  /** The link of a connection that is a worker's. */
  #linkAt(slot: number, worker: number): Link | undefined {
    const link = this.#links[slot];
    return link?.worker === worker ? link : undefined;
  }

  // ---- messages ----

  #schedule(): void {
    this.#immediate ??= setImmediate(this.#postAll);
  }

  #post(worker: number): void {
    const input = this.#lanes[worker]?.take();
    if (input !== undefined) this.#workers.post(worker, input);
  }
}

const NOBODY = -1;
/** On its way from a connection to its worker; then the connection is not read until half of it was taken. */
const CONNECTION_CREDIT_BYTES = 256 * 1024;
/** The same for all connections of a line at one worker. */
const WORKER_CREDIT_BYTES = 16 * 1024 * 1024;
/** Each of them may have read once more by then; beyond this those that bring more are ended. */
const WORKER_LIMIT_BYTES = 64 * 1024 * 1024;
