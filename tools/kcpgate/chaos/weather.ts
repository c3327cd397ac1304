import { PERFECT_LINK, type JitterShape, type LinkProfile, type Outage } from '../relay/link-profile.ts';
import type { StreamLink } from '../relay/tcp-relay.ts';

/** Room for what waits for the bottleneck: in bytes, or as the time the bottleneck takes for it. */
export type QueueLimit = { readonly bytes: number } | { readonly ms: number };

/** Loss in bursts: a chain of two states, stepped with each datagram (Gilbert-Elliott). Chances from 0 to 1. */
export interface BurstWeather {
  readonly enterRate: number;
  readonly leaveRate: number;
  /** Loss in the bad state. */
  readonly lossRate: number;
  /** Loss in the good state. */
  readonly goodLossRate: number;
}

/** What one direction of a path does to what is sent over it. Rates without a unit are chances from 0 to 1. */
export interface Weather {
  /** Whole milliseconds, as all times here. */
  readonly delayMs: number;
  /** The most that is added to it. */
  readonly jitterMs: number;
  readonly jitterShape: JitterShape;
  readonly lossRate: number;
  readonly burst: BurstWeather | null;
  readonly duplicateRate: number;
  readonly reorderRate: number;
  /** By how much what is reordered comes later. */
  readonly reorderDelayMs: number;
  readonly corruptRate: number;
  /** Bottleneck; Infinity for none. */
  readonly bytesPerSecond: number;
  /** null: without limit. */
  readonly queue: QueueLimit | null;
  /** Larger datagrams are dropped. */
  readonly mtuBytes: number;
  readonly outage: Outage | null;
  /** Everything is dropped; on TCP nothing moves. */
  readonly isBlackHole: boolean;
  /** On TCP nothing moves; nothing else. */
  readonly isStalled: boolean;
}

/** Nothing is wrong. */
export const PERFECT_WEATHER: Weather = {
  delayMs: 0,
  jitterMs: 0,
  jitterShape: 'uniform',
  lossRate: 0,
  burst: null,
  duplicateRate: 0,
  reorderRate: 0,
  reorderDelayMs: 0,
  corruptRate: 0,
  bytesPerSecond: Infinity,
  queue: null,
  mtuBytes: 65_535,
  outage: null,
  isBlackHole: false,
  isStalled: false,
};

/** The weather as a link for datagrams. */
export function linkOf(weather: Weather): LinkProfile {
  const { burst, queue, outage, isBlackHole, bytesPerSecond } = weather;
  return {
    ...PERFECT_LINK,
    delayMs: weather.delayMs,
    jitterMs: weather.jitterMs,
    jitterShape: weather.jitterShape,
    lossRate: weather.lossRate,
    burstLoss: burst,
    duplicateRate: weather.duplicateRate,
    reorderRate: weather.reorderRate,
    reorderDelayMs: weather.reorderDelayMs,
    corruptRate: weather.corruptRate,
    bytesPerSecond,
    queueBytes: queueBytesOf(queue, bytesPerSecond),
    mtuBytes: weather.mtuBytes,
    outage,
    blackHoles: isBlackHole ? ALWAYS : [],
  };
}

/** What of the weather has a meaning on a byte stream: delay, jitter, rate and what stops everything. */
export function streamWeatherOf(weather: Weather): Weather {
  const { delayMs, jitterMs, jitterShape, bytesPerSecond, outage, isBlackHole, isStalled } = weather;
  const kept = { delayMs, jitterMs, jitterShape, bytesPerSecond, outage, isBlackHole, isStalled };
  return { ...PERFECT_WEATHER, ...kept };
}

/** The weather as a link for byte streams. */
export function streamOf(weather: Weather): StreamLink {
  const { delayMs, jitterMs, jitterShape, bytesPerSecond, outage, isBlackHole, isStalled } = weather;
  return { delayMs, jitterMs, jitterShape, bytesPerSecond, outage, isStalled: isBlackHole || isStalled };
}

function queueBytesOf(queue: QueueLimit | null, bytesPerSecond: number): number {
  if (queue === null) return Infinity;
  return 'bytes' in queue ? queue.bytes : (queue.ms * bytesPerSecond) / 1000;
}

const ALWAYS = [{ fromMs: 0, toMs: Infinity }];
