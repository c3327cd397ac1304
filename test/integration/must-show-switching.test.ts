import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { printOutages, type OutageRow } from '../support/outage-table.ts';
import {
  aWhile,
  finish,
  isMoveTo,
  lineOf,
  outageMs,
  PARALLEL,
  RUNS,
  unixMs,
  untilOff,
  untilOn,
} from '../support/talk-checks.ts';
import type { TalkOrder } from '../support/talk-order.ts';
import { repeat, TalkWorld, type Talk, type Weathers } from '../support/talk-world.ts';

/** For how long a session must stay where it went, in seconds; KCPGATE_STAY_S=300 for the long run. */
const STAY_S = Number(process.env.KCPGATE_STAY_S ?? 5);
const TIMEOUT_MS = 200_000 + RUNS * 60_000;

/** UDP is the fastest line, so that sessions begin there. */
const WEATHERS: Weathers = { 'udp-1': { delayMs: 10 }, 'tcp-1': { delayMs: 15 }, 'ws-1': { delayMs: 20 } };

const rows: OutageRow[] = [];
const closers: (() => unknown)[] = [];
let world: TalkWorld;
beforeAll(async () => {
  world = await TalkWorld.start([{ udp: ['udp', 'udp2'] }]);
}, 120_000);
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(async () => {
  await world.stop();
  if (rows.length > 0) printOutages('Lines that fail, and come back', rows);
});

/** A client whose session is open. */
async function startTalk(
  run: number,
  weathers: Weathers,
  order: Partial<TalkOrder> = {},
  at = world,
): Promise<Talk> {
  const talk = await at.talk(weathers, {
    ...{ mode: 'stream', seed: run, bytesPerSecond: 200_000, gapMs: 60 },
    ...order,
  });
  closers.push(() => talk.close());
  await talk.client.event(({ event }) => event === 'open');
  return talk;
}

test.each(['both', 'up', 'down'] as const)(
  'UDP is black-holed in mid-transfer (%s): data flows over TCP',
  { timeout: TIMEOUT_MS },
  async (direction) => {
    const timesMs = await repeat(RUNS, PARALLEL, async (run) => {
      const talk = await startTalk(run, WEATHERS);
      await aWhile(run);
      await untilOn(talk, 'udp-1');
      const atMs = unixMs();
      talk.lines['udp-1']!.blackHole(direction);
      await talk.client.event(isMoveTo(atMs, 'tcp', 'ws'));
      await delay(1_000);
      expect(lineOf(talk), talk.client.said()).toMatch(/^(?:tcp|ws)-1$/u);
      const took = outageMs(talk, atMs);
      await finish(talk);
      return took;
    });
    rows.push({ label: `UDP black-holed (${direction}): data over TCP`, timesMs });
  },
);

test(
  `a UDP line gets 150 ms and 20 % loss: a soft switch to the better line, no flapping`,
  { timeout: TIMEOUT_MS + RUNS * STAY_S * 1_000 },
  async () => {
    const weathers: Weathers = { ...WEATHERS, 'udp2-1': { delayMs: 12 } };
    const timesMs = await repeat(RUNS, PARALLEL, async (run) => {
      const talk = await startTalk(run, weathers);
      await delay(6_000);
      const line = await untilOn(talk, 'udp');
      const atMs = unixMs();
      const moves = talk.client.all('moved').length;
      const { delayMs } = weathers[line]!;
      talk.lines[line]!.set({ delayMs: delayMs + 150, lossRate: 0.2 });
      await untilOff(talk, line);
      const took = Number(talk.client.all('moved').at(moves)!.atMs) - atMs;
      await delay(STAY_S * 1_000);
      const made = talk.client.all('moved').slice(moves);
      expect(lineOf(talk), talk.client.said()).not.toBe(line);
      expect(
        made.filter(({ to }) => to === line),
        talk.client.said(),
      ).toEqual([]);
      expect(made.length, talk.client.said()).toBeLessThanOrEqual(3);
      console.log(`worse on ${line}, so: ${made.map(({ to }) => String(to)).join(', ')}`);
      await finish(talk);
      return took;
    });
    rows.push({ label: 'UDP +150 ms, 20 % loss: moved to the better line', timesMs });
  },
);

test('UDP comes back: the session is on it again', { timeout: TIMEOUT_MS }, async () => {
  const timesMs = await repeat(RUNS, PARALLEL, async (run) => {
    const talk = await startTalk(run, WEATHERS);
    await aWhile(run);
    await untilOn(talk, 'udp-1');
    const deadAtMs = unixMs();
    talk.lines['udp-1']!.blackHole();
    await talk.client.event(isMoveTo(deadAtMs, 'tcp', 'ws'));
    await delay(500);
    const atMs = unixMs();
    talk.lines['udp-1']!.recover();
    // Where it had just come back to UDP when that died, it does not trust it for a minute.
    const back = await talk.client.event(isMoveTo(atMs, 'udp'), 150_000);
    await delay(1_000);
    await untilOn(talk, 'udp-1');
    await finish(talk);
    return Number(back.atMs) - atMs;
  });
  rows.push({ label: 'UDP works again: back on it', timesMs });
});
