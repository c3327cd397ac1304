import { env } from 'node:process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { EndpointWorld, type Timeline } from './endpoint-world.ts';

/*
 * Attacks a real endpoint with hostile datagrams between, around and inside of real sessions, with applications that do
 * as they like, on virtual time. In a normal run a fixed number of seeds; with KCPGATE_FUZZ_SECONDS=<n> for that long from
 * a fresh seed on; with KCPGATE_SEED=<n> only that seed.
 */

const SHORT_EXECUTIONS = 150;
const STEPS = 250;

const seconds = Number(env.KCPGATE_FUZZ_SECONDS ?? 0);
const isLong = seconds > 0;
const onlySeed = env.KCPGATE_SEED === undefined ? undefined : Number(env.KCPGATE_SEED);
const firstSeed = onlySeed ?? (isLong ? Date.now() : 1);

/** Runtime timers of the endpoints run on this clock, and only when it is moved. */
const time: Timeline = {
  now: () => Date.now(),
  advance: (ms) => void vi.advanceTimersByTime(ms),
  pending: () => vi.getTimerCount(),
};

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'Date'],
    now: 5_000,
  });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('an endpoint under attack', () => {
  it('keeps its promises', { timeout: (seconds + 120) * 1000 }, async () => {
    const startedAt = performance.now();
    const elapsed = (): number => (performance.now() - startedAt) / 1000;
    const features = new Set<string>();
    /** By what is wrong: the first seed that shows it, and how many did. */
    const findings = new Map<string, { readonly seed: number; readonly text: string; count: number }>();
    let executions = 0;
    let datagrams = 0;
    const isDone = (): boolean => {
      if (onlySeed !== undefined) return executions === 1;
      return isLong ? elapsed() >= seconds : executions === SHORT_EXECUTIONS;
    };
    for (let seed = firstSeed; !isDone(); seed++) {
      const world = new EndpointWorld(new SeededRandom(seed), time);
      try {
        await world.run(STEPS);
        if (world.fault !== undefined) throw world.fault;
      } catch (error) {
        const fault = world.fault ?? error;
        const name = fault instanceof Error ? fault.message : String(fault);
        const known = findings.get(name);
        if (known === undefined) findings.set(name, { seed, text: textOf(fault), count: 1 });
        else known.count++;
      }
      vi.clearAllTimers();
      executions++;
      datagrams += world.datagrams;
      for (const feature of world.features) features.add(feature);
    }
    console.log(
      `fuzz endpoint: from seed ${String(firstSeed)}, ${String(executions)} executions, ${String(datagrams)} datagrams, ` +
        `${elapsed().toFixed(1)} s, ${String(features.size)} features, ${String(findings.size)} findings`,
    );
    if (isLong) console.log([...features].sort().join(', '));
    const texts = [...findings.values()].map(
      ({ seed, text, count }) => `seed ${String(seed)} and ${String(count - 1)} more: ${text}`,
    );
    expect(texts.join('\n'), 'run one again with KCPGATE_SEED=<seed>').toBe('');
    if (onlySeed === undefined) expect([...features]).toEqual(expect.arrayContaining(REACHED));
  });
});

/** What the attack is worth nothing without. */
const REACHED = [
  ...['too_short', 'other_conversation', 'truncated', 'una_beyond_sent', 'empty', 'unknown_kind'].map(dropOf),
  ...['kind_not_accepted', 'not_an_opening', 'stock_not_allowed', 'session_limit', 'source_limit'].map(
    dropOf,
  ),
  ...['rate_limit', 'refused', 'draining'].map(dropOf),
  ...['normal', 'idle_timeout', 'dead_link', 'drain', 'message_too_large', 'protocol_error'].map(closeOf),
  ...['the first client finished', 'fell silent', 'drained', 'drain timed out'],
];

function dropOf(reason: string): string {
  return `drop ${reason}`;
}

function closeOf(name: string): string {
  return `close ${name}`;
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
