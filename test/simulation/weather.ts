import { PERFECT_LINK, type LinkProfile } from '../../tools/kcpgate/relay/net-emulator.ts';
import { PERFECT_PIPE, type PipeProfile } from './connection-pipe.ts';

const link = (parts: Partial<LinkProfile>): LinkProfile => ({ ...PERFECT_LINK, mtuBytes: 1500, ...parts });

/** One-way conditions of a line. */
const LINKS = {
  near: link({ delayMs: 2 }),
  usual: link({ delayMs: 20, jitterMs: 5 }),
  far: link({ delayMs: 120, jitterMs: 20 }),
  reordering: link({ delayMs: 20, reorderRate: 0.1, reorderDelayMs: 30 }),
  duplicating: link({ delayMs: 20, duplicateRate: 0.2, reorderRate: 0.05, reorderDelayMs: 50 }),
  lossy: link({ delayMs: 20, jitterMs: 5, lossRate: 0.05 }),
  bad: link({
    delayMs: 40,
    jitterMs: 40,
    lossRate: 0.2,
    reorderRate: 0.1,
    reorderDelayMs: 30,
    duplicateRate: 0.05,
  }),
  terrible: link({ delayMs: 60, jitterMs: 40, lossRate: 0.5 }),
  bursty: link({
    delayMs: 20,
    burstLoss: { enterRate: 0.02, leaveRate: 0.1, lossRate: 0.95, longestMs: 400 },
  }),
  corrupting: link({ delayMs: 20, corruptRate: 0.05, lossRate: 0.02 }),
  narrow: link({ delayMs: 30, bytesPerSecond: 30_000, queueBytes: 12_000 }),
} as const;

export type WeatherName = keyof typeof LINKS;

/** Everything arrives, sooner or later. */
export const GENTLE_WEATHER = ['near', 'usual', 'far', 'reordering', 'duplicating'] as const;
export const ROUGH_WEATHER = ['lossy', 'bad', 'terrible', 'bursty', 'corrupting', 'narrow'] as const;

export const isGentle = (name: WeatherName): boolean => (GENTLE_WEATHER as readonly string[]).includes(name);

/** @param keepsBytes what a checksum below would notice is lost instead: for datagrams that nothing protects. */
export function linkOf(name: WeatherName, keepsBytes: boolean): LinkProfile {
  const profile: LinkProfile = LINKS[name];
  if (!keepsBytes) return profile;
  return { ...profile, corruptRate: 0, lossRate: profile.lossRate + profile.corruptRate };
}

/** The same weather under TCP, where what is lost comes late. */
export function pipeOf(name: WeatherName, bufferBytes: number): PipeProfile {
  const { delayMs, jitterMs, lossRate, burstLoss, bytesPerSecond }: LinkProfile = LINKS[name];
  const late = burstLoss === null ? lossRate * 1000 : 400;
  return { ...PERFECT_PIPE, delayMs, jitterMs: jitterMs + Math.round(late), bytesPerSecond, bufferBytes };
}
