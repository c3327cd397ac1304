import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Authenticator } from '../../../../src/gateway/login/authenticator.ts';
import { createAuthenticator } from '../../../../src/gateway/login/create-authenticator.ts';
import { createLoginHandler } from '../../../../src/gateway/login/http-handler.ts';
import type { LoginAnswer } from '../../../../src/gateway/login/login-answer.ts';
import { createLog } from '../../../../src/telemetry/log.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { startKeySetServer, type KeySetServer } from './key-set-server.ts';
import { addressOf, createLoginWorld, NOW_MS } from './login-world.ts';
import { ED25519, forge, jwkOf, SECRET, seconds, sign } from './token-maker.ts';

/*
 * Logs in in every way that succeeds or fails, with everything logged: as it comes to the logger, and as lines of the log. No
 * piece of a token, key or ticket may be in either, nor in what is answered to somebody who is refused.
 */

const STATIC_TOKEN = 'static-token-of-alice';

let keySets: KeySetServer;
beforeAll(async () => (keySets = await startKeySetServer()));
afterAll(() => keySets.close());

const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });
const json = (body: unknown): RequestInit => ({
  headers: { 'content-type': 'application/json' },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

test('secrets are neither logged nor repeated', async () => {
  const logger = new RecordingLogger();
  const lines: string[] = [];
  const log = createLog({ level: 'debug', write: (line) => lines.push(line) });
  const claims = { sub: 'user-7', exp: seconds(60), iss: 'https://id.example' };
  const rightToken = forge({ alg: 'HS256' }, claims, SECRET);
  const tokens = [
    rightToken,
    forge({ alg: 'HS256' }, { ...claims, exp: seconds(-60) }, SECRET),
    forge({ alg: 'HS256' }, { ...claims, iss: 'https://evil.example' }, SECRET),
    forge({ alg: 'HS256' }, { ...claims, sub: 7 }, SECRET),
    forge({ alg: 'none' }, claims),
    forge({ alg: 'HS256' }, claims, 'a wrong key, and a long one at that'),
    await sign('EdDSA', ED25519.privateKey, {}, { kid: 'unknown' }),
    'something-that-is-no-token',
    STATIC_TOKEN,
    `${STATIC_TOKEN}-and-more`,
  ];
  const requests = [
    {},
    ...tokens.flatMap((token) => [bearer(token), json({ token }), json({ token: [token] })]),
    {
      ...json({ token: rightToken }),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${STATIC_TOKEN}` },
    },
    json(`{"${rightToken}":`),
    json({ seal: [rightToken] }),
    json({ seal: ['unknown'] }),
    json({ client: { version: rightToken, platform: STATIC_TOKEN } }),
  ];
  const broken: Authenticator = {
    authenticate: () => Promise.reject(new Error('broken')),
    close: () => undefined,
  };
  const answers: { status: number; text: string }[] = [];
  for (const [index, authenticator] of [...authenticators(logger, log.logger), broken].entries()) {
    if (index > 3) keySets.answer({ keys: [jwkOf(ED25519.publicKey, 'known')] });
    for (const each of [logger, log.logger]) {
      answers.push(...(await answersTo(requests, authenticator, each)));
    }
  }

  const statuses = new Set(answers.map(({ status }) => status));
  expect([...statuses].sort()).toEqual([200, 400, 401, 500, 503]);
  const granted = answers
    .filter(({ status }) => status === 200)
    .map(({ text }) => JSON.parse(text) as LoginAnswer);
  const issued = granted.flatMap(({ sessions }) =>
    sessions.flatMap(({ ticket, secret, resetToken }) => [ticket, secret, resetToken]),
  );
  expect(issued.length).toBeGreaterThan(9);
  expect(logger.fieldsOf('login').length).toBeGreaterThan(0);
  expect(logger.fieldsOf('token refused').length).toBeGreaterThan(0);
  expect(logger.fieldsOf('signing keys cannot be loaded').length).toBeGreaterThan(0);
  expect(lines.length).toBeGreaterThan(0);

  const told = [
    JSON.stringify(logger.records),
    ...lines,
    ...answers.filter(({ status }) => status !== 200).map(({ text }) => text),
  ].join('\n');
  // The last part of a token alone makes others valid; the first is the same in all.
  const pieces = tokens.flatMap((token) => (token.includes('.') ? token.split('.').slice(1) : [token]));
  const secret = [...pieces, SECRET, ...issued];
  for (const piece of secret) if (piece !== '') expect(told).not.toContain(piece);
  log.close();
});

/** Every way to find out who logs in, and every kind of key. */
function authenticators(
  ...loggers: readonly Parameters<typeof createAuthenticator>[1]['logger'][]
): Authenticator[] {
  const rules = {
    issuer: 'https://id.example',
    audience: null,
    subjectClaim: 'sub',
    ticketClaims: ['iss'],
    clockToleranceMs: 0,
    jwksCacheMs: 600_000,
  };
  const clock = { now: () => 0 };
  const url = keySets.url;
  return loggers.flatMap((logger) => [
    createAuthenticator(
      { auth: 'static', jwt: null, tokens: [{ subject: 'alice', token: STATIC_TOKEN }] },
      { clock, logger },
    ),
    createAuthenticator(
      {
        auth: 'jwt',
        jwt: { ...rules, key: { type: 'secret', secret: SECRET }, algorithms: ['HS256'] },
        tokens: [],
      },
      { clock, logger },
    ),
    createAuthenticator(
      {
        auth: 'jwt',
        jwt: { ...rules, key: { type: 'jwks-url', url }, algorithms: ['EdDSA'] },
        tokens: [],
      },
      { clock, logger },
    ),
  ]);
}

/** What a login over HTTP answers to each request. */
async function answersTo(
  requests: readonly RequestInit[],
  authenticator: Authenticator,
  logger: Parameters<typeof createAuthenticator>[1]['logger'],
): Promise<{ status: number; text: string }[]> {
  const { service } = createLoginWorld({}, { authenticator, logger });
  const handle = createLoginHandler(
    { allowHttp: false, allowedOrigins: [], isTrustedProxy: () => false },
    { service, unixTime: () => NOW_MS, logger },
  );
  const server = createServer((request, response) => handle(request, response, addressOf('127.0.0.1')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/api/login`;
  try {
    const answers: { status: number; text: string }[] = [];
    for (const request of requests) {
      const response = await fetch(url, { method: 'POST', ...request });
      answers.push({ status: response.status, text: await response.text() });
    }
    return answers;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
