import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { printOutages, type OutageRow } from '../support/outage-table.ts';
import { aWhile, finish, lineOf, outageMs, PARALLEL, RUNS, unixMs } from '../support/talk-checks.ts';
import type { TalkOrder } from '../support/talk-order.ts';
import { repeat, TalkWorld, type Talk, type Weathers } from '../support/talk-world.ts';

const TIMEOUT_MS = 60_000 + RUNS * 60_000;

/** UDP is the fastest line, so that sessions begin there. */
const WEATHERS: Weathers = { 'udp-1': { delayMs: 10 }, 'tcp-1': { delayMs: 15 }, 'ws-1': { delayMs: 20 } };

const rows: OutageRow[] = [];
const closers: (() => unknown)[] = [];
let world: TalkWorld;
beforeAll(async () => {
  world = await TalkWorld.start([{ udp: ['udp'] }]);
}, 120_000);
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(async () => {
  await world.stop();
  if (rows.length > 0)
    printOutages('Connections that are reset, gateways that go, networks that are gone', rows);
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

test('a TCP line is reset: the session goes on', { timeout: TIMEOUT_MS }, async () => {
  const timesMs = await repeat(RUNS, PARALLEL, async (run) => {
    const talk = await startTalk(run, WEATHERS, { options: { line: 'tcp' } });
    await aWhile(run);
    expect(lineOf(talk)).toBe('tcp-1');
    const atMs = unixMs();
    talk.lines['tcp-1']!.cut(run % 2 === 0 ? 'rst' : 'fin');
    await delay(1_500);
    const took = outageMs(talk, atMs);
    await finish(talk);
    return took;
  });
  rows.push({ label: 'TCP reset: data again', timesMs });
});

test('a gateway is drained: messages go on at another one', { timeout: TIMEOUT_MS }, async () => {
  const other = await TalkWorld.start([{ udp: ['udp'] }, { udp: ['udp'] }]);
  closers.push(() => other.stop());
  const weathers: Weathers = {
    ...WEATHERS,
    'udp-2': { delayMs: 12 },
    'tcp-2': { delayMs: 15 },
    'ws-2': { delayMs: 20 },
  };
  const timesMs: number[] = [];
  // A drained gateway lets nobody in: one run after the other, from one gateway to the other.
  for (let run = 0; run < RUNS; run++) {
    const talk = await startTalk(run, weathers, { mode: 'messages', pieceBytes: 1_000 }, other);
    await aWhile(run);
    const from = Number(lineOf(talk).at(-1));
    const to = from === 1 ? 2 : 1;
    const atMs = unixMs();
    await other.gateways[from - 1]!.drain('20s');
    const left = await talk.client.event(({ event }) => event === 'left');
    expect(left, talk.client.said()).toMatchObject({ from, to, lost: 0, unconfirmed: 0 });
    await delay(500);
    timesMs.push(Number(left.atMs) - atMs);
    await finish(talk);
    await other.gateways[from - 1]!.undrain();
  }
  rows.push({ label: 'gateway drained: all of it at another', timesMs });
});

test(
  'every line dies: the client gives up after its rounds, and the process ends',
  { timeout: TIMEOUT_MS },
  async () => {
    const rounds = 3;
    const timesMs = await repeat(RUNS, PARALLEL, async (run) => {
      const options = {
        ...{ rounds, firstWaitMs: 50, maxWaitMs: 200, loginRounds: 2, loginTimeoutMs: 2_000 },
        ...{ handshakeTimeoutMs: 2_000, idleTimeoutMs: 3_000, keepAliveMs: 500 },
      };
      const talk = await startTalk(run, WEATHERS, { mode: 'messages', options });
      await aWhile(run);
      const atMs = unixMs();
      for (const line of Object.values(talk.lines)) {
        line.blackHole();
        line.refuse(run % 2 === 0);
      }
      expect(await talk.client.ended(), talk.client.said()).toEqual({ code: 0, signal: null });
      const took = unixMs() - atMs;
      expect(talk.client.all('close'), talk.client.said()).toMatchObject([{ code: 3506 }]);
      expect(talk.client.all('close')[0]!.mayReconnect).toBe(false);
      const attempts = talk.client.all('connecting').filter(({ atMs: at }) => Number(at) > atMs);
      expect(attempts.map(({ attempt }) => attempt)).toEqual(Array.from({ length: rounds }, (_, i) => i + 1));
      await talk.close();
      return took;
    });
    rows.push({ label: 'every line dead: gave up, process gone', timesMs });
  },
);
