import { describe, expect, test } from 'vitest';
import { DecisionLog } from '../../../../src/client/switching/decision-log.ts';
import { HoldDown } from '../../../../src/client/switching/hold-down.ts';
import { KnownLine } from '../../../../src/client/switching/known-line.ts';
import { ProbeBudget } from '../../../../src/client/switching/probe-budget.ts';
import { SecondScores } from '../../../../src/client/switching/second-scores.ts';
import { resolveSwitchConfig } from '../../../../src/client/switching/switch-config.ts';
import type { SwitchDecision } from '../../../../src/client/switching/switch-decision.ts';

const CONFIG = resolveSwitchConfig();

describe('scores by the second', () => {
  test('give bounds over the seconds that were measured, if there are enough of them lately', () => {
    const scores = new SecondScores();
    for (const [at, score] of [
      [1_000, 10],
      [1_900, 30],
      [2_000, 20],
      [5_500, 15],
    ] as const)
      scores.note(at, score);
    expect(scores.latest(3, 0)).toEqual({ min: 10, max: 30 });
    expect(scores.latest(2, 0)).toEqual({ min: 15, max: 20 });
    expect(scores.latest(4, 0)).toBeUndefined();
    expect(scores.latest(2, 2_000)).toEqual({ min: 15, max: 20 });
    expect(scores.latest(2, 3_000)).toBeUndefined();
  });

  test('do not grow', () => {
    const scores = new SecondScores();
    for (let at = 0; at < 1e6; at += 1_000) scores.note(at, 1);
    expect(scores.size).toBe(64);
  });
});

describe('the budget', () => {
  test('gives a share of the traffic, or a little, and no more than a burst at once', () => {
    const budget = new ProbeBudget(0, CONFIG);
    expect(budget.take(7_500)).toBe(true);
    expect(budget.take(1)).toBe(false);
    budget.earn(1_000, 0);
    expect(budget.take(126)).toBe(false);
    expect(budget.take(125)).toBe(true);
    budget.earn(2_000, 100_000);
    expect(budget.take(1_000)).toBe(true);
    expect(budget.take(1)).toBe(false);
    budget.earn(1e9, 1e9);
    expect(budget.take(7_501)).toBe(false);
  });

  test('what could not wait is missing later, but not for ever', () => {
    const budget = new ProbeBudget(0, CONFIG);
    for (let i = 0; i < 1_000; i++) budget.spend(1_000);
    budget.earn(60_000, 0);
    expect(budget.take(1)).toBe(false);
    budget.earn(62_000, 0);
    expect(budget.take(1)).toBe(true);
  });
});

test('who goes back and forth is held down longer and longer, up to a limit, until there was peace', () => {
  const holdDown = new HoldDown(CONFIG);
  holdDown.moved(0, -Infinity);
  expect(holdDown.until).toBe(30_000);
  holdDown.moved(40_000, 0);
  expect(holdDown.until - 40_000).toBe(60_000);
  let now = 100_000;
  for (let i = 0; i < 10; i++) holdDown.moved((now += 100_000), now - 200_000);
  expect(holdDown.until - now).toBe(300_000);
  now += 301_000;
  holdDown.moved(now, -Infinity);
  expect(holdDown.until - now).toBe(30_000);
});

describe('a known line', () => {
  const answer = { bytes: 64, load: 0, draining: false, notReady: false };
  const line = (transport: 'udp' | 'tcp' = 'udp') => new KnownLine(0, { id: 'a', transport }, CONFIG);

  test('has a score as long as it answers', () => {
    const one = line();
    expect(one.score(0)).toBeNull();
    for (let i = 0; i < 5; i++) one.answered(i * 1_000, { ...answer, rttMs: 50 });
    expect(one.score(5_000)).toBeGreaterThan(50);
    expect(one.answers(5_000)).toBe(true);
    one.lost();
    expect(one.answers(5_000)).toBe(false);
    expect(one.isInDoubt).toBe(true);
    expect(one.score(5_000)).not.toBeNull();
    one.lost();
    one.lost();
    expect(one.score(5_000)).toBeNull();
    expect(one.isInDoubt).toBe(false);
  });

  test('is worse for jitter, loss, load, and for being a connection', () => {
    const scoreOf = (transport: 'udp' | 'tcp', rtts: readonly number[], load = 0): number => {
      const one = line(transport);
      for (const rttMs of rtts) {
        if (rttMs < 0) one.lost();
        else one.answered(0, { ...answer, rttMs, load });
      }
      return one.score(0)!;
    };
    const plain = scoreOf('udp', [50, 50, 50, 50, 50]);
    expect(scoreOf('udp', [40, 60, 50, 40, 60])).toBeGreaterThan(plain + 10);
    expect(scoreOf('udp', [50, -1, 50, 50, 50])).toBeGreaterThan(plain + 5);
    expect(scoreOf('udp', [50, 50, 50, 50, 50], 255)).toBeCloseTo(plain + 30);
    expect(scoreOf('tcp', [50, 50, 50, 50, 50])).toBeCloseTo(plain + 10);
  });

  test('is believed to be as bad as it was in use, for a while', () => {
    const one = line();
    one.left(0, 300);
    expect(one.experienceMs(0, 50)).toBe(250);
    expect(one.experienceMs(60_000, 50)).toBe(125);
    expect(one.experienceMs(600_000, 50)).toBeLessThan(1);
    expect(one.experienceMs(0, 400)).toBe(0);
  });

  test('in another network is as good as new', () => {
    const one = line();
    one.left(0, 300);
    one.veto(0);
    one.answered(0, { ...answer, rttMs: 50 });
    one.forget();
    expect([one.score(0), one.experienceMs(0, 50), one.avoidUntil, one.leftAt]).toEqual([
      ...[null, 0, -Infinity, -Infinity],
    ]);
  });

  test('that proved worse is avoided longer each time', () => {
    const one = line();
    one.veto(0);
    expect(one.avoidUntil).toBe(60_000);
    one.veto(100_000);
    expect(one.avoidUntil).toBe(220_000);
    for (let i = 0; i < 10; i++) one.veto(300_000);
    expect(one.avoidUntil).toBe(900_000);
    one.veto(5_000_000);
    expect(one.avoidUntil).toBe(5_060_000);
  });
});

describe('the decision log', () => {
  const decision = {
    action: 'suspect',
    reason: 'silence',
    from: 'a',
    to: null,
    state: 'suspect',
    inputs: {},
    scores: {},
  } as const;

  test('keeps the latest, and tells of each and of what came of it', () => {
    const told: SwitchDecision[] = [];
    const log = new DecisionLog(3, {
      decided: (one) => told.push(one),
      settled: (one) => told.push(one),
    });
    for (let at = 0; at < 5; at++) log.add({ ...decision, at });
    expect(log.decisions.map(({ id }) => id)).toEqual([2, 3, 4]);
    log.settle(10, 3, 'done');
    log.settle(20, 3, 'another');
    log.settle(20, 0, 'forgotten');
    expect(log.decisions[1]?.outcome).toEqual({ result: 'done', tookMs: 7 });
    expect(told).toHaveLength(6);
    expect(told.at(-1)?.id).toBe(3);
  });
});
