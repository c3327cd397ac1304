import type { SeededRandom } from '../../../src/base/seeded-random.ts';
import { Fate } from './fate.ts';
import { drawJitter } from './jitter.ts';
import type { BurstLoss, LinkProfile } from './link-profile.ts';
import { isInOutage } from './outage.ts';

/** What happened to the datagrams given to a link. */
export interface LinkCounters {
  sent: number;
  sentBytes: number;
  delivered: number;
  lost: number;
  queueDrops: number;
  mtuDrops: number;
  blackHoleDrops: number;
  reordered: number;
  duplicated: number;
  corrupted: number;
}

/**
 * Decides the fate of every datagram of one direction. Holds no datagram and no clock; all of its luck comes from the generator it
 * is given, so that the same seed and the same datagrams at the same times have the same fates.
 */
export class LinkFates {
  readonly counters: LinkCounters = {
    sent: 0,
    sentBytes: 0,
    delivered: 0,
    lost: 0,
    queueDrops: 0,
    mtuDrops: 0,
    blackHoleDrops: 0,
    reordered: 0,
    duplicated: 0,
    corrupted: 0,
  };
  /** When the datagram that was decided last arrives; without meaning when it was dropped. */
  arrivesAtMs = 0;
  /** When its copy does; without meaning when there is none. */
  copyArrivesAtMs = 0;

  #profile: LinkProfile;
  readonly #random: SeededRandom;
  readonly #originMs: number;
  readonly #isWholeMs: boolean;
  #inBurst = false;
  #burstEndsAtMs = 0;
  /** What is left of the current hundred datagrams, and how many of them are to be lost. */
  #leftOfHundred = 0;
  #leftToLose = 0;
  /** When the bottleneck will have sent all it holds; fractions of a millisecond count here. */
  #busyUntilMs: number;
  /** Arrival of the latest datagram that kept its place. */
  #lastArrivalMs = -Infinity;
  /** Bits to flip in the datagram that was decided last. */
  readonly #flips = new Int32Array(MAX_FLIPS);
  #flipCount = 0;

  /**
   * @param originMs the time black holes and outages count from.
   * @param isWholeMs arrivals are rounded up to whole milliseconds, as clocks of simulations need it.
   */
  constructor(profile: LinkProfile, random: SeededRandom, originMs: number, isWholeMs: boolean) {
    this.#profile = profile;
    this.#random = random;
    this.#originMs = originMs;
    this.#isWholeMs = isWholeMs;
    this.#busyUntilMs = originMs;
  }

  /** Changes the weather; what is on its way stays on its way. */
  setProfile(profile: LinkProfile): void {
    this.#profile = profile;
  }

  /** Decides about a datagram of `length` bytes that is sent at `nowMs`. @returns a sum of {@link Fate}s. */
  decide(nowMs: number, length: number): number {
    const counters = this.counters;
    counters.sent++;
    counters.sentBytes += length;
    this.#flipCount = 0;
    if (length > this.#profile.mtuBytes) {
      counters.mtuDrops++;
      return Fate.mtu;
    }
    if (this.#isBlackHole(nowMs - this.#originMs)) {
      counters.blackHoleDrops++;
      return Fate.blackHole;
    }
    const leavesAtMs = this.#passBottleneck(nowMs, length);
    if (leavesAtMs < 0) {
      counters.queueDrops++;
      return Fate.queue;
    }
    if (this.#isLost(nowMs)) {
      counters.lost++;
      return Fate.loss;
    }
    return this.#deliver(leavesAtMs, length);
  }

  /** Flips the bits that are to be flipped in the datagram that was decided last, which stands at `offset`. */
  corrupt(bytes: Uint8Array, offset: number): void {
    for (let flip = 0; flip < this.#flipCount; flip++) {
      const bit = this.#flips[flip] ?? 0;
      const at = offset + (bit >> 3);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
    }
  }

  #deliver(leavesAtMs: number, length: number): number {
    let fate = 0;
    if (this.#happens(this.#profile.corruptRate) && length > 0) {
      fate |= Fate.corrupted;
      this.counters.corrupted++;
      this.#flipCount = 1 + this.#random.nextInt(MAX_FLIPS);
      for (let flip = 0; flip < this.#flipCount; flip++) this.#flips[flip] = this.#random.nextInt(length * 8);
    }
    const late = this.#happensLater(leavesAtMs);
    this.arrivesAtMs = this.#arrivalMs;
    if (this.#happens(this.#profile.duplicateRate)) {
      fate |= Fate.duplicated;
      this.counters.duplicated++;
      fate |= this.#happensLater(leavesAtMs);
      this.copyArrivesAtMs = this.#arrivalMs;
    }
    return fate | late;
  }

  #isBlackHole(sinceStartMs: number): boolean {
    const { blackHoles, outage } = this.#profile;
    if (outage !== undefined && outage !== null && isInOutage(outage, sinceStartMs)) return true;
    if (blackHoles.length === 0) return false;
    return blackHoles.some((hole) => sinceStartMs >= hole.fromMs && sinceStartMs < hole.toMs);
  }

  /** When the datagram leaves the bottleneck, or -1 when its queue is full. */
  #passBottleneck(nowMs: number, length: number): number {
    const { bytesPerSecond, queueBytes } = this.#profile;
    if (bytesPerSecond === Infinity) return nowMs;
    const startsAtMs = Math.max(nowMs, this.#busyUntilMs);
    const waitingBytes = ((startsAtMs - nowMs) * bytesPerSecond) / 1000;
    if (waitingBytes + length > queueBytes) return -1;
    this.#busyUntilMs = startsAtMs + (length * 1000) / bytesPerSecond;
    return this.#busyUntilMs;
  }

  #isLost(nowMs: number): boolean {
    const { burstLoss, evenLoss, lossRate } = this.#profile;
    if (burstLoss !== null) {
      this.#stepBurst(burstLoss, nowMs);
      if (this.#happens(this.#inBurst ? burstLoss.lossRate : (burstLoss.goodLossRate ?? 0))) return true;
    }
    return evenLoss ? this.#isLostOfHundred(lossRate) : this.#happens(lossRate);
  }

  #stepBurst({ enterRate, leaveRate, longestMs = Infinity }: BurstLoss, nowMs: number): void {
    if (!this.#inBurst) {
      this.#inBurst = this.#happens(enterRate);
      this.#burstEndsAtMs = nowMs + longestMs;
    } else if (nowMs >= this.#burstEndsAtMs || this.#happens(leaveRate)) {
      this.#inBurst = false;
    }
  }

  #isLostOfHundred(lossRate: number): boolean {
    if (this.#leftOfHundred === 0) {
      this.#leftOfHundred = 100;
      this.#leftToLose = Math.round(lossRate * 100);
    }
    const isLost = this.#random.nextInt(this.#leftOfHundred) < this.#leftToLose;
    this.#leftOfHundred--;
    if (isLost) this.#leftToLose--;
    return isLost;
  }

  /** What {@link #happensLater} found. */
  #arrivalMs = 0;

  /** Decides when something that left the bottleneck arrives. @returns {@link Fate.late} or 0. */
  #happensLater(leavesAtMs: number): number {
    const { delayMs, jitterMs, jitterShape, reorderRate, reorderDelayMs } = this.#profile;
    const exactMs = leavesAtMs + delayMs + drawJitter(this.#random, jitterMs, jitterShape);
    let arrivesAtMs = this.#isWholeMs ? Math.ceil(exactMs) : exactMs;
    let late = 0;
    if (this.#happens(reorderRate)) {
      this.counters.reordered++;
      arrivesAtMs += reorderDelayMs;
      late = Fate.late;
    } else {
      arrivesAtMs = Math.max(arrivesAtMs, this.#lastArrivalMs);
      this.#lastArrivalMs = arrivesAtMs;
    }
    this.counters.delivered++;
    this.#arrivalMs = arrivesAtMs;
    return late;
  }

  /** No number is drawn for what never happens, so that adding an effect to a profile leaves the others' luck alone. */
  #happens(rate: number): boolean {
    return rate > 0 && this.#random.nextFloat() < rate;
  }
}

const MAX_FLIPS = 3;
