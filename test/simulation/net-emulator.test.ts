import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { NetEmulator, PERFECT_LINK, type LinkProfile } from '../../tools/kcpgate/relay/net-emulator.ts';

interface Arrival {
  readonly atMs: number;
  readonly datagram: Uint8Array;
}

/** Sends `count` numbered datagrams `gapMs` apart and returns what arrived, in order of arrival. */
function send(link: Partial<LinkProfile>, count: number, gapMs = 1, bytes = 100, seed = 7) {
  const arrivals: Arrival[] = [];
  const emulator = new NetEmulator(
    { ...PERFECT_LINK, ...link },
    new SeededRandom(seed),
    0,
    (atMs, datagram) => arrivals.push({ atMs, datagram }),
  );
  const buffer = new Uint8Array(bytes);
  for (let index = 0; index < count; index++) {
    new DataView(buffer.buffer).setUint32(0, index);
    emulator.send(index * gapMs, buffer, 0, bytes);
  }
  arrivals.sort((a, b) => a.atMs - b.atMs);
  return { arrivals, counters: emulator.counters };
}

const numberOf = (arrival: Arrival): number => new DataView(arrival.datagram.buffer).getUint32(0);
const numbersOf = (arrivals: readonly Arrival[]): number[] => arrivals.map(numberOf);
const isAscending = (numbers: readonly number[]): boolean =>
  numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0));

describe('an emulated link', () => {
  it('delivers everything unchanged after the delay when nothing is wrong with it', () => {
    const { arrivals } = send({ delayMs: 30 }, 10);
    expect(arrivals.map((arrival) => arrival.atMs)).toEqual([30, 31, 32, 33, 34, 35, 36, 37, 38, 39]);
    expect(numbersOf(arrivals)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('gives the same fate for the same seed and another for another', () => {
    const rough: Partial<LinkProfile> = { lossRate: 0.2, jitterMs: 9, reorderRate: 0.2, reorderDelayMs: 20 };
    expect(send(rough, 200)).toEqual(send(rough, 200));
    expect(send(rough, 200, 1, 100, 8).arrivals).not.toEqual(send(rough, 200).arrivals);
  });

  it('loses the share it was told', () => {
    const { arrivals, counters } = send({ lossRate: 0.1 }, 20_000);
    expect(counters.lost).toBeGreaterThan(1800);
    expect(counters.lost).toBeLessThan(2200);
    expect(arrivals.length + counters.lost).toBe(20_000);
  });

  it('loses the exact share of every hundred when told to', () => {
    const arrived = new Set(numbersOf(send({ lossRate: 0.05, evenLoss: true }, 1000).arrivals));
    const places = new Set<number>();
    for (let hundred = 0; hundred < 10; hundred++) {
      const missing = Array.from({ length: 100 }, (_, place) => place).filter(
        (place) => !arrived.has(hundred * 100 + place),
      );
      expect(missing).toHaveLength(5);
      for (const place of missing) places.add(place);
    }
    expect(places.size).toBeGreaterThan(20);
  });

  it('loses in bursts', () => {
    const { arrivals } = send({ burstLoss: { enterRate: 0.01, leaveRate: 0.1, lossRate: 1 } }, 20_000);
    const numbers = numbersOf(arrivals);
    const gaps = numbers
      .map((number, index) => number - (numbers[index - 1] ?? -1) - 1)
      .filter((gap) => gap > 0);
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    expect(mean).toBeGreaterThan(7);
    expect(mean).toBeLessThan(13);
  });

  it('ends a burst by its time when a quiet sender never meets its end', () => {
    const burst = { enterRate: 1, leaveRate: 0, lossRate: 1 };
    expect(send({ burstLoss: burst }, 100, 50).arrivals).toHaveLength(0);
    // In at 0 ms, out at 100, in again at 150: two of three are lost.
    expect(send({ burstLoss: { ...burst, longestMs: 100 } }, 99, 50).arrivals).toHaveLength(33);
  });

  it('keeps the order under jitter', () => {
    const { arrivals } = send({ delayMs: 10, jitterMs: 50 }, 1000);
    expect(isAscending(numbersOf(arrivals))).toBe(true);
    const delays = arrivals.map((arrival) => arrival.atMs - numberOf(arrival));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(10);
    expect(Math.max(...delays)).toBeLessThanOrEqual(60);
    expect(new Set(delays).size).toBeGreaterThan(10);
  });

  it('lets others pass those it reorders', () => {
    const { arrivals, counters } = send({ reorderRate: 0.1, reorderDelayMs: 5 }, 1000);
    expect(isAscending(numbersOf(arrivals))).toBe(false);
    expect(counters.reordered).toBeGreaterThan(60);
    expect(arrivals).toHaveLength(1000);
  });

  it('duplicates', () => {
    const { arrivals, counters } = send({ duplicateRate: 0.1 }, 1000);
    expect(counters.duplicated).toBeGreaterThan(60);
    expect(arrivals).toHaveLength(1000 + counters.duplicated);
  });

  it('flips one to three bits of a corrupted datagram', () => {
    const { arrivals, counters } = send({ corruptRate: 1 }, 500, 0, 8);
    expect(counters.corrupted).toBe(500);
    const clean = new Uint8Array(8);
    arrivals.forEach((arrival, index) => {
      new DataView(clean.buffer).setUint32(0, index);
      let flipped = 0;
      arrival.datagram.forEach((byte, at) => {
        for (let bits = byte ^ (clean[at] ?? 0); bits !== 0; bits &= bits - 1) flipped++;
      });
      expect(flipped).toBeLessThanOrEqual(3);
    });
  });

  it('spreads what it carries over its rate and drops what its queue cannot hold', () => {
    const { arrivals, counters } = send({ bytesPerSecond: 10_000, queueBytes: 1000 }, 50, 0);
    expect(counters.queueDrops).toBe(40);
    expect(arrivals.map((arrival) => arrival.atMs)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
  });

  it('drops what is larger than its MTU', () => {
    expect(send({ mtuBytes: 99 }, 5).counters.mtuDrops).toBe(5);
    expect(send({ mtuBytes: 100 }, 5).arrivals).toHaveLength(5);
  });

  it('swallows everything sent during a black hole', () => {
    const { arrivals, counters } = send({ blackHoles: [{ fromMs: 10, toMs: 20 }] }, 30);
    expect(counters.blackHoleDrops).toBe(10);
    expect(numbersOf(arrivals)).not.toContain(10);
    expect(numbersOf(arrivals)).not.toContain(19);
    expect(numbersOf(arrivals)).toContain(20);
  });
});
