import { PERFECT_WEATHER, type Weather } from './weather.ts';

/** A kind of network: its figures each way, and where they come from. */
export interface ChaosProfile {
  readonly up: Weather;
  readonly down: Weather;
  /** What it stands for and why these figures, for people. */
  readonly why: string;
}

const MBIT = 125_000;

function profile(
  why: string,
  both: Partial<Weather>,
  up: Partial<Weather>,
  down: Partial<Weather>,
): ChaosProfile {
  const weather = { ...PERFECT_WEATHER, ...both };
  return { why, up: { ...weather, ...up }, down: { ...weather, ...down } };
}

/**
 * Networks by name. The figures are round ones of the middle of what such networks show, not the best and not the worst; the way up is
 * the way to the target.
 */
export const PROFILES = {
  perfect: profile('nothing is wrong: what the relay itself costs', {}, {}, {}),
  lan: profile(
    'gigabit Ethernet and one switch; its delay is below what timers keep',
    { bytesPerSecond: 1000 * MBIT, queue: { bytes: 512 * 1024 }, mtuBytes: 1472 },
    {},
    {},
  ),
  fiber: profile(
    'fibre to the home and a server in the same country: short queues, hardly any loss',
    { delayMs: 8, jitterMs: 2, lossRate: 0.0005, queue: { ms: 30 }, mtuBytes: 1464 },
    { bytesPerSecond: 100 * MBIT },
    { bytesPerSecond: 300 * MBIT },
  ),
  'wifi-good': profile(
    'the same room as the access point: the radio repeats what it loses, which shows as jitter',
    { delayMs: 10, jitterMs: 6, jitterShape: 'normal', lossRate: 0.002, queue: { ms: 80 }, mtuBytes: 1472 },
    { bytesPerSecond: 40 * MBIT },
    { bytesPerSecond: 80 * MBIT },
  ),
  'wifi-bad': profile(
    'two walls away and a neighbour on the channel: repeats of the radio hold up everything, fading loses in bursts',
    {
      ...{ delayMs: 15, jitterMs: 60, lossRate: 0.01, queue: { ms: 200 }, mtuBytes: 1472 },
      burst: { enterRate: 0.004, leaveRate: 0.12, lossRate: 0.6, goodLossRate: 0 },
      ...{ reorderRate: 0.003, reorderDelayMs: 20, duplicateRate: 0.001 },
    },
    { bytesPerSecond: 4 * MBIT },
    { bytesPerSecond: 8 * MBIT },
  ),
  'packed-venue': profile(
    'a stadium or fair hall: the air is shared by thousands, each waits for its turn and loses it often',
    {
      ...{ delayMs: 40, jitterMs: 150, lossRate: 0.03, queue: { ms: 600 }, mtuBytes: 1472 },
      burst: { enterRate: 0.01, leaveRate: 0.08, lossRate: 0.5, goodLossRate: 0 },
    },
    { bytesPerSecond: MBIT },
    { bytesPerSecond: 2 * MBIT },
  ),
  '4g': profile(
    'a phone outdoors: grants of the cell make the jitter of the way up, deep queues in the cell, the radio link repeats',
    { delayMs: 25, jitterMs: 15, jitterShape: 'normal', lossRate: 0.002, queue: { ms: 300 }, mtuBytes: 1400 },
    { bytesPerSecond: 10 * MBIT, jitterMs: 25 },
    { bytesPerSecond: 30 * MBIT },
  ),
  '3g': profile(
    'a phone at the edge of the network: slow, with long turns of the radio and a queue of seconds',
    {
      ...{
        delayMs: 80,
        jitterMs: 60,
        jitterShape: 'normal',
        lossRate: 0.005,
        queue: { ms: 1500 },
        mtuBytes: 1400,
      },
      burst: { enterRate: 0.001, leaveRate: 0.2, lossRate: 0.5, goodLossRate: 0 },
    },
    { bytesPerSecond: 0.4 * MBIT },
    { bytesPerSecond: 2 * MBIT },
  ),
  'dsl-bufferbloat': profile(
    'a modem that never drops: a full upload makes everything wait for more than a second',
    { delayMs: 12, jitterMs: 3, lossRate: 0.001, mtuBytes: 1464 },
    { bytesPerSecond: MBIT, queue: { ms: 1500 } },
    { bytesPerSecond: 16 * MBIT, queue: { ms: 400 } },
  ),
  satellite: profile(
    'a geostationary satellite: a quarter of a second to it and back is the speed of light; the gateway shapes',
    {
      delayMs: 280,
      jitterMs: 20,
      jitterShape: 'normal',
      lossRate: 0.005,
      queue: { ms: 300 },
      mtuBytes: 1400,
    },
    { bytesPerSecond: 3 * MBIT },
    { bytesPerSecond: 25 * MBIT },
  ),
  'satellite-low': profile(
    'satellites in low orbit: short, but every 15 s another one takes over and some is lost',
    {
      ...{
        delayMs: 20,
        jitterMs: 15,
        jitterShape: 'normal',
        lossRate: 0.008,
        queue: { ms: 150 },
        mtuBytes: 1400,
      },
      outage: { everyMs: 15_000, lengthMs: 150 },
    },
    { bytesPerSecond: 10 * MBIT },
    { bytesPerSecond: 100 * MBIT },
  ),
  train: profile(
    'at 200 km/h from cell to cell: every 20 s the old one is lost before the new one is there, and fading between',
    {
      ...{ delayMs: 35, jitterMs: 60, lossRate: 0.01, queue: { ms: 500 }, mtuBytes: 1400 },
      burst: { enterRate: 0.003, leaveRate: 0.1, lossRate: 0.7, goodLossRate: 0 },
      outage: { everyMs: 20_000, lengthMs: 1200 },
    },
    { bytesPerSecond: 4 * MBIT },
    { bytesPerSecond: 12 * MBIT },
  ),
  intercontinental: profile(
    'a good line to another continent: distance, and a little loss on the long way',
    { delayMs: 90, jitterMs: 4, lossRate: 0.001, queue: { ms: 50 }, mtuBytes: 1472 },
    { bytesPerSecond: 100 * MBIT },
    { bytesPerSecond: 100 * MBIT },
  ),
} as const satisfies Readonly<Record<string, ChaosProfile>>;

export type ProfileName = keyof typeof PROFILES;

/** All of them, in the order of the document. */
export const PROFILE_NAMES = Object.keys(PROFILES) as readonly ProfileName[];

/** Whether a text is the name of one. */
export const isProfileName = (text: string): text is ProfileName => Object.hasOwn(PROFILES, text);
