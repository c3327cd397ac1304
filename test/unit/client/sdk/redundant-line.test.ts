import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { GatewayError } from '../../../../src/base/errors.ts';
import { NO_LOG } from '../../../../src/base/logger.ts';
import type { LineReport } from '../../../../src/client/lines/line-report.ts';
import type { Line } from '../../../../src/client/login-answer.ts';
import type { LineCopies } from '../../../../src/client/sdk/line-copies.ts';
import { RedundantLine } from '../../../../src/client/sdk/redundant-line.ts';
import type { Standbys } from '../../../../src/client/sdk/standbys.ts';
import { Path } from '../../../../src/session/index.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const lineOf = (id: string): Line => ({ id, transport: 'udp' }) as Line;

/** Lines that answer after 20 ms, or never: then they fail after 5 s. */
function create() {
  const dead = new Set<string>();
  const kept = new Set<string>();
  const all = ['used', 'a', 'b'].map(lineOf);
  const [used] = all;
  if (used === undefined) throw new Error('none');
  const paths = all.map((_, port) => new Path(port, 0, false, 0, { validated: true, announcing: false }));
  /** Where copies go. */
  let copies = '';
  /** For how long they went nowhere, in ms. */
  let gapMs = 0;
  let stoppedAt = Date.now();
  const standbys: Pick<Standbys, 'keep' | 'pathOf' | 'release'> = {
    keep: async (_user, { id }, timeoutMs) => {
      kept.add(id);
      const isDead = dead.has(id);
      await new Promise((resolve) => setTimeout(resolve, isDead ? timeoutMs : 20));
      if (isDead) throw new GatewayError('connect_timeout');
    },
    pathOf: (id) => paths[all.findIndex((line) => line.id === id)],
    release: (_user, id) => void kept.delete(id),
  };
  const always: LineCopies['always'] = (path) => {
    const to = path === undefined ? '' : (all[path.port]?.id ?? '');
    if (copies === '' && to !== '') gapMs += Date.now() - stoppedAt;
    if (copies !== '' && to === '') stoppedAt = Date.now();
    copies = to;
  };
  const redundant = new RedundantLine({
    platform: { clock: { now: () => Date.now() } },
    lines: { line: used },
    standbys,
    copies: { always },
    choices: all,
    options: {},
    logger: NO_LOG,
  });
  return {
    ...{ redundant, dead, kept },
    to: () => copies,
    /** Since it was last asked. */
    gapMs: () => {
      const ms = gapMs;
      gapMs = 0;
      return ms;
    },
  };
}

async function stop(redundant: RedundantLine): Promise<void> {
  const stopped = redundant.stop();
  // What is being prepared comes to its end.
  await vi.advanceTimersByTimeAsync(5_000);
  await stopped;
}

test('a second line that died is tried again beside the one that took its place', async () => {
  const { redundant, dead, kept, to, gapMs } = create();
  await vi.advanceTimersByTimeAsync(100);
  expect([to(), gapMs()]).toEqual(['a', 20]);
  dead.add('a');
  redundant.standbyLost('a', new GatewayError('connect_timeout'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect([to(), redundant.line?.id]).toEqual(['b', 'b']);
  // Only until the other one was prepared.
  expect(gapMs()).toBe(20);
  expect([...kept]).toEqual(['b']);
  dead.delete('a');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(to()).toBe('a');
  expect(gapMs()).toBeLessThanOrEqual(20);
  expect([...kept]).toEqual(['a']);
  await stop(redundant);
  expect([to(), [...kept]]).toEqual(['', []]);
});

test('one that is lost while another is tried gives way to the next at once', async () => {
  const { redundant, dead, to } = create();
  await vi.advanceTimersByTimeAsync(100);
  dead.add('a');
  redundant.standbyLost('a', new GatewayError('connect_timeout'));
  // Now the first one is tried again.
  await vi.advanceTimersByTimeAsync(3_000);
  dead.delete('a');
  redundant.standbyLost('b', new GatewayError('connect_timeout'));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(to()).not.toBe('');
  await stop(redundant);
});

test('the best one that was measured takes over', async () => {
  const { redundant, to, gapMs } = create();
  await vi.advanceTimersByTimeAsync(100);
  redundant.surveyed({
    lines: ['b', 'a', 'used'].map((id) => ({ line: lineOf(id) })),
  } as unknown as LineReport);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(to()).toBe('b');
  expect(gapMs()).toBeLessThanOrEqual(40);
  await stop(redundant);
});
