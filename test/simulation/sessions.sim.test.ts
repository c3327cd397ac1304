import { env } from 'node:process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { KNOWN_SCHEDULES } from './known-schedules.ts';
import { onNetwork } from './multi-path-network.ts';
import { RunCounts } from './run-counts.ts';
import { makeSchedule, type Schedule } from './schedule.ts';
import { seeds } from './seeds.ts';
import { SessionWorld } from './session-world.ts';
import { scheduleText, shrinkSchedule } from './shrink-schedule.ts';

/*
 * Random schedules of what may happen to sessions and to what they run on, against a reference model of the byte streams: exactly
 * once, in order, or closed with a code. See SessionWorld. In a normal run some hundred; with KCPGATE_SCHEDULES=<n> so many; with
 * KCPGATE_SEED=<n> only that one.
 */

const USUAL_SCHEDULES = 500;
const FIRST_SEED = 1_000;
/** How long it looks for a shorter schedule that fails in the same way. */
const SHRINK_MS = 10_000;

interface Finding {
  readonly seed: number;
  readonly error: unknown;
  count: number;
}

function scheduleCount(): number {
  const asked = env.KCPGATE_SCHEDULES ?? '';
  if (asked === '') return USUAL_SCHEDULES;
  const count = Number(asked);
  if (!Number.isInteger(count) || count < 1)
    throw new Error(`KCPGATE_SCHEDULES must be a number of schedules, not "${asked}"`);
  return count;
}

function run(schedule: Schedule): RunCounts {
  return onNetwork({ seed: schedule.seed }, (network) => {
    const world = new SessionWorld(schedule, network);
    world.run();
    return world.counts;
  });
}

function failureOf(schedule: Schedule): unknown {
  try {
    run(schedule);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** What is wrong, without where, when and how much. */
function kindOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .split('\n')[0]!
    .replace(/^[^:]*: /, '')
    .replaceAll(/\d+/g, '#');
}

function report({ seed, error, count }: Finding): string {
  const kind = kindOf(error);
  const until = performance.now() + SHRINK_MS;
  const fails = (schedule: Schedule): boolean => {
    const failure = failureOf(schedule);
    return failure !== undefined && kindOf(failure) === kind;
  };
  const short = shrinkSchedule(makeSchedule(seed), fails, () => performance.now() > until);
  const failure = failureOf(short) ?? error;
  const text = failure instanceof Error ? failure.stack : String(failure);
  return `${count} schedules, the first of seed ${seed}:\n${text}\nfewer steps that do the same:\n  ${scheduleText(short)}`;
}

describe('sessions to which anything happens', () => {
  it('carry every byte once and in order, or close with a code', { timeout: 7_200_000 }, async () => {
    const count = scheduleCount();
    const all = Array.from({ length: count }, (_, index) => FIRST_SEED + index);
    const startedAt = performance.now();
    const counts = new RunCounts();
    const findings = new Map<string, Finding>();
    let schedules = 0;
    for (const seed of seeds(...all)) {
      try {
        counts.add(run(makeSchedule(seed)));
      } catch (error) {
        const kind = kindOf(error);
        const known = findings.get(kind);
        if (known === undefined) findings.set(kind, { seed, error, count: 1 });
        else known.count++;
      }
      if (++schedules % 20 === 0) await nextTurn();
    }
    const seconds = (performance.now() - startedAt) / 1000;
    console.log(`sessions: ${schedules} schedules in ${seconds.toFixed(1)} s, ${counts.text}`);
    const reports = [...findings.values()].map(report);
    expect(reports.join('\n\n'), 'run one again with KCPGATE_SEED=<seed>').toBe('');
    if (schedules < USUAL_SCHEDULES) return;
    // What the schedules are worth nothing without.
    expect(counts.missing).toEqual([]);
    expect([...counts.closes.keys()]).toEqual(expect.arrayContaining([...EXPECTED_CLOSES]));
  });

  it.each(Object.entries(KNOWN_SCHEDULES))('%s', (_, schedule) => {
    run(schedule);
  });

  it('fare the same with the same seed', () => {
    for (const seed of [1, 2, 3]) expect(run(makeSchedule(seed)).text).toBe(run(makeSchedule(seed)).text);
  });
});

const EXPECTED_CLOSES = [
  'normal',
  'kicked',
  'drain',
  'stale_session',
  'idle_timeout',
  'replaced',
  'slow_consumer',
  'dead_link',
] as const;
