import { createServer } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { startAdminServer } from '../../../../src/gateway/admin/admin-server.ts';
import { MAX_FAILURES } from '../../../../src/gateway/admin/caller-check.ts';
import { NO_LOG } from '../../../../src/base/logger.ts';
import { codeOf, LOOPBACK, startAdminWorld } from './admin-world.ts';
import { report, TestTarget } from './test-target.ts';

const TOKEN = 'the-right-token-0123456789';
const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` });

describe('with a token', () => {
  it('whoever shows it may call', async () => {
    const { get, post } = await startAdminWorld({ token: TOKEN });
    expect((await get('/api/status', bearer(TOKEN))).status).toBe(200);
    expect((await get('/api/status', { authorization: `bearer   ${TOKEN} ` })).status).toBe(200);
    expect((await post('/api/drain', {}, bearer(TOKEN))).status).toBe(200);
    // Names say nothing where a token does.
    expect((await get('/api/status', { host: 'gateway.example:8888', ...bearer(TOKEN) })).status).toBe(200);
  });

  it.each<[string, Record<string, string>, string, string]>([
    ['nothing', {}, 'token_required', 'Bearer realm="kcpgate admin"'],
    ['another scheme', { authorization: `Basic ${TOKEN}` }, 'token_required', 'Bearer realm="kcpgate admin"'],
    [
      'another token',
      bearer(`${TOKEN}x`),
      'token_invalid',
      'Bearer realm="kcpgate admin", error="invalid_token"',
    ],
    ['a part of it', bearer(TOKEN.slice(0, -1)), 'token_invalid', expect.any(String) as string],
    ['it in other case', bearer(TOKEN.toUpperCase()), 'token_invalid', expect.any(String) as string],
  ])('whoever shows %s may not', async (_, headers, code, challenge) => {
    const { get, post, target } = await startAdminWorld({ token: TOKEN });
    for (const answer of [
      await get('/api/status', headers),
      await get('/api/nothing', headers),
      await post('/api/drain', {}, headers),
    ]) {
      expect(answer.status).toBe(401);
      expect(codeOf(answer)).toBe(code);
      expect(answer.headers['www-authenticate']).toEqual(challenge);
    }
    expect(target.draining).toBeNull();
  });

  it('an address that guesses is not heard for a while, and the log is not flooded', async () => {
    const { get, clock, logger } = await startAdminWorld({ token: TOKEN });
    for (let i = 0; i < MAX_FAILURES; i++) {
      expect((await get('/api/status', bearer(`guess-${String(i)}`))).status).toBe(401);
    }
    for (let i = 0; i < 5; i++) {
      const answer = await get('/api/status', bearer(`more-${String(i)}`));
      expect(answer.status).toBe(429);
      expect(codeOf(answer)).toBe('rate_limited');
      expect(answer.headers['retry-after']).toBe('5');
    }
    // Neither does the right one help: it might have been guessed.
    expect((await get('/api/status', bearer(TOKEN))).status).toBe(429);
    // Those who show none guess nothing.
    expect((await get('/api/status')).status).toBe(401);
    expect(logger.fieldsOf('a wrong admin token')).toHaveLength(MAX_FAILURES);
    clock.ms += 5000;
    expect((await get('/api/status', bearer(TOKEN))).status).toBe(200);
    expect((await get('/api/status', bearer('one-more'))).status).toBe(401);
    expect((await get('/api/status', bearer('one-more'))).status).toBe(429);
  });

  it('no token is ever in the log', async () => {
    const { get, post, logger, target } = await startAdminWorld({ token: TOKEN });
    target.open = [report('0.1')];
    await get('/api/status', bearer('a-wrong-token-of-somebody'));
    await post('/api/sessions/kick', { subject: 'alice' }, bearer(TOKEN));
    await post('/api/drain', {}, bearer(TOKEN));
    const text = JSON.stringify(logger.records);
    expect(logger.records).toHaveLength(3);
    expect(text).not.toContain(TOKEN);
    expect(text).not.toContain('a-wrong-token-of-somebody');
  });

  it('pages of other origins may not call even with it', async () => {
    const { get } = await startAdminWorld({ token: TOKEN });
    const answer = await get('/api/status', { origin: 'https://evil.example', ...bearer(TOKEN) });
    expect(codeOf(answer)).toBe('origin_forbidden');
  });
});

describe('without a token', () => {
  it.each(['localhost', 'LOCALHOST:8888', '127.0.0.1:1', '127.9.9.9', '[::1]:8888', '[::ffff:127.0.0.1]'])(
    'requests for %s are answered',
    async (host) => {
      const { get } = await startAdminWorld();
      expect((await get('/api/status', { host })).status).toBe(200);
    },
  );

  it.each([
    'gateway.example',
    'localhost.evil.example:8888',
    'evil.example:127',
    '192.0.2.1',
    '0.0.0.0',
    '[::]',
    '[2001:db8::1]',
    '127.0.0.1.evil.example',
    'user@localhost',
    'localhost localhost',
    '2130706433',
  ])('requests for "%s" are not: the name was made to lead here', async (host) => {
    const { get, post, target } = await startAdminWorld();
    for (const answer of [await get('/api/status', { host }), await post('/api/drain', {}, { host })]) {
      expect(answer.status).toBe(403);
      expect(codeOf(answer)).toBe('host_forbidden');
    }
    expect(target.draining).toBeNull();
  });

  it('a request of HTTP/1.0 without Host is not answered', async () => {
    const { raw } = await startAdminWorld();
    const socket = raw();
    socket.write('GET /api/status HTTP/1.0\r\n\r\n');
    const [text] = (await once(socket, 'data')) as [Buffer];
    expect(text.toString()).toMatch(/^HTTP\/1\.1 403 /);
  });

  it.each<[Record<string, string>, boolean]>([
    [{ origin: 'http://localhost:8888' }, true],
    [{ origin: 'https://LOCALHOST:8888', 'sec-fetch-site': 'same-origin' }, true],
    [{ 'sec-fetch-site': 'none' }, true],
    [{ origin: 'http://localhost:3000' }, false],
    [{ origin: 'http://localhost' }, false],
    [{ origin: 'http://127.0.0.1:8888' }, false],
    [{ origin: 'https://evil.example' }, false],
    [{ origin: 'ftp://localhost:8888' }, false],
    [{ origin: 'null' }, false],
    [{ origin: '' }, false],
    [{ 'sec-fetch-site': 'cross-site' }, false],
    [{ 'sec-fetch-site': 'same-site' }, false],
  ])('a page with %j may call: %s', async (headers, isAllowed) => {
    const { get, post, target } = await startAdminWorld();
    const all = { host: 'localhost:8888', ...headers };
    for (const answer of [await get('/api/status', all), await post('/api/drain', {}, all)]) {
      expect(answer.status).toBe(isAllowed ? 200 : 403);
      if (!isAllowed) expect(codeOf(answer)).toBe('origin_forbidden');
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    }
    expect(target.draining !== null).toBe(isAllowed);
  });
});

describe('startAdminServer', () => {
  const components = { target: new TestTarget(), logger: NO_LOG };

  it.each(['0.0.0.0', '192.0.2.1', '::', '2001:db8::1', '::ffff:192.0.2.1'])(
    'refuses to listen on %s without a token',
    async (address) => {
      const bind = { address, family: address.includes(':') ? 6 : 4, port: 0 } as const;
      await expect(startAdminServer({ bind, token: null }, components)).rejects.toMatchObject({
        code: 'config_invalid',
      });
    },
  );

  it('listens anywhere with one', async () => {
    const { get } = await startAdminWorld({ bind: { ...LOOPBACK, address: '0.0.0.0' }, token: TOKEN });
    expect((await get('/api/status')).status).toBe(401);
    expect((await get('/api/status', bearer(TOKEN))).status).toBe(200);
  });

  it('says when the address is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(
      startAdminServer({ bind: { ...LOOPBACK, port }, token: null }, components),
    ).rejects.toMatchObject({ code: 'address_in_use' });
    other.close();
  });
});
