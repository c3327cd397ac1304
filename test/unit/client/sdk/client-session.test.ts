import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CloseCode } from '../../../../src/base/close-code.ts';
import { GatewayError } from '../../../../src/base/errors.ts';
import type { ClientStatus } from '../../../../src/client/client-status.ts';
import { KnownLines } from '../../../../src/client/known-lines.ts';
import type { SuccessionConfig } from '../../../../src/client/session-succession.ts';
import type { LineEvidence, LineReport } from '../../../../src/client/lines/line-report.ts';
import type { SwitchDecision } from '../../../../src/client/switching/switch-decision.ts';
import { ClientSession } from '../../../../src/client/sdk/client-session.ts';
import type { OpenRequest, SessionOpener } from '../../../../src/client/sdk/session-transport.ts';
import { FakeConnection } from './fake-connection.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const TYPES = [
  'connecting',
  'open',
  'suspect',
  'decision',
  'moved',
  'pathlost',
  'draining',
  'left',
  'reconnecting',
  'reconnected',
  'close',
] as const;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  // Nothing is left of a session that is over.
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Gives connections as the test makes them; gateways in turn. */
class FakeOpener implements SessionOpener {
  readonly connections: FakeConnection[] = [];
  readonly requests: OpenRequest[] = [];
  readonly failures: GatewayError[] = [];
  isReleased = false;
  /** A connection is made when it resolves. */
  gate: Promise<void> = Promise.resolve();
  prepare: (connection: FakeConnection) => void = () => undefined;

  async open(request: OpenRequest): Promise<FakeConnection> {
    this.requests.push(request);
    await this.gate;
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    const connection = new FakeConnection(this.connections.length + 1);
    this.prepare(connection);
    this.connections.push(connection);
    return connection;
  }
  release(): void {
    this.isReleased = true;
  }
  get last(): FakeConnection {
    const last = this.connections.at(-1);
    if (last === undefined) throw new Error('none');
    return last;
  }
}

interface Setup {
  readonly session: ClientSession;
  readonly opener: FakeOpener;
  readonly statuses: ClientStatus[];
  readonly thrown: unknown[];
}

function create(changes: Partial<SuccessionConfig> = {}): Setup {
  const opener = new FakeOpener();
  const thrown: unknown[] = [];
  const session = new ClientSession({
    platform: { clock: { now: () => Date.now() }, throwLater: (error) => thrown.push(error) },
    opener,
    known: new KnownLines(),
    succession: {
      succeeds: true,
      reconnect: true,
      rounds: 3,
      firstWaitMs: 1000,
      maxWaitMs: 30_000,
      handOverTimeoutMs: 10_000,
      random: () => 0.5,
      ...changes,
    },
  });
  const statuses: ClientStatus[] = [];
  for (const type of TYPES) session.on(type, (status) => statuses.push(status));
  return { session, opener, statuses, thrown };
}

async function opened(changes: Partial<SuccessionConfig> = {}): Promise<Setup> {
  const setup = create(changes);
  await setup.session.open();
  return setup;
}

/** Lets everything happen that needs no time. */
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

/** Reads as an application does. */
function reading(session: ClientSession): { readonly texts: string[]; readonly done: Promise<void> } {
  const texts: string[] = [];
  const done = (async () => {
    for await (const message of session) texts.push(decode(message));
  })();
  return { texts, done };
}

describe('a session', () => {
  test('is not opened with another login again and again for one close', async () => {
    const { session, opener } = await opened();
    opener.failures.push(new GatewayError('connect_timeout'));
    opener.last.shut(CloseCode.ticketExpired);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(opener.requests.map(({ closedWith }) => closedWith)).toEqual([
      undefined,
      CloseCode.ticketExpired,
      undefined,
    ]);
    await session.destroy();
  });

  test('sends, receives, and tells what happens to it', async () => {
    const { session, opener, statuses } = await opened();
    const { texts, done } = reading(session);
    expect(session.send(encode('one'))).toBe(3);
    opener.last.arrive('two');
    await settle();
    expect([opener.last.sent, texts]).toEqual([['one'], ['two']]);
    expect(session.line?.id).toBe('line-1');
    opener.last.tell({ type: 'moved', from: 'a', to: 'b' });
    expect(await session.close()).toMatchObject({ code: CloseCode.normal });
    await done;
    expect(opener.isReleased).toBe(true);
    expect(statuses).toEqual([
      { type: 'connecting', attempt: 1 },
      { type: 'open', line: 'line-1', transport: 'udp', gatewayId: 1 },
      { type: 'moved', from: 'a', to: 'b' },
      { type: 'close', code: 1000, reason: 'closed', mayReconnect: false, unconfirmed: 1 },
    ]);
    expect(() => session.send(encode('late'))).toThrow(
      expect.objectContaining({
        code: 'session_closed',
        details: { code: 1000, reason: 'closed', mayReconnect: false },
      }) as Error,
    );
  });

  test('keeps the latest decisions with what came of them, and what was measured', async () => {
    const { session, opener, statuses } = await opened();
    const decision: SwitchDecision = {
      ...{ id: 0, at: 5, from: 'line-1', to: 'b', inputs: { seconds: 15 }, scores: { b: 10 }, outcome: null },
      action: 'move',
      reason: 'better_line',
      state: 'active',
    };
    opener.last.tell({ type: 'decision', decision });
    const settled = { ...decision, outcome: { result: 'done', tookMs: 3 } };
    opener.last.tell({ type: 'decision', decision: settled });
    expect(session.explain()).toEqual({
      decisions: [settled],
      text: '+0.000 s: move line-1 -> b, better line; seconds 15; scores: b 10.0 ms; done after 3 ms',
    });
    expect(statuses.filter(({ type }) => type === 'decision')).toHaveLength(2);
    for (let id = 1; id < 100; id++) opener.last.tell({ type: 'decision', decision: { ...decision, id } });
    expect(session.explain().decisions.map(({ id }) => id)).toEqual(
      Array.from({ length: 64 }, (_, id) => id + 36),
    );

    const [known] = session.lines();
    expect(known).toMatchObject({ inUse: true, evidence: null });
    const evidence = { line: opener.last.line, answered: 0 } as LineEvidence;
    const tcp = { line: { id: 'tcp', transport: 'tcp' }, answered: 5 } as LineEvidence;
    const report = { best: tcp.line, lines: [tcp, evidence], reason: '', tookMs: 1 } as unknown as LineReport;
    opener.last.tell({ type: 'surveyed', report });
    expect(session.lines()).toEqual([{ line: opener.last.line, inUse: true, evidence }]);
    await session.destroy();
  });

  test('takes what there is room for, and says when there is more', async () => {
    const { session, opener } = await opened();
    opener.last.room = 1;
    session.send(encode('one'));
    expect(session.send(encode('two'))).toBe(0);
    let hasRoom = false;
    const writable = session.writable().then(() => (hasRoom = true));
    await settle();
    expect(hasRoom).toBe(false);
    opener.last.makeRoom(2);
    await writable;
    expect(session.send(encode('two'))).toBe(3);
    await session.destroy();
  });

  test('what a listener throws harms nobody', async () => {
    const { session, opener, thrown, statuses } = await opened();
    session.on('moved', () => {
      throw new Error('mine');
    });
    session.onDatagram(() => {
      throw new Error('mine, too');
    });
    opener.last.tell({ type: 'moved', from: 'a', to: 'b' });
    opener.last.datagram?.(encode('x'));
    expect(thrown).toEqual([new Error('mine'), new Error('mine, too')]);
    expect(statuses.at(-1)).toMatchObject({ type: 'moved' });
    await session.destroy();
  });

  test('that cannot be opened says why', async () => {
    const { session, opener } = create();
    opener.failures.push(new GatewayError('login_refused', 'no'));
    await expect(session.open()).rejects.toMatchObject({ code: 'login_refused' });
    expect(await session.closed).toMatchObject({ code: CloseCode.authFailed });

    const late = create();
    late.opener.failures.push(...[1, 2, 3].map(() => new GatewayError('connect_timeout', 'nobody')));
    const failed = expect(late.session.open()).rejects.toMatchObject({
      code: 'retries_exhausted',
      cause: { code: 'connect_timeout' },
    });
    await vi.advanceTimersByTimeAsync(60_000);
    await failed;
    expect(late.opener.requests).toHaveLength(3);
  });

  test('destroyed while it is being opened leaves nothing', async () => {
    const { session, opener } = create();
    let open = (): void => undefined;
    opener.gate = new Promise((resolve) => (open = resolve));
    const opening = session.open();
    const failed = expect(opening).rejects.toMatchObject({ code: 'session_closed' });
    await settle();
    const destroyed = session.destroy();
    expect(opener.requests[0]?.signal.aborted).toBe(true);
    open();
    await Promise.all([destroyed, failed]);
    expect(opener.connections.map(({ isClosed }) => isClosed)).toEqual([true]);
  });

  test('ends in order when both sides have ended', async () => {
    const { session, opener } = await opened();
    const { texts, done } = reading(session);
    opener.last.arrive('last words');
    session.end();
    await done;
    expect(texts).toEqual(['last words']);
    expect(await session.closed).toMatchObject({ code: CloseCode.normal });
    expect(() => session.send(encode('x'))).toThrow(GatewayError);
  });
});

describe('a connection that closes', () => {
  test('is followed by another; what was not acknowledged is counted, not sent again', async () => {
    const { session, opener, statuses } = await opened();
    const { texts, done } = reading(session);
    const first = opener.last;
    for (const text of ['a', 'b', 'c']) session.send(encode(text));
    first.arrive('A');
    first.acknowledged = 1;
    first.shut(CloseCode.staleSession, 'gone');
    expect(session.send(encode('d'))).toBe(0);
    expect([session.line, session.lines()]).toEqual([undefined, []]);
    const writable = session.writable();
    await vi.advanceTimersByTimeAsync(1000);
    await writable;
    expect(session.send(encode('d'))).toBe(1);
    opener.last.arrive('D');
    await settle();
    expect([opener.last.sent, texts]).toEqual([['d'], ['A', 'D']]);
    expect(statuses.slice(2)).toEqual([
      { type: 'reconnecting', attempt: 1, waitMs: 500, code: 3004, reason: 'gone', unconfirmed: 2 },
      { type: 'connecting', attempt: 1 },
      { type: 'open', line: 'line-2', transport: 'udp', gatewayId: 2 },
      { type: 'reconnected', line: 'line-2', gatewayId: 2, attempt: 1, resumed: false },
    ]);
    expect(session.stats()).toMatchObject({ connections: 2, unconfirmed: 2, gatewayId: 2 });
    await session.close();
    await done;
  });

  test('for good is the end', async () => {
    const { session, opener, statuses } = await opened();
    const { done } = reading(session);
    opener.last.shut(CloseCode.kicked, 'bye');
    await done;
    expect(await session.closed).toEqual({ code: CloseCode.kicked, reason: 'bye', mayReconnect: false });
    expect(statuses.at(-1)).toMatchObject({ type: 'close', code: CloseCode.kicked });
    await session.destroy();
  });

  test('when nobody can be reached any more, after the rounds', async () => {
    const { session, opener } = await opened();
    opener.failures.push(...[1, 2, 3].map(() => new GatewayError('connect_timeout', 'nobody')));
    opener.last.shut(CloseCode.deadLink);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await session.closed).toEqual({
      code: CloseCode.retriesExhausted,
      reason: 'nobody',
      mayReconnect: false,
    });
  });

  test('waits for the application to read before the next one is opened', async () => {
    const { session, opener } = await opened();
    const large = 'x'.repeat(600_000);
    for (const text of [large, large]) opener.last.arrive(text);
    opener.last.shut(CloseCode.staleSession);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(opener.connections).toHaveLength(1);
    const messages = session[Symbol.asyncIterator]();
    expect((await messages.next()).value).toHaveLength(600_000);
    await settle();
    expect(opener.connections).toHaveLength(2);
    await session.destroy();
  });

  test('while it is told to close: nothing is opened any more', async () => {
    const { session, opener } = await opened();
    opener.last.shut(CloseCode.staleSession);
    await session.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([opener.requests.length, opener.isReleased]).toEqual([1, true]);
  });
});

describe('a gateway that is drained', () => {
  test('is left without loss: the old connection is heard to its end first', async () => {
    const { session, opener, statuses } = await opened();
    const { texts, done } = reading(session);
    const old = opener.last;
    old.finishes = false;
    session.send(encode('1'));
    old.drain();
    await settle();
    expect(opener.requests[1]).toMatchObject({ reason: 'handover', leave: 1 });
    expect([opener.connections.length, old.hasEnded]).toEqual([2, true]);
    session.send(encode('2'));
    opener.last.arrive('answer 2');
    old.arrive('answer 1');
    await settle();
    expect(texts).toEqual(['answer 1']);
    old.finish();
    await settle();
    expect(texts).toEqual(['answer 1', 'answer 2']);
    expect(statuses.slice(2).filter(({ type }) => type !== 'decision')).toEqual([
      { type: 'draining', gatewayId: 1, deadlineMs: 60_000, jitterMs: 0, lines: [] },
      { type: 'connecting', attempt: 1 },
      { type: 'open', line: 'line-2', transport: 'udp', gatewayId: 2 },
      { type: 'left', from: 1, to: 2, lost: 0, unconfirmed: 0 },
    ]);
    await session.close();
    await done;
  });

  test('each attempt to leave it is a decision, with what came of it', async () => {
    const { session, opener } = await opened();
    const told: unknown[] = [];
    session.on('decision', ({ decision: { id, to, outcome } }) => told.push([id, to, outcome?.result]));
    opener.failures.push(new GatewayError('connect_timeout'));
    opener.last.tell({ type: 'draining', deadlineMs: 60_000, jitterMs: 0, lines: ['line-2'] });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(opener.requests[1]).toMatchObject({ leave: 1, prefer: ['line-2'] });
    expect(session.explain().decisions).toMatchObject([
      { action: 'move', reason: 'gateway_draining', from: 'line-1', to: null, state: 'draining' },
      { from: 'line-1', to: 'line-2', inputs: { gatewayId: 1, attempt: 2, deadlineMs: 60_000, jitterMs: 0 } },
    ]);
    expect(told).toEqual([
      [0, null, undefined],
      [0, null, 'connect_timeout'],
      [1, null, undefined],
      [1, 'line-2', 'done'],
    ]);
    await session.close();

    // What closes, or is to end, before another one is there is not left.
    for (const [how, result] of [
      ['shut', 'closed'],
      ['end', 'given_up'],
    ] as const) {
      const late = await opened();
      late.opener.gate = new Promise((resolve) => setTimeout(resolve, 1000));
      late.opener.last.drain();
      await settle();
      if (how === 'end') late.session.end();
      else late.opener.last.shut(CloseCode.drain);
      await vi.advanceTimersByTimeAsync(2000);
      expect(late.session.explain().decisions).toMatchObject([{ to: null, outcome: { result } }]);
      await late.session.close();
    }

    const stream = await opened({ succeeds: false });
    stream.opener.last.drain();
    expect(stream.session.explain().decisions).toMatchObject([
      { action: 'stay', from: 'line-1', outcome: { result: 'stream' } },
    ]);
    await stream.session.destroy();
  });

  test('that does not let the old connection finish is told of', async () => {
    const { session, opener, statuses } = await opened();
    const { texts, done } = reading(session);
    opener.last.finishes = false;
    session.send(encode('1'));
    opener.last.drain();
    await settle();
    opener.last.arrive('new');
    await vi.advanceTimersByTimeAsync(9_999);
    expect(texts).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(texts).toEqual(['new']);
    expect(statuses.at(-1)).toEqual({ type: 'left', from: 1, to: 2, lost: null, unconfirmed: 1 });
    await session.close();
    await done;
  });

  test('is not cut off because the application is slow to read', async () => {
    const { session, opener, statuses } = await opened();
    const old = opener.last;
    old.finishes = false;
    old.arrive('1');
    old.drain();
    await vi.advanceTimersByTimeAsync(35_000);
    expect([old.isClosed, opener.connections.length]).toEqual([false, 2]);
    const { texts, done } = reading(session);
    await settle();
    old.arrive('2');
    old.finish();
    opener.last.arrive('3');
    await settle();
    expect(texts).toEqual(['1', '2', '3']);
    expect(statuses.filter(({ type }) => type === 'left')).toMatchObject([{ lost: 0 }]);
    await session.close();
    await done;
  });

  test('a listener that ends the session ends it: nothing that was decided before is done', async () => {
    const { session, opener, statuses } = await opened();
    opener.prepare = (connection) => (connection.finishes = false);
    opener.last.finishes = false;
    opener.last.drain();
    await settle();
    // Both become due in the same moment: giving the first up, and leaving the second.
    opener.last.drain();
    session.on('left', () => void session.destroy());
    await vi.advanceTimersByTimeAsync(20_000);
    expect(opener.connections.map(({ isClosed }) => isClosed)).toEqual([true, true]);
    expect(statuses.at(-1)).toMatchObject({ type: 'close' });
  });

  test('and is the only one there is: all stays where it is', async () => {
    const { session, opener, statuses } = await opened();
    opener.failures.push(new GatewayError('no_line'));
    opener.last.drain();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(opener.requests).toHaveLength(2);
    expect(session.send(encode('on'))).toBe(2);
    expect(statuses.at(-1)).toMatchObject({
      ...{ type: 'decision', decision: { outcome: { result: 'no_line' } } },
    });
    await session.destroy();
  });
});

test('whatever happens to connections: in order, nothing twice; nothing missing unless it was told', async () => {
  const action = fc.oneof(
    { weight: 8, arbitrary: fc.constant('send' as const) },
    { weight: 8, arbitrary: fc.constant('echo' as const) },
    { weight: 2, arbitrary: fc.constant('drain' as const) },
    { weight: 2, arbitrary: fc.constant('finish' as const) },
    { weight: 2, arbitrary: fc.constant('wait' as const) },
    { weight: 1, arbitrary: fc.constant('kill' as const) },
    { weight: 1, arbitrary: fc.constant('fail' as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 80 }), async (actions) => {
      const { session, opener, statuses } = await opened({ rounds: 1000 });
      opener.prepare = (connection) => (connection.finishes = false);
      opener.last.finishes = false;
      const { texts, done } = reading(session);
      let next = 0;
      const echoed = new Map<FakeConnection, number>();
      const echo = (connection: FakeConnection): boolean => {
        const at = echoed.get(connection) ?? 0;
        const text = connection.sent[at];
        if (connection.isClosed || text === undefined) return false;
        connection.acknowledged = at + 1;
        echoed.set(connection, at + 1);
        connection.arrive(text);
        return true;
      };
      const finish = (connection: FakeConnection): void => {
        if (connection.isClosed || !connection.hasEnded) return;
        while (echo(connection));
        connection.finish();
      };
      for (const what of actions) {
        switch (what) {
          case 'send':
            if (session.send(encode(String(next))) > 0) next++;
            break;
          case 'echo':
            opener.connections.some(echo);
            break;
          case 'drain':
            opener.last.drain();
            break;
          case 'finish':
            opener.connections.forEach(finish);
            break;
          case 'kill':
            opener.last.shut(CloseCode.staleSession);
            break;
          case 'fail':
            opener.failures.push(new GatewayError('connect_timeout'));
            break;
          case 'wait':
            await vi.advanceTimersByTimeAsync(2000);
        }
        await settle();
      }
      opener.failures.length = 0;
      await vi.advanceTimersByTimeAsync(40_000);
      opener.connections.forEach((connection) => {
        while (echo(connection));
      });
      session.end();
      opener.connections.forEach(finish);
      await done;
      await session.closed;
      const numbers = texts.map(Number);
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      const told = statuses.reduce(
        (sum, status) => sum + ('unconfirmed' in status ? status.unconfirmed : 0),
        0,
      );
      expect(told).toBe(session.stats().unconfirmed);
      expect(next - numbers.length).toBe(told);
    }),
    { numRuns: 300 },
  );
}, 60_000);
