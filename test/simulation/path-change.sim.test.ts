import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NEVER } from '../../src/base/clock.ts';
import type { KcpPresetName } from '../../src/kcp/presets.ts';
import { Command } from '../../src/wire/command.ts';
import { SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../../src/wire/segment.ts';
import { PERFECT_LINK, type LinkProfile } from '../../tools/kcpgate/relay/net-emulator.ts';
import { Direction } from './direction.ts';
import { reliableLink, type PairPath } from './pair-path.ts';
import { Pair } from './pair.ts';
import type { Peer } from './peer.ts';
import { PROFILES, type NetworkProfile } from './profiles.ts';
import { seeds, withSeed } from './seeds.ts';

/*
 * Two engines whose path changes under them: to other lossy paths and to reliable ones, which die with all that is in flight.
 * The left side moves, as a client does; the right side follows when something arrives on the new path, as a gateway does.
 * Whatever happens, what one side sends is what the other receives: all of it, once, in order.
 */

const LIMIT_MS = 4 * 3600 * 1000;
const CONV = 7;
const RUNS = 100;

const rate = (max: number): fc.Arbitrary<number> =>
  fc.integer({ min: 0, max: max * 100 }).map((n) => n / 100);

const lossyLink: fc.Arbitrary<LinkProfile> = fc
  .record({
    delayMs: fc.nat(100),
    jitterMs: fc.nat(50),
    lossRate: rate(0.3),
    reorderRate: rate(0.3),
    reorderDelayMs: fc.nat(80),
    duplicateRate: rate(0.3),
    bytesPerSecond: fc.constantFrom(Infinity, Infinity, 50_000),
    queueBytes: fc.constantFrom(10_000, 100_000),
  })
  .map((link) => ({ ...PERFECT_LINK, ...link }));

/** What the next path is like. */
const nextPath = fc.record({
  reliable: fc.boolean(),
  forward: lossyLink,
  backward: lossyLink,
  delayMs: fc.nat(80),
  bytesPerSecond: fc.constantFrom(Infinity, 100_000),
  /** A round trip the left side has measured there. */
  seedRttMs: fc.option(fc.nat(200), { nil: undefined }),
  /** For so long the right side may send datagrams of this size only. */
  limit: fc.option(
    fc.record({ bytes: fc.constantFrom(0, 24, 60, 500), forMs: fc.integer({ min: 1, max: 300 }) }),
  ),
});

const change = fc.record({
  atMs: fc.nat(4000),
  kind: fc.constantFrom('move' as const, 'move' as const, 'rebind' as const, 'death' as const),
  /** The old path dies with the move. */
  oldDies: fc.boolean(),
  /** After a death: how long until the left side knows. */
  detectMs: fc.nat(400),
  next: nextPath,
});

const engine = fc.record({
  preset: fc.constantFrom<KcpPresetName>('default', 'normal', 'fast3'),
  stream: fc.boolean(),
  mtu: fc.constantFrom(50, 576, 1400),
  sendWindow: fc.integer({ min: 1, max: 150 }),
  receiveWindow: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 150 })),
});

/** Much happens at once, now and then, so that windows and queues fill up. */
const moment = fc.oneof(fc.nat(4500), fc.constantFrom(0, 1000, 2000, 3000));

const scenario = fc.record({
  seed: fc.nat(),
  first: nextPath,
  left: engine,
  right: engine,
  initialSequence: fc.constantFrom(0, -10, 0x7ffffff8),
  startMs: fc.constantFrom(0, 2 ** 31 - 2000, 2 ** 32 - 2000),
  changes: fc.array(change, { minLength: 1, maxLength: 10 }),
  /** Sizes are shares of the largest message that may be sent. */
  messages: fc.array(
    fc.record({ fromLeft: fc.boolean(), atMs: moment, share: fc.integer({ min: 0, max: 100 }) }),
    { minLength: 1, maxLength: 60 },
  ),
  /** Times at which a reader stops for a while. */
  pauses: fc.array(fc.record({ left: fc.boolean(), atMs: fc.nat(4000), forMs: fc.nat(500) }), {
    maxLength: 12,
  }),
});

type ValueOf<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Value> ? Value : never;
type NextPath = ValueOf<typeof nextPath>;
type Change = ValueOf<typeof change>;

function networkOf(next: NextPath): NetworkProfile {
  if (!next.reliable) return { name: 'lossy', text: '', forward: next.forward, backward: next.backward };
  const link = reliableLink(next.delayMs, next.bytesPerSecond);
  return { name: 'reliable', text: '', forward: link, backward: link };
}

/** Moves a pair from path to path. */
class Mover {
  readonly #pair: Pair;
  readonly #hello = new Uint8Array(SEGMENT_HEADER_BYTES);
  /** What was sent again when the path that a side is on became reliable. */
  readonly #repeats = new Map<Peer, number>();
  #current: NextPath;

  constructor(pair: Pair, first: NextPath) {
    this.#pair = pair;
    this.#current = first;
    writeSegmentHeader(new DataView(this.#hello.buffer), 0, CONV, Command.padding, 0, 0, 0, 0, 0, 0);
  }

  apply(change: Change): void {
    const { left } = this.#pair;
    const old = this.#pair.pathOf(left);
    const isLost = old.isCut(old.forward);
    if (change.kind === 'rebind' && !old.reliable && !isLost) {
      this.#rebind(old);
    } else if (change.kind === 'death' && !isLost) {
      old.cut();
      this.#pair.at(this.#pair.now() + change.detectMs, () => {
        if (this.#pair.pathOf(left) === old) this.move(change.next);
      });
    } else {
      this.move(change.next);
      if (change.oldDies) old.cut();
    }
  }

  /** The left side goes over to a new path. */
  move(next: NextPath): void {
    const { left, right } = this.#pair;
    const path = this.#pair.openPath(networkOf(next), next.reliable);
    this.#current = next;
    path.onArrival = (at) => {
      if (at !== right || path.index <= this.#pair.pathOf(right).index) return;
      this.#enter(right, path, undefined);
      if (next.limit === null) return;
      right.maxDatagramBytes = next.limit.bytes;
      this.#pair.at(this.#pair.now() + next.limit.forMs, () => {
        right.maxDatagramBytes = Infinity;
      });
    };
    this.#enter(left, path, next.seedRttMs);
    this.#knock(path);
  }

  /** Leaves both sides on a path that lives. */
  settle(next: NextPath): void {
    const path = this.#pair.pathOf(this.#pair.left);
    if (path.isCut(path.forward)) this.move(next);
  }

  /** Fails if anything was sent again on a path that loses nothing. */
  checkRepeats(peer: Peer): void {
    const before = this.#repeats.get(peer);
    if (before !== undefined) expect(repeatsOf(peer), `${peer.name}: repeats`).toBe(before);
  }

  /** A NAT gives the left side another port: engines are not told, answers to the old one are lost. */
  #rebind(old: PairPath): void {
    const { left, right } = this.#pair;
    const path = this.#pair.openPath(networkOf(this.#current), false);
    path.onArrival = (at) => {
      const known = this.#pair.pathOf(right);
      if (at !== right || path.index <= known.index) return;
      // For a side that has not followed to the old port this is more than another port.
      if (known === old) this.#pair.route(right, path);
      else this.#enter(right, path, undefined);
    };
    old.cutBackward();
    this.#pair.route(left, path);
    this.#knock(path);
  }

  #enter(peer: Peer, path: PairPath, seedRttMs: number | undefined): void {
    this.checkRepeats(peer);
    this.#pair.route(peer, path);
    peer.engine.setReliable(path.reliable);
    peer.engine.resetPath(seedRttMs);
    peer.engine.resendAll(this.#pair.now());
    if (path.reliable) this.#repeats.set(peer, repeatsOf(peer));
    else this.#repeats.delete(peer);
  }

  /** Shows itself on the new path until the other side has followed. */
  #knock(path: PairPath): void {
    const { left, right } = this.#pair;
    if (this.#pair.pathOf(left) !== path || this.#pair.pathOf(right) === path) return;
    this.#pair.sendRaw(left, this.#hello);
    this.#pair.at(this.#pair.now() + 50, () => {
      this.#knock(path);
    });
  }
}

function repeatsOf(peer: Peer): number {
  const { timeoutRetransmits, fastRetransmits } = peer.engine.stats();
  return timeoutRetransmits + fastRetransmits;
}

const totals = { changes: 0, pathRetransmits: 0 };

function run(given: ValueOf<typeof scenario>): void {
  const options = (side: ValueOf<typeof engine>) => ({
    conv: CONV,
    ...side,
    maxQueueBytes: 20_000,
    initialSequence: given.initialSequence,
  });
  const pair = new Pair({
    seed: given.seed,
    network: networkOf({ ...given.first, reliable: false }),
    left: options(given.left),
    right: options(given.right),
    startMs: given.startMs,
  });
  const { left, right } = pair;
  const forward = new Direction(left, right);
  const backward = new Direction(right, left);
  const mover = new Mover(pair, given.first);
  if (given.first.reliable) mover.move(given.first);
  for (const { fromLeft, atMs, share } of given.messages) {
    pair.at(pair.startMs + atMs, () => {
      (fromLeft ? forward : backward).send(share);
    });
  }
  for (const { left: ofLeft, atMs, forMs } of given.pauses) {
    const peer = ofLeft ? left : right;
    pair.at(pair.startMs + atMs, () => {
      peer.pause();
    });
    pair.at(pair.startMs + atMs + forMs, () => {
      peer.resume();
    });
  }
  for (const one of given.changes) {
    pair.at(pair.startMs + one.atMs, () => {
      mover.apply(one);
    });
  }
  pair.at(pair.startMs + 5000, () => {
    mover.settle(given.first);
  });
  pair.runFor(6000);
  const isQuiet = (): boolean =>
    left.engine.isAllAcknowledged &&
    right.engine.isAllAcknowledged &&
    left.engine.nextDeadline() === NEVER &&
    right.engine.nextDeadline() === NEVER;
  pair.runUntil(() => forward.isThrough && backward.isThrough && isQuiet(), LIMIT_MS);

  forward.check(given.left.stream);
  backward.check(given.right.stream);
  expect(isQuiet(), 'everything is acknowledged and nothing is waited for').toBe(true);
  expect([...left.refused, ...right.refused]).toEqual([]);
  for (const peer of [left, right]) {
    expect(peer.pool.usedSlots).toBe(0);
    mover.checkRepeats(peer);
    totals.pathRetransmits += peer.engine.stats().pathRetransmits;
  }
  totals.changes += given.changes.length;
}

describe('two engines on changing paths', () => {
  it.each(seeds(1, 2, 3, 4))(
    'lose, repeat and mix up nothing (seed %i)',
    (seed) => {
      withSeed(seed, () => {
        fc.assert(fc.property(scenario, run), { seed, numRuns: RUNS });
        expect(totals.pathRetransmits).toBeGreaterThan(0);
      });
    },
    60_000,
  );

  it('on one reliable path that dies over and over send only what was in flight, and stay as fast as that', () => {
    withSeed(1, () => {
      const first: NextPath = {
        reliable: true,
        forward: PROFILES.clear.forward,
        backward: PROFILES.clear.backward,
        delayMs: 20,
        bytesPerSecond: Infinity,
        seedRttMs: undefined,
        limit: null,
      };
      const pair = new Pair({ seed: 1, network: networkOf(first), left: { conv: CONV, stream: true } });
      const direction = new Direction(pair.left, pair.right);
      const mover = new Mover(pair, first);
      mover.move(first);
      for (let atMs = 0; atMs < 3000; atMs += 10) {
        pair.at(atMs, () => {
          direction.send(5);
        });
      }
      for (let atMs = 105; atMs < 3000; atMs += 100) {
        pair.at(atMs, () => {
          mover.apply({ atMs, kind: 'death', oldDies: false, detectMs: 0, next: first });
        });
      }
      pair.runFor(3000);
      expect(pair.runUntil(() => direction.isThrough, 3100)).toBe(true);
      direction.check(true);
      const { timeoutRetransmits, fastRetransmits, pathRetransmits } = pair.left.engine.stats();
      expect([timeoutRetransmits, fastRetransmits]).toEqual([0, 0]);
      expect(pathRetransmits).toBeGreaterThan(29);
    });
  });
});
