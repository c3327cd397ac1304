import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Authenticator } from '../../../../src/gateway/login/authenticator.ts';
import { createAuthenticator } from '../../../../src/gateway/login/create-authenticator.ts';
import { fetchKeySet, isTrustworthyUrl, readKeySet } from '../../../../src/gateway/login/load-key-set.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { startKeySetServer, type KeySetServer } from './key-set-server.ts';
import { NOW_MS } from './login-world.ts';
import { ED25519, jwkOf, OTHER_ED25519, sign } from './token-maker.ts';

const CACHE_MS = 600_000;
const COOLDOWN_MS = 30_000;

const oldKeys = { keys: [jwkOf(ED25519.publicKey, 'old')] };
const newKeys = { keys: [jwkOf(OTHER_ED25519.publicKey, 'new')] };
const oldToken = await sign('EdDSA', ED25519.privateKey, {}, { kid: 'old' });
const newToken = await sign('EdDSA', OTHER_ED25519.privateKey, {}, { kid: 'new' });
const user7 = { subject: 'user-7', claims: '' };

let server: KeySetServer;
let now = 0;
let logger = new RecordingLogger();
let opened: Authenticator[] = [];

beforeEach(async () => {
  server = await startKeySetServer();
  now = 1000;
  logger = new RecordingLogger();
});
afterEach(async () => {
  for (const each of opened) each.close();
  opened = [];
  await server.close();
});

function authenticatorOf(
  key: { type: 'jwks-url'; url: string } | { type: 'jwks'; json: string; file: string },
) {
  const made = createAuthenticator(
    {
      auth: 'jwt',
      tokens: [],
      jwt: {
        key,
        algorithms: ['EdDSA', 'RS256'],
        issuer: null,
        audience: null,
        subjectClaim: 'sub',
        ticketClaims: [],
        clockToleranceMs: 0,
        jwksCacheMs: CACHE_MS,
      },
    },
    { clock: { now: () => now }, logger },
  );
  opened.push(made);
  return { check: async (token: string) => made.authenticate(token, NOW_MS), close: () => made.close() };
}

const remote = () => authenticatorOf({ type: 'jwks-url', url: server.url });

describe('keys from a URL', () => {
  it('are fetched when the first token comes, once for all that wait, and kept', async () => {
    server.answer(oldKeys);
    const { check } = remote();
    expect(server.requests()).toBe(0);
    const results = await Promise.all(Array.from({ length: 20 }, () => check(oldToken)));
    expect(results).toEqual(Array.from({ length: 20 }, () => user7));
    now += CACHE_MS;
    expect(await check(oldToken)).toEqual(user7);
    expect(server.requests()).toBe(1);
  });

  it('change: a token that names an unknown key has them fetched again', async () => {
    server.answer(oldKeys);
    const { check } = remote();
    expect(await check(oldToken)).toEqual(user7);
    server.answer(newKeys);
    now += COOLDOWN_MS;
    expect(await Promise.all([check(newToken), check(newToken)])).toEqual([user7, user7]);
    expect(server.requests()).toBe(2);
    expect(await check(oldToken)).toBe('token_invalid');
  });

  it('are not fetched more often than the pause allows, whatever tokens name', async () => {
    server.answer(oldKeys);
    const { check } = remote();
    expect(await check(oldToken)).toEqual(user7);
    for (let i = 0; i < 50; i++) expect(await check(newToken)).toBe('token_invalid');
    expect(server.requests()).toBe(1);
    now += COOLDOWN_MS;
    for (let i = 0; i < 50; i++) expect(await check(newToken)).toBe('token_invalid');
    expect(server.requests()).toBe(2);
    expect(await check(oldToken)).toEqual(user7);
  });

  it('that the provider took back are not used any longer than they are kept', async () => {
    server.answer(oldKeys);
    const { check } = remote();
    expect(await check(oldToken)).toEqual(user7);
    server.answer(newKeys);
    now += CACHE_MS + 1;
    expect(await check(oldToken)).toBe('token_invalid');
    expect(await check(newToken)).toEqual(user7);
  });

  it('outlive a provider that is away, for an hour', async () => {
    server.answer(oldKeys);
    const { check } = remote();
    expect(await check(oldToken)).toEqual(user7);
    server.answer((_, response) => response.writeHead(500).end());
    now += CACHE_MS + 1;
    for (let i = 0; i < 10; i++) expect(await check(oldToken)).toEqual(user7);
    expect(server.requests()).toBe(2);
    expect(logger.fieldsOf('signing keys cannot be loaded')).toEqual([
      { reason: 'the answer was HTTP status 500', keptFromBefore: true },
    ]);
    now += 3_600_000;
    expect(await check(oldToken)).toBe('keys_unavailable');
    server.answer(oldKeys);
    now += COOLDOWN_MS;
    expect(await check(oldToken)).toEqual(user7);
  });

  it('that never came are asked for again after the pause only', async () => {
    const { check } = remote();
    for (let i = 0; i < 10; i++) expect(await check(oldToken)).toBe('keys_unavailable');
    expect(server.requests()).toBe(1);
    server.answer(oldKeys);
    now += COOLDOWN_MS;
    expect(await check(oldToken)).toEqual(user7);
  });

  it.each<[string, object]>([
    ['a list', []],
    ['no keys', { keys: 7 }],
    ['too many keys', { keys: Array.from({ length: 101 }, (_, i) => jwkOf(ED25519.publicKey, `k${i}`)) }],
  ])('are refused when they are %s', async (_, keySet) => {
    server.answer(keySet);
    expect(await remote().check(oldToken)).toBe('keys_unavailable');
  });

  it('are public: a secret or a private key among them is no key', async () => {
    const keys = [
      { kty: 'oct', k: Buffer.from('secret').toString('base64url'), kid: 'old', alg: 'EdDSA' },
      { ...ED25519.privateKey.export({ format: 'jwk' }), kid: 'new' },
    ];
    server.answer({ keys });
    const { check } = remote();
    expect(await check(oldToken)).toBe('token_invalid');
    expect(await check(await sign('EdDSA', ED25519.privateKey, {}, { kid: 'new' }))).toBe('token_invalid');
  });

  it('are not waited for any more when the login is closed', async () => {
    server.answer(() => undefined);
    const { check, close } = remote();
    const result = check(oldToken);
    while (server.requests() === 0) await new Promise((resolve) => setImmediate(resolve));
    close();
    expect(await result).toBe('keys_unavailable');
  });
});

describe('keys from a file', () => {
  it('are read again when a token names an unknown key', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kcpgate-keys-'));
    try {
      const file = join(folder, 'keys.json');
      writeFileSync(file, JSON.stringify(oldKeys));
      const { check } = authenticatorOf({ type: 'jwks', json: JSON.stringify(oldKeys), file });
      expect(await check(oldToken)).toEqual(user7);
      expect(await check(newToken)).toBe('token_invalid');
      writeFileSync(file, JSON.stringify({ keys: [...oldKeys.keys, ...newKeys.keys] }));
      now += COOLDOWN_MS;
      expect(await check(newToken)).toEqual(user7);
      expect(await check(oldToken)).toEqual(user7);
      writeFileSync(file, '{');
      now += CACHE_MS + 1;
      expect(await check(newToken)).toEqual(user7);
      expect(logger.fieldsOf('signing keys cannot be loaded')).toEqual([
        { reason: 'the key set is not JSON', keptFromBefore: true },
      ]);
      writeFileSync(file, ' '.repeat(256 * 1024 + 1));
      await expect(readKeySet(file)).rejects.toThrow('too large');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('fetching', () => {
  const fetchIt = (timeoutMs = 5000) =>
    fetchKeySet(new URL(server.url), timeoutMs, new AbortController().signal);

  it('does not wait for ever: neither for an answer nor for its end', async () => {
    server.answer(() => undefined);
    await expect(fetchIt(20)).rejects.toThrow('no answer in time');
    server.answer((_, response) => response.write('{'));
    await expect(fetchIt(20)).rejects.toThrow('no answer in time');
  });

  it('does not follow to other places', async () => {
    server.answer((request, response) => {
      if (request.url === '/keys') response.writeHead(302, { location: '/others' }).end();
      else response.end('{"keys":[]}');
    });
    await expect(fetchIt()).rejects.toThrow();
    expect(server.requests()).toBe(1);
  });

  it('takes no more than it needs', async () => {
    let written = 0;
    server.answer((_, response) => {
      const write = (): void => {
        while (!response.destroyed && written < 2 ** 26) {
          written += 2 ** 16;
          if (!response.write(Buffer.alloc(2 ** 16, ' '))) return void response.once('drain', write);
        }
        response.end();
      };
      write();
    });
    await expect(fetchIt()).rejects.toThrow('too large');
    expect(written).toBeLessThan(2 ** 25);
  });

  it('tells what is wrong without naming the place', async () => {
    server.answer((request) => request.socket.resetAndDestroy());
    await expect(fetchIt()).rejects.toThrow(/^connection reset$/);
    server.answer((_, response) => response.end('<html>'));
    await expect(fetchIt()).rejects.toThrow('not JSON');
  });

  it.each([
    ['https://id.example/keys', true],
    ['http://127.0.0.1:8080/keys', true],
    ['http://localhost/keys', true],
    ['http://[::1]/keys', true],
    ['http://id.example/keys', false],
    ['http://127.0.0.1.example/keys', false],
    ['http://localhost.example/keys', false],
    ['https://name:word@id.example/keys', false],
    ['file:///etc/passwd', false],
    ['data:application/json,{}', false],
  ])('is done from %s: %s', (url, expected) => {
    expect(isTrustworthyUrl(new URL(url))).toBe(expected);
  });
});
