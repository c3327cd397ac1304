import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NEVER } from '../../src/base/clock.ts';
import type { KcpOptions } from '../../src/kcp/config.ts';
import type { KcpPresetName } from '../../src/kcp/presets.ts';
import { PERFECT_LINK, type LinkProfile } from '../../tools/kcpgate/relay/net-emulator.ts';
import { Direction } from './direction.ts';
import { Pair } from './pair.ts';
import type { Peer } from './peer.ts';
import { PROFILES } from './profiles.ts';
import { seeds, withSeed } from './seeds.ts';
import { StreamTransfer } from './workloads.ts';

/*
 * Whatever the network does short of changing bytes, what one side sends is what the other receives: all of it, once, in
 * order. The model of a direction is the list of its messages.
 */

const LIMIT_MS = 4 * 3600 * 1000;

const rate = (max: number): fc.Arbitrary<number> =>
  fc.integer({ min: 0, max: max * 100 }).map((n) => n / 100);

const link: fc.Arbitrary<LinkProfile> = fc.record({
  delayMs: fc.nat(100),
  jitterMs: fc.nat(50),
  lossRate: rate(0.4),
  evenLoss: fc.boolean(),
  burstLoss: fc.option(
    fc.record({ enterRate: rate(0.05), leaveRate: fc.constantFrom(0.1, 0.5), lossRate: rate(1) }),
  ),
  reorderRate: rate(0.3),
  reorderDelayMs: fc.nat(80),
  duplicateRate: rate(0.3),
  corruptRate: fc.constant(0),
  bytesPerSecond: fc.constantFrom(Infinity, Infinity, 20_000, 1_000_000),
  queueBytes: fc.constantFrom(5000, 100_000),
  mtuBytes: fc.constant(1500),
  blackHoles: fc
    .array(fc.record({ fromMs: fc.nat(3000), lengthMs: fc.nat(4000) }), { maxLength: 2 })
    .map((holes) => holes.map(({ fromMs, lengthMs }) => ({ fromMs, toMs: fromMs + lengthMs }))),
});

const engine = fc.record({
  preset: fc.constantFrom<KcpPresetName>('default', 'normal', 'fast', 'fast2', 'fast3'),
  stream: fc.boolean(),
  mtu: fc.constantFrom(50, 100, 576, 1400),
  sendWindow: fc.integer({ min: 1, max: 150 }),
  receiveWindow: fc.integer({ min: 1, max: 150 }),
});

const scenario = fc.record({
  seed: fc.nat(),
  forward: link,
  backward: link,
  left: engine,
  right: engine,
  initialSequence: fc.constantFrom(0, -10, 0x7ffffff8),
  startMs: fc.constantFrom(0, 2 ** 31 - 2000, 2 ** 32 - 2000),
  /** Sizes are shares of the largest message that may be sent. */
  messages: fc.array(
    fc.record({ fromLeft: fc.boolean(), atMs: fc.nat(3000), share: fc.integer({ min: 0, max: 100 }) }),
    {
      minLength: 1,
      maxLength: 60,
    },
  ),
  /** Times at which a reader stops for a while. */
  pauses: fc.array(fc.record({ left: fc.boolean(), atMs: fc.nat(3000), forMs: fc.nat(3000) }), {
    maxLength: 3,
  }),
});

function run(given: typeof scenario extends fc.Arbitrary<infer Value> ? Value : never): void {
  const options = (side: typeof given.left): KcpOptions => ({
    conv: 7,
    ...side,
    maxQueueBytes: 20_000,
    initialSequence: given.initialSequence,
  });
  const pair = new Pair({
    seed: given.seed,
    network: { name: 'hostile', text: '', forward: given.forward, backward: given.backward },
    left: options(given.left),
    right: options(given.right),
    startMs: given.startMs,
  });
  const forward = new Direction(pair.left, pair.right);
  const backward = new Direction(pair.right, pair.left);
  for (const { fromLeft, atMs, share } of given.messages) {
    pair.at(pair.startMs + atMs, () => {
      (fromLeft ? forward : backward).send(share);
    });
  }
  for (const { left, atMs, forMs } of given.pauses) {
    const peer = left ? pair.left : pair.right;
    pair.at(pair.startMs + atMs, () => {
      peer.pause();
    });
    pair.at(pair.startMs + atMs + forMs, () => {
      peer.resume();
    });
  }
  pair.runFor(6000);
  const isQuiet = (): boolean =>
    pair.left.engine.isAllAcknowledged &&
    pair.right.engine.isAllAcknowledged &&
    pair.left.engine.nextDeadline() === NEVER &&
    pair.right.engine.nextDeadline() === NEVER;
  pair.runUntil(() => forward.isThrough && backward.isThrough && isQuiet(), LIMIT_MS);

  forward.check(given.left.stream);
  backward.check(given.right.stream);
  expect(isQuiet(), 'everything is acknowledged and nothing is waited for').toBe(true);
  expect([...pair.left.refused, ...pair.right.refused]).toEqual([]);
  expect(pair.left.pool.usedSlots).toBe(0);
  expect(pair.right.pool.usedSlots).toBe(0);
}

describe('two engines', () => {
  it.each(seeds(1, 2, 3))(
    'lose, repeat and mix up nothing over hostile networks (seed %i)',
    (seed) => {
      withSeed(seed, () => {
        fc.assert(fc.property(scenario, run), { seed, numRuns: 60 });
      });
    },
    60_000,
  );

  it.each(Object.values(PROFILES).filter((profile) => profile !== PROFILES.corrupting))(
    'carry a stream each way at once over $name',
    (network) => {
      for (const seed of seeds(11)) {
        withSeed(seed, () => {
          const pair = new Pair({
            seed,
            network,
            left: { conv: 1, stream: true, preset: 'fast2', sendWindow: 64, receiveWindow: 64 },
          });
          const there = new StreamTransfer(pair.left, pair.right, 300_000);
          const back = new StreamTransfer(pair.right, pair.left, 300_000);
          // Each transfer sends in its own peer's turn and checks at the other: they do not meet.
          expect(pair.runUntil(() => there.isDone && back.isDone, 120_000)).toBe(true);
        });
      }
    },
  );

  it('survive a network that flips bits: nothing throws, nothing spins, memory stays bounded', () => {
    for (const seed of seeds(1, 2, 3, 4, 5)) {
      withSeed(seed, () => {
        const noisy: LinkProfile = { ...PERFECT_LINK, delayMs: 10, corruptRate: 0.3, lossRate: 0.02 };
        const pair = new Pair({
          seed,
          network: { name: 'noisy', text: '', forward: noisy, backward: noisy },
          left: { conv: 1, mtu: 100, sendWindow: 64, receiveWindow: 64, maxQueueBytes: 64 * 76 },
        });
        const message = new Uint8Array(200);
        const sendAll = (peer: Peer): void => {
          while (peer.engine.send(message, 0, message.length) === message.length);
        };
        pair.left.beforeTransmit = () => {
          sendAll(pair.left);
        };
        pair.right.beforeTransmit = () => {
          sendAll(pair.right);
        };
        for (let second = 0; second < 20; second++) {
          pair.runFor(1000);
          expect(pair.left.pool.usedSlots).toBeLessThanOrEqual(3 * 64);
          expect(pair.right.pool.usedSlots).toBeLessThanOrEqual(3 * 64);
        }
        expect(pair.left.refused.size).toBeGreaterThan(0);
      });
    }
  });
});
