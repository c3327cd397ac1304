import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import {
  connect,
  login,
  type Connection,
  type LoginAnswer,
  type SessionOptions,
} from '../../src/client/node/index.ts';
import { startLoginGateway, type LoginGateway, type LoginGatewayOptions } from '../support/login-gateway.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function gateway(options: LoginGatewayOptions = {}): Promise<LoginGateway> {
  const running = await startLoginGateway(options);
  closers.push(() => running.gateway.stop());
  return running;
}

async function open(credentials: LoginAnswer, options: SessionOptions = {}): Promise<Connection> {
  const connection = await connect({ credentials, ...options });
  closers.push(() => connection.destroy());
  return connection;
}

/** A UDP port where nobody answers; counts what came. */
async function silentPort(): Promise<{ readonly port: number; datagrams: number }> {
  const silent = createSocket('udp4').bind(0, '127.0.0.1');
  await once(silent, 'listening');
  closers.push(() => new Promise<void>((resolve) => silent.close(resolve)));
  const heard = { port: silent.address().port, datagrams: 0 };
  silent.on('message', () => heard.datagrams++);
  return heard;
}

/** Two gateways that do not relay, with a login for both; lines are called `1-udp` and so on. */
async function twoGateways(): Promise<{ readonly gateways: LoginGateway[]; readonly answer: LoginAnswer }> {
  const first = await gateway();
  const gateways = [first, await gateway({ id: 2, ticketKey: first.ticketKey })];
  const answers = await Promise.all(gateways.map(({ loginUrl }) => login({ loginUrl })));
  const sessions = answers.flatMap((answer) => answer.sessions);
  const lines = answers.flatMap((answer) =>
    answer.lines.map((line) => ({ ...line, id: `${String(line.gatewayId)}-${line.id}` })),
  );
  return { gateways, answer: { ...answers[0]!, sessions, lines } };
}

async function echoed(connection: Connection, text: string): Promise<string> {
  connection.send(Buffer.from(text));
  for await (const message of connection) return Buffer.from(message).toString();
  throw new Error('it ended');
}

describe('of several lines', () => {
  test('where datagrams are swallowed, the session opens on a connection', async () => {
    const { loginUrl } = await gateway();
    const silent = await silentPort();
    const answer = await login({ loginUrl });
    const lines = answer.lines.map((line) => (line.id === 'udp' ? { ...line, port: silent.port } : line));
    const connection = await open({ ...answer, lines });
    expect(connection.line.id).toBe('tcp');
    expect(silent.datagrams).toBeGreaterThan(0);
    expect(await echoed(connection, 'hello')).toBe('hello');
    expect(connection.stats().paths.map(({ line }) => line)).toEqual(['tcp']);
  });

  test('one that works at one of two addresses works', async () => {
    const { loginUrl } = await gateway();
    const answer = await login({ loginUrl });
    for (const transport of ['udp', 'tcp', 'ws']) {
      const lines = answer.lines.filter(({ id }) => id === transport);
      const named = lines.map((line) => ({ ...line, host: 'localhost' }));
      const connection = await open({ ...answer, lines: named });
      expect(await echoed(connection, transport)).toBe(transport);
      expect(connection.place).toEqual({ lineId: transport, address: '127.0.0.1' });
      await connection.destroy();
    }
  });

  test('the one that is remembered is the first, if it still works', async () => {
    const { loginUrl } = await gateway();
    const answer = await login({ loginUrl });
    expect((await open(answer, { remembered: { lineId: 'ws' } })).line.id).toBe('ws');
    const lines = answer.lines.map((line) => (line.id === 'ws' ? { ...line, port: 1 } : line));
    expect((await open({ ...answer, lines }, { remembered: { lineId: 'ws' } })).line.id).toBe('udp');
  });

  test('what cannot be sent early fails all of them, instead of getting lost', async () => {
    const { loginUrl } = await gateway();
    const answer = await login({ loginUrl });
    const tooLong = { earlyData: Buffer.alloc(answer.transport.maxMessageBytes + 1) };
    await expect(open(answer, tooLong)).rejects.toMatchObject({ code: 'config_invalid' });
    const tooMuch = { earlyData: Buffer.alloc(40_000), stream: true, maxQueueBytes: 30_000 };
    await expect(open(answer, tooMuch)).rejects.toMatchObject({ code: 'config_invalid' });
    const none = await open(answer, { earlyData: Buffer.alloc(0) });
    expect(await echoed(none, 'hello')).toBe('hello');
  });

  test('all fail: the reason that says most', async () => {
    const { loginUrl } = await gateway();
    const answer = await login({ loginUrl });
    const { port } = await silentPort();
    const dead = answer.lines.map((line) => ({ ...line, port: line.id === 'udp' ? port : 1 }));
    await expect(open({ ...answer, lines: dead }, { handshakeTimeoutMs: 600 })).rejects.toMatchObject({
      code: 'connect_timeout',
    });
    const closed = dead.filter(({ id }) => id !== 'udp');
    await expect(open({ ...answer, lines: closed })).rejects.toMatchObject({ code: 'connect_failed' });
  });
});

describe('of several gateways', () => {
  test('one session is open, at one of them', async () => {
    const { gateways, answer } = await twoGateways();
    const connection = await open(answer);
    expect(await echoed(connection, 'hello')).toBe('hello');
    const sessions = await Promise.all(gateways.map((running) => running.gateway.sessions()));
    expect(sessions.flat()).toHaveLength(1);
    await connection.close();
  });

  test('one that refuses leaves it to the other', async () => {
    const { gateways, answer } = await twoGateways();
    gateways[0]!.gateway.drain({ deadlineMs: 60_000, jitterMs: 0, lines: [] });
    for (let i = 0; i < 3; i++) {
      const connection = await open(answer, { earlyData: Buffer.from('early') });
      expect(connection.line.gatewayId).toBe(2);
      for await (const message of connection) {
        expect(Buffer.from(message).toString()).toBe('early');
        break;
      }
      await connection.destroy();
    }
  });

  test('one where nobody is leaves it to the other', async () => {
    const { answer } = await twoGateways();
    const silent = await silentPort();
    const lines = answer.lines.map((line) =>
      line.gatewayId === 2 ? line : { ...line, port: line.transport === 'udp' ? silent.port : 1 },
    );
    expect((await open({ ...answer, lines })).line.gatewayId).toBe(2);
  });

  test('all refuse: that is the reason, also when another does not answer', async () => {
    const { gateways, answer } = await twoGateways();
    for (const { gateway: running } of gateways)
      running.drain({ deadlineMs: 60_000, jitterMs: 0, lines: [] });
    const refused = { code: 'session_closed', details: { code: CloseCode.drain, mayReconnect: true } };
    await expect(open(answer)).rejects.toMatchObject(refused);
    const silent = await silentPort();
    const lines = answer.lines
      .filter(({ transport }) => transport === 'udp')
      .map((line) => (line.gatewayId === 2 ? line : { ...line, port: silent.port }));
    await expect(open({ ...answer, lines }, { handshakeTimeoutMs: 500 })).rejects.toMatchObject(refused);
  });

  test('it is given up in the middle', async () => {
    const { answer } = await twoGateways();
    const silent = await silentPort();
    const lines = answer.lines.map((line) => ({ ...line, port: line.transport === 'udp' ? silent.port : 1 }));
    for (const ms of [0, 1, 5, 30, 220, 300]) {
      const signal = AbortSignal.timeout(ms);
      await expect(open({ ...answer, lines }, { signal })).rejects.toMatchObject({ code: 'connect_failed' });
    }
    await expect(open(answer, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'connect_failed',
    });
  });
});
