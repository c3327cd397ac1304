import { describe, expect, test } from 'vitest';
import type { LineEvidence } from '../../../../src/client/lines/line-report.ts';
import { scoreProbes } from '../../../../src/client/lines/line-score.ts';
import { rankLines } from '../../../../src/client/lines/rank-lines.ts';
import { lineOf, v4 } from './lines.ts';

function evidence(id: string, rttMs: number | null, more: Partial<LineEvidence> = {}): LineEvidence {
  const rttsMs = rttMs === null ? [] : [rttMs, rttMs, rttMs];
  return {
    line: lineOf(id),
    address: v4('192.0.2.1'),
    sent: 3,
    answered: rttsMs.length,
    rttsMs,
    medianRttMs: rttMs,
    jitterMs: rttMs === null ? null : 0,
    fullSize: true,
    load: 0,
    draining: false,
    notReady: false,
    seenAs: null,
    score: scoreProbes({ rttsMs, lost: 0, isConnection: false, load: 0 }),
    fault: rttMs === null ? 'no_answer' : null,
    ...more,
  };
}

const ids = (lines: readonly LineEvidence[]): string[] => lines.map(({ line }) => line.id);

describe('lines are ranked', () => {
  test('by score, those that cannot be used last', () => {
    const { best, lines, reason } = rankLines(
      [evidence('far', 90), evidence('dead', null), evidence('near', 20)],
      0,
    );
    expect(best?.id).toBe('near');
    expect(ids(lines)).toEqual(['near', 'far', 'dead']);
    expect(reason).toMatch(/^the lowest score, [\d.]+ ms ahead of far: score [\d.]+ ms$/);
  });

  test('by priority before score, by what they can be used for before priority', () => {
    const { lines } = rankLines(
      [
        evidence('draining', 1, { draining: true }),
        evidence('not-ready', 2, { notReady: true }),
        evidence('small', 3, { fullSize: false }),
        evidence('backup', 4, { line: lineOf('backup', { priority: 1 }) }),
        evidence('broken', 1, { fault: 'connect_failed' }),
        evidence('slow', 300),
      ],
      0,
    );
    expect(ids(lines)).toEqual(['slow', 'backup', 'small', 'draining', 'not-ready', 'broken']);
  });

  test.each([
    ['the only line', [evidence('a', 10)]],
    ['the only line that answered', [evidence('a', 10), evidence('b', null)]],
    [
      'the only line that passes large datagrams',
      [evidence('a', 90), evidence('b', 10, { fullSize: false })],
    ],
    [
      'the only line whose gateway takes new sessions',
      [evidence('a', 90), evidence('b', 10, { draining: true })],
    ],
    [
      'the only line of its priority',
      [evidence('a', 90), evidence('b', 1, { line: lineOf('b', { priority: 3 }) })],
    ],
    ['chosen by weight among 2 lines that are as good', [evidence('a', 10), evidence('b', 12)]],
  ])('and why is said in words: %s', (words, lines) => {
    expect(rankLines(lines, 0).reason).toMatch(new RegExp(`^${words}: score [\\d.]+ ms$`));
  });

  test('and what is wrong with the best is said, too', () => {
    expect(rankLines([evidence('a', 10, { draining: true })], 0).reason).toMatch(
      /; no line leads to a gateway that/,
    );
    expect(rankLines([evidence('a', 10, { fullSize: false })], 0).reason).toMatch(
      /; large datagrams do not pass/,
    );
  });

  test('once each, at their best address; the other addresses apart', () => {
    const other = evidence('a', 5, { address: v4('192.0.2.9') });
    const { best, lines, otherAddresses } = rankLines(
      [evidence('a', 10), evidence('b', 40), other, evidence('b', null)],
      0,
    );
    expect(best?.id).toBe('a');
    expect(lines.map(({ medianRttMs }) => medianRttMs)).toEqual([5, 40]);
    expect(otherAddresses.map(({ medianRttMs }) => medianRttMs)).toEqual([10, null]);
  });

  test('as none when nothing answered', () => {
    expect(rankLines([evidence('a', null)], 0)).toMatchObject({ best: null, reason: 'no line answered' });
    expect(rankLines([], 0.9)).toEqual({
      best: null,
      lines: [],
      otherAddresses: [],
      reason: 'no line answered',
    });
  });
});

describe('among lines that are as good', () => {
  const chosen = (lines: readonly LineEvidence[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (let i = 0; i < 1000; i++) {
      const id = rankLines(lines, i / 1000).best!.id;
      counts[id] = (counts[id] ?? 0) + 1;
    }
    return counts;
  };

  test('weights decide', () => {
    const heavy = { line: lineOf('heavy', { weight: 300 }) };
    const none = { line: lineOf('none', { weight: 0 }) };
    expect(chosen([evidence('one', 10), evidence('heavy', 11, heavy), evidence('none', 10, none)])).toEqual({
      one: 250,
      heavy: 750,
    });
  });

  test('that weigh nothing, each comes as often', () => {
    const lines = ['a', 'b'].map((id) => evidence(id, 10, { line: lineOf(id, { weight: 0 }) }));
    expect(chosen(lines)).toEqual({ a: 500, b: 500 });
  });

  test('a line with two addresses has one share', () => {
    expect(chosen([evidence('a', 10), evidence('a', 11), evidence('b', 10)])).toEqual({ a: 500, b: 500 });
  });

  test('those that vary are not as good: measuring is not that exact', () => {
    const shaky = evidence('shaky', 12, { jitterMs: 4 });
    expect(chosen([evidence('a', 10), shaky])).toEqual({ a: 1000 });
  });

  test('those of another priority are not counted', () => {
    expect(chosen([evidence('a', 10), evidence('b', 10, { line: lineOf('b', { priority: 1 }) })])).toEqual({
      a: 1000,
    });
  });
});
