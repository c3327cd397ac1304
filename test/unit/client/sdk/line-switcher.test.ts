import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NEVER } from '../../../../src/base/clock.ts';
import { GatewayError } from '../../../../src/base/errors.ts';
import { NO_LOG } from '../../../../src/base/logger.ts';
import type { ConnectionStatus } from '../../../../src/client/connection-status.ts';
import type { Line } from '../../../../src/client/login-answer.ts';
import type { LineCopies } from '../../../../src/client/sdk/line-copies.ts';
import { LineSwitcher } from '../../../../src/client/sdk/line-switcher.ts';
import type { SessionLines } from '../../../../src/client/sdk/session-lines.ts';
import type { Standbys } from '../../../../src/client/sdk/standbys.ts';
import { resolveSwitchConfig } from '../../../../src/client/switching/switch-config.ts';
import type { LinkSignals } from '../../../../src/session/index.ts';
import { lineOf } from '../lines/lines.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const UDP = lineOf('udp');
const TCP = lineOf('tcp', { transport: 'tcp' });

/** A session that the test plays, and what is done to it. */
class World {
  readonly log: string[] = [];
  readonly statuses: ConnectionStatus[] = [];
  readonly switcher: LineSwitcher;
  readonly surveys: string[][] = [];
  onStatus: ((status: ConnectionStatus) => void) | undefined;
  /** What comes of preparing a line. */
  prepare = (_line: Line): Promise<void> => Promise.resolve();
  line = UDP;
  /** The line in use answers nothing. */
  isSilent = false;
  state = 'open';
  socketErrors = 0;
  looks = 0;
  changeNetwork: (() => void) | undefined;
  signals: LinkSignals;

  constructor(choices: readonly Line[] = [UDP, TCP]) {
    const now = (): number => Date.now();
    const counters = { segmentsSent: 0, timeoutRetransmits: 0, fastRetransmits: 0 };
    this.signals = {
      ...{ srttMs: 20, rttvarMs: 2, rtoMs: 60, stalledSince: NEVER, sentBytes: 1e6, receivedBytes: 1e6 },
      ...{ heardAt: now(), heardHereAt: now(), activeAt: now() },
      ...counters,
    };
    const lines = {
      watcher: undefined as unknown,
      session: {
        state: this.state,
        linkSignals: () => (this.looks++, this.signals),
        checkPath: () => {
          this.log.push('challenge');
          if (!this.isSilent) setTimeout(() => this.switcher.answered(20), 20);
        },
      },
    };
    Object.defineProperties(lines, {
      line: { get: () => this.line },
      attached: {
        get: () => ({
          line: this.line,
          carrier: { stats: () => ({ socketErrors: this.socketErrors }) },
        }),
      },
    });
    const standbys = {
      keep: (_user: unknown, line: Line) => {
        this.log.push(`prepare ${line.id}`);
        return this.prepare(line);
      },
      release: (_user: unknown, id: string) => this.log.push(`release ${id}`),
      pathOf: (id: string) => id,
      use: (_user: unknown, id: string) => {
        this.log.push(`move ${id}`);
        this.line = choices.find((line) => line.id === id)!;
        this.switcher.moved(this.line);
      },
    };
    this.switcher = new LineSwitcher({
      platform: {
        clock: { now },
        random: () => 0.5,
        onNetworkChange: (listener) => {
          this.changeNetwork = listener;
          return () => (this.changeNetwork = undefined);
        },
      },
      lines: lines as unknown as SessionLines,
      standbys: standbys as unknown as Standbys,
      copies: {
        inDoubt: (path: unknown) => this.log.push(`copy ${String(path)}`),
      } as unknown as LineCopies,
      prober: { probe: () => Promise.resolve(undefined), close: () => Promise.resolve() },
      survey: (lines) => {
        this.surveys.push(lines.map(({ id }) => id));
        return Promise.resolve({
          best: null,
          lines: [],
          otherAddresses: [],
          reason: 'nothing answered',
          tookMs: 1,
        });
      },
      choices,
      config: resolveSwitchConfig(),
      isClear: false,
      report: (status) => {
        this.statuses.push(status);
        this.onStatus?.(status);
      },
      surveyed: () => undefined,
      logger: NO_LOG,
    });
  }

  /** Data flows, or is not acknowledged any more, for so long. */
  async run(ms: number, isStalled: boolean): Promise<void> {
    this.isSilent = isStalled;
    const stalledSince = isStalled ? Date.now() : NEVER;
    for (const until = Date.now() + ms; Date.now() < until;) {
      const now = Date.now();
      const heard = isStalled ? {} : { heardAt: now, heardHereAt: now };
      this.signals = { ...this.signals, ...heard, stalledSince, activeAt: now };
      await vi.advanceTimersByTimeAsync(10);
    }
  }

  done(what: string): number {
    return this.log.filter((entry) => entry === what).length;
  }
}

describe('what the monitor wants is done', () => {
  test('a line that is not heard any more is asked, another one prepared, given copies and taken', async () => {
    const world = new World();
    await world.run(1000, false);
    expect(world.log.filter((entry) => entry !== 'challenge')).toEqual([]);
    world.log.length = 0;
    await world.run(2000, true);
    expect(world.log.filter((entry) => !entry.startsWith('release')).slice(0, 4)).toEqual([
      'challenge',
      'prepare tcp',
      'copy tcp',
      'move tcp',
    ]);
    expect(world.statuses.map(({ type }) => type)).toEqual(expect.arrayContaining(['suspect', 'decision']));
    expect(world.switcher.decisions.find(({ action }) => action === 'move')).toMatchObject({
      ...{ from: 'udp', to: 'tcp', outcome: { result: 'done' } },
    });
    await world.switcher.stop();
  });

  test('a fault in switching ends the switching alone', async () => {
    const world = new World();
    await world.run(100, false);
    world.signals = undefined as unknown as LinkSignals;
    await vi.advanceTimersByTimeAsync(5_000);
    const looks = world.looks;
    world.switcher.lost();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(world.looks).toBe(looks);
    expect(vi.getTimerCount()).toBe(0);
    await world.switcher.stop();
  });

  test('an answer of the line in use ends the doubt', async () => {
    const world = new World();
    world.prepare = () => new Promise(() => {});
    await world.run(1000, false);
    await world.run(400, true);
    expect(world.switcher.decisions.map(({ action }) => action)).toContain('suspect');
    world.switcher.answered(20);
    await world.run(1000, false);
    expect(world.line).toBe(UDP);
    await world.switcher.stop();
  });

  test('an answer to a preparation that was given up does not count for the next one', async () => {
    const world = new World();
    const answers: ((error?: GatewayError) => void)[] = [];
    world.prepare = ({ id }) =>
      new Promise((resolve, reject) => {
        if (id === 'tcp') answers.push((error) => (error === undefined ? resolve() : reject(error)));
      });
    await world.run(1000, false);
    await world.run(500, true);
    expect(answers).toHaveLength(1);
    // Given up, and wanted again.
    world.switcher.standbyLost('tcp', new GatewayError('connect_failed'));
    await world.run(2000, true);
    expect(answers.length).toBeGreaterThan(1);
    const before = world.log.length;
    answers[0]!(new GatewayError('connect_timeout'));
    await vi.advanceTimersByTimeAsync(0);
    expect(world.log.length).toBe(before);
    answers.at(-1)!();
    for (let i = 0; i < 20 && world.line === UDP; i++) await world.run(100, true);
    expect(world.line).toBe(TCP);
    await world.switcher.stop();
  });

  test.each([
    ['a connection that broke', (world: World) => world.switcher.lost()],
    ['nobody is there, says the network', (world: World) => world.socketErrors++],
    ['another network', (world: World) => world.changeNetwork?.()],
  ])('%s is reason for doubt', async (_, happen) => {
    const world = new World();
    await world.run(500, false);
    happen(world);
    await world.run(100, false);
    expect(world.done('challenge') + world.done('prepare tcp')).toBeGreaterThan(0);
    await world.switcher.stop();
  });
});

test('decisions are told when the turn is over: a listener may stop everything', async () => {
  const world = new World();
  await world.run(1000, false);
  let stopping: Promise<void> | undefined;
  world.onStatus = ({ type }) => {
    if (type === 'suspect') stopping = world.switcher.stop();
  };
  await world.run(2000, true);
  await stopping;
  expect(stopping).toBeDefined();
  const { length } = world.log;
  world.switcher.lost();
  world.switcher.standbyLost('tcp', new GatewayError('connect_failed'));
  await world.run(1000, true);
  expect(world.log).toHaveLength(length);
  expect(world.changeNetwork).toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
});

test('an idle session is looked at seldom, and closely as soon as the application sends', async () => {
  const world = new World();
  await world.run(100, false);
  await vi.advanceTimersByTimeAsync(60_000);
  const idle = world.looks;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(world.looks - idle).toBeLessThan(15);
  // Right after a look the next one is a second away.
  for (const before = world.looks; world.looks === before;) await vi.advanceTimersByTimeAsync(10);
  const before = world.looks;
  world.switcher.noteSending();
  world.switcher.noteSending();
  await vi.advanceTimersByTimeAsync(60);
  expect(world.looks).toBeGreaterThan(before);
  await world.switcher.stop();
});

test('the lines are measured once, and what was found is handed on; one line alone is not measured', async () => {
  const world = new World();
  await vi.advanceTimersByTimeAsync(0);
  expect(world.surveys).toEqual([['udp', 'tcp']]);
  expect(world.statuses.filter(({ type }) => type === 'surveyed')).toHaveLength(1);
  await world.switcher.stop();

  const only = new World([UDP]);
  await only.run(3000, true);
  expect(only.surveys).toEqual([]);
  expect(only.done('prepare udp')).toBeGreaterThan(0);
  await only.switcher.stop();
});
