import { PERFECT_LINK, type LinkProfile } from '../../tools/kcpgate/relay/net-emulator.ts';

/** Both directions of a network path. */
export interface NetworkProfile {
  readonly name: string;
  /** One line for people: what kind of network this stands for. */
  readonly text: string;
  /** From the first peer to the second. */
  readonly forward: LinkProfile;
  readonly backward: LinkProfile;
}

const megabits = (rate: number): number => (rate * 1_000_000) / 8;

function symmetric(name: string, text: string, link: Partial<LinkProfile>): NetworkProfile {
  const complete: LinkProfile = { ...PERFECT_LINK, ...link };
  return { name, text, forward: complete, backward: complete };
}

const LAN = { bytesPerSecond: megabits(100), queueBytes: 256 * 1024, mtuBytes: 1500 } as const;

/** The networks every table and property is measured on. Losses and delays are one-way. */
export const PROFILES = {
  clear: symmetric('clear', '20 ms each way, 100 Mbit/s, nothing lost', { ...LAN, delayMs: 20 }),
  lan: symmetric('lan', '1 ms each way, 100 Mbit/s', { ...LAN, delayMs: 1 }),
  wifiBad: symmetric('wifi-bad', '5 ms + 0-40 ms jitter, 3 % loss, 20 Mbit/s', {
    ...LAN,
    delayMs: 5,
    jitterMs: 40,
    lossRate: 0.03,
    bytesPerSecond: megabits(20),
  }),
  mobile4g: symmetric('4g', '30 ms + 0-30 ms jitter, 1 % loss, 1 % reordered, 10 Mbit/s', {
    ...LAN,
    delayMs: 30,
    jitterMs: 30,
    lossRate: 0.01,
    reorderRate: 0.01,
    reorderDelayMs: 15,
    bytesPerSecond: megabits(10),
  }),
  satellite: symmetric('satellite', '270 ms each way, 1 % loss, 10 Mbit/s', {
    ...LAN,
    delayMs: 270,
    jitterMs: 10,
    lossRate: 0.01,
    bytesPerSecond: megabits(10),
  }),
  lossy10: symmetric('lossy-10', '20 ms each way, 10 % loss', { ...LAN, delayMs: 20, lossRate: 0.1 }),
  bursty: symmetric('bursty', '20 ms each way, bursts of 10 datagrams or 100 ms, about 5 % lost in all', {
    ...LAN,
    delayMs: 20,
    burstLoss: { enterRate: 0.006, leaveRate: 0.1, lossRate: 0.9, longestMs: 100 },
  }),
  reordering: symmetric('reordering', '20 ms each way, 5 % come 10 ms late', {
    ...LAN,
    delayMs: 20,
    reorderRate: 0.05,
    reorderDelayMs: 10,
  }),
  duplicating: symmetric('duplicating', '20 ms each way, 10 % come twice', {
    ...LAN,
    delayMs: 20,
    duplicateRate: 0.1,
  }),
  narrow: symmetric('narrow', '20 ms each way, 1 Mbit/s, 64 KiB queue', {
    ...LAN,
    delayMs: 20,
    bytesPerSecond: megabits(1),
    queueBytes: 64 * 1024,
  }),
  blackHole: symmetric('blackhole-2s', '20 ms each way, nothing passes from 0.2 to 2.2 s', {
    ...LAN,
    delayMs: 20,
    blackHoles: [{ fromMs: 200, toMs: 2200 }],
  }),
  /** What the corrupted bytes do is the carrier's checksum's business; use it to see that an engine survives. */
  corrupting: symmetric('corrupting', '20 ms each way, 5 % arrive with flipped bits', {
    ...LAN,
    delayMs: 20,
    corruptRate: 0.05,
  }),
} as const satisfies Record<string, NetworkProfile>;
