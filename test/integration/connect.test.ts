import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import {
  connect,
  login,
  type CloseInfo,
  type Connection,
  type ConnectOptions,
  type LoginAnswer,
} from '../../src/client/node/index.ts';
import { startUdpRelay } from '../../tools/kcpgate/relay/udp-relay.ts';
import { issueTicket } from '../../src/gateway/login/issue-ticket.ts';
import { startLoginGateway, type LoginGateway, type LoginGatewayOptions } from '../support/login-gateway.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../support/tls.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function gateway(options: LoginGatewayOptions = {}): Promise<LoginGateway> {
  const running = await startLoginGateway(options);
  closers.push(() => running.gateway.stop());
  return running;
}

async function open(options: ConnectOptions): Promise<Connection> {
  const connection = await connect(options);
  closers.push(() => connection.destroy());
  return connection;
}

/** A gateway in front of a TCP server. */
async function inFrontOf(onConnection: (socket: Socket) => void): Promise<LoginGateway> {
  const server = createServer({ allowHalfOpen: true }, onConnection).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  return gateway({
    rest: `upstreams: { app: { type: tcp, servers: [ { address: "127.0.0.1:${String(port)}" } ] } }
routes: [ { name: all, match: {}, target: app } ]`,
  });
}

async function nextMessage(connection: Connection): Promise<string> {
  for await (const message of connection) return Buffer.from(message).toString();
  throw new Error('it ended');
}

async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks).toString();
}

/** A line where nobody answers. */
async function silentLine(answer: LoginAnswer): Promise<LoginAnswer> {
  const silent = createSocket('udp4').bind(0, '127.0.0.1');
  await once(silent, 'listening');
  closers.push(() => new Promise<void>((resolve) => silent.close(resolve)));
  const [line] = answer.lines;
  return { ...answer, lines: [{ ...line!, port: silent.address().port }] };
}

describe.each(['udp', 'tcp', 'ws'])('on a line over %s', (line) => {
  test('messages keep their boundaries, small and in many fragments', async () => {
    const { loginUrl } = await gateway();
    const connection = await open({ loginUrl, line });
    const sent = [1, 2, 1347, 1348, 1349, 30_000, 65_535].map((size) => randomBytes(size));
    for (const message of sent) expect(connection.send(message)).toBe(message.length);
    const received: Uint8Array[] = [];
    for await (const message of connection) if (received.push(message) === sent.length) break;
    expect(received.map((message, i) => sent[i]!.equals(message))).toEqual(sent.map(() => true));
    expect(() => connection.send(new Uint8Array(65_536))).toThrow(
      expect.objectContaining({ code: 'message_too_large' }),
    );
    expect(await connection.close()).toEqual({ code: 1000, reason: 'closed', mayReconnect: false });
  });

  test('a stream carries 8 MiB both ways, and ends', async () => {
    const { loginUrl } = await gateway();
    const connection = await open({ loginUrl, line, stream: true });
    const stream = connection.stream();
    const data = randomBytes(8 * 1024 * 1024);
    const hash = createHash('sha256');
    await Promise.all([
      pipeline([data], stream, { end: true }),
      (async () => {
        for await (const chunk of stream) hash.update(chunk as Buffer);
      })(),
    ]);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(data).digest('hex'));
    expect((await connection.closed).code).toBe(CloseCode.normal);
  });

  test('either direction ends on its own', async () => {
    const { loginUrl } = await inFrontOf((socket) => {
      void readAll(socket).then((question) => socket.end(`you said ${question}`));
    });
    const stream = (await open({ loginUrl, line, stream: true })).stream();
    stream.end('hello');
    expect(await readAll(stream)).toBe('you said hello');
  });

  test('shows where it stands', async () => {
    const { loginUrl } = await gateway();
    const connection = await open({ loginUrl, line });
    connection.send(Buffer.from('x'));
    await nextMessage(connection);
    expect(connection.line.id).toBe(line);
    const stats = connection.stats();
    expect(stats).toMatchObject({ line, moves: 0, datagrams: { sent: 0, unwanted: 0 } });
    expect(stats.paths).toEqual([{ line, active: true, lost: false, rttMs: expect.any(Number) as number }]);
    // Once more when a busy machine was late with the acknowledgement.
    expect(stats.kcp.segmentsReceived).toBeGreaterThanOrEqual(1);
  });
});

describe('the line', () => {
  test('is the first one unless another is wanted', async () => {
    const { loginUrl } = await gateway();
    expect((await open({ loginUrl })).line.id).toBe('udp');
    expect((await open({ loginUrl, line: ({ transport }) => transport !== 'udp' })).line.id).toBe('tcp');
    await expect(open({ loginUrl, line: 'wss' })).rejects.toMatchObject({ code: 'no_line' });
  });

  test('may have a name with several addresses, of which one is right', async () => {
    const { loginUrl } = await gateway();
    const answer = await login({ loginUrl });
    const lines = answer.lines.map((line) => ({ ...line, host: 'localhost' }));
    for (const line of ['udp', 'tcp', 'ws']) {
      const connection = await open({ credentials: { ...answer, lines }, line });
      await connection.moveTo(line);
      await connection.close();
    }
  });

  test('may be TLS, checked by the name of its host', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kcpgate-connect-'));
    closers.push(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    writeFileSync(join(folder, 'key.pem'), TEST_KEY);
    writeFileSync(join(folder, 'cert.pem'), TEST_CERTIFICATE);
    const secure = await gateway({
      tls: `tls: { cert_file: ${folder}/cert.pem, key_file: ${folder}/key.pem }`,
    });
    const answer = await login({ loginUrl: secure.loginUrl });
    expect(answer.lines.filter(({ tls: isTls }) => isTls).map(({ id }) => id)).toEqual(['tls', 'wss']);
    for (const line of ['tls', 'wss']) {
      for (const host of ['127.0.0.1', 'localhost']) {
        const lines = answer.lines.map((found) => ({ ...found, host }));
        const credentials = { ...answer, lines };
        const ca = { ca: TEST_CERTIFICATE };
        const connection = await open({ credentials, line, tls: ca });
        connection.send(Buffer.from(line));
        expect(await nextMessage(connection)).toBe(line);
        await connection.close();
        await expect(open({ credentials, line })).rejects.toMatchObject({ code: 'connect_failed' });
        const otherName = { ...ca, servername: 'other.example' };
        await expect(open({ credentials, line, tls: otherName })).rejects.toMatchObject({
          code: 'connect_failed',
        });
      }
    }
  });
});

describe('messages outside the order', () => {
  test('come in as they come, to one listener, and are counted', async () => {
    const { loginUrl } = await gateway();
    const connection = await open({ loginUrl });
    for (const i of [1, 2, 3]) connection.sendDatagram(Uint8Array.of(i));
    expect(() => {
      connection.sendDatagram(new Uint8Array(2000));
    }).toThrow(expect.objectContaining({ code: 'message_too_large' }));
    expect(() => {
      connection.sendDatagram(new Uint8Array(0));
    }).toThrow(expect.objectContaining({ code: 'message_empty' }));
    await delay(50);
    expect(connection.stats().datagrams).toMatchObject({ sent: 3, dropped: 0, received: 0 });
  });

  test('reach the one who listens', async () => {
    const { loginUrl } = await gateway();
    const connection = await open({ loginUrl });
    const heard: Uint8Array[] = [];
    const end = connection.onDatagram((bytes) => heard.push(bytes));
    // The echo of a gateway has no datagrams: the way in is played here.
    const sink = connection.attach((connection as unknown as { session: never }).session);
    const bytes = new TextEncoder().encode('abcdef');
    sink.datagram?.(bytes, 1, 3);
    bytes.fill(0);
    end();
    sink.datagram?.(bytes, 0, 1);
    expect(heard.map((message) => Buffer.from(message).toString())).toEqual(['bcd']);
    expect(connection.stats().datagrams).toMatchObject({ received: 1, unwanted: 1 });
  });
});

describe('early data', () => {
  test.each([true, false])('arrives, whether the gateway takes it early or not: %s', async (taken) => {
    const { loginUrl } = await gateway({ listeners: `early_data: ${String(taken)}` });
    for (const line of ['udp', 'tcp']) {
      const connection = await open({ loginUrl, line, earlyData: Buffer.from('hello') });
      expect(await nextMessage(connection)).toBe('hello');
      // It was sent before, and once more when the gateway had answered.
      expect(connection.stats().kcp.pathRetransmits).toBe(1);
      const large = await open({ loginUrl, line, earlyData: Buffer.alloc(20_000, 'x') });
      expect((await nextMessage(large)).length).toBe(20_000);
    }
  });
});

describe('a session without seal', () => {
  test('is not opened unless it is wanted', async () => {
    const { loginUrl } = await gateway({ listeners: 'allow_clear: true', login: 'seal: clear' });
    const sealed = await open({ loginUrl });
    expect(sealed.login.sessions[0]?.seal).toBe('aes-128-gcm');
    const answer = await login({ loginUrl, seal: ['clear'] });
    expect(answer.sessions[0]?.seal).toBe('clear');
    await expect(open({ credentials: answer })).rejects.toMatchObject({ code: 'no_line' });
  });

  test('works on every line that takes it', async () => {
    const { loginUrl } = await gateway({ listeners: 'allow_clear: true' });
    for (const line of ['udp', 'tcp', 'ws']) {
      const connection = await open({ loginUrl, line, seal: ['clear'] });
      for (const to of ['udp', 'tcp', 'ws', 'udp', 'udp']) {
        await connection.moveTo(to);
        connection.send(Buffer.from(to));
        expect(await nextMessage(connection)).toBe(to);
      }
      await connection.close();
    }
  });
});

describe('connecting', () => {
  test('is refused at login: status and when to come again', async () => {
    const running = await gateway({
      login: 'auth: static, tokens: [ { token: "right-token-0123456789", subject: me } ]',
    });
    const { loginUrl } = running;
    await expect(open({ loginUrl, token: 'wrong-token-0123456789' })).rejects.toMatchObject({
      code: 'login_refused',
      details: { status: 401, problem: { code: 'token_invalid' } },
    });
    for (const tokenIn of ['body', 'header'] as const) {
      await open({ loginUrl, token: 'right-token-0123456789', tokenIn });
    }
    running.gateway.drain({ deadlineMs: 60_000, jitterMs: 0, lines: [] });
    await expect(open({ loginUrl, token: 'right-token-0123456789' })).rejects.toMatchObject({
      code: 'login_refused',
      details: { status: 503, retryAfterMs: expect.any(Number) as number },
    });
  });

  test('is refused at the handshake: the close code, and whether to come again', async () => {
    const running = await gateway();
    const credentials = await login({ loginUrl: running.loginUrl });
    running.gateway.drain({ deadlineMs: 60_000, jitterMs: 0, lines: [] });
    for (const line of ['udp', 'tcp', 'ws']) {
      await expect(open({ credentials, line })).rejects.toMatchObject({
        code: 'session_closed',
        message: 'refused: drain, draining',
        details: { code: CloseCode.drain, mayReconnect: true },
      });
    }
  });

  test('with a ticket that has expired is refused; a new login helps', async () => {
    const running = await gateway();
    const answer = await login({ loginUrl: running.loginUrl });
    const key = Buffer.from(running.ticketKey, 'base64');
    const old = issueTicket({ ticketKey: { id: 1, key }, gatewayId: 1, ttlMs: 1, nowMs: Date.now() - 1000 });
    await expect(open({ credentials: { ...answer, sessions: [old] } })).rejects.toMatchObject({
      code: 'session_closed',
      details: { code: CloseCode.ticketExpired, mayReconnect: true },
    });
    await open({ loginUrl: running.loginUrl });
  });

  test('with a ticket of another key fails as nobody answers, or the gateway says so', async () => {
    const running = await gateway();
    const answer = await login({ loginUrl: running.loginUrl });
    const foreign = issueTicket({ ticketKey: { id: 1, key: randomBytes(32) }, gatewayId: 1 });
    await expect(
      open({ credentials: { ...answer, sessions: [foreign] }, handshakeTimeoutMs: 300 }),
    ).rejects.toMatchObject({ code: 'connect_timeout' });
  });

  test('with bad credentials or options fails at once', async () => {
    const { loginUrl } = await gateway();
    const answer = await login({ loginUrl });
    await expect(open({ credentials: { ...answer, lines: [] } })).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('credentials: lines') as string,
    });
    await expect(open({ credentials: answer, maxQueueBytes: 0 })).rejects.toMatchObject({
      code: 'config_invalid',
    });
  });

  test.each([
    ['idleTimeoutMs', 0],
    ['keepAliveMs', -1],
    ['closeTimeoutMs', Number.NaN],
    ['maxMemoryBytes', 1000],
    ['handshakeTimeoutMs', 0],
    ['maxQueueBytes', 2 ** 31],
    ['socketBufferBytes', 2 ** 31],
    ['stream', 'yes'],
    ['redial', 1],
    ['line', 7],
    ['seal', []],
    ['signal', {}],
    ['logger', {}],
    ['switching', 1],
    ['redundant', 'udp'],
    ['earlyData', 'text'],
    ['keyLogFile', 7],
    ['remembered', 'udp'],
    ['qlog', true],
    ['qlog.maxEvents', { directory: '.', maxEvents: 1 }],
    ['qlog.directory', {}],
    ['redundant.line', { line: 7 }],
    ['token', 12_345],
    ['tokenIn', 'heade'],
    ['client', 'me'],
    ['allowHttp', 'no'],
    ['loginTimeoutMs', Number.NaN],
    ['fetch', 5],
  ])('names the wrong option %s before anything is sent', async (option, value) => {
    const name = option.replace(/\..*/, '');
    const options: ConnectOptions = { loginUrl: 'http://127.0.0.1:1', [name]: value };
    const expected = { code: 'config_invalid', details: { option } };
    await expect(connect(options)).rejects.toMatchObject(expected);
  });

  test('takes early data that another realm made', async () => {
    const { loginUrl } = await gateway();
    const earlyData = runInNewContext('Uint8Array.of(104, 105)') as Uint8Array;
    expect(earlyData).not.toBeInstanceOf(Uint8Array);
    const connection = await open({ loginUrl, earlyData });
    for await (const message of connection) {
      expect(Buffer.from(message).toString()).toBe('hi');
      break;
    }
  });

  test('where nobody answers, or nobody is, fails with a type', async () => {
    const { loginUrl } = await gateway();
    const answer = await login({ loginUrl });
    await expect(
      open({ credentials: await silentLine(answer), handshakeTimeoutMs: 200 }),
    ).rejects.toMatchObject({ code: 'connect_timeout' });
    const closed = answer.lines.map((line) => ({ ...line, port: 1 }));
    for (const line of ['tcp', 'ws']) {
      await expect(open({ credentials: { ...answer, lines: closed }, line })).rejects.toMatchObject({
        code: 'connect_failed',
      });
    }
    const nowhere = answer.lines.map((line) => ({ ...line, host: 'no-such-host.invalid' }));
    await expect(open({ credentials: { ...answer, lines: nowhere } })).rejects.toMatchObject({
      code: 'connect_failed',
    });
  });

  test('a connection that breaks before the answer is a failure of its line', async () => {
    const { loginUrl } = await gateway();
    const answer = await login({ loginUrl });
    const breaking = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    breaking.listen(0, '127.0.0.1');
    await once(breaking, 'listening');
    closers.push(() => breaking.close());
    const { port } = breaking.address() as AddressInfo;
    const lines = answer.lines.map((line) => ({ ...line, port }));
    await expect(open({ credentials: { ...answer, lines }, line: 'tcp' })).rejects.toMatchObject({
      code: 'connect_failed',
    });
  });

  test('can be aborted, before and after', async () => {
    const { loginUrl } = await gateway();
    await expect(open({ loginUrl, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'connect_failed',
    });
    const during = new AbortController();
    setTimeout(() => during.abort(), 50);
    const credentials = await silentLine(await login({ loginUrl }));
    await expect(open({ credentials, signal: during.signal })).rejects.toMatchObject({ message: 'aborted' });
    const after = new AbortController();
    const connection = await open({ loginUrl, signal: after.signal });
    after.abort();
    expect((await connection.closed).reason).toBe('aborted');
  });
});

describe('the end', () => {
  test('a kick has its code and reason, in the event and in the error of the stream', async () => {
    const { loginUrl, gateway: running } = await gateway();
    const connection = await open({ loginUrl, stream: true });
    const events: CloseInfo[] = [];
    connection.on('close', (status) => events.push(status));
    const stream = connection.stream();
    stream.write('x');
    await once(stream, 'data');
    const failed = once(stream, 'error');
    expect(await running.kick({}, CloseCode.blocked, 'not you again')).toBe(1);
    const info = { code: CloseCode.blocked, reason: 'not you again', mayReconnect: false };
    expect(await connection.closed).toEqual(info);
    expect(events).toEqual([{ type: 'close', ...info }]);
    expect(await failed).toMatchObject([{ code: 'session_closed', details: { code: CloseCode.blocked } }]);
    expect(() => connection.send(Uint8Array.of(1))).toThrow(
      expect.objectContaining({ code: 'session_closed' }),
    );
    await expect(connection.moveTo('tcp')).rejects.toMatchObject({ code: 'session_closed' });
  });

  test('a gateway that drains says so once, then ends it', async () => {
    const { loginUrl, gateway: running } = await gateway();
    const connection = await open({ loginUrl });
    const heard: unknown[] = [];
    connection.on('draining', (status) => heard.push(status));
    connection.send(Uint8Array.of(1));
    await nextMessage(connection);
    running.drain({ deadlineMs: 1500, jitterMs: 500, lines: ['other', 'third'] });
    expect(await connection.closed).toMatchObject({ code: CloseCode.drain, mayReconnect: true });
    expect(heard).toEqual([
      {
        type: 'draining',
        deadlineMs: expect.toSatisfy((ms: number) => ms > 0 && ms <= 1500) as number,
        jitterMs: 500,
        lines: ['other', 'third'],
      },
    ]);
  });

  test('the same credentials open it anew, and replace it where it is still open', async () => {
    const { loginUrl } = await gateway();
    const first = await open({ loginUrl });
    const second = await open({ credentials: first.login, line: 'tcp' });
    expect(await first.closed).toMatchObject({ code: CloseCode.replaced, mayReconnect: false });
    await second.close();
    const third = await open({ credentials: JSON.parse(JSON.stringify(second.login)) as LoginAnswer });
    third.send(Buffer.from('again'));
    expect(await nextMessage(third)).toBe('again');
  });

  test('after a restart the gateway does not know the session: the same credentials open it anew', async () => {
    const before = await gateway();
    const connection = await open({ loginUrl: before.loginUrl });
    // Another one with the same keys is as good as a restarted one, and has ports of its own.
    const after = await gateway({ ticketKey: before.ticketKey });
    const restarted = after.ports;
    const lines = connection.login.lines.map((line) => ({ ...line, port: restarted[line.id as 'udp'] }));
    const moving = await open({
      credentials: {
        ...connection.login,
        lines: [...connection.login.lines, ...lines.map((line) => ({ ...line, id: `new-${line.id}` }))],
      },
      line: 'udp',
    });
    await expect(moving.moveTo('new-udp')).rejects.toMatchObject({ code: 'session_closed' });
    expect(await moving.closed).toMatchObject({ code: CloseCode.staleSession, mayReconnect: true });
    const again = await open({ credentials: { ...connection.login, lines } });
    again.send(Buffer.from('back'));
    expect(await nextMessage(again)).toBe('back');
  });

  test('a gateway that vanished is noticed by its silence, and one that is quiet is not', async () => {
    const { loginUrl, ports } = await gateway();
    const target = { address: '127.0.0.1', port: ports.udp };
    const relay = await startUdpRelay({ target, seed: 1 });
    closers.push(() => relay.close());
    const answer = await login({ loginUrl });
    const lines = answer.lines.map((line) => (line.id === 'udp' ? { ...line, port: relay.port } : line));
    const times = { idleTimeoutMs: 1000, keepAliveMs: 300, switching: false };
    const connection = await open({ credentials: { ...answer, lines }, ...times });
    await delay(1500);
    connection.send(Buffer.from('alive'));
    expect(await nextMessage(connection)).toBe('alive');
    relay.setLinks({ lossRate: 1 }, { lossRate: 1 });
    expect(await connection.closed).toEqual({
      code: CloseCode.idleTimeout,
      reason: 'nothing arrived',
      mayReconnect: true,
    });
  });

  test('destroying is safe at any time, twice, and in the middle of a move', async () => {
    const { loginUrl } = await gateway();
    const connection = await open({ loginUrl });
    const moving = connection.moveTo('ws');
    const failure = expect(moving).rejects.toMatchObject({ code: 'session_closed' });
    await Promise.all([connection.destroy(), connection.destroy()]);
    await failure;
    expect(await connection.closed).toEqual({ code: 1000, reason: 'destroyed', mayReconnect: false });
    await connection.destroy();
  });
});

test('no datagram is larger than the login says, with its seal', async () => {
  const { loginUrl, ports } = await gateway();
  const answer = await login({ loginUrl });
  const { mtu } = answer.transport;
  const target = { address: '127.0.0.1', port: ports.udp };
  const relay = await startUdpRelay({
    target,
    seed: 1,
    toTarget: { mtuBytes: mtu },
    toClient: { mtuBytes: mtu },
  });
  closers.push(() => relay.close());
  const lines = answer.lines.map((line) => (line.id === 'udp' ? { ...line, port: relay.port } : line));
  const connection = await open({ credentials: { ...answer, lines } });
  connection.send(new Uint8Array(50_000));
  await nextMessage(connection);
  await connection.moveTo('udp');
  connection.send(new Uint8Array(50_000));
  await nextMessage(connection);
  const { toTarget, toClient } = relay.stats();
  expect([toTarget.mtuDrops, toClient.mtuDrops]).toEqual([0, 0]);
  expect(toTarget.sentBytes).toBeGreaterThan(100_000);
});

test('whoever waits for room is told when there will be none any more', async () => {
  const { loginUrl } = await gateway();
  const connection = await open({ loginUrl, maxQueueBytes: 100_000 });
  while (connection.send(new Uint8Array(50_000)) > 0);
  const waiting = Promise.all([connection.writable(), connection.writable()]);
  await connection.destroy();
  await waiting;
  await connection.writable();
  expect(connection.stats().line).toBe('udp');
});

test('what is not read is bounded: the peer is slowed down, and everything is there later', async () => {
  const { loginUrl } = await gateway({ sessions: 'max_queue: 64KiB' });
  const connection = await open({ loginUrl, maxQueueBytes: 100_000 });
  const message = Buffer.alloc(10_000);
  let sent = 0;
  for (let quiet = 0; quiet < 10;) {
    message.writeUInt32BE(sent);
    if (connection.send(message) > 0) {
      sent++;
      quiet = 0;
    } else {
      quiet++;
      await delay(30);
    }
  }
  // 1 MiB for the application, two windows of segments, the queues.
  expect(sent * message.length).toBeLessThan(8 * 1024 * 1024);
  let received = 0;
  for await (const echo of connection) {
    expect(Buffer.from(echo).readUInt32BE()).toBe(received);
    if (++received === sent) break;
  }
});
