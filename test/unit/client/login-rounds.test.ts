import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../src/base/errors.ts';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import { LoginRounds, type LoginRoundsConfig } from '../../../src/client/login-rounds.ts';
import { loginSetback, type LoginSetback } from '../../../src/client/login-setback.ts';

const later: LoginSetback = { kind: 'later' };

function roundsOf(config: Partial<LoginRoundsConfig> = {}): LoginRounds {
  return new LoginRounds({
    urls: 1,
    first: undefined,
    maxRounds: 10,
    maxWaitMs: 30_000,
    canRefresh: false,
    random: () => 0.999_999,
    ...config,
  });
}

/** Fails one round at once. @returns the logins in the order they were asked. */
function failRound(rounds: LoginRounds, now: number): number[] {
  const asked: number[] = [];
  for (;;) {
    const step = rounds.next(now);
    if (step.do !== 'ask') return asked;
    asked.push(step.url);
    rounds.failed(now, later);
  }
}

describe('one login', () => {
  test('is asked at once, once more within a second, and then after waits of up to 15 and 30 seconds', () => {
    const rounds = roundsOf();
    const waits: number[] = [];
    let now = 5_000;
    for (;;) {
      expect(failRound(rounds, now)).toEqual([0]);
      const step = rounds.next(now);
      if (step.do !== 'wait') {
        expect(step).toEqual({ do: 'stop', why: 'exhausted' });
        break;
      }
      waits.push(step.untilMs - now);
      expect(rounds.next(step.untilMs - 1)).toEqual(step);
      now = step.untilMs;
    }
    expect(waits).toEqual([999, 14_999, ...Array.from({ length: 7 }, () => 29_999)]);
    expect(rounds.failedRounds).toBe(10);
  });

  test('that took long to fail is not asked again in a hurry', () => {
    const rounds = roundsOf();
    rounds.next(0);
    rounds.failed(10_000, later);
    expect(rounds.next(10_000)).toEqual({ do: 'wait', untilMs: 24_999 });
  });

  test('is asked until it is told how that went', () => {
    const rounds = roundsOf();
    expect(rounds.next(0)).toEqual({ do: 'ask', url: 0, freshToken: false });
    expect(rounds.next(9)).toEqual({ do: 'ask', url: 0, freshToken: false });
  });

  test('is not asked before it said, and not by all in the same moment', () => {
    const at = (luck: number): number => {
      const rounds = roundsOf({ random: () => luck });
      rounds.next(0);
      rounds.failed(0, { kind: 'later', retryAfterMs: 60_000 });
      const step = rounds.next(0);
      return step.do === 'wait' ? step.untilMs : -1;
    };
    expect([at(0), at(0.5), at(0.999_999)]).toEqual([60_000, 67_500, 74_999]);
  });
});

describe('several logins', () => {
  test('are asked once each, in an order that differs', () => {
    const orders = Array.from({ length: 40 }, (_, seed) => {
      const luck = new SeededRandom(seed);
      return failRound(roundsOf({ urls: 3, random: () => luck.nextFloat() }), 0).join('');
    });
    for (const order of orders) expect(Array.from(order).sort().join('')).toBe('012');
    expect(new Set(orders).size).toBe(6);
  });

  test('the one that answered last comes first', () => {
    const luck = new SeededRandom(1);
    for (let i = 0; i < 20; i++) {
      const rounds = roundsOf({ urls: 4, first: 2, random: () => luck.nextFloat() });
      expect(failRound(rounds, 0)[0]).toBe(2);
    }
  });

  test('one that wants to be left alone is left out until then', () => {
    const rounds = roundsOf({ urls: 2, first: 0, random: () => 0.001 });
    rounds.next(0);
    rounds.failed(0, { kind: 'later', retryAfterMs: 60_000 });
    expect(failRound(rounds, 0)).toEqual([1]);
    expect(failRound(rounds, 59_999)).toEqual([1]);
    // With its jitter of 15 ms.
    expect(failRound(rounds, 60_015)).toEqual([0, 1]);
    expect(rounds.failedRounds).toBe(3);
  });

  test('when all want to be left alone, that is waited for and is no round', () => {
    const rounds = roundsOf({ urls: 2, random: () => 0 });
    for (const retryAfterMs of [50_000, 40_000]) {
      rounds.next(0);
      rounds.failed(0, { kind: 'later', retryAfterMs });
    }
    expect(rounds.next(1_000)).toEqual({ do: 'wait', untilMs: 40_000 });
    expect(rounds.failedRounds).toBe(1);
    expect(rounds.next(40_000)).toMatchObject({ do: 'ask' });
  });

  test('one that is no login is not asked again; when none is left it is over', () => {
    const rounds = roundsOf({ urls: 2, first: 0 });
    rounds.next(0);
    rounds.failed(0, { kind: 'wrong_url' });
    expect(failRound(rounds, 0)).toEqual([1]);
    expect(failRound(rounds, 50_000)).toEqual([1]);
    expect(rounds.next(100_000)).toEqual({ do: 'ask', url: 1, freshToken: false });
    rounds.failed(100_000, { kind: 'wrong_url' });
    expect(rounds.next(100_000)).toEqual({ do: 'stop', why: 'refused' });
  });
});

describe('who is not let in', () => {
  test('is so at once with a token that stays', () => {
    const rounds = roundsOf({ urls: 2 });
    rounds.next(0);
    rounds.failed(0, { kind: 'credentials' });
    expect(rounds.next(0)).toEqual({ do: 'stop', why: 'refused' });
  });

  test('asks the same login once more with a fresh token', () => {
    const rounds = roundsOf({ urls: 2, first: 1, canRefresh: true });
    expect(rounds.next(0)).toEqual({ do: 'ask', url: 1, freshToken: false });
    rounds.failed(0, { kind: 'credentials' });
    expect(rounds.next(0)).toEqual({ do: 'ask', url: 1, freshToken: true });
    rounds.failed(0, later);
    expect(rounds.next(0)).toEqual({ do: 'ask', url: 0, freshToken: false });
    rounds.failed(0, { kind: 'credentials' });
    expect(rounds.next(0)).toEqual({ do: 'stop', why: 'refused' });
  });

  test('asks nobody else with a request that is wrong', () => {
    const rounds = roundsOf({ urls: 2 });
    rounds.next(0);
    rounds.failed(0, { kind: 'refused' });
    expect(rounds.next(1e9)).toEqual({ do: 'stop', why: 'refused' });
  });
});

describe('what follows from a failure', () => {
  const refusal = (status: number, retryAfterMs?: number): GatewayError =>
    new GatewayError('login_refused', 'no', { details: { status, problem: {}, retryAfterMs } });

  test.each([
    [400, 'refused'],
    [401, 'credentials'],
    [403, 'credentials'],
    [404, 'wrong_url'],
    [405, 'wrong_url'],
    [408, 'later'],
    [413, 'wrong_url'],
    [415, 'wrong_url'],
    [425, 'later'],
    [429, 'later'],
    [500, 'later'],
    [502, 'later'],
    [503, 'later'],
  ])('%i: %s', (status, kind) => {
    expect(loginSetback(refusal(status)).kind).toBe(kind);
  });

  test('a wait that was asked for is kept', () => {
    expect(loginSetback(refusal(503, 7_000))).toEqual({ kind: 'later', retryAfterMs: 7_000 });
  });

  test('what reached nobody may go better; what is wrong here may not', () => {
    expect(loginSetback(new GatewayError('login_failed')).kind).toBe('later');
    expect(loginSetback(new GatewayError('internal')).kind).toBe('later');
    expect(loginSetback(new GatewayError('config_invalid')).kind).toBe('refused');
    expect(loginSetback(new GatewayError('login_refused', 'by the application')).kind).toBe('refused');
  });
});

test('whatever happens, no login is asked before its time, and it comes to an end', () => {
  const setbacks = fc.constantFrom<LoginSetback>(
    later,
    { kind: 'later', retryAfterMs: 1_000 },
    { kind: 'later', retryAfterMs: 100_000 },
    { kind: 'wrong_url' },
    { kind: 'credentials' },
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer(),
      fc.array(setbacks, { minLength: 1, maxLength: 30 }),
      fc.boolean(),
      (urls, seed, fates, canRefresh) => {
        const luck = new SeededRandom(Math.abs(seed));
        const rounds = roundsOf({ urls, canRefresh, random: () => luck.nextFloat() });
        const notBefore = new Map<number, number>();
        let now = 0;
        for (let steps = 0; ; steps++) {
          expect(steps).toBeLessThan(200);
          const step = rounds.next(now);
          if (step.do === 'stop') break;
          if (step.do === 'wait') {
            expect(step.untilMs).toBeGreaterThan(now);
            now = step.untilMs;
            continue;
          }
          expect(now).toBeGreaterThanOrEqual(notBefore.get(step.url) ?? 0);
          const fate = fates[steps % fates.length]!;
          if (fate.kind === 'later') notBefore.set(step.url, now + (fate.retryAfterMs ?? 0));
          if (fate.kind === 'wrong_url') notBefore.set(step.url, Number.POSITIVE_INFINITY);
          rounds.failed(now, fate);
        }
      },
    ),
  );
});
