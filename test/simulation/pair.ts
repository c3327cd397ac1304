import { SeededRandom } from '../../src/base/seeded-random.ts';
import { resolveKcpConfig, type KcpOptions } from '../../src/kcp/config.ts';
import { SegmentPool } from '../../src/kcp/segment-pool.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { EventQueue } from '../../tools/kcpgate/relay/event-queue.ts';
import { NetEmulator } from '../../tools/kcpgate/relay/net-emulator.ts';
import { PairPath } from './pair-path.ts';
import { Peer } from './peer.ts';
import type { NetworkProfile } from './profiles.ts';

/** What a pair is made of. */
export interface PairOptions {
  /** All luck of the network comes from it. */
  readonly seed: number;
  readonly network: NetworkProfile;
  readonly left: KcpOptions;
  /** Default: the same as `left`. */
  readonly right?: KcpOptions;
  /** First reading of the clock in ms, default 0. */
  readonly startMs?: number;
  /** Sees every datagram as it is sent, before the network does. */
  readonly observe?: (from: Peer, nowMs: number, bytes: Uint8Array, offset: number, length: number) => void;
}

/** Turns within one millisecond after which a simulation is taken to spin. */
const MAX_TURNS_PER_MS = 1000;

/**
 * Two engines joined by an emulated network under a virtual clock. Nothing else moves: no timer, no thread, no I/O.
 *
 * They start on one path; a test may open more and {@link route} each side over one of them.
 */
export class Pair {
  readonly clock: VirtualClock;
  readonly startMs: number;
  readonly left: Peer;
  readonly right: Peer;
  /** The first path's way from left to right. */
  readonly forward: NetEmulator;
  readonly backward: NetEmulator;

  readonly #events = new EventQueue<() => void>();
  readonly #observe: PairOptions['observe'];
  readonly #seed: number;
  readonly #sendsOn = new Map<Peer, PairPath>();
  #openedPaths = 0;
  #turnsAtThisMs = 0;

  constructor(options: PairOptions) {
    this.startMs = options.startMs ?? 0;
    this.clock = new VirtualClock(this.startMs);
    this.left = makePeer('left', options.left);
    this.right = makePeer('right', options.right ?? options.left);
    this.#observe = options.observe;
    this.#seed = options.seed;
    const first = this.openPath(options.network, false);
    this.forward = first.forward;
    this.backward = first.backward;
    this.route(this.left, first);
    this.route(this.right, first);
  }

  /** Opens another path; nobody sends on it yet. Its luck comes from the seed and its number. */
  openPath(network: NetworkProfile, reliable: boolean): PairPath {
    const index = this.#openedPaths++;
    const seed = this.#seed * 2 + index * 0x10001;
    const path: PairPath = new PairPath(
      index,
      this.#link(network.forward, seed, this.right, () => path),
      this.#link(network.backward, seed + 1, this.left, () => path),
      reliable,
    );
    return path;
  }

  /** From now on a side sends on that path. */
  route(peer: Peer, path: PairPath): void {
    this.#sendsOn.set(peer, path);
  }

  /** The path a side sends on. */
  pathOf(peer: Peer): PairPath {
    const path = this.#sendsOn.get(peer);
    if (path === undefined) throw new Error(`${peer.name} is not of this pair`);
    return path;
  }

  /** Sends a datagram of a side's own making on its path. */
  sendRaw(peer: Peer, bytes: Uint8Array): void {
    this.#linkOf(peer).send(this.clock.now(), bytes, 0, bytes.length);
  }

  now(): number {
    return this.clock.now();
  }

  /** Milliseconds since the start. */
  elapsedMs(): number {
    return this.clock.now() - this.startMs;
  }

  /** Runs an action of the application at an absolute time; both peers get a turn after it. */
  at(atMs: number, action: () => void): void {
    this.#events.push(Math.max(atMs, this.clock.now()), () => {
      action();
      this.left.markDirty();
      this.right.markDirty();
    });
  }

  /** Does everything due now, then moves to the next time at which something happens: false when nothing ever will. */
  step(): boolean {
    const nowMs = this.clock.now();
    for (let event = this.#events.popDue(nowMs); event !== undefined; event = this.#events.popDue(nowMs))
      event();
    if (this.left.isDue(nowMs)) this.#turn(this.left);
    if (this.right.isDue(nowMs)) this.#turn(this.right);

    const nextMs = this.#nextWakeMs();
    if (nextMs === Infinity) return false;
    if (nextMs > nowMs) {
      this.clock.advanceTo(nextMs);
      this.#turnsAtThisMs = 0;
    } else if (++this.#turnsAtThisMs > MAX_TURNS_PER_MS) {
      throw new Error(`the simulation spins at ${String(nowMs)} ms`);
    }
    return true;
  }

  /**
   * Steps until `isDone`, at most until `limitMs` after the start.
   * @returns whether it was done; false also when nothing was left to happen.
   */
  runUntil(isDone: () => boolean, limitMs: number): boolean {
    const endMs = this.startMs + limitMs;
    this.#wakeAt(endMs);
    while (!isDone()) {
      if (this.clock.now() >= endMs || !this.step()) return isDone();
    }
    return true;
  }

  /** Steps through `forMs` more milliseconds, whatever happens or not. */
  runFor(forMs: number): void {
    const endMs = this.clock.now() + forMs;
    this.#wakeAt(endMs);
    while (this.clock.now() < endMs && this.step());
  }

  /** Something to wake up for: without it the clock would jump over this time. */
  #wakeAt(atMs: number): void {
    this.#events.push(atMs, () => undefined);
  }

  #link(profile: NetworkProfile['forward'], seed: number, to: Peer, pathOf: () => PairPath): NetEmulator {
    const link: NetEmulator = new NetEmulator(
      profile,
      new SeededRandom(seed),
      this.startMs,
      (atMs, datagram) => {
        this.#events.push(atMs, () => {
          const path = pathOf();
          if (path.isCut(link)) return;
          path.onArrival(to);
          to.handle(this.clock.now(), datagram);
        });
      },
    );
    return link;
  }

  #linkOf(peer: Peer): NetEmulator {
    const path = this.pathOf(peer);
    return peer === this.left ? path.forward : path.backward;
  }

  #turn(peer: Peer): void {
    const nowMs = this.clock.now();
    const link = this.#linkOf(peer);
    peer.turn(nowMs, (bytes, offset, length) => {
      this.#observe?.(peer, nowMs, bytes, offset, length);
      link.send(nowMs, bytes, offset, length);
    });
  }

  #nextWakeMs(): number {
    return Math.min(
      this.#events.nextAtMs(),
      this.left.engine.nextDeadline(),
      this.right.engine.nextDeadline(),
      this.left.isDue(this.clock.now()) || this.right.isDue(this.clock.now()) ? this.clock.now() : Infinity,
    );
  }
}

function makePeer(name: string, options: KcpOptions): Peer {
  const config = resolveKcpConfig(options);
  return new Peer(name, config, new SegmentPool({ maxBytes: 64 * 1024 * 1024 }));
}
