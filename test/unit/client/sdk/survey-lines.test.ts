import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { GatewayError } from '../../../../src/base/errors.ts';
import type { LineReport } from '../../../../src/client/lines/line-report.ts';
import type { Line } from '../../../../src/client/login-answer.ts';
import { surveyLines, type SurveyOptions } from '../../../../src/client/sdk/survey-lines.ts';
import { lineOf, v4, v6 } from '../lines/lines.ts';
import { answerBytes, ProbedGateways } from './probed-gateways.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Runs a survey to its end, and checks that nothing is left. */
async function survey(
  platform: ProbedGateways,
  lines: readonly Line[],
  options: Partial<SurveyOptions> = {},
): Promise<LineReport> {
  const report = surveyLines(platform, { lines, ...options });
  await vi.advanceTimersByTimeAsync(5_000);
  const done = await report;
  expectNothingLeft(platform);
  return done;
}

function expectNothingLeft(platform: ProbedGateways): void {
  expect(platform.open).toBe(0);
  expect(platform.opened.flatMap(({ retained }) => retained)).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
}

const faultOf = ({ lines }: LineReport, id: string): string | null | undefined =>
  lines.find(({ line }) => line.id === id)?.fault;

describe('a survey', () => {
  test('finds the fastest line and leaves nothing behind', async () => {
    const platform = new ProbedGateways({ a: { rttMs: 60 }, b: { rttMs: 20 }, c: { rttMs: null } });
    const report = await survey(platform, [lineOf('a'), lineOf('b'), lineOf('c')]);
    expect(report.best?.id).toBe('b');
    expect(report.lines[0]).toMatchObject({ medianRttMs: 20, fullSize: true, answered: 2 });
    expect(report.tookMs).toBeLessThan(250);
    expect(platform.opened.map(({ probes }) => probes.every(({ conv }) => conv === 0))).toEqual([
      true,
      true,
      true,
    ]);
  });

  test('tells what it could not use, and why', async () => {
    const refused = new GatewayError('connect_timeout');
    const platform = new ProbedGateways(
      { good: { rttMs: 30 }, refused: { rttMs: 1, opens: refused }, slow: { rttMs: 1, opens: 'never' } },
      {
        'unknown.example': () => Promise.reject(new GatewayError('connect_failed')),
        'empty.example': () => Promise.resolve([]),
      },
    );
    const report = await survey(platform, [
      lineOf('unknown', { host: 'unknown.example' }),
      lineOf('empty', { host: 'empty.example' }),
      lineOf('browser', { transport: 'wss' }),
      lineOf('refused', { transport: 'tcp' }),
      lineOf('slow', { transport: 'tcp' }),
      lineOf('good'),
    ]);
    expect(report.best?.id).toBe('good');
    expect(faultOf(report, 'unknown')).toBe('connect_failed');
    expect(faultOf(report, 'empty')).toBe('connect_failed');
    expect(faultOf(report, 'browser')).toBe('unsupported');
    expect(faultOf(report, 'good')).toBeNull();
  });

  test('waits for a slow name only while no other is known', async () => {
    const after = (ms: number) => async () => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return [v4('192.0.2.1')];
    };
    const lines = [lineOf('slow', { host: 'slow.example' }), lineOf('good')];
    const behaviours = { slow: { rttMs: 1 }, good: { rttMs: 30 } };
    const mixed = await survey(new ProbedGateways(behaviours, { 'slow.example': after(3_000) }), lines);
    expect(faultOf(mixed, 'slow')).toBe('connect_timeout');
    expect(mixed.best?.id).toBe('good');
    expect(mixed.tookMs).toBeLessThan(1_500);
    const alone = await survey(
      new ProbedGateways(behaviours, { 'slow.example': after(3_000) }),
      lines.slice(0, 1),
    );
    expect(alone.best?.id).toBe('slow');
    expect(alone.tookMs).toBeGreaterThan(3_000);
  });

  test('of names nobody finds ends in time', async () => {
    const platform = new ProbedGateways({}, { 'gw.example': () => new Promise(() => undefined) });
    const report = surveyLines(platform, { lines: [lineOf('a')] });
    await vi.advanceTimersByTimeAsync(4_000);
    expect(await report).toMatchObject({ best: null, tookMs: 4_000 });
    expectNothingLeft(platform);
  });

  test('looks each name up once, however many lines have it', async () => {
    const asked: string[] = [];
    const lookUp = (host: string) => () => {
      asked.push(host);
      return Promise.resolve([v4('192.0.2.1')]);
    };
    const platform = new ProbedGateways(
      { a: { rttMs: 20 }, b: { rttMs: 10 } },
      { 'gw.example': lookUp('gw.example'), 'gw2.example': lookUp('gw2.example') },
    );
    const report = await survey(platform, [
      lineOf('a', { port: 4000 }),
      lineOf('b', { port: 4001 }),
      lineOf('c', { host: 'gw2.example' }),
      lineOf('wss', { transport: 'wss', host: 'gw2.example' }),
    ]);
    expect(asked).toEqual(['gw.example', 'gw2.example']);
    const ports = new Map(report.lines.map(({ line, address }) => [line.id, address?.port]));
    expect([ports.get('a'), ports.get('b')]).toEqual([4000, 4001]);
    expect(faultOf(report, 'wss')).toBe('unsupported');
  });

  test('tries every address of a line', async () => {
    const platform = new ProbedGateways(
      { '2001:db8::1': { rttMs: 70 }, '192.0.2.1': { rttMs: 30 } },
      { 'gw.example': () => Promise.resolve([v6('2001:db8::1'), v4('192.0.2.1')]) },
    );
    const report = await survey(platform, [lineOf('a')]);
    expect(report.lines.map(({ address }) => address?.address)).toEqual(['192.0.2.1']);
    expect(report.otherAddresses.map(({ address }) => address?.address)).toEqual(['2001:db8::1']);
  });

  test('takes no notice of anything but its answers', async () => {
    const platform = new ProbedGateways({ a: { rttMs: 40 } });
    const report = surveyLines(platform, { lines: [lineOf('a')] });
    await vi.advanceTimersByTimeAsync(10);
    const [carrier] = platform.opened;
    const [probe] = carrier!.probes;
    const { number, nonce } = probe!;
    const good = answerBytes({ number, nonce });
    carrier!.feed({ slot: 0, bytes: new Uint8Array(0) });
    carrier!.feed({ slot: 0, bytes: good.subarray(0, 63) });
    carrier!.feed({ slot: 0, bytes: answerBytes({ number, nonce: nonce ^ 1 }) });
    carrier!.feed({ slot: 0, bytes: answerBytes({ number: 60, nonce }) });
    carrier!.feed({ slot: 5, bytes: good });
    carrier!.feed({ slot: 0, bytes: good.map((byte, at) => (at === 4 ? 87 : byte)) });
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await report).lines[0]!.rttsMs).toEqual([40, 40]);
  });

  test('reads answers that arrive glued together', async () => {
    const platform = new ProbedGateways({ a: { rttMs: null } });
    const report = surveyLines(platform, { lines: [lineOf('a')] });
    await vi.advanceTimersByTimeAsync(150);
    const [carrier] = platform.opened;
    const answers = carrier!.probes.map(({ number, nonce }) => answerBytes({ number, nonce }));
    expect(answers).toHaveLength(2);
    const glued = new Uint8Array(answers.flatMap((bytes) => [...bytes]));
    carrier!.feed({ slot: 0, bytes: glued, segmentSize: 64 });
    await vi.advanceTimersByTimeAsync(10);
    expect((await report).lines[0]).toMatchObject({ answered: 2 });
  });

  test('goes on without a connection that broke', async () => {
    const platform = new ProbedGateways({ a: { rttMs: 10 }, b: { rttMs: 50 } });
    const report = surveyLines(platform, {
      lines: [lineOf('a', { transport: 'tcp' }), lineOf('b', { transport: 'tcp' })],
    });
    await vi.advanceTimersByTimeAsync(30);
    platform.opened.find(({ line }) => line.id === 'a')!.break();
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await report).best?.id).toBe('b');
    expect(faultOf(await report, 'a')).toBe('connect_failed');
  });

  test('given up leaves nothing behind', async () => {
    const platform = new ProbedGateways({
      a: { rttMs: 10 },
      b: { rttMs: null },
      c: { rttMs: 1, opens: 'never' },
    });
    const lines = ['a', 'b', 'c'].map((id) => lineOf(id));
    for (const ms of [0, 1, 5, 50]) {
      const abort = new AbortController();
      const failed = expect(surveyLines(platform, { lines, signal: abort.signal })).rejects.toThrow(/enough/);
      await vi.advanceTimersByTimeAsync(ms);
      abort.abort(new GatewayError('connect_failed', 'enough'));
      await vi.advanceTimersByTimeAsync(100);
      await failed;
      expectNothingLeft(platform);
    }
    const early = surveyLines(platform, { lines, signal: AbortSignal.abort() });
    await expect(early).rejects.toThrow(GatewayError);
  });
});
