import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SocketAddress } from '../../../../src/base/address.ts';
import { GatewayError, type GatewayErrorCode } from '../../../../src/base/errors.ts';
import { NO_LOG } from '../../../../src/base/logger.ts';
import type { LineCandidate } from '../../../../src/client/lines/line-candidate.ts';
import type { Line } from '../../../../src/client/login-answer.ts';
import { SessionRace } from '../../../../src/client/sdk/session-race.ts';
import { orAborted } from '../../../../src/client/sdk/time-limit.ts';
import { lineOf, v4, v6 } from '../lines/lines.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** What is tried, when, and what comes of it. */
interface Tried {
  readonly what: string;
  readonly at: number;
}

/** @param fate why an attempt fails at once; undefined: it goes on. */
function race(
  lines: readonly Line[],
  lookUps: Readonly<Record<string, { readonly ms: number; readonly found?: readonly SocketAddress[] }>>,
  fate: (candidate: LineCandidate) => GatewayErrorCode | GatewayError | undefined = () => undefined,
): { readonly race: SessionRace; readonly tried: Tried[]; readonly underWay: () => number } {
  const tried: Tried[] = [];
  let underWay = 0;
  const startedAt = Date.now();
  const made = new SessionRace({
    platform: {
      clock: { now: () => Date.now() },
      resolve: async (host, port, signal) => {
        const { ms, found } = lookUps[host]!;
        await orAborted(new Promise((resolve) => setTimeout(resolve, ms)), signal);
        if (found === undefined) throw new GatewayError('connect_failed', `cannot resolve ${host}`);
        return found.map((address) => ({ ...address, port }));
      },
    },
    lines,
    remembered: undefined,
    logger: NO_LOG,
    attempt: async (candidate, signal) => {
      const { line, address } = candidate;
      tried.push({
        what: `${line.id} ${String(address?.address)} ${String(address?.port)}`,
        at: Date.now() - startedAt,
      });
      const code = fate(candidate);
      if (code !== undefined) throw typeof code === 'string' ? new GatewayError(code) : code;
      underWay++;
      try {
        return await orAborted(new Promise<never>(() => {}), signal);
      } finally {
        underWay--;
      }
    },
  });
  return { race: made, tried, underWay: () => underWay };
}

/** Runs it for a while, then stops it. @returns what it failed with. */
async function run(made: SessionRace, ms: number): Promise<unknown> {
  const controller = new AbortController();
  let failure: unknown;
  const running = made.run(controller.signal).catch((error: unknown) => (failure = error));
  await vi.advanceTimersByTimeAsync(ms);
  const before = failure;
  controller.abort();
  await running;
  await made.stop();
  return before;
}

describe('names', () => {
  const lines = [
    lineOf('a', { host: 'fast', port: 1 }),
    lineOf('b', { host: 'fast', port: 2 }),
    lineOf('c', { host: 'slow', port: 3 }),
  ];

  test('those of one name are looked up together, each with its port; a slow one holds nobody up and joins later', async () => {
    const {
      race: made,
      tried,
      underWay,
    } = race(lines, {
      fast: { ms: 10, found: [v4('192.0.2.1'), v6('2001:db8::1')] },
      slow: { ms: 500, found: [v4('192.0.2.2')] },
    });
    expect(await run(made, 2000)).toBeUndefined();
    expect(tried.map(({ what }) => what)).toEqual([
      'a 192.0.2.1 1',
      'a 2001:db8::1 1',
      'b 192.0.2.1 2',
      'b 2001:db8::1 2',
      'c 192.0.2.2 3',
    ]);
    expect(tried.map(({ at }) => at)).toEqual([60, 60, 60, 60, 500]);
    expect(underWay()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('one that is not found fails its lines only; when none is found that is the reason', async () => {
    const found = race(lines, { fast: { ms: 10 }, slow: { ms: 500, found: [v4('192.0.2.2')] } });
    expect(await run(found.race, 2000)).toBeUndefined();
    expect(found.tried.map(({ what }) => what)).toEqual(['c 192.0.2.2 3']);
    const none = race(lines, { fast: { ms: 10 }, slow: { ms: 500 } });
    expect(await run(none.race, 400)).toBeUndefined();
    expect(await run(race(lines, { fast: { ms: 10 }, slow: { ms: 500 } }).race, 2000)).toMatchObject({
      code: 'connect_failed',
      message: expect.stringContaining('cannot resolve') as string,
    });
  });

  test('it is stopped while names are looked up', async () => {
    const { race: made, tried } = race(lines, { fast: { ms: 1000 }, slow: { ms: 1000 } });
    expect(await run(made, 10)).toBeUndefined();
    await vi.advanceTimersByTimeAsync(5000);
    expect(tried).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('failures', () => {
  const lines = ['a', 'b', 'c'].map((id) =>
    lineOf(id, { transport: id === 'a' ? 'udp' : 'tcp', host: 'gw' }),
  );
  const lookUps = { gw: { ms: 0, found: [v4('192.0.2.1')] } };

  test.each([
    [['connect_failed', 'connect_timeout', 'session_closed'], 'session_closed'],
    [['connect_failed', 'connect_timeout', 'connect_failed'], 'connect_timeout'],
    [['connect_failed', 'internal', 'connect_failed'], 'connect_failed'],
    [['bind_failed', 'internal', 'bind_failed'], 'bind_failed'],
  ] as const)('of %j the reason is %s, and nobody waits', async (codes, best) => {
    const { race: made, tried } = race(lines, lookUps, ({ line }) => codes['abc'.indexOf(line.id)]);
    expect(await run(made, 100)).toMatchObject({ code: best });
    expect(tried).toHaveLength(3);
  });

  test('of several refusals the one that leaves hope says most, whoever was first', async () => {
    const refusal = (mayReconnect: boolean): GatewayError =>
      new GatewayError('session_closed', undefined, { details: { code: 1, mayReconnect } });
    for (const hopeful of ['a', 'b', 'c']) {
      const { race: made } = race(lines, lookUps, ({ line }) => refusal(line.id === hopeful));
      const refused = { code: 'session_closed', details: { mayReconnect: true } };
      expect(await run(made, 1_000)).toMatchObject(refused);
      expect(made.refused).toMatchObject(refused);
    }
  });

  test('one that goes on is waited for', async () => {
    const {
      race: made,
      tried,
      underWay,
    } = race(lines, lookUps, ({ line }) => (line.id === 'a' ? undefined : 'connect_failed'));
    const running = run(made, 5000);
    await vi.advanceTimersByTimeAsync(4000);
    expect(underWay()).toBe(1);
    expect(await running).toBeUndefined();
    expect(tried.map(({ what }) => what[0])).toEqual(['a', 'b', 'c']);
    expect(made.error?.code).toBe('connect_failed');
    expect(made.refused).toBeUndefined();
  });
});
