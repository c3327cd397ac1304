import { describe, expect, it } from 'vitest';
import { ADMIN_ROUTES } from '../../../../src/gateway/admin/routes.ts';
import { openApiDocument } from '../../../../src/gateway/admin/openapi.ts';
import type { SessionList } from '../../../../src/gateway/admin/session-schema.ts';
import { jsonOf, startAdminWorld, type Answer } from './admin-world.ts';
import { expectDocumented } from './documented.ts';
import { kcpStats, report } from './test-target.ts';

const idsOf = (answer: Answer): string[] => (jsonOf(answer) as SessionList).sessions.map(({ id }) => id);

describe('GET /api/status', () => {
  it('shows how the gateway stands, with its sums', async () => {
    const { get, clock } = await startAdminWorld();
    clock.ms += 5000;
    const answer = await get('/api/status');
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-length': String(Buffer.byteLength(answer.text)),
    });
    expectDocumented('/api/status', 'get', answer);
    expect(jsonOf(answer)).toMatchObject({
      nodeId: 'gw-test',
      state: 'serving',
      uptimeMs: 5000,
      native: { status: 'missing', reason: 'not built' },
      sessions: { open: 5, opened: 12, loggedIn: 3, counters: { moves: 2, refusals: { ticket_expired: 1 } } },
      login: { issued: 5 },
      listeners: [
        {
          name: 'line-udp',
          type: 'kcp-udp',
          address: '[::1]:4000',
          upstream: 'demo',
          openSessions: 2,
          receivedDatagrams: 1000,
          sentDatagrams: 900,
          droppedDatagrams: 6,
          counters: { drops: { unknown_kind: 4 }, carrier: { sentBytes: 90_000 } },
        },
      ],
      upstreams: [{ name: 'demo', activeSessions: 5, connections: 4, counters: { bytesToSessions: 2 } }],
      workers: [
        { index: 0, state: 'running', openSessions: 5, lastFailure: null },
        { index: 1, state: 'waiting', stale: true, failures: 1, lastFailure: 'out of memory' },
      ],
    });
  });

  it('says whether the gateway takes sessions', async () => {
    const { get, target } = await startAdminWorld();
    target.drain({ deadlineMs: 1, jitterMs: 0, lines: [] });
    expect(jsonOf(await get('/api/status'))).toMatchObject({ state: 'draining' });
    target.isStopping = true;
    expect(jsonOf(await get('/api/status'))).toMatchObject({ state: 'stopping' });
  });
});

describe('GET /api/sessions', () => {
  it('shows each session: who, where, how it goes', async () => {
    const { get, target } = await startAdminWorld();
    target.open = [report('0.17')];
    const answer = await get('/api/sessions');
    expectDocumented('/api/sessions', 'get', answer);
    expect(jsonOf(answer)).toEqual({
      sessions: [
        {
          id: '0.17',
          conv: 0x0300_0001,
          peer: 'kcpgate',
          state: 'open',
          subject: 'alice',
          sealed: true,
          address: '[2001:db8::9]:5000',
          carrier: 'tcp',
          paths: [
            { listener: 'line-tcp', carrier: 'tcp', id: 2, validated: true, lost: false, rttMs: 31 },
            { listener: 'line-udp', carrier: 'udp', id: 1, validated: true, lost: true, rttMs: null },
          ],
          moves: 1,
          upstream: 'demo',
          ageMs: 61_000,
          rttMs: 30,
          // What went again over a new path was not lost.
          loss: 0.05,
          queue: { bytes: 12_000, waiting: 4, inFlight: 6 },
        },
      ],
      next: null,
    });
  });

  it('has no loss where nothing was sent, no carrier without a path, no address that is not known', async () => {
    const { get, target } = await startAdminWorld();
    target.open = [
      report('0.1', { kcp: kcpStats(), paths: [], remoteAddress: null, subject: null, upstream: '' }),
    ];
    const answer = await get('/api/sessions');
    expectDocumented('/api/sessions', 'get', answer);
    expect(jsonOf(answer)).toMatchObject({
      sessions: [{ loss: 0, carrier: null, address: null, subject: null, upstream: '' }],
    });
  });

  it('selects by subject and conv', async () => {
    const { get, target } = await startAdminWorld();
    target.open = [report('0.1'), report('0.2', { subject: 'bob & co' }), report('0.3', { conv: 7 })];
    expect(idsOf(await get('/api/sessions?subject=alice'))).toEqual(['0.1', '0.3']);
    expect(idsOf(await get('/api/sessions?subject=bob%20%26+co'))).toEqual(['0.2']);
    expect(idsOf(await get('/api/sessions?conv=7'))).toEqual(['0.3']);
    expect(idsOf(await get('/api/sessions?conv=7&subject=bob'))).toEqual([]);
  });

  it('comes in pages, in the order of ids as numbers', async () => {
    const { get, target } = await startAdminWorld();
    const ids = ['0.2', '0.9', '0.10', '1.1', '2.3', '10.1'];
    target.open = [...ids].sort().map((id) => report(id));
    const first = await get('/api/sessions?limit=4');
    expect(jsonOf(first)).toMatchObject({ next: '1.1' });
    expect(idsOf(first)).toEqual(ids.slice(0, 4));
    expectDocumented('/api/sessions', 'get', first);
    // The one the page ended with need not be there any more.
    target.open = target.open.filter(({ id }) => id !== '1.1');
    const second = await get('/api/sessions?limit=4&after=1.1');
    expect(jsonOf(second)).toMatchObject({ next: null });
    expect(idsOf(second)).toEqual(ids.slice(4));
    expect(jsonOf(await get('/api/sessions?limit=2&after=1.1'))).toMatchObject({ next: null });
    expect(jsonOf(await get('/api/sessions?limit=1&after=1.1'))).toMatchObject({ next: '2.3' });
  });

  it('has a hundred to a page unless told otherwise', async () => {
    const { get, target } = await startAdminWorld();
    target.open = Array.from({ length: 1100 }, (_, index) => report(`0.${String(index)}`));
    expect(idsOf(await get('/api/sessions'))).toHaveLength(100);
    expect(idsOf(await get('/api/sessions?limit=1000'))).toHaveLength(1000);
  });
});

describe('GET /api/sessions/{id}', () => {
  it('shows one session with all its counters', async () => {
    const { get, target } = await startAdminWorld();
    target.open = [report('0.1'), report('1.1', { subject: 'bob' })];
    const answer = await get('/api/sessions/1.1');
    expectDocumented('/api/sessions/{id}', 'get', answer);
    expect(jsonOf(answer)).toMatchObject({ id: '1.1', subject: 'bob', kcp: { ...target.open[1]!.kcp } });
  });

  it.each(['1.2', '0.01', '1', 'kick1', '1.1.1', '-1.1', '%31.1', '1.1e0'])(
    'does not find %s',
    async (id) => {
      const { get, target } = await startAdminWorld();
      target.open = [report('1.1'), report('0.1')];
      const answer = await get(`/api/sessions/${id}`);
      expect(answer.status).toBe(404);
      expect(jsonOf(answer)).toMatchObject({ code: 'no_session' });
      expectDocumented('/api/sessions/{id}', 'get', answer);
    },
  );
});

describe('POST /api/sessions/{id}/kick', () => {
  it('ends the session with a code and a reason, and says so in the log', async () => {
    const { post, target, logger } = await startAdminWorld();
    target.open = [report('0.1'), report('0.2')];
    const answer = await post('/api/sessions/0.2/kick', { code: 3504, reason: 'no more' });
    expect(answer.status).toBe(200);
    expect(jsonOf(answer)).toEqual({ kicked: 1 });
    expectDocumented('/api/sessions/{id}/kick', 'post', answer);
    expect(target.kicks).toEqual([{ query: { id: '0.2' }, code: 3504, reason: 'no more' }]);
    expect(target.open.map(({ id }) => id)).toEqual(['0.1']);
    expect(logger.fieldsOf('kick')).toEqual([
      { caller: '127.0.0.1', id: '0.2', code: 'blocked', reason: 'no more', kicked: 1 },
    ]);
  });

  it('kicks without a body, too', async () => {
    const { post, target } = await startAdminWorld();
    target.open = [report('0.1'), report('0.2')];
    expect((await post('/api/sessions/0.1/kick')).status).toBe(200);
    expect((await post('/api/sessions/0.2/kick', {})).status).toBe(200);
    expect(target.kicks.map(({ code, reason }) => [code, reason])).toEqual([
      [3500, ''],
      [3500, ''],
    ]);
  });

  it.each([
    ['replaced', 3502],
    ['drain', 3001],
    [3006, 3006],
  ])('takes the code %s', async (code, expected) => {
    const { post, target } = await startAdminWorld();
    target.open = [report('0.1')];
    await post('/api/sessions/0.1/kick', { code });
    expect(target.kicks).toMatchObject([{ code: expected }]);
  });

  it('does not find a session that is not open', async () => {
    const { post, target, logger } = await startAdminWorld();
    for (const id of ['0.1', 'x']) {
      const answer = await post(`/api/sessions/${id}/kick`, {});
      expect(jsonOf(answer)).toMatchObject({ status: 404, code: 'no_session' });
      expectDocumented('/api/sessions/{id}/kick', 'post', answer);
    }
    expect(target.kicks).toHaveLength(1);
    expect(logger.records).toEqual([]);
  });
});

describe('POST /api/sessions/kick', () => {
  it('ends all sessions of a subject, or with a conv', async () => {
    const { post, target } = await startAdminWorld();
    target.open = [report('0.1'), report('0.2', { conv: 9 }), report('1.1', { subject: 'bob', conv: 9 })];
    const answer = await post('/api/sessions/kick', { subject: 'alice', conv: 9, reason: 'ü' });
    expect(jsonOf(answer)).toEqual({ kicked: 1 });
    expectDocumented('/api/sessions/kick', 'post', answer);
    expect(jsonOf(await post('/api/sessions/kick', { subject: 'alice', code: 'blocked' }))).toEqual({
      kicked: 1,
    });
    expect(jsonOf(await post('/api/sessions/kick', { conv: 9 }))).toEqual({ kicked: 1 });
    expect(jsonOf(await post('/api/sessions/kick', { conv: 9 }))).toEqual({ kicked: 0 });
    expect(target.kicks).toEqual([
      { query: { subject: 'alice', conv: 9 }, code: 3500, reason: 'ü' },
      { query: { subject: 'alice' }, code: 3504, reason: '' },
      { query: { conv: 9 }, code: 3500, reason: '' },
      { query: { conv: 9 }, code: 3500, reason: '' },
    ]);
  });

  it('never means everybody', async () => {
    const { post, target } = await startAdminWorld();
    target.open = [report('0.1')];
    for (const body of [undefined, {}, { reason: 'x' }, { code: 3500 }]) {
      const answer = await post('/api/sessions/kick', body);
      expect(jsonOf(answer)).toMatchObject({ code: 'malformed', detail: 'subject or conv must be given' });
    }
    expect(target.kicks).toEqual([]);
  });
});

describe('POST /api/drain and /api/undrain', () => {
  it('drain with a deadline, within which clients go, and lines for them', async () => {
    const { post, target, logger } = await startAdminWorld();
    const answer = await post('/api/drain', { deadline: '1.5m', jitter: '500ms', lines: ['eu-1', 'eu-2'] });
    expect(jsonOf(answer)).toEqual({ state: 'draining' });
    expectDocumented('/api/drain', 'post', answer);
    expect(target.draining).toEqual({ deadlineMs: 90_000, jitterMs: 500, lines: ['eu-1', 'eu-2'] });
    expect(logger.fieldsOf('drain')).toMatchObject([{ caller: '127.0.0.1', deadlineMs: 90_000 }]);
  });

  it('has a deadline of its own, and half of it as jitter', async () => {
    const { post, target } = await startAdminWorld();
    await post('/api/drain');
    expect(target.draining).toEqual({ deadlineMs: 30_000, jitterMs: 15_000, lines: [] });
    await post('/api/drain', { deadline: '0s' });
    expect(target.draining).toEqual({ deadlineMs: 0, jitterMs: 0, lines: [] });
  });

  it('takes it back', async () => {
    const { post, target, logger } = await startAdminWorld();
    await post('/api/drain');
    const answer = await post('/api/undrain');
    expect(jsonOf(answer)).toEqual({ state: 'serving' });
    expectDocumented('/api/undrain', 'post', answer);
    expect(target.draining).toBeNull();
    expect(logger.fieldsOf('undrain')).toEqual([{ caller: '127.0.0.1' }]);
  });

  it('does neither while the gateway is being stopped', async () => {
    const { post, target } = await startAdminWorld();
    target.isStopping = true;
    for (const path of ['/api/drain', '/api/undrain']) {
      const answer = await post(path, {});
      expect(jsonOf(answer)).toMatchObject({ status: 409, code: 'stopping' });
      expectDocumented(path, 'post', answer);
    }
    expect(target.draining).toBeNull();
  });
});

describe('GET /api/openapi.json', () => {
  it('describes all of it', async () => {
    const { get } = await startAdminWorld();
    const answer = await get('/api/openapi.json');
    expect(jsonOf(answer)).toEqual(JSON.parse(JSON.stringify(openApiDocument(ADMIN_ROUTES))));
    expectDocumented('/api/openapi.json', 'get', answer);
  });
});
