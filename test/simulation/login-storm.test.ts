import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { LoginRounds } from '../../src/client/login-rounds.ts';
import type { LoginSetback } from '../../src/client/login-setback.ts';
import { EventQueue } from '../../tools/kcpgate/relay/event-queue.ts';

const CLIENTS = 500;
const MAX_WAIT_MS = 30_000;
/** Logins a second of clients that are all turned away: each waits half of the longest wait, on average. */
const STEADY_RATE = CLIENTS / (MAX_WAIT_MS / 2 / 1000);

/** How a gateway that comes back fares. */
interface Storm {
  /** What becomes of a login at this time, and when the client knows; undefined: it is let in. */
  readonly fate: (
    now: number,
    second: readonly number[],
  ) => { readonly afterMs: number; readonly setback: LoginSetback } | undefined;
  readonly seed: number;
}

interface Outcome {
  /** Logins that were asked in each second, whatever came of them. */
  readonly perSecond: readonly number[];
  /** When each client was let in, in ms, the first one first; those that gave up are missing. */
  readonly letInAt: readonly number[];
}

/** All clients lose their sessions at 0 and log in at once, with one login URL. */
function run({ fate, seed }: Storm): Outcome {
  const perSecond: number[] = [];
  const letInAt: number[] = [];
  const due = new EventQueue<LoginRounds>();
  for (let client = 1; client <= CLIENTS; client++) {
    const luck = new SeededRandom(seed, client);
    const config = { urls: 1, first: 0, maxRounds: 10, maxWaitMs: MAX_WAIT_MS, canRefresh: false };
    due.push(0, new LoginRounds({ ...config, random: () => luck.nextFloat() }));
  }
  for (let now = 0; due.size > 0; now = due.nextAtMs()) {
    for (let rounds = due.popDue(now); rounds !== undefined; rounds = due.popDue(now)) {
      const step = rounds.next(now);
      if (step.do === 'wait') due.push(step.untilMs, rounds);
      if (step.do !== 'ask') continue;
      const second = Math.floor(now / 1000);
      const failure = fate(now, perSecond);
      perSecond[second] = (perSecond[second] ?? 0) + 1;
      if (failure === undefined) {
        letInAt.push(now);
      } else {
        rounds.failed(now + failure.afterMs, failure.setback);
        due.push(now + failure.afterMs, rounds);
      }
    }
  }
  return { perSecond: Array.from(perSecond, (count: number | undefined) => count ?? 0), letInAt };
}

/** Nobody is there for so long: a login fails in a few milliseconds, or not before its time limit. */
const downFor =
  (downMs: number, afterMs: number): Storm['fate'] =>
  (now) =>
    now < downMs ? { afterMs, setback: { kind: 'later' } } : undefined;

/** At most so many are let in each second; the others hear when to come again. */
const limited =
  (rate: number, retryAfterMs: number): Storm['fate'] =>
  (now, perSecond) =>
    (perSecond[Math.floor(now / 1000)] ?? 0) < rate
      ? undefined
      : { afterMs: 2, setback: { kind: 'later', retryAfterMs } };

describe(`${String(CLIENTS)} clients behind one gateway that restarts`, () => {
  test.each<[string, Storm['fate']]>([
    ['for a tenth of a second', downFor(100, 2)],
    ['for 1 s', downFor(1_000, 2)],
    ['for 3 s', downFor(3_000, 2)],
    ['for 10 s', downFor(10_000, 2)],
    ['for 60 s', downFor(60_000, 2)],
    ['for ever', downFor(Number.POSITIVE_INFINITY, 2)],
    ['for 20 s, without a word', downFor(20_000, 10_000)],
    ['and lets 50 in a second', limited(50, 1_000)],
  ])('%s: after the first second no more than twice the steady rate', (name, fate) => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const { perSecond, letInAt } = run({ fate, seed });
      const after = perSecond.slice(1);
      if (seed === 1) {
        const median = letInAt[Math.floor(letInAt.length / 2)] ?? -1;
        console.info(
          `restart ${name}: logins in each second ${perSecond.slice(0, 40).join(' ')}; ` +
            `most after the first ${String(Math.max(0, ...after))}, steady ${STEADY_RATE.toFixed(1)}; ` +
            `let in ${String(letInAt.length)}, median ${String(median)} ms, last ${String(letInAt.at(-1) ?? -1)} ms`,
        );
      }
      expect(Math.max(0, ...after), `seed ${String(seed)}`).toBeLessThanOrEqual(2 * STEADY_RATE);
    }
  });
});
