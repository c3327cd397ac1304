import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import type { LineTransport } from '../../src/client/login-answer.ts';
import { lineOf } from '../unit/client/lines/lines.ts';
import { seeds, withSeed } from './seeds.ts';
import { runSurvey, trueScoreMs, type SimulatedLine, type SurveyRun } from './simulated-lines.ts';

/*
 * Does a survey find the best line? What is best is told by the formula of the score, computed from what the lines are really
 * like (`trueScoreMs`). Losses and delays are one-way and the same both ways.
 */

const line = (
  id: string,
  delayMs: number,
  jitterMs: number,
  lossRate: number,
  more: Partial<SimulatedLine> & { readonly transport?: LineTransport } = {},
): SimulatedLine => {
  const { transport = 'udp', ...rest } = more;
  return { line: lineOf(id, { transport }), link: { delayMs, jitterMs, lossRate }, ...rest };
};

/** What a login of a service with gateways in several places could offer, seen from the middle of Europe. */
const TWELVE_LINES: readonly SimulatedLine[] = [
  line('frankfurt', 11, 2, 0),
  line('amsterdam', 14, 3, 0.005),
  line('london', 17, 4, 0.01),
  line('paris', 15, 2, 0, { load: 200 }),
  line('warsaw', 26, 8, 0.02),
  line('madrid', 31, 5, 0.01),
  line('new-york', 45, 6, 0.01),
  line('virginia', 52, 4, 0),
  line('singapore', 95, 12, 0.03),
  line('sydney', 140, 15, 0.02),
  line('frankfurt-tcp', 11, 2, 0, { transport: 'tcp' }),
  line('amsterdam-wss', 14, 3, 0, { transport: 'wss', handshakes: 3 }),
];

/** Every line anywhere from 5 to 125 ms, with what jitter and loss it happens to have. */
function randomLines(seed: number, maxJitterMs: number, maxLossPercent: number): SimulatedLine[] {
  const luck = new SeededRandom(seed, 77);
  return Array.from({ length: 12 }, (_, index) =>
    line(
      String(index),
      5 + luck.nextInt(121),
      luck.nextInt(maxJitterMs + 1),
      luck.nextInt(maxLossPercent + 1) / 100,
    ),
  );
}

const HUNDRED = Array.from({ length: 100 }, (_, index) => index + 1);

/** How much worse than the best line the chosen one is, by what they are really like. */
function regretMs(lines: readonly SimulatedLine[], { report }: SurveyRun): number {
  const best = Math.min(...lines.map(trueScoreMs));
  const chosen = lines.find(({ line: { id } }) => id === report.best?.id);
  return chosen === undefined ? Infinity : trueScoreMs(chosen) - best;
}

/** Runs a survey for each seed and prints what came of it. @returns how many chose within 5 ms of the best. */
function survey(name: string, linesOf: (seed: number) => readonly SimulatedLine[]): number {
  const runs = seeds(...HUNDRED).map((seed) =>
    withSeed(seed, () => {
      const lines = linesOf(seed);
      const run = runSurvey(lines, seed);
      expect(run.probes).toBeLessThanOrEqual(64);
      expect(run.report.tookMs).toBeLessThanOrEqual(4000);
      return { ...run, regretMs: regretMs(lines, run) };
    }),
  );
  const good = runs.filter((run) => run.regretMs <= 5).length;
  const sorted = (values: readonly number[]): number[] => values.toSorted((one, other) => one - other);
  const regrets = sorted(runs.map((run) => run.regretMs));
  const times = sorted(runs.map(({ report }) => report.tookMs));
  const probes = runs.reduce((sum, run) => sum + run.probes, 0) / runs.length;
  process.stdout.write(
    `${name}: ${String(good)} of ${String(runs.length)} within 5 ms of the best, worst ${regrets.at(-1)!.toFixed(1)} ms; ` +
      `took ${times[times.length >> 1]!.toFixed(0)} ms, longest ${times.at(-1)!.toFixed(0)}; ${probes.toFixed(1)} probes\n`,
  );
  return runs.length - good;
}

describe('of twelve lines', () => {
  test('with given delays, jitter and losses, the best is found', () => {
    expect(survey('twelve lines', () => TWELVE_LINES)).toBeLessThanOrEqual(1);
  });

  test('that take another turn each time, the best is found', () => {
    const turned = (seed: number): SimulatedLine[] => {
      return TWELVE_LINES.map((_, index) => TWELVE_LINES[(index + seed) % TWELVE_LINES.length]!);
    };
    expect(survey('in another order', turned)).toBeLessThanOrEqual(1);
  });

  test('with any delays, the best is found', () => {
    expect(survey('any delay', (seed) => randomLines(seed, 0, 0))).toBe(0);
    expect(
      survey('any delay, jitter up to 10 ms each way', (seed) => randomLines(seed, 10, 0)),
    ).toBeLessThanOrEqual(1);
  });

  // Five probes cannot tell a loss of 2 % from one of 5 %; a single one that is lost makes a line look bad.
  test('that lose datagrams, the best is found mostly', () => {
    expect(
      survey('any delay, jitter up to 10 ms, loss up to 2 % each way', (seed) => randomLines(seed, 10, 2)),
    ).toBeLessThanOrEqual(5);
    expect(
      survey('any delay, jitter up to 20 ms, loss up to 5 % each way', (seed) => randomLines(seed, 20, 5)),
    ).toBeLessThanOrEqual(12);
  });
});
