import type { RequestOptions } from 'node:http';
import { describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES, MAX_PENDING } from '../../../../src/gateway/admin/admin-handler.ts';
import { untilTrue } from '../../../contract/loopback.ts';
import { allOf, codeOf, jsonOf, startAdminWorld } from './admin-world.ts';
import { report } from './test-target.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

describe('a request is refused', () => {
  it.each<[string, RequestOptions, string | undefined, number, string]>([
    ['for no path', { path: '/' }, undefined, 404, 'not_found'],
    ['for another path', { path: '/api/statu' }, undefined, 404, 'not_found'],
    ['for a path that goes on', { path: '/api/status/' }, undefined, 404, 'not_found'],
    ['for an absolute URL', { path: 'http://127.0.0.1/api/status' }, undefined, 404, 'not_found'],
    ['for no session', { path: '/api/sessions/' }, undefined, 404, 'not_found'],
    ['by OPTIONS', { path: '/api/status', method: 'OPTIONS' }, undefined, 405, 'method_not_allowed'],
    ['by DELETE', { path: '/api/sessions/0.1', method: 'DELETE' }, undefined, 405, 'method_not_allowed'],
    ['by GET, to kick', { path: '/api/sessions/0.1/kick' }, undefined, 405, 'method_not_allowed'],
    ['by GET, to kick some', { path: '/api/sessions/kick' }, undefined, 405, 'method_not_allowed'],
    ['by HEAD, to drain', { path: '/api/drain', method: 'GET' }, undefined, 405, 'method_not_allowed'],
    ['without a type', { path: '/api/undrain', method: 'POST' }, undefined, 415, 'unsupported_media_type'],
    [
      'as plain text',
      { path: '/api/drain', method: 'POST', headers: { 'content-type': 'text/plain' } },
      '{}',
      415,
      'unsupported_media_type',
    ],
    [
      'as a form',
      {
        path: '/api/drain',
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      },
      'deadline=1s',
      415,
      'unsupported_media_type',
    ],
    [
      'compressed',
      { path: '/api/drain', method: 'POST', headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } },
      '{}',
      415,
      'unsupported_media_type',
    ],
    ['that is no JSON', { path: '/api/drain', method: 'POST', headers: JSON_TYPE }, '{', 400, 'malformed'],
    ['that is no object', { path: '/api/drain', method: 'POST', headers: JSON_TYPE }, '[]', 400, 'malformed'],
    [
      'that is deep',
      { path: '/api/drain', method: 'POST', headers: JSON_TYPE },
      '['.repeat(4000) + ']'.repeat(4000),
      400,
      'malformed',
    ],
    [
      'that is large',
      { path: '/api/drain', method: 'POST', headers: JSON_TYPE },
      JSON.stringify({ deadline: ' '.repeat(MAX_BODY_BYTES) }),
      413,
      'too_large',
    ],
  ])('%s', async (_, options, body, status, code) => {
    const { send, target } = await startAdminWorld();
    target.open = [report('0.1')];
    const answer = await send(options, body);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(jsonOf(answer)).toMatchObject({ type: `urn:kcpgate:admin:${code}`, status, code });
    expect(answer.headers.allow === undefined).toBe(status !== 405);
    expect(target.kicks).toEqual([]);
    expect(target.draining).toBeNull();
  });

  it('with the methods there are', async () => {
    const { send } = await startAdminWorld();
    const allowed = async (path: string): Promise<unknown> =>
      (await send({ path, method: 'PATCH' })).headers.allow;
    expect(await allowed('/api/status')).toBe('GET, HEAD');
    expect(await allowed('/api/sessions/kick')).toBe('POST');
    expect(await allowed('/api/sessions/0.1')).toBe('GET, HEAD');
  });

  it.each<[string, unknown, string]>([
    ['/api/drain', { deadlines: '1s' }, 'Unrecognized key: "deadlines"'],
    ['/api/drain', { deadline: '1s', line: 1, Jitter: 2 }, 'Unrecognized keys: "line", "Jitter"'],
    ['/api/drain', JSON.parse('{"__proto__":{"deadline":"1s"}}'), 'Unrecognized key: "__proto__"'],
    ['/api/drain', { deadline: 5 }, 'deadline: '],
    ['/api/drain', { deadline: '25h' }, 'deadline: must be a duration from 0s to 24h'],
    ['/api/drain', { deadline: '-1s' }, 'deadline: must be a duration from 0s to 24h'],
    ['/api/drain', { jitter: '1 week' }, 'jitter: must be a duration from 0s to 24h'],
    ['/api/drain', { deadline: '1s', jitter: '2s' }, 'jitter: must not be longer than deadline'],
    ['/api/drain', { jitter: '31s' }, 'jitter: must not be longer than deadline'],
    ['/api/drain', { lines: 'eu-1' }, 'lines: '],
    ['/api/drain', { lines: ['a,b'] }, 'lines.0: must be a name'],
    ['/api/drain', { lines: Array.from({ length: 33 }, () => 'a') }, 'lines: '],
    [
      '/api/drain',
      { lines: Array.from({ length: 20 }, () => 'a'.repeat(64)) },
      'lines: must be at most 1000 bytes',
    ],
    ['/api/undrain', { now: true }, 'Unrecognized key: "now"'],
    ['/api/sessions/0.1/kick', { code: 1000 }, 'code: must be a close code from 3000 to 3999'],
    ['/api/sessions/0.1/kick', { code: 3999 }, 'code: must be a close code from 3000 to 3999'],
    ['/api/sessions/0.1/kick', { code: '3500' }, 'code: must be a close code'],
    ['/api/sessions/0.1/kick', { code: 'normal' }, 'code: must be a close code'],
    ['/api/sessions/0.1/kick', { code: 'kick' }, 'did you mean "kicked"?'],
    ['/api/sessions/0.1/kick', { code: null }, 'code: must be a close code'],
    ['/api/sessions/0.1/kick', { reason: 'ü'.repeat(62) }, 'reason: must be at most 123 bytes'],
    ['/api/sessions/0.1/kick', { reason: 'two\nlines' }, 'reason: must be at most 123 bytes without control'],
    ['/api/sessions/0.1/kick', { reason: '\ud800' }, 'reason: must be at most 123 bytes without control'],
    ['/api/sessions/0.1/kick', { subject: 'alice' }, 'Unrecognized key: "subject"'],
    ['/api/sessions/kick', { subject: '' }, 'subject: '],
    ['/api/sessions/kick', { subject: 'a\u0000' }, 'subject: '],
    ['/api/sessions/kick', { conv: '7' }, 'conv: '],
    ['/api/sessions/kick', { conv: 2 ** 32 }, 'conv: '],
    ['/api/sessions/kick', { conv: 1.5 }, 'conv: '],
    ['/api/sessions/kick', { subject: 'a', id: '0.1' }, 'Unrecognized key: "id"'],
  ])('%s %j', async (path, body, detail) => {
    const { post, target } = await startAdminWorld();
    target.open = [report('0.1')];
    const answer = await post(path, body);
    expect(answer.status).toBe(400);
    expect((jsonOf(answer) as { detail: string }).detail).toContain(detail);
    expect(target.kicks).toEqual([]);
    expect(target.draining).toBeNull();
  });

  it.each([
    ['/api/sessions?subjct=a', 'Unrecognized key: "subjct"'],
    ['/api/sessions?__proto__=a', 'Unrecognized key: "__proto__"'],
    ['/api/sessions?limit=1&limit=2', '"limit" stands in the URL twice'],
    ['/api/sessions?limit=0', 'limit: '],
    ['/api/sessions?limit=1001', 'limit: '],
    ['/api/sessions?limit=1e2', 'limit: '],
    ['/api/sessions?limit=', 'limit: '],
    ['/api/sessions?conv=4294967296', 'conv: '],
    ['/api/sessions?conv=-1', 'conv: '],
    ['/api/sessions?after=x', 'after: must be the id of a session'],
    ['/api/sessions?subject=', 'subject: '],
    ['/api/sessions/0.1?more', 'Unrecognized key: "more"'],
    ['/api/status?verbose=1', 'Unrecognized key: "verbose"'],
  ])('%s', async (path, detail) => {
    const { get, target } = await startAdminWorld();
    target.open = [report('0.1')];
    const answer = await get(path);
    expect(answer.status).toBe(400);
    expect((jsonOf(answer) as { detail: string }).detail).toContain(detail);
  });

  it('by its length, before its body is read', async () => {
    const { raw } = await startAdminWorld();
    const socket = raw();
    socket.write(head('/api/drain', `content-length: ${String(MAX_BODY_BYTES + 1)}\r\n`));
    expect(await allOf(socket)).toMatch(/^HTTP\/1\.1 413[^]*connection: close/i);
  });

  it('when it turns out too long', async () => {
    const { raw } = await startAdminWorld();
    const socket = raw();
    socket.write(head('/api/drain', 'transfer-encoding: chunked\r\n'));
    for (let i = 0; i < 9; i++) socket.write(`400\r\n${' '.repeat(1024)}\r\n`);
    expect(await allOf(socket)).toMatch(/^HTTP\/1\.1 413[^]*connection: close/i);
  });

  it('when its body takes too long', async () => {
    const { raw } = await startAdminWorld({ bodyTimeoutMs: 50 });
    const socket = raw();
    socket.write(`${head('/api/drain', 'content-length: 2\r\n')}{`);
    expect(await allOf(socket)).toMatch(/^HTTP\/1\.1 408[^]*connection: close[^]*request_timeout/i);
  });

  it('when its head is too large', async () => {
    const { raw } = await startAdminWorld();
    const socket = raw();
    socket.write(head('/api/drain', `x: ${'y'.repeat(9000)}\r\n`));
    expect(await allOf(socket)).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('when the gateway cannot answer, which the log tells and the answer does not', async () => {
    const { get, target, logger } = await startAdminWorld();
    target.failure = new Error('something private');
    const answer = await get('/api/status');
    expect(answer.status).toBe(500);
    expect(codeOf(answer)).toBe('internal');
    expect(answer.text).not.toContain('private');
    expect(logger.fieldsOf('an admin request failed')).toMatchObject([{ err: target.failure }]);
    target.failure = undefined;
    expect((await get('/api/status')).status).toBe(200);
  });

  it('when too many wait, be it on one connection', async () => {
    const { raw, target, get } = await startAdminWorld();
    let open = (): void => undefined;
    target.gate = new Promise((resolve) => (open = resolve));
    const socket = raw();
    const more = 5;
    const one = 'GET /api/status HTTP/1.1\r\nhost: localhost\r\n\r\n';
    socket.write(one.repeat(MAX_PENDING));
    await untilTrue(() => target.asked === MAX_PENDING);
    socket.write(one.repeat(more - 1) + one.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'));
    // Whoever comes later on another connection is refused later.
    expect((await get('/api/status')).status).toBe(503);
    open();
    const text = await allOf(socket);
    expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(MAX_PENDING);
    expect(text.match(/HTTP\/1\.1 503[^]*?retry-after: 1/gi)).toHaveLength(more);
    expect((await get('/api/status')).status).toBe(200);
  });
});

describe('HEAD', () => {
  it('is GET without the body', async () => {
    const { send, get } = await startAdminWorld();
    const answer = await send({ path: '/api/sessions', method: 'HEAD' });
    expect(answer).toMatchObject({ status: 200, text: '' });
    expect(answer.headers['content-length']).toBe((await get('/api/sessions')).headers['content-length']);
    expect(await send({ path: '/api/sessions/0.1', method: 'HEAD' })).toMatchObject({
      status: 404,
      text: '',
    });
    expect(await send({ path: '/api/drain', method: 'HEAD' })).toMatchObject({ status: 405, text: '' });
  });
});

describe('a connection', () => {
  it('carries one request after the other, refused ones too', async () => {
    const { raw, target } = await startAdminWorld();
    const socket = raw();
    socket.write(`${head('/api/drain', 'content-length: 2\r\n')}{}`);
    socket.write(`${head('/api/drain', 'content-length: 1\r\n')}{`);
    socket.write(`${head('/api/nothing', 'content-length: 5\r\n')}12345`);
    socket.write(`${head('/api/undrain', 'connection: close\r\ncontent-length: 2\r\n')}{}`);
    expect((await allOf(socket)).match(/HTTP\/1\.1 (\d+)/g)).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 400',
      'HTTP/1.1 404',
      'HTTP/1.1 200',
    ]);
    expect(target.draining).toBeNull();
  });

  it('that breaks in the middle of a body is no error of anybody', async () => {
    const { raw, get, logger } = await startAdminWorld();
    const socket = raw();
    await new Promise<void>((resolve) => {
      socket.write(`${head('/api/drain', 'content-length: 2\r\n')}{`, () => resolve());
    });
    socket.resetAndDestroy();
    expect((await get('/api/status')).status).toBe(200);
    expect(logger.records).toEqual([]);
  });

  it('that is open does not hold up the end of the server', async () => {
    const { raw, server, target } = await startAdminWorld();
    const idle = raw();
    idle.write('GET /api/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await new Promise((resolve) => idle.once('data', resolve));
    target.gate = new Promise(() => undefined);
    const waiting = raw();
    waiting.write('GET /api/status HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await untilTrue(() => target.asked === 1);
    await Promise.all([server.close(), server.close()]);
    await expect(startAdminWorld({ bind: server.address })).resolves.toBeDefined();
  });
});

function head(path: string, fields: string): string {
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${fields}\r\n`;
}
