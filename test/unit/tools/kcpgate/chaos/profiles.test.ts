import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../../../src/base/seeded-random.ts';
import { PROFILE_NAMES, PROFILES } from '../../../../../tools/kcpgate/chaos/profiles.ts';
import { linkOf, type Weather } from '../../../../../tools/kcpgate/chaos/weather.ts';
import { isDropped } from '../../../../../tools/kcpgate/relay/fate.ts';
import { LinkFates } from '../../../../../tools/kcpgate/relay/link-fates.ts';

/** How far a measured figure may be from the one that was asked for. */
const TOLERANCE = 0.05;
const SEED = 20;
/** How many losses are counted in each direction: with many the figure is sharp. */
const LOSSES = 2500 * Number(process.env.KCPGATE_CHAOS_FACTOR ?? 1);
const SMALL_BYTES = 100;
const LARGE_BYTES = 1200;

const DIRECTIONS = PROFILE_NAMES.flatMap((name) =>
  (['up', 'down'] as const).map((way) => ({ name, way, weather: PROFILES[name][way] })),
);

const fatesOf = (weather: Weather): LinkFates =>
  new LinkFates(linkOf(weather), new SeededRandom(SEED), 0, false);

function expectNear(measured: number, asked: number): void {
  expect(measured).toBeGreaterThanOrEqual(asked * (1 - TOLERANCE));
  expect(measured).toBeLessThanOrEqual(asked * (1 + TOLERANCE));
}

/** Of the datagrams that find room: lost alone, in bursts or in an outage. */
function askedLoss({ lossRate, burst, outage }: Weather): number {
  const isBad = burst === null ? 0 : burst.enterRate / (burst.enterRate + burst.leaveRate);
  const inBursts = burst === null ? 0 : isBad * burst.lossRate + (1 - isBad) * burst.goodLossRate;
  const inOutages = outage === null ? 0 : outage.lengthMs / outage.everyMs;
  return 1 - (1 - lossRate) * (1 - inBursts) * (1 - inOutages);
}

describe(`what is measured is what was asked for (seed ${String(SEED)})`, () => {
  // Once where both directions lose the same.
  const lossy = DIRECTIONS.filter(
    ({ name, way, weather }) => way === 'up' || askedLoss(weather) !== askedLoss(PROFILES[name].up),
  );
  test.each(lossy)('loss: $name $way', ({ weather }) => {
    const asked = askedLoss(weather);
    // Losses of a burst come together, so that more are needed for the same sharpness.
    const together = weather.burst === null ? 1 : 4;
    const count = asked === 0 ? 10_000 : Math.ceil((LOSSES * together) / asked);
    const fates = fatesOf({ ...weather, bytesPerSecond: Infinity });
    let lost = 0;
    for (let index = 0; index < count; index++) if (isDropped(fates.decide(index * 3, SMALL_BYTES))) lost++;
    expectNear(lost / count, asked);
    expect(fates.counters.lost + fates.counters.blackHoleDrops).toBe(lost);
  });

  test.each(DIRECTIONS)('delay: $name $way', ({ weather }) => {
    const fates = fatesOf(weather);
    const { delayMs, jitterMs, reorderRate, reorderDelayMs, bytesPerSecond } = weather;
    const serialMs = (SMALL_BYTES * 1000) / bytesPerSecond;
    // Nothing waits for what was sent before.
    const gapMs = Math.ceil(jitterMs + serialMs) + 1;
    let sum = 0;
    let arrived = 0;
    let least = Infinity;
    for (let index = 0; index < 20_000; index++) {
      const sentAtMs = index * gapMs;
      if (isDropped(fates.decide(sentAtMs, SMALL_BYTES))) continue;
      const tookMs = fates.arrivesAtMs - sentAtMs;
      sum += tookMs;
      arrived++;
      least = Math.min(least, tookMs);
    }
    expectNear(sum / arrived, delayMs + jitterMs / 2 + reorderRate * reorderDelayMs + serialMs);
    expect(least).toBeGreaterThanOrEqual(delayMs);
  });

  const narrow = DIRECTIONS.filter(({ weather }) => weather.bytesPerSecond < Infinity);
  test.each(narrow)('rate and queue: $name $way', ({ weather }) => {
    const fates = fatesOf(weather);
    const { bytesPerSecond, outage, delayMs, jitterMs, queue, reorderDelayMs } = weather;
    // Until the first outage, half as much again as fits through.
    const untilMs = outage === null ? 10_000 : outage.everyMs - outage.lengthMs;
    const gapMs = (LARGE_BYTES * 1000) / bytesPerSecond / 1.5;
    const count = Math.min(200_000, Math.floor(untilMs / gapMs));
    // From when the queue is full.
    const queueMs = queue === null ? 0 : 'ms' in queue ? queue.ms : (queue.bytes * 1000) / bytesPerSecond;
    const fromMs = 2 * queueMs + delayMs + jitterMs + 2 * gapMs;
    let last = 0;
    let bytes = 0;
    let waitedMs = 0;
    for (let index = 0; index < count; index++) {
      if (isDropped(fates.decide(index * gapMs, LARGE_BYTES))) continue;
      const { arrivesAtMs } = fates;
      waitedMs = Math.max(waitedMs, arrivesAtMs - index * gapMs);
      if (arrivesAtMs < fromMs) continue;
      bytes += LARGE_BYTES;
      last = Math.max(last, arrivesAtMs);
    }
    const asked = bytesPerSecond * (1 - askedLoss({ ...weather, outage: null }));
    expectNear((bytes * 1000) / (last - fromMs), asked);
    // Two thirds of what came passed, and nothing waited longer than the queue lets it.
    expect(fates.counters.queueDrops).toBeGreaterThan(count * 0.2);
    const mostMs = delayMs + jitterMs + reorderDelayMs + queueMs;
    expect(waitedMs).toBeLessThanOrEqual(mostMs + 0.001);
    expect(waitedMs).toBeGreaterThan((delayMs + queueMs) * (1 - TOLERANCE));
  });

  test('what is rare: duplicates, reordering, corruption', () => {
    const count = 200_000;
    const rates = { duplicateRate: 0.05, reorderRate: 0.04, corruptRate: 0.03 };
    const fates = fatesOf({ ...PROFILES.perfect.up, ...rates, reorderDelayMs: 20 });
    for (let index = 0; index < count; index++) fates.decide(index, SMALL_BYTES);
    const { duplicated, reordered, corrupted } = fates.counters;
    expectNear(duplicated / count, rates.duplicateRate);
    expectNear(corrupted / count, rates.corruptRate);
    // Each copy by itself.
    expectNear(reordered / (count + duplicated), rates.reorderRate);
  });
});

test('jitter is spread evenly, or like a bell, between nothing and its most', () => {
  const tenths = (jitterShape: 'uniform' | 'normal'): number[] => {
    const fates = fatesOf({ ...PROFILES.perfect.up, jitterMs: 999, jitterShape });
    const counts = new Array<number>(10).fill(0);
    for (let index = 0; index < 20_000; index++) {
      fates.decide(index * 1000, SMALL_BYTES);
      const tenth = Math.floor((fates.arrivesAtMs - index * 1000) / 100);
      counts[tenth]!++;
    }
    return counts.map((count) => count / 20_000);
  };
  for (const share of tenths('uniform')) expectWithin(share, 0.1, 0.01);
  // Of the sum of four even numbers: a sixth and a half of a tenth of it each way lie within a standard deviation.
  const bell = tenths('normal');
  expectWithin(bell[4]! + bell[5]!, 0.52, 0.03);
  expect(bell[0]! + bell[9]!).toBeLessThan(0.01);
});

function expectWithin(measured: number, asked: number, by: number): void {
  expect(Math.abs(measured - asked)).toBeLessThan(by);
}

test('the same seed and the same datagrams have the same fates', () => {
  const run = (seed: number): number[] => {
    const fates = new LinkFates(linkOf(PROFILES.train.up), new SeededRandom(seed), 0, false);
    return Array.from({ length: 2000 }, (_, index) => {
      const fate = fates.decide(index * 5, 700);
      return isDropped(fate) ? -1 : fates.arrivesAtMs;
    });
  };
  expect(run(7)).toEqual(run(7));
  expect(run(7)).not.toEqual(run(8));
});
