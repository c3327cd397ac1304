import type { SeededRandom } from '../../../src/base/seeded-random.ts';

/** Loss in bursts: a two-state chain stepped once per datagram. */
export interface BurstLoss {
  /** Chance to enter the bad state, 0 to 1. */
  readonly enterRate: number;
  /** Chance to leave it, 0 to 1; a burst is 1 / leaveRate datagrams long on average. */
  readonly leaveRate: number;
  /** Chance to lose a datagram in the bad state, 0 to 1. */
  readonly lossRate: number;
  /** A burst is over after this many ms, however few datagrams it met: a quiet sender does not prolong it. Default: never. */
  readonly longestMs?: number;
}

/** A time during which everything sent is lost, in milliseconds since the link was made. */
export interface BlackHole {
  readonly fromMs: number;
  readonly toMs: number;
}

/** One direction of a network path. Rates without a unit are chances per datagram, 0 to 1. */
export interface LinkProfile {
  /** Shortest one-way delay, whole milliseconds. */
  readonly delayMs: number;
  /** Up to this much is added, evenly spread. Never changes the order: a late datagram holds up those behind it. */
  readonly jitterMs: number;
  readonly lossRate: number;
  /** true: of every 100 datagrams exactly `lossRate * 100` are lost, which ones is luck; false: each by its own luck. */
  readonly evenLoss: boolean;
  readonly burstLoss: BurstLoss | null;
  /** Share of datagrams that take a detour of `reorderDelayMs` and let those behind them pass. */
  readonly reorderRate: number;
  readonly reorderDelayMs: number;
  readonly duplicateRate: number;
  /** Share of datagrams that arrive with one to three bits flipped. */
  readonly corruptRate: number;
  /** Bottleneck in bytes per second; Infinity for none. */
  readonly bytesPerSecond: number;
  /** Bytes that may wait for the bottleneck; what does not fit is dropped at the tail. */
  readonly queueBytes: number;
  /** Larger datagrams are dropped. */
  readonly mtuBytes: number;
  readonly blackHoles: readonly BlackHole[];
}

/** A link that delivers everything at once. */
export const PERFECT_LINK: LinkProfile = {
  delayMs: 0,
  jitterMs: 0,
  lossRate: 0,
  evenLoss: false,
  burstLoss: null,
  reorderRate: 0,
  reorderDelayMs: 0,
  duplicateRate: 0,
  corruptRate: 0,
  bytesPerSecond: Infinity,
  queueBytes: Infinity,
  mtuBytes: 65_535,
  blackHoles: [],
};

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

/** Called for every datagram that will arrive, with the whole millisecond it arrives at. The bytes are the callee's. */
export type Delivery = (atMs: number, datagram: Uint8Array) => void;

/** One direction of an emulated network path: all of its luck comes from the generator it is given. */
export class NetEmulator {
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

  #profile: LinkProfile;
  readonly #random: SeededRandom;
  readonly #deliver: Delivery;
  readonly #originMs: number;
  #inBurst = false;
  #burstEndsAtMs = 0;
  /** What is left of the current hundred datagrams, and how many of them are to be lost. */
  #leftOfHundred = 0;
  #leftToLose = 0;
  /** When the bottleneck will have sent all it holds; fractions of a millisecond count here. */
  #busyUntilMs: number;
  /** Arrival of the latest datagram that kept its place. */
  #lastArrivalMs = -Infinity;

  /** @param originMs the time black holes count from: when the simulation starts. */
  constructor(profile: LinkProfile, random: SeededRandom, originMs: number, deliver: Delivery) {
    this.#profile = profile;
    this.#random = random;
    this.#deliver = deliver;
    this.#originMs = originMs;
    this.#busyUntilMs = originMs;
  }

  /** Changes the weather; what is on its way stays on its way. */
  setProfile(profile: LinkProfile): void {
    this.#profile = profile;
  }

  /** Takes a copy of one datagram at `nowMs` and decides its fate. */
  send(nowMs: number, bytes: Uint8Array, offset: number, length: number): void {
    const counters = this.counters;
    counters.sent++;
    counters.sentBytes += length;
    if (length > this.#profile.mtuBytes) {
      counters.mtuDrops++;
      return;
    }
    if (this.#isBlackHole(nowMs - this.#originMs)) {
      counters.blackHoleDrops++;
      return;
    }
    const leavesAtMs = this.#passBottleneck(nowMs, length);
    if (leavesAtMs < 0) {
      counters.queueDrops++;
      return;
    }
    if (this.#isLost(nowMs)) {
      counters.lost++;
      return;
    }
    const datagram = bytes.slice(offset, offset + length);
    if (this.#happens(this.#profile.corruptRate)) this.#flipBits(datagram);
    this.#arrive(leavesAtMs, datagram);
    if (this.#happens(this.#profile.duplicateRate)) {
      counters.duplicated++;
      this.#arrive(leavesAtMs, datagram.slice());
    }
  }

  #isBlackHole(sinceStartMs: number): boolean {
    return this.#profile.blackHoles.some((hole) => sinceStartMs >= hole.fromMs && sinceStartMs < hole.toMs);
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
      if (this.#inBurst && this.#happens(burstLoss.lossRate)) return true;
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

  #flipBits(datagram: Uint8Array): void {
    if (datagram.length === 0) return;
    this.counters.corrupted++;
    const flips = 1 + this.#random.nextInt(3);
    for (let flip = 0; flip < flips; flip++) {
      const bit = this.#random.nextInt(datagram.length * 8);
      datagram[bit >> 3] = (datagram[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    }
  }

  #arrive(leavesAtMs: number, datagram: Uint8Array): void {
    const { delayMs, jitterMs, reorderRate, reorderDelayMs } = this.#profile;
    const jitter = jitterMs > 0 ? this.#random.nextInt(jitterMs + 1) : 0;
    let arrivesAtMs = Math.ceil(leavesAtMs + delayMs + jitter);
    if (this.#happens(reorderRate)) {
      this.counters.reordered++;
      arrivesAtMs += reorderDelayMs;
    } else {
      arrivesAtMs = Math.max(arrivesAtMs, this.#lastArrivalMs);
      this.#lastArrivalMs = arrivesAtMs;
    }
    this.counters.delivered++;
    this.#deliver(arrivesAtMs, datagram);
  }

  /** No number is drawn for what never happens, so that adding an effect to a profile leaves the others' luck alone. */
  #happens(rate: number): boolean {
    return rate > 0 && this.#random.nextFloat() < rate;
  }
}
