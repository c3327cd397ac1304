import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { adminUrl, type AdminOptions } from '../../../../../tools/kcpgate/admin/admin-options.ts';
import { drain, undrain } from '../../../../../tools/kcpgate/admin/drain.ts';
import { kick, type KickOptions } from '../../../../../tools/kcpgate/admin/kick.ts';
import { runAdmin, type AdminReport } from '../../../../../tools/kcpgate/admin/run-admin.ts';
import {
  listSessions,
  showSession,
  type SessionsOptions,
} from '../../../../../tools/kcpgate/admin/sessions.ts';
import { status } from '../../../../../tools/kcpgate/admin/status.ts';
import type { AdminClient } from '../../../../../tools/kcpgate/admin/admin-client.ts';
import { startAdminWorld, type AdminWorld } from '../../../gateway/admin/admin-world.ts';
import { kcpStats, report } from '../../../gateway/admin/test-target.ts';

const folder = mkdtempSync(join(tmpdir(), 'kcpgate-admin-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const TOKEN = 'the-right-token-0123456789';

/** What a command printed and how it ended. */
interface Ran {
  readonly code: number;
  readonly output: string;
  readonly errorOutput: string;
}

async function run(
  url: string,
  action: (api: AdminClient, options: AdminOptions) => Promise<AdminReport>,
  more: Partial<AdminOptions> = {},
): Promise<Ran> {
  const options: AdminOptions = { admin: adminUrl(url), output: 'table', ...more };
  let [output, errorOutput] = ['', ''];
  const code = await runAdmin(
    options,
    (api) => action(api, options),
    { write: (text) => (output += text) },
    { write: (text) => (errorOutput += text) },
  );
  return { code, output, errorOutput };
}

const urlOf = ({ server }: AdminWorld): string => `127.0.0.1:${String(server.address.port)}`;

const list =
  (options: Partial<SessionsOptions> = {}) =>
  (api: AdminClient, base: AdminOptions) =>
    listSessions(api, { ...base, ...options });

const kickWith =
  (ids: readonly string[], options: Partial<KickOptions> = {}) =>
  (api: AdminClient, base: AdminOptions) =>
    kick(api, ids, { ...base, ...options });

/** A server that is none of ours. */
async function startOther(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

describe('sessions', () => {
  it('are a table', async () => {
    const world = await startAdminWorld();
    world.target.open = [
      report('0.7'),
      report('0.12', {
        conv: 42,
        subject: null,
        remoteAddress: { address: '192.0.2.1', family: 4, port: 999 },
        paths: [{ port: 'line-udp', carrier: 'udp', id: 0, validated: true, lost: false, rttMs: null }],
        upstream: 'games',
        ageMs: 7_500_000,
        kcp: kcpStats({ queueBytes: 0, srttMs: 0 }),
      }),
    ];
    expect((await run(urlOf(world), list())).output.split('\n')).toEqual([
      'ID        CONV  SUBJECT  ADDRESS             CARRIER    RTT   LOSS     QUEUE  UPSTREAM    AGE',
      '0.7   50331649  alice    [2001:db8::9]:5000  tcp      30 ms  5.0 %  11.7 KiB  demo      1m01s',
      '0.12        42           192.0.2.1:999       udp       0 ms  0.0 %       0 B  games     2h05m',
      '',
    ]);
  });

  it('are as the gateway says, as JSON', async () => {
    const world = await startAdminWorld();
    world.target.open = [report('0.7')];
    const { output } = await run(urlOf(world), list(), { output: 'json' });
    expect(JSON.parse(output)).toEqual(JSON.parse((await world.get('/api/sessions')).text));
  });

  it('come from as many pages as it takes, or as are wanted', async () => {
    const world = await startAdminWorld();
    world.target.open = Array.from({ length: 2500 }, (_, index) =>
      report(`${String(index % 3)}.${String(index)}`),
    );
    const all = await run(urlOf(world), list(), { output: 'json' });
    const { sessions, next } = JSON.parse(all.output) as { sessions: { id: string }[]; next: unknown };
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(2500);
    expect(next).toBeNull();
    const some = await run(urlOf(world), list({ limit: 1001 }));
    expect(some.output.split('\n')).toHaveLength(1 + 1001 + 2);
    expect(some.output).toMatch(/\n\.\.\. and more: --limit\n$/);
  });

  it('are selected', async () => {
    const world = await startAdminWorld();
    world.target.open = [report('0.1'), report('0.2', { subject: 'b & c' }), report('0.3', { conv: 9 })];
    expect((await run(urlOf(world), list({ subject: 'b & c' }))).output).toMatch(/^ID.*\n0\.2 .*\n$/);
    expect((await run(urlOf(world), list({ conv: 9 }))).output).toMatch(/^ID.*\n0\.3 .*\n$/);
    expect((await run(urlOf(world), list({ subject: 'nobody' }))).output).toBe('no open sessions\n');
  });

  it('cannot write on the terminal', async () => {
    const world = await startAdminWorld();
    world.target.open = [report('0.1', { subject: 'a\u001b[2J\u202ex' })];
    expect((await run(urlOf(world), list())).output).toContain(' a?[2J?x ');
  });

  it('show all of one', async () => {
    const world = await startAdminWorld();
    world.target.open = [report('1.4')];
    const { output } = await run(urlOf(world), (api) => showSession(api, '1.4'));
    expect(output).toContain('subject             alice\n');
    expect(output).toContain(
      'path                2: tcp line-tcp 31 ms\n                    1: udp line-udp lost\n',
    );
    expect(output).toContain('queue               11.7 KiB, 4 segments waiting, 6 in flight\n');
    expect(output).toContain('pathRetransmits     50\n');
    const json = await run(urlOf(world), (api) => showSession(api, '1.4'), { output: 'json' });
    expect(JSON.parse(json.output)).toMatchObject({ id: '1.4', kcp: { pathRetransmits: 50 } });
  });

  it('that are not there are a failure', async () => {
    const world = await startAdminWorld();
    for (const id of ['0.1', '../status', 'a b']) {
      expect(await run(urlOf(world), (api) => showSession(api, id))).toEqual({
        code: 1,
        output: '',
        errorOutput: expect.stringMatching(/^kcpgate: There is no/) as string,
      });
    }
  });

  it('a server that pages in circles is asked no further', async () => {
    const page = JSON.stringify({ sessions: [], next: '0.1' });
    const url = await startOther((_, response) => response.end(page));
    expect(await run(url, list())).toMatchObject({ code: 0, output: 'no open sessions\n' });
  });
});

describe('kick', () => {
  it('ends sessions by id, those that are there', async () => {
    const world = await startAdminWorld();
    world.target.open = [report('0.1'), report('0.2'), report('0.3')];
    expect(await run(urlOf(world), kickWith(['0.1'], { code: '3502', reason: 'x' }))).toEqual({
      code: 0,
      output: '1 session ended\n',
      errorOutput: '',
    });
    expect(await run(urlOf(world), kickWith(['0.1', '0.2', '0.9', '0.3'], { code: 'drain' }))).toMatchObject({
      code: 1,
      output: '2 sessions ended\nnot open: 0.1, 0.9\n',
    });
    expect(world.target.open).toEqual([]);
    expect(world.target.kicks.map(({ code, reason }) => [code, reason])).toEqual([
      [3502, 'x'],
      ...Array.from({ length: 4 }, () => [3001, '']),
    ]);
  });

  it('ends those of a subject, or with a conv; none is a failure', async () => {
    const world = await startAdminWorld();
    world.target.open = [report('0.1'), report('0.2')];
    expect(await run(urlOf(world), kickWith([], { subject: 'alice' }))).toMatchObject({
      code: 0,
      output: '2 sessions ended\n',
    });
    const none = await run(urlOf(world), kickWith([], { conv: 1 }), { output: 'json' });
    expect(none).toMatchObject({ code: 1, output: '{\n  "kicked": 0\n}\n' });
    expect(world.target.kicks).toMatchObject([
      { query: { subject: 'alice' }, code: 3500 },
      { query: { conv: 1 } },
    ]);
  });

  it.each<[string[], Partial<KickOptions>, string]>([
    [[], {}, 'error: name sessions by their ids, or by --subject and --conv'],
    [['0.1'], { conv: 1 }, 'error: name sessions by their ids, or by --subject and --conv'],
    [['0.1'], { code: 'kick' }, 'error: --code: must be a close code'],
    [['0.1'], { code: '1000' }, 'error: --code: must be a close code'],
    [['0.1'], { reason: 'x'.repeat(124) }, 'error: --reason: '],
    [[], { subject: '' }, 'error: subject: '],
  ])('%j %j is wrong before anything is asked', async (ids, options, message) => {
    const world = await startAdminWorld();
    await expect(run(urlOf(world), kickWith(ids, options))).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(message) as string,
    });
    expect(world.target.kicks).toEqual([]);
  });
});

describe('drain and undrain', () => {
  it('say what the gateway does then', async () => {
    const world = await startAdminWorld();
    const draining = await run(urlOf(world), (api, base) =>
      drain(api, { ...base, deadline: 90_000, jitter: 500, line: ['eu-1', 'eu-2'] }),
    );
    expect(draining).toMatchObject({ code: 0, output: 'draining; sessions that are left end in 90s\n' });
    expect(world.target.draining).toEqual({ deadlineMs: 90_000, jitterMs: 500, lines: ['eu-1', 'eu-2'] });
    expect(await run(urlOf(world), undrain)).toMatchObject({ code: 0, output: 'serving\n' });
    expect(world.target.draining).toBeNull();
    await run(urlOf(world), (api, base) => drain(api, { ...base, deadline: 1500, line: [] }));
    expect(world.target.draining).toEqual({ deadlineMs: 1500, jitterMs: 750, lines: [] });
  });

  it('repeat what the gateway says against it', async () => {
    const world = await startAdminWorld();
    world.target.isStopping = true;
    expect(await run(urlOf(world), undrain)).toMatchObject({
      code: 1,
      errorOutput: 'kcpgate: The gateway is being stopped; that cannot be taken back.\n',
    });
    world.target.isStopping = false;
    const wrong = await run(urlOf(world), (api, base) => drain(api, { ...base, deadline: 1, line: ['a b'] }));
    expect(wrong.errorOutput).toMatch(
      /^kcpgate: The request cannot be understood\. lines\.0: must be a name/,
    );
  });
});

describe('status', () => {
  it('is a few tables', async () => {
    const world = await startAdminWorld();
    world.clock.ms += 3_600_000 * 27;
    const { output } = await run(urlOf(world), status);
    expect(output.split('\n')).toEqual([
      'node          gw-test',
      'state         serving',
      'up            1d03h',
      'native addon  missing: not built',
      'sessions      5 open, 3 of them logged in; 12 opened',
      '',
      'LISTENER  TYPE     ADDRESS     UPSTREAM  WITHOUT LOGIN  RECEIVED  SENT  DROPPED',
      'line-udp  kcp-udp  [::1]:4000  demo                  2      1000   900        6',
      '',
      'UPSTREAM  SESSIONS  CONNECTIONS',
      'demo             5            4',
      '',
      'WORKER  STATE                     SESSIONS  FAILURES  LAST FAILURE',
      '     0  running                          5         0',
      '     1  waiting, does not answer         5         1  out of memory',
      '',
    ]);
    const json = await run(urlOf(world), status, { output: 'json' });
    expect(JSON.parse(json.output)).toEqual(JSON.parse((await world.get('/api/status')).text));
  });
});

describe('the token', () => {
  it('comes from a file', async () => {
    const world = await startAdminWorld({ token: TOKEN });
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, `${TOKEN}\n`);
    expect(await run(urlOf(world), status, { tokenFile })).toMatchObject({ code: 0, errorOutput: '' });
    expect(await run(urlOf(world), status)).toMatchObject({
      code: 1,
      errorOutput: 'kcpgate: A token is needed. --token-file gives one.\n',
    });
    const wrong = join(folder, 'wrong');
    writeFileSync(wrong, 'another-token');
    expect(await run(urlOf(world), status, { tokenFile: wrong })).toMatchObject({
      code: 1,
      errorOutput: 'kcpgate: The token is not accepted.\n',
    });
  });

  it('that cannot be read is a wrong command line', async () => {
    const world = await startAdminWorld({ token: TOKEN });
    const empty = join(folder, 'empty');
    writeFileSync(empty, '\n');
    for (const tokenFile of [empty, join(folder, 'missing')]) {
      await expect(run(urlOf(world), status, { tokenFile })).rejects.toMatchObject({
        code: 'config_invalid',
      });
    }
  });

  it('goes nowhere else', async () => {
    const seen: unknown[] = [];
    const other = await startOther((request, response) => {
      seen.push(request.headers.authorization);
      response.end('{}');
    });
    const url = await startOther((_, response) => response.writeHead(302, { location: `${other}/` }).end());
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, TOKEN);
    expect((await run(url, status, { tokenFile })).code).toBe(1);
    expect(seen).toEqual([]);
  });
});

describe('no admin API', () => {
  it('is told as what it is', async () => {
    const other = await startOther((request, response) =>
      response.end(request.url === '/x/api/status' ? 'hello' : '{}'),
    );
    for (const path of ['', '/x']) {
      expect(await run(`${other}${path}`, status)).toMatchObject({
        code: 1,
        errorOutput: expect.stringMatching(
          /is no admin API of kcpgate, or of another version \(HTTP 200\)\n$/,
        ) as string,
      });
    }
    const world = await startAdminWorld();
    const url = urlOf(world);
    await world.server.close();
    expect(await run(url, status)).toEqual({
      code: 1,
      output: '',
      errorOutput: `kcpgate: no answer from ${url}: connection refused\n`,
    });
  });
});

describe('--admin', () => {
  it.each([
    ['127.0.0.1:8888', 'http://127.0.0.1:8888/'],
    ['localhost:8888', 'http://localhost:8888/'],
    ['[::1]:8888', 'http://[::1]:8888/'],
    ['https://gateway.example/admin', 'https://gateway.example/admin/'],
  ])('%s', (text, url) => {
    expect(adminUrl(text).href).toBe(url);
  });

  it.each(['', ':8888', 'ftp://x', 'http://user:secret@x', 'http://x/?a', 'http://x/#a', 'http://[::1'])(
    '%s is wrong',
    (text) => {
      expect(() => adminUrl(text)).toThrow();
    },
  );
});
