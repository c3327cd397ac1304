import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { GatewayError } from '../../../../src/base/errors.ts';
import { NO_LOG, type LogFields, type Logger } from '../../../../src/base/logger.ts';
import {
  LoginClient,
  type LoginClientOptions,
  type LoginEvent,
} from '../../../../src/client/sdk/login-client.ts';
import type { LoginStore } from '../../../../src/client/sdk/login-store.ts';
import { issueTicket } from '../../../../src/gateway/login/issue-ticket.ts';
import { goodAnswer } from '../answer.ts';

const A = 'https://a.example/api/login';
const B = 'https://b.example/api/login';
const HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

/** What a login answers: a status of a refusal, with headers; or an answer; or nothing at all. */
type Reply = 'answer' | 'down' | 'silent' | readonly [status: number, headers?: Record<string, string>];

interface Asked {
  readonly origin: string;
  readonly atMs: number;
  readonly token: unknown;
}

/** Logins with a script: the replies to come, for each; the last one for all that follow. */
class Logins {
  readonly asked: Asked[] = [];
  readonly events: LoginEvent[] = [];
  readonly logged: unknown[] = [];
  readonly #replies: Record<string, Reply[]>;
  readonly #startedAtMs = Date.now();

  constructor(replies: Record<string, Reply[]>) {
    this.#replies = replies;
  }

  client(options: Partial<LoginClientOptions> = {}): LoginClient {
    const clock = { now: () => Date.now() };
    const warn = (message: string, fields?: LogFields): void => {
      this.logged.push([message, fields]);
    };
    const logger: Logger = { ...NO_LOG, warn };
    return new LoginClient(
      { loginUrl: A, ...options },
      {
        platform: { clock, wallClock: clock, random: () => 0.5, seals: ['aes-128-gcm'], fetch: this.#fetch },
        logger,
        onEvent: (event) => this.events.push(event),
      },
    );
  }

  readonly #fetch = (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const { origin, href } = new URL(url instanceof Request ? url.url : url);
    const { token } = JSON.parse(init?.body as string) as { readonly token?: unknown };
    this.asked.push({ origin, atMs: Date.now() - this.#startedAtMs, token });
    const replies = this.#replies[href] ?? ['down'];
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    if (reply === 'answer') return Promise.resolve(Response.json(freshAnswer()));
    if (reply === 'silent') {
      return new Promise((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    }
    if (reply === undefined || reply === 'down') return Promise.reject(new TypeError('fetch failed'));
    const [status, headers = {}] = reply;
    return Promise.resolve(Response.json({ code: 'some_code' }, { status, headers }));
  };
}

/** Of a gateway whose clock is right; its ticket holds an hour. */
function freshAnswer(): Record<string, unknown> {
  const ticketKey = { id: 1, key: new Uint8Array(32) };
  return {
    ...goodAnswer(),
    sessions: [issueTicket({ ticketKey, gatewayId: 1, ttlMs: HOUR_MS })],
    serverTime: new Date().toISOString(),
  };
}

/** Lets all timers run while something is under way. */
async function run<Result>(promise: Promise<Result>): Promise<Result> {
  let isDone = false;
  promise.then(
    () => (isDone = true),
    () => (isDone = true),
  );
  for (let i = 0; i < 1000; i++) {
    await vi.advanceTimersByTimeAsync(0);
    // It is set by the promise.
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
    if (isDone) break;
    await vi.advanceTimersToNextTimerAsync();
  }
  return promise;
}

const failure = (promise: Promise<unknown>): Promise<GatewayError> =>
  run(promise).then(
    () => {
      throw new Error('it was let in');
    },
    (error: unknown) => error as GatewayError,
  );

const convOf = (held: {
  readonly answer: { readonly sessions: readonly { readonly conv: number }[] };
}): number => held.answer.sessions[0]!.conv;

describe('logging in', () => {
  test('asks once when there is an answer', async () => {
    const logins = new Logins({ [A]: ['answer'] });
    const held = await run(logins.client({ token: 'abc' }).take());
    expect(held.isCached).toBe(false);
    expect(held.ticketMsLeft(held.answer.sessions[0]!)).toBe(HOUR_MS - 5_000);
    expect(logins.asked).toEqual([{ origin: 'https://a.example', atMs: 0, token: 'abc' }]);
    expect(logins.events).toEqual([{ type: 'loggedin', origin: 'https://a.example' }]);
  });

  test('goes on in rounds, and tells of each', async () => {
    const logins = new Logins({ [A]: ['down', 'down', [503], 'answer'] });
    await run(logins.client().take());
    expect(logins.asked.map(({ atMs }) => atMs)).toEqual([0, 500, 8_000, 23_000]);
    expect(logins.events).toMatchObject([
      { type: 'loginfailed', round: 1, rounds: 10, nextInMs: 500 },
      { type: 'loginfailed', round: 2, nextInMs: 7_500 },
      { type: 'loginfailed', round: 3, nextInMs: 15_000, failures: [{ status: 503 }] },
      { type: 'loggedin' },
    ]);
  });

  test('gives up after ten rounds', async () => {
    const logins = new Logins({ [A]: ['down'] });
    const error = await failure(logins.client().take());
    expect(error).toMatchObject({ code: 'retries_exhausted', details: { rounds: 10 } });
    expect(error.cause).toMatchObject({ code: 'login_failed' });
    expect(logins.asked).toHaveLength(10);
    expect(logins.events.at(-1)).toMatchObject({ type: 'loginfailed', round: 10, nextInMs: null });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('as soon as it is told to, with waits as it is told', async () => {
    const logins = new Logins({ [A]: ['down'] });
    const error = await failure(logins.client({ loginRounds: 3, maxLoginWaitMs: 300 }).take());
    expect(error).toMatchObject({ code: 'retries_exhausted', details: { rounds: 3 } });
    expect(logins.asked.map(({ atMs }) => atMs)).toEqual([0, 5, 80]);
  });

  test('waits as long as the login says', async () => {
    const logins = new Logins({ [A]: [[429, { 'retry-after': '60' }], 'answer'] });
    await run(logins.client().take());
    expect(logins.asked.map(({ atMs }) => atMs)).toEqual([0, 67_500]);
  });

  test('tries the other login at once, and that first the next time', async () => {
    const logins = new Logins({ [A]: ['down'], [B]: ['answer'] });
    const client = logins.client({ loginUrl: [A, B] });
    await run(client.take());
    await run(client.take());
    await run(client.take());
    const origins = logins.asked.map(({ origin }) => origin);
    expect(origins.slice(-2)).toEqual(['https://b.example', 'https://b.example']);
    expect(logins.asked.at(-1)!.atMs).toBe(0);
  });

  test('ends with a refusal', async () => {
    const logins = new Logins({ [A]: [[400]] });
    const error = await failure(logins.client().take());
    expect(error).toMatchObject({ code: 'login_refused', details: { status: 400 } });
    expect(logins.events).toMatchObject([
      { type: 'loginfailed', round: 1, nextInMs: null, failures: [{ problem: { code: 'some_code' } }] },
    ]);
  });

  test('ends with its signal, while it asks or waits', async () => {
    for (const reply of ['silent', 'down'] as const) {
      const logins = new Logins({ [A]: [reply] });
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 100);
      const error = await failure(logins.client().take({ signal: controller.signal }));
      expect(error).toMatchObject({ code: 'connect_failed', message: 'aborted' });
      expect(logins.asked).toHaveLength(1);
      expect(vi.getTimerCount()).toBe(0);
      await expect(logins.client().take({ signal: controller.signal })).rejects.toMatchObject({
        code: 'connect_failed',
      });
    }
  });

  test.each<Partial<LoginClientOptions>>([
    { loginUrl: [] },
    { loginUrl: 'http://a.example/' },
    { loginUrl: [A, 'ftp://b.example/'] },
    { loginUrl: Array.from({ length: 17 }, (_, i) => `${A}/${String(i)}`) },
    { loginRounds: 0 },
    { loginRounds: 1.5 },
    { maxLoginWaitMs: 0 },
  ])('does not begin with %j', (options) => {
    expect(() => new Logins({}).client(options)).toThrow(
      expect.objectContaining({ code: 'config_invalid' }) as Error,
    );
  });
});

describe('a token', () => {
  test('that is not accepted is had anew, once', async () => {
    const logins = new Logins({ [A]: [[401]] });
    let calls = 0;
    const error = await failure(logins.client({ token: () => `token-${String(++calls)}` }).take());
    expect(error).toMatchObject({ code: 'login_refused', details: { status: 401 } });
    expect(logins.asked.map(({ token, atMs }) => [token, atMs])).toEqual([
      ['token-1', 0],
      ['token-2', 0],
    ]);
  });

  test('that is accepted anew lets in', async () => {
    const logins = new Logins({ [A]: [[401], 'answer'] });
    let calls = 0;
    await run(logins.client({ token: () => `token-${String(++calls)}` }).take());
    expect(logins.asked.map(({ token }) => token)).toEqual(['token-1', 'token-2']);
  });

  test('that is a text is not asked for twice', async () => {
    const logins = new Logins({ [A]: [[401]] });
    await failure(logins.client({ token: 'abc' }).take());
    expect(logins.asked).toHaveLength(1);
  });

  test('whose function fails is a round that failed', async () => {
    const logins = new Logins({ [A]: ['answer'] });
    let calls = 0;
    const token = (): string => {
      if (++calls < 3) throw new Error('no network');
      return 'abc';
    };
    await run(logins.client({ token }).take());
    expect(calls).toBe(3);
    expect(logins.events).toMatchObject([
      { failures: [{ message: 'there is no token: its function failed' }] },
      { type: 'loginfailed' },
      { type: 'loggedin' },
    ]);
  });
});

describe('the last login', () => {
  test('is taken when no login answers, after the first round', async () => {
    const logins = new Logins({ [A]: ['answer', 'down'] });
    const client = logins.client();
    const first = await run(client.take());
    first.release();
    const second = await run(client.take());
    expect([second.isCached, convOf(second)]).toEqual([true, convOf(first)]);
    expect(logins.asked.map(({ atMs }) => atMs)).toEqual([0, 0]);
    expect(logins.events.at(-1)).toMatchObject({ type: 'loginfailed', round: 1, nextInMs: null });
  });

  test('is not taken instead of a refusal', async () => {
    const logins = new Logins({ [A]: ['answer', [403]] });
    const client = logins.client();
    (await run(client.take())).release();
    expect(await failure(client.take())).toMatchObject({ code: 'login_refused' });
  });

  test('is waited for less long than for a login alone', async () => {
    const logins = new Logins({ [A]: ['answer', 'silent'] });
    const client = logins.client();
    (await run(client.take())).release();
    const before = Date.now();
    expect((await run(client.take())).isCached).toBe(true);
    expect(Date.now() - before).toBe(3_000);
  });

  test('is taken at once where that is wanted', async () => {
    const logins = new Logins({ [A]: ['answer'] });
    const client = logins.client();
    (await run(client.take())).release();
    expect((await run(client.take({ cacheFirst: true }))).isCached).toBe(true);
    expect(logins.asked).toHaveLength(1);
  });

  test('is not taken while somebody has it, nor when its ticket is over, nor when it was discarded', async () => {
    const logins = new Logins({ [A]: ['answer'] });
    const client = logins.client();
    const first = await run(client.take());
    const second = await run(client.take({ cacheFirst: true }));
    expect(convOf(second)).not.toBe(convOf(first));
    second.release();
    await vi.advanceTimersByTimeAsync(HOUR_MS - 5_000);
    const third = await run(client.take({ cacheFirst: true }));
    expect(third.isCached).toBe(false);
    third.discard();
    third.release();
    expect((await run(client.take({ cacheFirst: true }))).isCached).toBe(false);
  });

  test('is an older one when others have the later ones', async () => {
    const logins = new Logins({ [A]: ['answer'] });
    const client = logins.client();
    const first = await run(client.take());
    await run(client.take());
    first.release();
    const again = await run(client.take({ cacheFirst: true }));
    expect([again.isCached, convOf(again)]).toEqual([true, convOf(first)]);
    // Whoever released it has no say any more.
    first.release();
    expect((await run(client.take({ cacheFirst: true }))).isCached).toBe(false);
  });
});

describe('a store', () => {
  /** Keeps the text, as a later run would find it. */
  class TestStore implements LoginStore {
    text: string | undefined;
    get(): string | undefined {
      return this.text;
    }
    async set(text: string): Promise<void> {
      await Promise.resolve();
      this.text = text;
    }
  }

  test('gives the next run the last login and the best line', async () => {
    const loginStore = new TestStore();
    const client = new Logins({ [A]: ['answer'] }).client({ loginStore });
    const held = await run(client.take());
    client.rememberLine('eu-tcp');
    await vi.advanceTimersByTimeAsync(0);
    const later = new Logins({ [A]: ['down'] });
    const next = later.client({ loginStore });
    expect(next.bestLine).toBeUndefined();
    const again = await run(next.take());
    expect([again.isCached, convOf(again), next.bestLine]).toEqual([true, convOf(held), 'eu-tcp']);
    expect(later.asked).toHaveLength(1);
  });

  test('does not keep a login that a gateway did not accept', async () => {
    const loginStore = new TestStore();
    const client = new Logins({ [A]: ['answer'] }).client({ loginStore });
    const held = await run(client.take());
    client.rememberLine('eu-tcp');
    held.discard();
    await vi.advanceTimersByTimeAsync(0);
    expect(loginStore.text).toContain('eu-tcp');
    expect(loginStore.text).not.toContain(held.answer.sessions[0]!.secret);
  });

  test('that does not answer holds nobody who gives up, and gets the latest text alone once it does', async () => {
    const texts: string[] = [];
    let answer = (): void => undefined;
    const hanging: LoginStore = { get: () => new Promise(() => undefined), set: () => undefined };
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    const given = new Logins({ [A]: ['answer'] }).client({ loginStore: hanging });
    expect(await failure(given.take({ signal: controller.signal }))).toMatchObject({
      code: 'connect_failed',
    });
    const slow: LoginStore = {
      get: () => undefined,
      set: (text) => {
        texts.push(text);
        return new Promise((resolve) => (answer = resolve));
      },
    };
    const client = new Logins({ [A]: ['answer'] }).client({ loginStore: slow });
    await run(client.take());
    for (let i = 0; i < 100; i++) client.rememberLine(`line-${String(i)}`);
    answer();
    await vi.advanceTimersByTimeAsync(0);
    expect(texts).toHaveLength(2);
    expect(texts[1]).toContain('line-99');
  });

  test('that fails harms nothing and is told', async () => {
    const loginStore: LoginStore = {
      get: () => {
        throw new Error('no disk');
      },
      set: () => Promise.reject(new Error('disk full')),
    };
    const logins = new Logins({ [A]: ['answer'] });
    await run(logins.client({ loginStore }).take());
    await vi.advanceTimersByTimeAsync(0);
    expect(logins.logged).toMatchObject([
      ['the login store failed', { err: { message: 'no disk' } }],
      ['the login store failed', { err: { message: 'disk full' } }],
    ]);
  });
});

test('no secret is in an event or an error', async () => {
  const logins = new Logins({ [A]: [[503], 'down', 'answer'] });
  const client = logins.client({ token: () => 'top-secret', tokenIn: 'body' });
  const held = await run(client.take());
  const refused = await failure(new Logins({ [A]: [[403]] }).client({ token: 'top-secret' }).take());
  const exhausted = await failure(
    new Logins({}).client({ token: 'top-secret', tokenIn: 'header', loginRounds: 2 }).take(),
  );
  const odd = await failure(new Logins({}).client({ token: 'top-secret\n', tokenIn: 'header' }).take());
  expect(odd.code).toBe('config_invalid');
  const text = [refused, exhausted, odd].map((error) => `${error.message} ${JSON.stringify(error)}`).join();
  for (const shown of [JSON.stringify(logins.events), text]) {
    expect(shown).not.toContain('top-secret');
    expect(shown).not.toContain(held.answer.sessions[0]!.secret);
    expect(shown).not.toContain(held.answer.sessions[0]!.ticket);
  }
});
