import { once } from 'node:events';
import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  type Server,
} from 'node:http';
import { createServer as createTlsServer, request as tlsRequest } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { TEST_CERTIFICATE, TEST_KEY } from '../../../support/tls.ts';
import type { SocketAddress } from '../../../../src/base/address.ts';
import { createLoginHandler, type LoginHandlerOptions } from '../../../../src/gateway/login/http-handler.ts';
import { createStaticTokens } from '../../../../src/gateway/login/static-tokens.ts';
import { addressOf, createLoginWorld, NOW_MS, type LoginWorld } from './login-world.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface Running {
  readonly port: number;
  readonly world: LoginWorld;
  /** Sends one request; its body ends with it unless there is none. */
  send(options: RequestOptions, body?: string | Buffer): Promise<Answer>;
  /** A connection on which the test writes what it likes. */
  raw(): Socket;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const post: RequestOptions = { method: 'POST' };

async function start(
  options: Partial<LoginHandlerOptions> = {},
  world = createLoginWorld(),
  realAddress: SocketAddress = addressOf('127.0.0.1'),
  server: Server = createServer(),
): Promise<Running> {
  const handle = createLoginHandler(
    { allowHttp: false, allowedOrigins: [], isTrustedProxy: () => false, ...options },
    { service: world.service, unixTime: () => NOW_MS, logger: world.logger },
  );
  server.on('request', (incoming, response) => handle(incoming, response, realAddress));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    world,
    send: (requestOptions, body) =>
      send({ host: '127.0.0.1', port, path: '/api/login', ...requestOptions }, body),
    raw: () => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.on('error', () => undefined);
      closers.push(() => socket.destroy());
      return socket;
    },
  };
}

async function send(options: RequestOptions, body?: string | Buffer): Promise<Answer> {
  const outgoing = request({ agent: false, ...options });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** Everything that comes until the other side closes. */
async function allOf(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(socket, 'close');
  return text;
}

const codeOf = ({ text }: Answer): unknown => (JSON.parse(text) as { code?: unknown }).code;

describe('a login over HTTP', () => {
  it('is answered with JSON that nobody keeps', async () => {
    const { send } = await start();
    const answer = await send({ ...post, headers: { ...JSON_TYPE, host: 'gate.example:8080' } }, '{}');
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-length': String(Buffer.byteLength(answer.text)),
    });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(JSON.parse(answer.text)).toMatchObject({ sessions: [{ gatewayId: 3 }], relays: false });
  });

  it('needs no body', async () => {
    const { send } = await start();
    expect((await send(post)).status).toBe(200);
    expect((await send({ ...post, headers: { 'content-length': '0' } })).status).toBe(200);
  });

  it('takes the token of the header or the body', async () => {
    const authenticator = createStaticTokens([{ subject: 'alice', token: 'token-of-alice' }]);
    const { send } = await start({}, createLoginWorld({}, { authenticator }));
    const statusWith = async (headers: Record<string, string>, body?: string): Promise<number> =>
      (await send({ ...post, headers: { ...JSON_TYPE, ...headers } }, body)).status;
    expect(await statusWith({ authorization: 'Bearer token-of-alice' })).toBe(200);
    expect(await statusWith({ authorization: 'bearer  token-of-alice ' })).toBe(200);
    expect(await statusWith({}, '{"token":"token-of-alice"}')).toBe(200);
    expect(await statusWith({ authorization: 'Basic YTpi' }, '{"token":"token-of-alice"}')).toBe(200);
    expect(await statusWith({ authorization: 'Bearer token-of-eve' }, '{}')).toBe(401);
    expect(await statusWith({ authorization: 'token-of-alice' })).toBe(401);
  });

  it('may come in pieces, and on one connection after the other', async () => {
    const { raw } = await start();
    const socket = raw();
    const head = 'POST /api/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json; charset="UTF-8"\r\n';
    socket.write(`${head}transfer-encoding: chunked\r\n\r\n1\r\n{\r\n`);
    socket.write('1\r\n}\r\n0\r\n\r\n');
    socket.write(`${head}content-length: 2\r\n\r\n{}`);
    socket.write(`GET /api/login HTTP/1.1\r\nhost: x\r\n\r\n`);
    socket.end(`${head}content-length: 1\r\n\r\n{`);
    const text = await allOf(socket);
    expect(text.match(/HTTP\/1\.1 (\d+)/g)).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 200',
      'HTTP/1.1 405',
      'HTTP/1.1 400',
    ]);
  });
});

describe('a request is refused', () => {
  it.each<[string, RequestOptions, string | undefined, number, string]>([
    ['GET', { method: 'GET' }, undefined, 405, 'method_not_allowed'],
    ['PUT', { method: 'PUT', headers: JSON_TYPE }, '{}', 405, 'method_not_allowed'],
    [
      'a form',
      { ...post, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      'a=b',
      415,
      'unsupported_media_type',
    ],
    [
      'plain text',
      { ...post, headers: { 'content-type': 'text/plain' } },
      '{}',
      415,
      'unsupported_media_type',
    ],
    ['a body of no type', post, '{}', 415, 'unsupported_media_type'],
    [
      'another charset',
      { ...post, headers: { 'content-type': 'application/json; charset=utf-16' } },
      '{}',
      415,
      'unsupported_media_type',
    ],
    [
      'a compressed body',
      { ...post, headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } },
      '{}',
      415,
      'unsupported_media_type',
    ],
    ['bad JSON', { ...post, headers: JSON_TYPE }, '{"token"', 400, 'malformed'],
    [
      'a foreign page',
      { ...post, headers: { ...JSON_TYPE, origin: 'https://evil.example' } },
      '{}',
      403,
      'origin_forbidden',
    ],
    [
      'a foreign page without a body',
      { ...post, headers: { origin: 'null' } },
      undefined,
      403,
      'origin_forbidden',
    ],
  ])('%s', async (_, options, body, status, code) => {
    const { send, world } = await start({ allowedOrigins: ['https://app.example'] });
    const answer = await send(options, body);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(answer.text)).toMatchObject({
      type: `urn:kcpgate:login:${code}`,
      title: expect.any(String) as string,
      status,
      code,
    });
    expect(answer.headers.allow).toBe(status === 405 ? 'POST, OPTIONS' : undefined);
    expect(world.service.stats()).toMatchObject({ issued: 0, refused: { [code]: 1 } });
  });

  it('HEAD, without a body', async () => {
    const { send } = await start();
    expect(await send({ method: 'HEAD' })).toMatchObject({ status: 405, text: '' });
  });

  it('with the challenge of its scheme when a token is missing, wrong or too old', async () => {
    const authenticator = createStaticTokens([{ subject: 'alice', token: 'token-of-alice' }]);
    const { send } = await start({}, createLoginWorld({}, { authenticator }));
    const challengeOf = async (headers: Record<string, string>): Promise<unknown> =>
      (await send({ ...post, headers })).headers['www-authenticate'];
    expect(await challengeOf({})).toBe('Bearer realm="kcpgate"');
    expect(await challengeOf({ authorization: 'Bearer x' })).toBe(
      'Bearer realm="kcpgate", error="invalid_token"',
    );
    const expired = createLoginWorld(
      {},
      { authenticator: { authenticate: () => 'token_expired', close: () => {} } },
    );
    expect((await (await start({}, expired)).send(post)).headers['www-authenticate']).toBe(
      'Bearer realm="kcpgate", error="invalid_token", error_description="The token has expired"',
    );
  });

  it('with a time to come back when there are too many, or the gateway is going', async () => {
    const limits = { perSecond: 1, perSecondPerSource: 1000, perSecondPerSubject: 1000 };
    const { send } = await start({}, createLoginWorld({ limits }));
    await send(post);
    expect(await send(post)).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    const draining = await start({}, createLoginWorld({}, { readiness: () => 'draining' }));
    expect(await draining.send(post)).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
  });

  it('by its length, before its body is read', async () => {
    const { raw, world } = await start();
    const socket = raw();
    socket.write(
      'POST /api/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 8193\r\n\r\n',
    );
    expect(await allOf(socket)).toMatch(/^HTTP\/1\.1 413[^]*connection: close/i);
    expect(world.service.stats().refused.too_large).toBe(1);
  });

  it('when it turns out too long', async () => {
    const { raw } = await start();
    const socket = raw();
    socket.write(
      'POST /api/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    for (let i = 0; i < 9; i++) socket.write(`400\r\n${' '.repeat(1024)}\r\n`);
    expect(await allOf(socket)).toMatch(/^HTTP\/1\.1 413[^]*connection: close/i);
  });

  it('when its body takes too long', async () => {
    const { raw, world } = await start({ bodyTimeoutMs: 50 });
    const socket = raw();
    socket.write(
      'POST /api/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{',
    );
    expect(await allOf(socket)).toMatch(/^HTTP\/1\.1 408[^]*connection: close/i);
    expect(world.service.stats().refused.request_timeout).toBe(1);
  });

  it('silently when the client goes away', async () => {
    const { raw, send, world } = await start();
    const socket = raw();
    socket.write(
      'POST /api/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{',
    );
    await once(socket, 'connect');
    socket.resetAndDestroy();
    expect((await send(post)).status).toBe(200);
    expect(world.logger.records.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('secrets travel where nobody reads along', () => {
  const remote = addressOf('192.0.2.9');
  const forwarded = { 'x-forwarded-proto': 'https' };

  it('plain HTTP is for this host', async () => {
    expect((await (await start()).send(post)).status).toBe(200);
    const fromFar = await start({}, createLoginWorld(), remote);
    const answer = await fromFar.send(post);
    expect(answer.status).toBe(403);
    expect(codeOf(answer)).toBe('insecure');
  });

  it('unless the operator says so', async () => {
    expect((await (await start({ allowHttp: true }, createLoginWorld(), remote)).send(post)).status).toBe(
      200,
    );
  });

  it('a trusted proxy may say that its side is HTTPS', async () => {
    const trusting = await start(
      { isTrustedProxy: (address) => address === '127.0.0.1' },
      createLoginWorld(),
      remote,
    );
    expect((await trusting.send({ ...post, headers: forwarded })).status).toBe(200);
    for (const value of ['http', 'https, http', 'HTTPS,']) {
      expect((await trusting.send({ ...post, headers: { 'x-forwarded-proto': value } })).status).toBe(403);
    }
    expect((await trusting.send(post)).status).toBe(403);
  });

  it('anybody else may not', async () => {
    const wary = await start({}, createLoginWorld(), remote);
    expect((await wary.send({ ...post, headers: forwarded })).status).toBe(403);
    // A proxy on this host that says its side is not HTTPS speaks for a client that is elsewhere.
    const local = await start();
    expect((await local.send({ ...post, headers: { 'x-forwarded-proto': 'http' } })).status).toBe(403);
  });

  it('TLS here is enough', async () => {
    const server = createTlsServer({ cert: TEST_CERTIFICATE, key: TEST_KEY });
    const { port } = await start({}, createLoginWorld(), remote, server);
    const outgoing = tlsRequest({
      port,
      host: '127.0.0.1',
      method: 'POST',
      agent: false,
      ca: TEST_CERTIFICATE,
      servername: 'localhost',
    });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(200);
  });
});

describe('pages of other origins', () => {
  const origin = 'https://app.example';
  const preflight: RequestOptions = {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    },
  };

  it('that are allowed may log in and read what comes', async () => {
    const { send, world } = await start({ allowedOrigins: [origin] });
    const asked = await send(preflight);
    expect(asked).toMatchObject({ status: 204, text: '' });
    expect(asked.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'authorization, content-type',
      vary: 'origin',
    });
    expect(asked.headers).not.toHaveProperty('access-control-allow-credentials');
    const answer = await send({ ...post, headers: { ...JSON_TYPE, origin: 'HTTPS://APP.example' } }, '{}');
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': 'HTTPS://APP.example',
      'access-control-expose-headers': 'retry-after, www-authenticate',
    });
    const refused = await send({ ...post, headers: { ...JSON_TYPE, origin } }, '{');
    expect(refused.headers['access-control-allow-origin']).toBe(origin);
    expect(world.service.stats().issued).toBe(1);
  });

  it('that are not allowed may not even ask', async () => {
    const { send } = await start({ allowedOrigins: ['https://app.example:8443'] });
    const asked = await send(preflight);
    expect(asked.status).toBe(403);
    expect(asked.headers).not.toHaveProperty('access-control-allow-origin');
    expect(asked.headers.vary).toBe('origin');
  });

  it('may all log in where any origin is allowed', async () => {
    const { send } = await start({ allowedOrigins: '*' });
    expect((await send(preflight)).headers['access-control-allow-origin']).toBe('*');
    const answer = await send({ ...post, headers: { origin: 'null' } });
    expect(answer).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': '*' } });
  });
});
