/** Loss in bursts: a two-state chain stepped once per datagram. */
export interface BurstLoss {
  /** Chance to enter the bad state, 0 to 1. */
  readonly enterRate: number;
  /** Chance to leave it, 0 to 1; a burst is 1 / leaveRate datagrams long on average. */
  readonly leaveRate: number;
  /** Chance to lose a datagram in the bad state, 0 to 1. */
  readonly lossRate: number;
  /** Chance to lose a datagram in the good state, 0 to 1. Default 0. */
  readonly goodLossRate?: number;
  /** A burst is over after this many ms, however few datagrams it met: a quiet sender does not prolong it. Default: never. */
  readonly longestMs?: number;
}

/** A time during which everything sent is lost, in milliseconds since the link was made. */
export interface BlackHole {
  readonly fromMs: number;
  readonly toMs: number;
}

/** An outage that comes again and again, as where a train leaves one cell for the next: everything sent in it is lost. */
export interface Outage {
  /** From the beginning of one to the beginning of the next, in ms. */
  readonly everyMs: number;
  /** How long each lasts, at the end of that time. */
  readonly lengthMs: number;
}

/**
 * How what jitter adds is spread between nothing and its most: each amount as likely as any other, or like a bell around half of it
 * (the mean of four even numbers; its standard deviation is a seventh of the most).
 */
export type JitterShape = 'uniform' | 'normal';

/** One direction of a network path. Rates without a unit are chances per datagram, 0 to 1. */
export interface LinkProfile {
  /** Shortest one-way delay, whole milliseconds. */
  readonly delayMs: number;
  /** Up to this much is added. Never changes the order: a late datagram holds up those behind it. */
  readonly jitterMs: number;
  /** Default: uniform. */
  readonly jitterShape?: JitterShape;
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
  /** Counted from when the link was made. Default: none. */
  readonly outage?: Outage | null;
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
