import { execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import type { GatewayError } from '../../src/base/errors.ts';
import { CloseCode } from '../../src/base/close-code.ts';
import { connectStock } from '../../src/client/node/index.ts';
import { freePorts } from '../support/free-ports.ts';
import { digest, keystream, keystreamHash } from '../support/keystream.ts';
import { startKcpgate, type RunningCommand } from '../support/kcpgate-command.ts';
import { startLoginGateway, type LoginGateway } from '../support/login-gateway.ts';
import { peer } from '../support/peers.ts';
import { startTcpBackEnd } from '../support/tcp-back-end.ts';

const MIB = 1024 * 1024;
/** What goes through the tunnel each way; KCPGATE_TUNNEL_MIB=256 for the long run. */
const FILE_MIB = Number(process.env.KCPGATE_TUNNEL_MIB ?? 32);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function command(...options: string[]): Promise<RunningCommand> {
  const started = await startKcpgate(options);
  closers.push(() => started.stop());
  return started;
}

/** `serve` with a configuration file, in front of a TCP server. */
async function serve(backEndPort: number): Promise<{ gateway: RunningCommand; port: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'kcpgate-connect-'));
  closers.push(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'gateway.yaml');
  writeFileSync(
    file,
    `listeners: [ { name: line, type: kcp-udp, bind: "127.0.0.1:0" } ]
upstreams: { app: { type: tcp, servers: [ { address: "127.0.0.1:${String(backEndPort)}" } ] } }
routes: [ { name: all, target: app } ]
`,
  );
  const gateway = await command('serve', '-c', file);
  return { gateway, port: await gateway.port() };
}

/** `connect` to a gateway, with its local TCP port. */
async function tunnel(
  gatewayPort: number,
  ...options: string[]
): Promise<{ client: RunningCommand; port: number }> {
  const server = `127.0.0.1:${String(gatewayPort)}`;
  const client = await command('connect', '-s', server, '-l', '0', '--log-format', 'json', ...options);
  return { client, port: await client.port() };
}

/** The whole way: an application's TCP port that leads to the back end. */
async function pair(
  onConnection: (socket: Socket) => void,
): Promise<{ gateway: RunningCommand; client: RunningCommand; port: number }> {
  const backEnd = await startTcpBackEnd(onConnection);
  closers.push(() => backEnd.close());
  const served = await serve(backEnd.port);
  return { gateway: served.gateway, ...(await tunnel(served.port)) };
}

function application(port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  closers.push(() => socket.destroy());
  return socket;
}

describe('serve and connect', () => {
  test(
    `carry ${String(FILE_MIB)} MiB both ways at once, every byte`,
    { timeout: 60_000 + 2000 * FILE_MIB },
    async () => {
      const bytes = FILE_MIB * MIB;
      let uploaded: Promise<unknown> = Promise.reject(new Error('no connection'));
      uploaded.catch(() => undefined);
      const { port, client } = await pair((socket) => {
        uploaded = digest(socket);
        void pipeline(keystream(2, bytes), socket);
      });
      const socket = application(port);
      const [downloaded] = await Promise.all([digest(socket), pipeline(keystream(1, bytes), socket)]);
      expect(downloaded).toEqual({ bytes, sha256: keystreamHash(2, bytes) });
      expect(await uploaded).toEqual({ bytes, sha256: keystreamHash(1, bytes) });
      await client.record('connection closed', { code: 1000, bytesRead: bytes, bytesWritten: bytes });
    },
  );

  test('keep half-close: the back end answers after the application ended', async () => {
    const { port } = await pair((socket) => {
      void textOf(socket).then((question) => socket.end(`you said ${question}`));
    });
    const socket = application(port);
    socket.end('hello');
    expect(await textOf(socket)).toBe('you said hello');
  });

  test('keep half-close the other way: the application goes on after the back end ended', async () => {
    let heard: Promise<string> = Promise.resolve('');
    const { port } = await pair((socket) => {
      socket.end('bye');
      heard = textOf(socket);
    });
    const socket = application(port);
    expect(await textOf(socket)).toBe('bye');
    socket.end('still here');
    await once(socket, 'close');
    expect(await heard).toBe('still here');
  });

  test('an application that resets its connection resets that of the back end', async () => {
    let failure: Promise<unknown> = Promise.resolve();
    const { port, client } = await pair((socket) => {
      failure = once(socket, 'error').then(([error]) => error as unknown);
      socket.write('ready');
      socket.resume();
    });
    const socket = application(port);
    await once(socket, 'data');
    socket.resetAndDestroy();
    await client.record('connection closed', { close: 'kicked' });
    expect(await failure).toMatchObject({ code: 'ECONNRESET' });
  });
});

peer('iperf3').describe('iperf3 through serve and connect', () => {
  test('moves its data both ways', { timeout: 120_000 }, async () => {
    const [serverPort] = await freePorts(1);
    const iperf = spawn('iperf3', ['-s', '-1', '--forceflush', '-B', '127.0.0.1', '-p', String(serverPort)]);
    closers.push(() => iperf.kill('SIGKILL'));
    let greeting = '';
    for await (const chunk of iperf.stdout) {
      greeting += String(chunk);
      if (greeting.includes('listening')) break;
    }
    const { port } = await tunnel((await serve(serverPort!)).port);
    const size = 16 * MIB;
    const { stdout } = await promisify(execFile)(
      'iperf3',
      ['-c', '127.0.0.1', '-p', String(port), '--bidir', '-n', String(size), '-J'],
      { timeout: 90_000, maxBuffer: 16 * MIB },
    );
    const { end } = JSON.parse(stdout) as Record<string, Record<string, { bytes: number }>>;
    expect(end?.sum_sent?.bytes).toBeGreaterThanOrEqual(size);
    expect(end?.sum_received?.bytes).toBeGreaterThan(0);
    expect(end?.sum_received_bidir_reverse?.bytes).toBeGreaterThan(0);
  });
});

describe('a back end killed in mid-stream', () => {
  /** An echo in a process of its own, to be killed. */
  async function startVictim(): Promise<{ port: number; kill: () => void }> {
    const program = `
      const server = require('node:net').createServer((socket) => socket.on('error', () => {}).pipe(socket));
      server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const kill = (): void => void child.kill('SIGKILL');
    closers.push(kill);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return { port: Number(String(line)), kill };
  }

  test('closes the session with its code and reason, through connectStock', async () => {
    const victim = await startVictim();
    const { port } = await serve(victim.port);
    const connection = await connectStock({ host: '127.0.0.1', port, peer: 'kcpgate', stream: true });
    closers.push(() => connection.destroy());
    const stream = connection.stream();
    const failed = once(stream, 'error').then(([error]) => error as GatewayError);
    void pipeline(keystream(1, 1024 * MIB), stream).catch(() => undefined);
    await once(stream, 'data');
    stream.resume();
    victim.kill();
    expect(await failed).toMatchObject({
      code: 'session_closed',
      details: { code: CloseCode.upstreamUnavailable },
    });
    expect(await connection.closed).toMatchObject({ code: CloseCode.upstreamUnavailable });
  });

  test('is printed by connect, which resets the connection of the application', async () => {
    const victim = await startVictim();
    const { client, port } = await tunnel((await serve(victim.port)).port);
    const socket = application(port);
    const failed = once(socket, 'error').then(([error]) => error as unknown);
    void pipeline(keystream(1, 1024 * MIB), socket).catch(() => undefined);
    await once(socket, 'data');
    socket.resume();
    victim.kill();
    const record = await client.record('connection closed');
    expect(record).toMatchObject({ level: 'warn', code: 3005, close: 'upstream_unavailable' });
    expect(record.reason).toMatch(/connection (reset|refused)/);
    expect(await failed).toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) as string });
  });

  test('that is not there at all gives the same code', async () => {
    const [nobody] = await freePorts(1);
    const { client, port } = await tunnel((await serve(nobody!)).port);
    const socket = application(port);
    const failed = once(socket, 'error');
    await client.record('connection closed', { code: 3005, reason: 'connection refused' });
    await failed;
  });
});

describe('connect', () => {
  test('to a dead server: a typed timeout, the application is reset, the process stays up', async () => {
    const silent = createSocket('udp4');
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    closers.push(() => silent.close());
    const { client, port } = await tunnel(silent.address().port, '--connect-timeout', '200ms');
    for (const connection of [1, 2]) {
      const socket = application(port);
      const failed = once(socket, 'error').then(([error]) => error as unknown);
      await client.record('cannot connect', { connection, error: 'connect_timeout' });
      expect(await failed).toMatchObject({ code: 'ECONNRESET' });
    }
    expect(await client.stop()).toEqual({ code: 0, signal: null });
  });

  test('stopped: open connections may finish, no new ones', async () => {
    const { port, client } = await pair((socket) => {
      void textOf(socket).then((question) => socket.end(`you said ${question}`));
    });
    const socket = application(port);
    socket.write('one, ');
    await client.record('listening');
    await untilServed(port);
    client.signal('SIGTERM');
    await client.record('stopping');
    const late = application(port);
    const [refused] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    expect(refused.code).toMatch(/ECONN(REFUSED|RESET)/);
    socket.end('two');
    expect(await textOf(socket)).toBe('you said one, two');
    expect(await client.exit).toEqual({ code: 0, signal: null });
  });

  test('stopped with connections that do not finish: cuts them off after the drain timeout', async () => {
    const backEnd = await startTcpBackEnd((socket) => socket.write('ready'));
    closers.push(() => backEnd.close());
    const served = await serve(backEnd.port);
    const { client, port } = await tunnel(served.port, '--drain-timeout', '100ms');
    const socket = application(port);
    await once(socket, 'data');
    const failed = once(socket, 'error').then(([error]) => error as unknown);
    client.signal('SIGTERM');
    expect(await failed).toMatchObject({ code: 'ECONNRESET' });
    expect(await client.exit).toEqual({ code: 0, signal: null });
    await client.record('connections cut off at the drain timeout', { connections: 1 });
  });

  test('refuses more connections than it may have', async () => {
    const backEnd = await startTcpBackEnd((socket) => socket.write('ready'));
    closers.push(() => backEnd.close());
    const served = await serve(backEnd.port);
    const { client, port } = await tunnel(served.port, '--max-connections', '1', '--drain-timeout', '0s');
    await once(application(port), 'data');
    const second = application(port);
    second.resume();
    await once(second, 'end');
    await client.record('connection refused: too many', { maxConnections: 1 });
  });

  test('on a port in use says so and ends with 1', async () => {
    const backEnd = await startTcpBackEnd(() => undefined);
    closers.push(() => backEnd.close());
    const client = await command('connect', '-s', '127.0.0.1:1', '-l', String(backEnd.port));
    expect(await client.exit).toMatchObject({ code: 1 });
    expect(client.errorOutput).toContain(`127.0.0.1:${String(backEnd.port)}`);
  });
});

describe('connect with a login', () => {
  /** A gateway that knows one token, in front of a TCP server. */
  async function loginGateway(backEndPort: number): Promise<{ running: LoginGateway; folder: string }> {
    const running = await startLoginGateway({
      login: 'auth: static, tokens: [ { token: "a-token-of-the-test-0123", subject: me } ]',
      rest: `upstreams: { app: { type: tcp, servers: [ { address: "127.0.0.1:${String(backEndPort)}" } ] } }
routes: [ { name: all, target: app } ]`,
    });
    closers.push(() => running.gateway.stop());
    const folder = mkdtempSync(join(tmpdir(), 'kcpgate-connect-'));
    closers.push(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    return { running, folder };
  }

  test('carries connections over the line that is wanted, each in a session of its own', async () => {
    const backEnd = await startTcpBackEnd((socket) => {
      void textOf(socket).then((question) => socket.end(`you said ${question}`));
    });
    closers.push(() => backEnd.close());
    const { running, folder } = await loginGateway(backEnd.port);
    const file = join(folder, 'token');
    writeFileSync(file, 'a-token-of-the-test-0123\n');
    for (const line of ['ws', 'udp']) {
      const way = ['--login', running.loginUrl, '--token-file', file, '--line', line];
      const client = await command('connect', ...way, '-l', '0', '--log-format', 'json');
      const port = await client.port();
      await client.record('listening', { login: running.loginUrl, line });
      const sockets = ['one', 'two'].map((word) => application(port).end(word));
      await expect(Promise.all(sockets.map(textOf))).resolves.toEqual(['you said one', 'you said two']);
      await client.record('connection closed', { connection: 2, code: 1000 });
      expect(await client.stop()).toEqual({ code: 0, signal: null });
      expect(client.output + client.errorOutput).not.toContain('a-token-of-the-test');
    }
    const { listeners } = await running.gateway.status();
    expect(listeners.find(({ name }) => name === 'ws')?.stats.carrier.connections?.opened).toBe(2);
  });

  test('that is refused says why, and the process stays up', async () => {
    const backEnd = await startTcpBackEnd(() => undefined);
    closers.push(() => backEnd.close());
    const { running, folder } = await loginGateway(backEnd.port);
    const file = join(folder, 'token');
    writeFileSync(file, 'another-token-0123456789');
    const way = ['--login', running.loginUrl, '--token-file', file];
    const client = await command('connect', ...way, '-l', '0', '--log-format', 'json');
    const socket = application(await client.port());
    const failed = once(socket, 'error');
    await client.record('cannot connect', { connection: 1, error: 'login_refused', status: 401 });
    await failed;
    expect(await client.stop()).toEqual({ code: 0, signal: null });
  });

  test('finds a line by itself', async () => {
    const backEnd = await startTcpBackEnd((socket) => {
      void textOf(socket).then((question) => socket.end(`you said ${question}`));
    });
    closers.push(() => backEnd.close());
    const { running, folder } = await loginGateway(backEnd.port);
    const file = join(folder, 'token');
    writeFileSync(file, 'a-token-of-the-test-0123');
    const way = ['--login', running.loginUrl, '--token-file', file];
    const client = await command('connect', ...way, '-l', '0', '--log-format', 'json');
    expect(await textOf(application(await client.port()).end('hello'))).toBe('you said hello');
    expect(await client.stop()).toEqual({ code: 0, signal: null });
    // Standard error is no terminal here.
    expect(client.errorOutput).toBe('');
    expect(client.output).not.toContain('rtt');
  });

  test(
    'that are many at once all get through, although logins are limited',
    { timeout: 60_000 },
    async () => {
      const backEnd = await startTcpBackEnd((socket) => {
        void textOf(socket).then((question) => socket.end(`you said ${question}`));
      });
      closers.push(() => backEnd.close());
      // Five a second.
      const { running, folder } = await loginGateway(backEnd.port);
      const file = join(folder, 'token');
      writeFileSync(file, 'a-token-of-the-test-0123');
      const way = ['--login', running.loginUrl, '--token-file', file];
      const client = await command('connect', ...way, '-l', '0', '--log-format', 'json');
      const port = await client.port();
      const answers = Array.from({ length: 30 }, async (_, n) => textOf(application(port).end(String(n))));
      await expect(Promise.all(answers)).resolves.toEqual(
        Array.from({ length: 30 }, (_, n) => `you said ${String(n)}`),
      );
      expect(await client.stop()).toEqual({ code: 0, signal: null });
    },
  );

  test('that nobody answers is given up in time, and says what stood in the way', async () => {
    const way = ['--login', 'http://127.0.0.1:9/api/login', '--connect-timeout', '3s'];
    const client = await command('connect', ...way, '-l', '0', '--log-format', 'json');
    const socket = application(await client.port());
    const failed = once(socket, 'error');
    const record = await client.record('cannot connect', { connection: 1, error: 'connect_timeout' });
    expect(record.reason).toContain('cannot reach http://127.0.0.1:9');
    await failed;
    expect(await client.stop()).toEqual({ code: 0, signal: null });
  });

  test('carries UDP: a session for each local address, closed when it is quiet', async () => {
    const server = createSocket('udp4').bind(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    server.on('message', (bytes, { port: from }) => server.send(bytes, from, '127.0.0.1'));
    const running = await startLoginGateway({
      rest: `upstreams: { app: { type: udp, servers: [ { address: "127.0.0.1:${String(server.address().port)}" } ] } }
routes: [ { name: all, target: app } ]`,
    });
    closers.push(() => running.gateway.stop());
    const client = await command(
      ...['connect', '--login', running.loginUrl, '--udp', '-l', '0'],
      ...['--peer-timeout', '500ms', '--log-format', 'json'],
    );
    const port = await client.port();
    const sizes = [1, 1000, 9000];
    for (const size of sizes) {
      const socket = createSocket('udp4');
      closers.push(() => socket.close());
      const answer = once(socket, 'message');
      socket.send(Buffer.alloc(size, size), port, '127.0.0.1');
      const [bytes] = (await answer) as [Buffer];
      expect(bytes.equals(Buffer.alloc(size, size))).toBe(true);
    }
    const { sessions } = await running.gateway.status();
    expect(sessions?.openedSessions).toBe(sizes.length);
    for (const connection of [1, 2, 3]) await client.record('connection closed', { connection, code: 1000 });
    expect(await client.stop()).toEqual({ code: 0, signal: null });
  });

  test('needs one way to the gateway, and one only', async () => {
    const login = ['--login', 'https://gw.example/api/login'];
    for (const [options, message] of [
      [[], '--server or --login is required'],
      [[...login, '-s', 'gw.example:4000'], 'cannot be used with'],
      [[...login, '--mtu', '1200'], 'cannot be used with'],
      [['-s', 'gw.example:4000', '--line', 'tcp'], 'cannot be used with'],
      [['-s', 'gw.example:4000', '--udp'], 'cannot be used with'],
      [['--login', 'gw.example'], 'must be an https: or http: URL'],
      [[...login, '--token-file', '/no/such/file'], '/no/such/file'],
    ] as const) {
      const client = await command('connect', '-l', '0', ...options);
      expect(await client.exit, options.join(' ')).toEqual({ code: 2, signal: null });
      expect(client.errorOutput).toContain(message);
    }
  });
});

/** Connections are accepted in order: once this one is served, earlier ones are, too. */
async function untilServed(port: number): Promise<void> {
  const socket = application(port);
  socket.end('');
  await textOf(socket);
}

/** What arrives until the end. Not by iteration: that would destroy a socket whose other direction is still open. */
async function textOf(socket: Socket): Promise<string> {
  let all = '';
  socket.setEncoding('utf8').on('data', (piece: string) => (all += piece));
  await once(socket, 'end');
  return all;
}
