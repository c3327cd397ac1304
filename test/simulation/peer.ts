import { KcpEngine } from '../../src/kcp/engine.ts';
import type { KcpConfig } from '../../src/kcp/config.ts';
import { SegmentPool } from '../../src/kcp/segment-pool.ts';
import { DatagramArena } from './datagram-arena.ts';

/**
 * Takes the next in-order piece of data, valid only during the call. false says "enough for now": nothing more comes
 * until {@link Peer.resume}.
 */
export type Receive = (bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean) => boolean;

const SLAB_BYTES = 128 * 1024;

/** One engine driven as an endpoint drives it: all due datagrams, then delivery, then one drain per turn. */
export class Peer {
  readonly name: string;
  readonly engine: KcpEngine;
  readonly pool: SegmentPool;
  /** What the application does with arriving data. The default takes and forgets it. */
  receive: Receive = () => true;
  /** Called in each turn before transmitting: an application that has more to send sends it here. */
  beforeTransmit: (nowMs: number) => void = () => undefined;
  /** The largest datagram it may send now; default: what the engine likes. */
  maxDatagramBytes = Infinity;
  /** Datagrams the engine refused, by the reason it gave. */
  readonly refused = new Map<number, number>();

  readonly #arena: DatagramArena;
  /** Datagrams are handed over from one slab at changing offsets, as a socket does it. */
  readonly #slab = new Uint8Array(SLAB_BYTES);
  readonly #slabView = new DataView(this.#slab.buffer);
  #slabUsed = 0;
  #isDirty = true;
  #isPaused = false;

  constructor(name: string, config: KcpConfig, pool: SegmentPool, arena = new DatagramArena()) {
    this.name = name;
    this.engine = new KcpEngine(config, pool);
    this.pool = pool;
    this.#arena = arena;
  }

  /** Something happened to the engine from outside: give it a turn at this time. */
  markDirty(): void {
    this.#isDirty = true;
  }

  /** Stops delivery until {@link resume}, as a receiver that said "enough" does. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Asks for data again. */
  resume(): void {
    this.#isPaused = false;
    this.#isDirty = true;
  }

  isDue(nowMs: number): boolean {
    return this.#isDirty || this.engine.nextDeadline() <= nowMs;
  }

  handle(nowMs: number, datagram: Uint8Array): void {
    if (this.#slabUsed + datagram.length > SLAB_BYTES) this.#slabUsed = 0;
    const offset = this.#slabUsed;
    this.#slab.set(datagram, offset);
    this.#slabUsed += datagram.length;
    const reason = this.engine.handleDatagram(nowMs, this.#slab, this.#slabView, offset, datagram.length);
    if (reason !== 0) this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
    this.#isDirty = true;
  }

  /** Delivers, lets the application send, and transmits everything that is ready. */
  turn(nowMs: number, transmit: (bytes: Uint8Array, offset: number, length: number) => void): void {
    this.#isDirty = false;
    if (!this.#isPaused) this.#isPaused = !this.engine.receive(this.#receiver);
    this.beforeTransmit(nowMs);
    while (this.engine.pollTransmit(nowMs, this.#arena, nowMs, this.maxDatagramBytes)) {
      if (this.#arena.count === 0) throw new Error(`${this.name}: the arena is empty and still too small`);
      this.#arena.drain(transmit);
    }
    this.#arena.drain(transmit);
  }

  readonly #receiver = {
    write: (bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean): boolean =>
      this.receive(bytes, offset, length, endOfMessage),
  };
}
