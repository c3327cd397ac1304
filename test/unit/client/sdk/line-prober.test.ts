import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { GatewayError } from '../../../../src/base/errors.ts';
import { LineProber } from '../../../../src/client/sdk/line-prober.ts';
import type { ProbeAnswer } from '../../../../src/client/switching/known-line.ts';
import { lineOf, v4, v6 } from '../lines/lines.ts';
import { answerBytes, ProbedGateways, type ProbedGateway } from './probed-gateways.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const UDP = lineOf('udp');
const TCP = lineOf('tcp', { transport: 'tcp' });

function proberOf(...given: ConstructorParameters<typeof ProbedGateways>): {
  readonly platform: ProbedGateways;
  readonly prober: LineProber;
  /** Asks and waits for what comes of it. */
  readonly ask: (line?: typeof UDP, bytes?: number) => Promise<ProbeAnswer | undefined>;
} {
  const platform = new ProbedGateways(...given);
  const prober = new LineProber(platform);
  const ask = async (line = UDP, bytes = 64): Promise<ProbeAnswer | undefined> => {
    const answer = prober.probe(line, { bytes, timeoutMs: 1_000 });
    await vi.advanceTimersByTimeAsync(1_000);
    return answer;
  };
  return { platform, prober, ask };
}

const addressesOf = (opened: readonly ProbedGateway[]): (string | undefined)[] =>
  opened.map(({ address }) => address?.address);

describe('a probe', () => {
  test('brings what the gateway says', async () => {
    const { platform, ask } = proberOf({ udp: { rttMs: 30, says: { load: 7, draining: true } } });
    expect(await ask(UDP, 1200)).toEqual({
      rttMs: 30,
      bytes: 1200,
      load: 7,
      draining: true,
      notReady: false,
    });
    expect(platform.opened[0]!.probes[0]).toMatchObject({ conv: 0, paddingBytes: 1176 });
  });

  test('leaves the carrier of a datagram line open for a minute', async () => {
    const { platform, ask } = proberOf({ udp: { rttMs: 30 } });
    await ask();
    await vi.advanceTimersByTimeAsync(50_000);
    await ask();
    expect(platform.opened).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(58_000);
    expect(platform.open).toBe(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(platform.open).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(await ask()).toBeDefined();
    expect(platform.opened).toHaveLength(2);
  });

  test('ends a connection with the answer', async () => {
    const { platform, ask } = proberOf({ tcp: { rttMs: 30, opens: 40 } });
    expect(await ask(TCP)).toMatchObject({ rttMs: 30 });
    expect(platform.open).toBe(0);
    expect(platform.opened[0]!.retained).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('without answer takes the next address the next time', async () => {
    const { platform, ask } = proberOf(
      { '2001:db8::1': { rttMs: null }, '192.0.2.1': { rttMs: 5 } },
      { 'gw.example': () => Promise.resolve([v6('2001:db8::1'), v4('192.0.2.1')]) },
    );
    expect(await ask()).toBeUndefined();
    expect(platform.open).toBe(0);
    expect(await ask()).toMatchObject({ rttMs: 5 });
    expect(addressesOf(platform.opened)).toEqual(['2001:db8::1', '192.0.2.1']);
  });

  test('goes to the address that answered, also when it is opened anew', async () => {
    const { platform, ask } = proberOf(
      { '2001:db8::1': { rttMs: null }, '192.0.2.1': { rttMs: 5 } },
      { 'gw.example': () => Promise.resolve([v6('2001:db8::1'), v4('192.0.2.1')]) },
    );
    expect(await ask(TCP)).toBeUndefined();
    for (let i = 0; i < 3; i++) expect(await ask(TCP)).toMatchObject({ rttMs: 5 });
    expect(addressesOf(platform.opened)).toEqual(['2001:db8::1', '192.0.2.1', '192.0.2.1', '192.0.2.1']);
  });

  test('of a line that cannot be opened, or has no address, has no answer', async () => {
    const failed = new GatewayError('connect_failed');
    const { platform, ask } = proberOf(
      { tcp: { rttMs: 1, opens: failed }, slow: { rttMs: 1, opens: 'never' } },
      { 'unknown.example': () => Promise.reject(failed) },
    );
    expect(await ask(TCP)).toBeUndefined();
    expect(await ask(lineOf('slow'))).toBeUndefined();
    expect(await ask(lineOf('unknown', { host: 'unknown.example' }))).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(platform.open).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('may be one of several on the same line', async () => {
    const { platform, prober } = proberOf({ udp: { rttMs: 300 }, tcp: { rttMs: 300 } });
    const many = [UDP, UDP, TCP, UDP, TCP].map((line) => prober.probe(line, { bytes: 64, timeoutMs: 1_000 }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await Promise.all(many)).map((answer) => answer?.rttMs)).toEqual([300, 300, 300, 300, 300]);
    expect(platform.opened).toHaveLength(2);
    const tooMany = Array.from({ length: 20 }, () => prober.probe(UDP, { bytes: 64, timeoutMs: 1_000 }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await Promise.all(tooMany)).filter((answer) => answer !== undefined)).toHaveLength(16);
    await prober.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('believes its own answer only', async () => {
    const { platform, prober } = proberOf({ udp: { rttMs: null } });
    const answer = prober.probe(UDP, { bytes: 64, timeoutMs: 1_000 });
    await vi.advanceTimersByTimeAsync(1);
    const [carrier] = platform.opened;
    const { number, nonce } = carrier!.probes[0]!;
    carrier!.feed({ slot: 0, bytes: answerBytes({ number, nonce: nonce ^ 1 }) });
    carrier!.feed({ slot: 0, bytes: answerBytes({ number: number + 1, nonce }) });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await answer).toBeUndefined();
  });

  test('has no answer when the connection breaks', async () => {
    const { platform, prober } = proberOf({ tcp: { rttMs: null } });
    const answer = prober.probe(TCP, { bytes: 64, timeoutMs: 60_000 });
    await vi.advanceTimersByTimeAsync(1);
    platform.opened[0]!.break();
    expect(await answer).toBeUndefined();
    await vi.advanceTimersByTimeAsync(0);
    expect(platform.open).toBe(0);
  });
});

test('no more than eight carriers are kept', async () => {
  const ids = Array.from({ length: 12 }, (_, i) => String(i));
  const { platform, ask } = proberOf(Object.fromEntries(ids.map((id) => [id, { rttMs: 1 }])));
  for (const id of ids) await ask(lineOf(id));
  expect(platform.opened.filter(({ isClosed }) => !isClosed).map(({ line }) => line.id)).toEqual(
    ids.slice(4),
  );
});

test('closed, it leaves nothing behind and answers nobody', async () => {
  const { platform, prober, ask } = proberOf({
    udp: { rttMs: 5 },
    silent: { rttMs: null },
    slow: { rttMs: 1, opens: 50 },
  });
  await ask();
  const silent = prober.probe(lineOf('silent'), { bytes: 64, timeoutMs: 60_000 });
  const slow = prober.probe(lineOf('slow'), { bytes: 64, timeoutMs: 60_000 });
  await vi.advanceTimersByTimeAsync(10);
  const closing = prober.close();
  expect(await silent).toBeUndefined();
  expect(await slow).toBeUndefined();
  await closing;
  await prober.close();
  expect(platform.open).toBe(0);
  expect(await prober.probe(UDP, { bytes: 64, timeoutMs: 1_000 })).toBeUndefined();
  // What the gateways of the test still wanted to do.
  await vi.advanceTimersByTimeAsync(100);
  expect(vi.getTimerCount()).toBe(0);
});

test('closed while a name is looked up, it does not wait for that', async () => {
  const { platform, prober } = proberOf(
    { udp: { rttMs: 5 } },
    { 'gw.example': () => new Promise(() => undefined) },
  );
  const answer = prober.probe(UDP, { bytes: 64, timeoutMs: 60_000 });
  await vi.advanceTimersByTimeAsync(10);
  let isClosed = false;
  void prober.close().then(() => (isClosed = true));
  await vi.advanceTimersByTimeAsync(0);
  expect(isClosed).toBe(true);
  expect(await answer).toBeUndefined();
  expect(platform.open).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});
