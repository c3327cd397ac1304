import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import {
  connect,
  connectStock,
  login,
  type Connection,
  type ConnectOptions,
  type StockConnection,
} from '../../src/client/node/index.ts';
import type { Session, SessionDetail, SessionList } from '../../src/gateway/admin/session-schema.ts';
import type { Status } from '../../src/gateway/admin/status-schema.ts';
import { builtLibrary } from '../support/built-library.ts';
import { buildIfStale, runKcpgate } from '../support/kcpgate-command.ts';
import { startLoginGateway, type LoginGateway, type LoginGatewayOptions } from '../support/login-gateway.ts';
import { describeWithNative } from '../support/native.ts';
import { RecordingLogger } from '../support/recording-logger.ts';
import { expectDocumented } from '../unit/gateway/admin/documented.ts';

const ADMIN_TOKEN = 'admin-token-0123456789';
const TOKENS = { alice: 'token-of-alice-0123', bob: 'token-of-bob-012345' };

const folder = mkdtempSync(join(tmpdir(), 'kcpgate-admin-'));
const tokenFile = join(folder, 'token');
writeFileSync(tokenFile, ADMIN_TOKEN);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A gateway with logins of alice and bob, and its admin API. */
interface World extends LoginGateway {
  readonly admin: string;
  readonly logger: RecordingLogger;
  get(path: string): Promise<Response>;
  post(path: string, body: object): Promise<Response>;
}

async function start(options: LoginGatewayOptions = {}): Promise<World> {
  const logger = new RecordingLogger();
  const tokens = Object.entries(TOKENS).map(([subject, token]) => `{ subject: ${subject}, token: ${token} }`);
  const running = await startLoginGateway({
    common: `admin_addr: "127.0.0.1:0", admin_token: ${ADMIN_TOKEN}`,
    login: `auth: static, tokens: [ ${tokens.join(', ')} ]`,
    logger,
    ...options,
  });
  closers.push(() => running.gateway.stop());
  const admin = `http://127.0.0.1:${String(running.gateway.adminAddress!.port)}`;
  const authorization = `Bearer ${ADMIN_TOKEN}`;
  return {
    ...running,
    admin,
    logger,
    get: (path) => fetch(`${admin}${path}`, { headers: { authorization } }),
    post: (path, body) =>
      fetch(`${admin}${path}`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
  };
}

async function open(options: ConnectOptions): Promise<Connection> {
  const connection = await connect(options);
  closers.push(() => connection.destroy());
  return connection;
}

async function echo(connection: Connection | StockConnection, text: string): Promise<string> {
  connection.send(Buffer.from(text));
  for await (const message of connection) return Buffer.from(message).toString();
  return '';
}

async function sessionsOf({ get }: World, query = ''): Promise<readonly Session[]> {
  return ((await (await get(`/api/sessions${query}`)).json()) as SessionList).sessions;
}

/** Holds an answer of the running gateway to the description, and gives it. */
async function documented(path: string, method: 'get' | 'post', response: Response): Promise<unknown> {
  const text = await response.text();
  const headers = Object.fromEntries(response.headers);
  expectDocumented(path, method, { status: response.status, headers, text });
  return JSON.parse(text);
}

/** Asks until the answer is the one; as long as the test may take. */
async function until<T>(ask: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isIt(answer)) return answer;
    await delay(5);
  }
}

/** A gateway has a session when the first datagram behind the handshake came. */
const untilOpen = (world: World, count: number): Promise<unknown> =>
  until(
    () => sessionsOf(world),
    (found) => found.length === count,
  );

describe('the admin API of a gateway', () => {
  test('shows who is connected, on which line, and how it goes', async () => {
    // Of one worker, as sessions are shown worker by worker.
    const world = await start({ workers: 1 });
    for (const line of ['udp', 'tcp', 'ws']) {
      const connection = await open({ loginUrl: world.loginUrl, token: TOKENS.alice, line });
      expect(await echo(connection, line)).toBe(line);
    }
    const stock = await connectStock({ host: '127.0.0.1', port: world.ports.udp, conv: 77 });
    closers.push(() => stock.destroy());
    expect(await echo(stock, 'stock')).toBe('stock');

    const list = (await documented('/api/sessions', 'get', await world.get('/api/sessions'))) as SessionList;
    expect(list.next).toBeNull();
    expect(list.sessions).toMatchObject([
      ...['udp', 'tcp', 'ws'].map((name) => ({
        peer: 'kcpgate',
        state: 'open',
        subject: 'alice',
        sealed: true,
        carrier: name,
        paths: [{ listener: name, validated: true, lost: false }],
        upstream: 'demo',
        moves: 0,
      })),
      { peer: 'stock', conv: 77, subject: null, sealed: false, carrier: 'udp', upstream: 'demo' },
    ]);
    for (const { address, loss, ageMs } of list.sessions) {
      expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
      expect(loss).toBeLessThanOrEqual(1);
      expect(ageMs).toBeGreaterThanOrEqual(0);
    }
    expect(await sessionsOf(world, '?conv=77')).toHaveLength(1);
    expect(await sessionsOf(world, '?subject=alice')).toHaveLength(3);
    expect(await sessionsOf(world, '?subject=bob')).toEqual([]);

    const { id } = list.sessions[1]!;
    const detail = await documented('/api/sessions/{id}', 'get', await world.get(`/api/sessions/${id}`));
    expect((detail as SessionDetail).kcp.segmentsReceived).toBeGreaterThan(0);
    const status = (await documented('/api/status', 'get', await world.get('/api/status'))) as Status;
    expect(status).toMatchObject({
      state: 'serving',
      sessions: { open: 4, opened: 4, loggedIn: 3 },
      login: { issued: 3 },
      upstreams: [{ name: 'demo', activeSessions: 4 }],
    });
    expect(status.listeners.map(({ name, openSessions }) => [name, openSessions])).toEqual([
      ['udp', 1],
      ['tcp', 0],
      ['ws', 0],
    ]);
  });

  test('comes page by page, each session once', async () => {
    const world = await start();
    for (let i = 0; i < 5; i++) await open({ loginUrl: world.loginUrl, token: TOKENS.alice, line: 'udp' });
    await untilOpen(world, 5);
    const ids: string[] = [];
    let next: string | null = null;
    do {
      const query: string = next === null ? '' : `&after=${next}`;
      const page = (await (await world.get(`/api/sessions?limit=2${query}`)).json()) as SessionList;
      ids.push(...page.sessions.map(({ id }) => id));
      next = page.next;
    } while (next !== null);
    expect(new Set(ids).size).toBe(5);
    expect(ids).toHaveLength(5);
  });

  test('kicks: the client is told why, and the session is gone', async () => {
    const world = await start();
    const [first, second, third] = [
      await open({ loginUrl: world.loginUrl, token: TOKENS.alice, line: 'udp' }),
      await open({ loginUrl: world.loginUrl, token: TOKENS.alice, line: 'tcp' }),
      await open({ loginUrl: world.loginUrl, token: TOKENS.bob, line: 'ws' }),
    ];
    await untilOpen(world, 3);
    const [{ id }] = (await sessionsOf(world, '?subject=bob')) as [Session];
    const kicked = await world.post(`/api/sessions/${id}/kick`, { code: 'blocked', reason: 'that was it' });
    expect(await documented('/api/sessions/{id}/kick', 'post', kicked)).toEqual({ kicked: 1 });
    expect(await third.closed).toEqual({
      code: CloseCode.blocked,
      reason: 'that was it',
      mayReconnect: false,
    });
    expect(
      (
        await until(
          () => sessionsOf(world),
          (found) => found.length < 3,
        )
      ).map(({ subject }) => subject),
    ).toEqual(['alice', 'alice']);
    expect((await world.post(`/api/sessions/${id}/kick`, {})).status).toBe(404);

    const some = await world.post('/api/sessions/kick', { subject: 'alice', code: 3006 });
    expect(await documented('/api/sessions/kick', 'post', some)).toEqual({ kicked: 2 });
    for (const connection of [first, second]) {
      expect(await connection.closed).toMatchObject({ code: CloseCode.overload, mayReconnect: true });
    }
    await until(
      () => sessionsOf(world),
      (found) => found.length === 0,
    );
    expect(world.logger.fieldsOf('kick')).toMatchObject([
      { component: 'admin', caller: '127.0.0.1', id, code: 'blocked', reason: 'that was it', kicked: 1 },
      { subject: 'alice', code: 'overload', kicked: 2 },
    ]);
  });

  test('drains: nobody comes in, clients are asked to go, those that stay end; and takes it back', async () => {
    const world = await start();
    const { loginUrl } = world;
    const connection = await open({ loginUrl, token: TOKENS.alice, line: 'udp' });
    const notices: unknown[] = [];
    connection.on('draining', (notice) => notices.push(notice));
    const answer = await world.post('/api/drain', {
      deadline: '600ms',
      jitter: '100ms',
      lines: ['elsewhere'],
    });
    expect(await documented('/api/drain', 'post', answer)).toEqual({ state: 'draining' });
    await expect(login({ loginUrl, token: TOKENS.bob })).rejects.toThrow();
    expect(await (await world.get('/api/status')).json()).toMatchObject({ state: 'draining' });
    expect(await connection.closed).toMatchObject({ code: CloseCode.drain, mayReconnect: true });
    expect(notices).toMatchObject([{ jitterMs: 100, lines: ['elsewhere'] }]);
    // It goes on to take nobody.
    await expect(login({ loginUrl, token: TOKENS.bob })).rejects.toThrow();

    const back = await world.post('/api/undrain', {});
    expect(await documented('/api/undrain', 'post', back)).toEqual({ state: 'serving' });
    const again = await open({ loginUrl, token: TOKENS.bob, line: 'tcp' });
    expect(await echo(again, 'again')).toBe('again');
  });

  test('goes on to answer while the gateway stops, but undoes nothing', async () => {
    const world = await start();
    const connection = await open({
      loginUrl: world.loginUrl,
      token: TOKENS.alice,
      line: 'udp',
      stream: true,
    });
    // Nobody reads what comes back, so that there is something to wait for.
    const stream = connection.stream();
    stream.on('error', () => undefined);
    stream.write(Buffer.alloc(8 * 1024 * 1024));
    await until(
      () => sessionsOf(world),
      ([session]) => session!.queue.bytes > 100_000,
    );
    const stopped = world.gateway.stop();
    // Both before the drain timeout.
    const [status, refused] = await Promise.all([world.get('/api/status'), world.post('/api/undrain', {})]);
    expect(await status.json()).toMatchObject({ state: 'stopping' });
    expect(await documented('/api/undrain', 'post', refused)).toMatchObject({
      status: 409,
      code: 'stopping',
    });
    await stopped;
    await expect(world.get('/api/status')).rejects.toThrow();
  });

  test('has no token in the log', async () => {
    const world = await start();
    await open({ loginUrl: world.loginUrl, token: TOKENS.alice, line: 'udp' });
    await fetch(`${world.admin}/api/status`, { headers: { authorization: 'Bearer not-the-admin-token' } });
    await world.post('/api/sessions/kick', { subject: 'alice' });
    const text = JSON.stringify(world.logger.records);
    expect(world.logger.fieldsOf('a wrong admin token')).toHaveLength(1);
    for (const token of [ADMIN_TOKEN, 'not-the-admin-token', ...Object.values(TOKENS)]) {
      expect(text).not.toContain(token);
    }
  });
});

describe('the commands', () => {
  // A build in the middle would take longer than a session stays open without a sign of its client.
  beforeAll(() => buildIfStale(), 150_000);

  test('show and end sessions, drain and undrain', { timeout: 120_000 }, async () => {
    const world = await start();
    const at = ['--admin', world.admin, '--token-file', tokenFile];
    const [alice, bob] = [
      await open({ loginUrl: world.loginUrl, token: TOKENS.alice, line: 'ws' }),
      await open({ loginUrl: world.loginUrl, token: TOKENS.bob, line: 'udp' }),
    ];
    const sessions = await runKcpgate(['sessions', ...at]);
    expect(sessions).toMatchObject({ code: 0, errorOutput: '' });
    expect(sessions.output).toMatch(
      /^ID +CONV +SUBJECT[^]*\n\S+ +\d+ +alice .* ws [^]*\n\S+ +\d+ +bob .* udp /,
    );
    const json = await runKcpgate(['sessions', ...at, '--subject', 'bob', '-o', 'json']);
    const [{ id }] = (JSON.parse(json.output) as SessionList).sessions as [Session];
    expect((await runKcpgate(['sessions', id, ...at])).output).toMatch(/subject +bob\n[^]*segmentsReceived/);

    expect(
      await runKcpgate(['kick', id, ...at, '--code', 'blocked', '--reason', 'terms of use']),
    ).toMatchObject({
      code: 0,
      output: '1 session ended\n',
    });
    expect(await bob.closed).toMatchObject({ code: CloseCode.blocked, reason: 'terms of use' });
    expect(await runKcpgate(['kick', '--subject', 'bob', ...at])).toMatchObject({ code: 1 });
    expect(await runKcpgate(['kick', ...at])).toMatchObject({ code: 2, output: '' });

    expect(await runKcpgate(['drain', ...at, '--deadline', '5m'])).toMatchObject({
      code: 0,
      output: 'draining; sessions that are left end in 5m\n',
    });
    expect((await runKcpgate(['status', ...at])).output).toMatch(/^node +gw-1\nstate +draining\n/);
    expect(await runKcpgate(['undrain', ...at])).toMatchObject({ code: 0, output: 'serving\n' });
    expect(await echo(alice, 'still here')).toBe('still here');
    expect(await runKcpgate(['status', '--admin', world.admin])).toMatchObject({
      code: 1,
      output: '',
      errorOutput: 'kcpgate: A token is needed. --token-file gives one.\n',
    });
  });

  test('say that there is no gateway', async () => {
    const world = await start();
    await world.gateway.stop();
    const result = await runKcpgate(['status', '--admin', world.admin]);
    expect(result).toMatchObject({ code: 1, output: '' });
    expect(result.errorOutput).toMatch(/^kcpgate: no answer from 127\.0\.0\.1:\d+: connection refused\n$/);
  });
});

describeWithNative('with workers', () => {
  test('sessions of all of them are seen and ended', { timeout: 120_000 }, async () => {
    const { loadConfig, startGateway } = await builtLibrary();
    const loaded = loadConfig({
      text: `
common: { workers: 2, drain_timeout: 1s, admin_addr: "127.0.0.1:0" }
listeners: [ { name: line, type: kcp-udp, bind: "127.0.0.1:0" } ]`,
      env: {},
    });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
    const gateway = await startGateway(loaded.config, { logger: new RecordingLogger() });
    closers.push(() => gateway.stop());
    const { port } = (await gateway.status()).listeners[0]!.address;
    const connections: StockConnection[] = [];
    for (let conv = 1; conv <= 5; conv++) {
      const connection = await connectStock({ host: '127.0.0.1', port, peer: 'kcpgate', conv });
      closers.push(() => connection.destroy());
      connections.push(connection);
    }
    const url = `http://127.0.0.1:${String(gateway.adminAddress!.port)}/api`;
    const openSessions = async (): Promise<number> =>
      ((await (await fetch(`${url}/status`)).json()) as Status).sessions.open;
    // Workers learn of the end of a handshake, and of that of a session, in their own time.
    await until(openSessions, (open) => open === 5);
    const convs: number[] = [];
    const workers: string[] = [];
    let next: string | null = null;
    do {
      const query: string = next === null ? '' : `&after=${next}`;
      const page = (await (await fetch(`${url}/sessions?limit=2${query}`)).json()) as SessionList;
      convs.push(...page.sessions.map(({ conv }) => conv));
      workers.push(...page.sessions.map(({ id }) => id.split('.')[0]!));
      next = page.next;
    } while (next !== null);
    expect(convs).toEqual([2, 4, 1, 3, 5]);
    expect(workers).toEqual(['0', '0', '1', '1', '1']);
    const post = (path: string, body: object): Promise<Response> =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    expect(await (await post('/sessions/kick', { conv: 3, reason: 'one of worker 1' })).json()).toEqual({
      kicked: 1,
    });
    expect(await connections[2]!.closed).toMatchObject({ code: CloseCode.kicked, reason: 'one of worker 1' });
    await until(openSessions, (open) => open === 4);
    const answer = await fetch(`${url}/status`);
    const status = (await documented('/api/status', 'get', answer)) as Status;
    expect(status.workers.map(({ index, openSessions }) => [index, openSessions])).toEqual([
      [0, 2],
      [1, 2],
    ]);
    await post('/drain', { deadline: '0s' });
    for (const connection of connections) await connection.closed;
    await until(openSessions, (open) => open === 0);
    expect(await (await fetch(`${url}/status`)).json()).toMatchObject({
      state: 'draining',
      sessions: { open: 0 },
    });
  });
});
