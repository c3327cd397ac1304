import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { GatewayError } from '../../../../src/base/errors.ts';
import { login, type LoginOptions } from '../../../../src/client/sdk/login.ts';
import { freePorts } from '../../../support/free-ports.ts';
import { goodAnswer } from '../answer.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server on loopback. @returns its URL. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/api/login`;
}

/** A URL where nobody listens. */
async function nobody(): Promise<string> {
  const [port] = (await freePorts(1)) as [number];
  return `http://127.0.0.1:${String(port)}/api/login`;
}

interface SeenRequest {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** Logs in at a server that takes everybody. @returns what it saw. */
async function seen(options: Partial<LoginOptions>): Promise<SeenRequest> {
  let request: SeenRequest | undefined;
  const loginUrl = await serve((incoming, response) => {
    let text = '';
    incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    incoming.on('end', () => {
      const { method, url, headers } = incoming;
      request = { method, url, headers, body: JSON.parse(text) };
      response.end(JSON.stringify(goodAnswer()));
    });
  });
  await login({ loginUrl, ...options });
  return request!;
}

/** Logs in and fails. */
async function failure(options: LoginOptions): Promise<GatewayError> {
  return login(options).then(
    () => {
      throw new Error('it was let in');
    },
    (error: unknown) => error as GatewayError,
  );
}

/** What comes of an answer. */
async function refused(
  status: number,
  body: string,
  headers: Record<string, string> = {},
): Promise<GatewayError> {
  return failure({
    loginUrl: await serve((_, response) => {
      response.writeHead(status, headers).end(body);
    }),
    token: 'top-secret',
  });
}

describe('the request', () => {
  test('is a POST of JSON, with the token in the body', async () => {
    const client = { version: '1.2', platform: 'test' };
    const { method, url, headers, body } = await seen({ token: 'abc', client, seal: ['clear'] });
    expect([method, url]).toEqual(['POST', '/api/login']);
    expect(headers).toMatchObject({ 'content-type': 'application/json' });
    expect(headers.authorization).toBeUndefined();
    expect(body).toEqual({ token: 'abc', client, seal: ['clear'] });
  });

  test('has the token in a header where that is wanted, and none without one', async () => {
    const withHeader = await seen({ token: 'abc', tokenIn: 'header' });
    expect(withHeader.headers.authorization).toBe('Bearer abc');
    expect(withHeader.body).toEqual({ seal: ['aes-128-gcm'] });
    const without = await seen({ tokenIn: 'header' });
    expect(without.headers.authorization).toBeUndefined();
  });

  test('goes by a fetch of your own', async () => {
    const requested: unknown[] = [];
    const answer = await login({
      loginUrl: 'https://gw.example/api/login',
      fetch: (url, init) => {
        requested.push(url instanceof URL ? url.href : url, init?.method);
        return Promise.resolve(new Response(JSON.stringify(goodAnswer())));
      },
    });
    expect(requested).toEqual(['https://gw.example/api/login', 'POST']);
    expect(answer.lines).toHaveLength(4);
  });

  test.each(['http://gw.example/api/login', 'http://192.0.2.1/', 'http://[2001:db8::1]/'])(
    'does not go over plain HTTP to another host: %s',
    async (loginUrl) => {
      expect((await failure({ loginUrl })).code).toBe('config_invalid');
      const noNetwork = (): Promise<Response> => Promise.reject(new TypeError('no network'));
      expect((await failure({ loginUrl, allowHttp: true, fetch: noNetwork })).code).toBe('login_failed');
    },
  );

  test.each(['http://localhost:1/', 'http://127.0.0.1:1/', 'http://[::1]:1/'])(
    'may go over plain HTTP to this host: %s',
    async (loginUrl) => {
      expect((await failure({ loginUrl })).code).toBe('login_failed');
    },
  );

  test.each(['', 'gw.example', 'ftp://gw.example/', 'https://user:word@gw.example/'])(
    'does not go to %j',
    async (loginUrl) => {
      expect((await failure({ loginUrl })).code).toBe('config_invalid');
    },
  );
});

describe('a refusal', () => {
  test('has status, problem and when to come again', async () => {
    const problem = {
      type: 'urn:kcpgate:login:rate_limited',
      title: 'Too many logins.',
      code: 'rate_limited',
    };
    const body = JSON.stringify({ ...problem, status: 429, other: 1 });
    const error = await refused(429, body, { 'retry-after': '3' });
    expect(error.code).toBe('login_refused');
    expect(error.details).toEqual({ status: 429, problem, retryAfterMs: 3000 });
    expect(error.message).toMatch(/^http:\/\/127\.0\.0\.1:\d+ refused the login: 429, Too many logins\.$/);
  });

  test('may be no problem document, or one of the wrong types', async () => {
    const page = await refused(502, '<html>');
    expect(page.details).toEqual({ status: 502, problem: {}, retryAfterMs: undefined });
    const odd = await refused(401, JSON.stringify({ title: 5, detail: `a\u0000\n${'b'.repeat(500)}` }));
    expect(odd.details?.problem).toEqual({ detail: `a  ${'b'.repeat(197)}` });
  });

  test('may give a date, which is bounded', async () => {
    const at = (ms: number): Record<string, string> => ({ 'retry-after': new Date(ms).toUTCString() });
    const soon = await refused(503, '', at(Date.now() + 60_000));
    expect(soon.details?.retryAfterMs).toBeGreaterThan(50_000);
    expect(soon.details?.retryAfterMs).toBeLessThanOrEqual(61_000);
    expect((await refused(503, '', at(0))).details?.retryAfterMs).toBe(0);
    expect((await refused(503, '', at(2.5e14))).details?.retryAfterMs).toBe(86_400_000);
    expect((await refused(503, '', { 'retry-after': 'later' })).details?.retryAfterMs).toBeUndefined();
  });
});

describe('no usable answer', () => {
  test.each([
    ['no JSON', 'hello', /is no login: is no object$/],
    ['another JSON', '{"sessions":[]}', /sessions: /],
    ['bytes that are no text', '\u0000\ufffd', /is no login/],
  ])('%s', async (_, body, message) => {
    const error = await refused(200, body);
    expect([error.code, error.message]).toEqual(['login_failed', expect.stringMatching(message)]);
  });

  test('one without end is not read to its end', async () => {
    let written = 0;
    const loginUrl = await serve((_, response) => {
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) written += chunk.length;
      };
      response.on('drain', more).on('error', () => undefined);
      more();
    });
    expect((await failure({ loginUrl })).code).toBe('login_failed');
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });

  test('a redirect is not followed', async () => {
    const error = await refused(307, '', { location: 'http://127.0.0.1:1/' });
    expect(error.code).toBe('login_failed');
  });

  test('silence ends with the time limit, or with the signal', async () => {
    const loginUrl = await serve(() => undefined);
    const late = await failure({ loginUrl, loginTimeoutMs: 50 });
    expect([late.code, late.message]).toEqual(['login_failed', expect.stringContaining('in 50 ms')]);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    const aborted = await failure({ loginUrl, signal: controller.signal });
    expect([aborted.code, aborted.message]).toEqual(['connect_failed', 'aborted']);
  });

  test('nobody there says why', async () => {
    const loginUrl = await nobody();
    const error = await failure({ loginUrl, token: 'top-secret' });
    const { origin } = new URL(loginUrl);
    expect([error.code, error.message]).toEqual([
      'login_failed',
      `cannot reach ${origin}: connection refused`,
    ]);
  });
});

test('the token stands in no error', async () => {
  const errors = [
    await refused(401, '{}'),
    await refused(200, 'x'),
    await failure({ loginUrl: await nobody(), token: 'top-secret', tokenIn: 'header' }),
  ];
  for (const error of errors) {
    expect(`${error.message} ${String(error.stack)} ${JSON.stringify(error)}`).not.toContain('top-secret');
  }
});

test('a fetch that does not heed its signal holds nobody', async () => {
  const body = new ReadableStream({ pull: () => new Promise(() => undefined) });
  const replies = [() => new Promise<Response>(() => undefined), () => Promise.resolve(new Response(body))];
  for (const fetch of replies) {
    const late = failure({ loginUrl: 'https://gw.example/', fetch, loginTimeoutMs: 20 });
    expect(await late).toMatchObject({
      code: 'login_failed',
      message: expect.stringContaining('did not answer') as string,
    });
    const controller = new AbortController();
    const given = failure({ loginUrl: 'https://gw.example/', fetch, signal: controller.signal });
    controller.abort();
    expect(await given).toMatchObject({ code: 'connect_failed' });
  }
});
