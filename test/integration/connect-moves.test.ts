import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import {
  connect,
  login,
  type Connection,
  type ConnectionStatus,
  type Line,
  type LoginAnswer,
  type LoginOptions,
  type SessionOptions,
} from '../../src/client/node/index.ts';
import { startUdpRelay } from '../../tools/kcpgate/relay/udp-relay.ts';
import { startCuttableProxy, type CuttableProxy } from '../support/cuttable-proxy.ts';
import { freePorts } from '../support/free-ports.ts';
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

/** A login whose lines lead to other ports of this host, by id. */
async function loginWith(
  { loginUrl }: LoginGateway,
  ports: Readonly<Record<string, number>>,
  options: Partial<LoginOptions> = {},
): Promise<LoginAnswer> {
  const answer = await login({ loginUrl, ...options });
  const [first] = answer.lines;
  const known = answer.lines.map((line) => ({ ...line, port: ports[line.id] ?? line.port }));
  const more = Object.keys(ports).filter((id) => known.every((line) => line.id !== id));
  return { ...answer, lines: [...known, ...more.map((id): Line => ({ ...first!, id, port: ports[id]! }))] };
}

/** A connection that stays where it is, unless it is moved. */
async function open(credentials: LoginAnswer, options: SessionOptions = {}): Promise<Connection> {
  const connection = await connect({ credentials, switching: false, ...options });
  closers.push(() => connection.destroy());
  return connection;
}

/** Everything a connection tells from now on. */
function statusesOf(connection: Connection): ConnectionStatus[] {
  const statuses: ConnectionStatus[] = [];
  for (const type of ['moved', 'pathlost', 'draining', 'close'] as const) {
    connection.on(type, (status) => statuses.push(status));
  }
  return statuses;
}

/** Sends numbers and checks that each comes back once, in order, until it is stopped. */
class Counting {
  sent = 0;
  received = 0;
  readonly #connection: Connection;
  readonly #reading: Promise<void>;
  #stopped = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#reading = this.#read();
    void this.#write();
  }

  /** Waits until more than so many are back. */
  async moreThan(count: number): Promise<void> {
    while (this.received <= count) await delay(2);
  }

  /** Waits until everything sent is back. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#connection.end();
    await this.#reading;
    expect(this.received).toBe(this.sent);
  }

  async #write(): Promise<void> {
    const message = Buffer.alloc(200);
    while (!this.#stopped) {
      message.writeUInt32BE(this.sent);
      if (this.#connection.send(message) > 0) this.sent++;
      await delay(2);
    }
  }

  async #read(): Promise<void> {
    for await (const message of this.#connection) {
      if (Buffer.from(message).readUInt32BE() !== this.received++) throw new Error('lost, or out of order');
    }
  }
}

describe('a transfer', () => {
  test.each(['aes-128-gcm', 'clear'] as const)(
    'of 24 MiB both ways is moved over every line on a bad network, every byte equal: %s',
    { timeout: 120_000 },
    async (seal) => {
      const running = await gateway({ listeners: 'allow_clear: true' });
      const { udp } = running.ports;
      const loss = { lossRate: 0.05, delayMs: 5 };
      const relay = await startUdpRelay({
        target: { address: '127.0.0.1', port: udp },
        seed: 7,
        toTarget: loss,
        toClient: loss,
      });
      closers.push(() => relay.close());
      const answer = await loginWith(running, { udp: relay.port }, { seal: [seal] });
      const connection = await open(answer, { stream: true, seal: [seal] });
      const statuses = statusesOf(connection);
      // UDP, unless the network or a busy machine let another line answer first.
      const first = connection.line.id;
      const stream = connection.stream();
      const data = randomBytes(24 * 1024 * 1024);
      const hash = createHash('sha256');
      let length = 0;
      stream.on('data', (chunk: Buffer) => {
        hash.update(chunk);
        length += chunk.length;
      });
      const ended = once(stream, 'end');
      const taken: string[] = [];
      const route = ['udp', 'tcp', 'ws', 'udp'];
      const part = data.length / 12;
      for (let at = 0; at < data.length; at += part) {
        // Half of what was sent before is still on its way when it moves.
        stream.write(data.subarray(at, at + part));
        while (length < at - part / 2) await delay(1);
        const to = route[taken.length % route.length]!;
        await connection.moveTo(to);
        expect(connection.line.id).toBe(to);
        taken.push(to);
      }
      stream.end();
      await ended;
      expect(length).toBe(data.length);
      expect(hash.digest('hex')).toBe(createHash('sha256').update(data).digest('hex'));
      expect((await connection.closed).code).toBe(CloseCode.normal);
      expect(taken).toHaveLength(12);
      const moves = statuses.filter(({ type }) => type === 'moved');
      expect(moves).toEqual(taken.map((to, i) => ({ type: 'moved', from: taken[i - 1] ?? first, to })));
    },
  );

  test('goes on while the client changes its port again and again', async () => {
    const running = await gateway();
    const connection = await open(await login({ loginUrl: running.loginUrl }));
    const counting = new Counting(connection);
    const ports = new Set<number | undefined>();
    for (let i = 0; i < 30; i++) {
      await connection.moveTo('udp');
      await delay(30);
      const [session] = await running.gateway.sessions();
      ports.add(session?.remoteAddress?.port);
    }
    await counting.moreThan(100);
    await counting.stop();
    expect(ports.size).toBeGreaterThan(20);
    expect(connection.stats().moves).toBe(30);
  });
});

describe('a move that fails leaves everything as it is', () => {
  /** UDP to a socket that says nothing, TCP to a port where nobody listens. */
  async function withBadLines(): Promise<Connection> {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    closers.push(() => new Promise<void>((resolve) => silent.close(resolve)));
    const running = await gateway();
    const answer = await loginWith(running, { silent: silent.address().port, tcp: 1 });
    return open(answer);
  }

  test('nobody answers, nobody is there, no such line', async () => {
    const connection = await withBadLines();
    const statuses = statusesOf(connection);
    const counting = new Counting(connection);
    const whileMoving = counting.moreThan(20);
    await expect(connection.moveTo('silent', { timeoutMs: 2_000 })).rejects.toMatchObject({
      code: 'move_failed',
      message: expect.stringContaining('cannot move to line silent: ') as string,
      details: { line: 'silent', reason: 'connect_timeout' },
    });
    await whileMoving;
    await expect(connection.moveTo('tcp')).rejects.toMatchObject({
      code: 'move_failed',
      details: { line: 'tcp', reason: 'connect_failed' },
      cause: { code: 'connect_failed' },
    });
    await expect(connection.moveTo('nowhere')).rejects.toMatchObject({ code: 'no_line' });
    await counting.stop();
    expect(connection.line.id).toBe('udp');
    expect(statuses.filter(({ type }) => type === 'moved')).toEqual([]);
  });

  test('it is given up, or another takes its place', async () => {
    const connection = await withBadLines();
    const controller = new AbortController();
    setTimeout(() => controller.abort('enough'), 50);
    await expect(connection.moveTo('silent', { signal: controller.signal })).rejects.toMatchObject({
      code: 'move_failed',
      message: 'cannot move to line silent: aborted',
    });
    const first = connection.moveTo('silent');
    const second = connection.moveTo('ws');
    await expect(first).rejects.toMatchObject({
      code: 'move_failed',
      message: 'cannot move to line silent: another move took its place',
    });
    await second;
    expect(connection.line.id).toBe('ws');
    await expect(connection.moveTo('udp', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'move_failed',
    });
    expect(connection.stats().paths.map(({ line }) => line)).not.toContain('silent');
  });

  test('the session is closed', async () => {
    const connection = await withBadLines();
    const moving = expect(connection.moveTo('silent')).rejects.toMatchObject({ code: 'session_closed' });
    await connection.close();
    await moving;
    await expect(connection.moveTo('udp')).rejects.toMatchObject({ code: 'session_closed' });
  });
});

describe('when the connection of the line breaks', () => {
  /** A session on a line whose connections the test can cut. */
  async function behindProxy(
    line: 'tcp' | 'ws',
    options: SessionOptions = {},
  ): Promise<{ connection: Connection; proxy: CuttableProxy; running: LoginGateway }> {
    const running = await gateway();
    const proxy = await startCuttableProxy(running.ports[line]);
    closers.push(() => proxy.close());
    const answer = await loginWith(running, { [line]: proxy.port });
    return { connection: await open(answer, { line, ...options }), proxy, running };
  }

  test.each(['tcp', 'ws'] as const)('it is made again, and nothing is lost: %s', async (line) => {
    const { connection, proxy } = await behindProxy(line);
    const statuses = statusesOf(connection);
    const counting = new Counting(connection);
    for (let cuts = 1; cuts <= 5; cuts++) {
      await delay(150);
      proxy.cut();
      while (statuses.filter(({ type }) => type === 'moved').length < cuts) await delay(10);
    }
    await counting.stop();
    expect(statuses.slice(0, 10)).toEqual(
      Array.from({ length: 5 }, () => [
        { type: 'pathlost', line, redials: true },
        { type: 'moved', from: line, to: line },
      ]).flat(),
    );
    expect(proxy.accepted).toBe(6);
  });

  test('it is tried again while the cut lasts', async () => {
    const { connection, proxy } = await behindProxy('tcp');
    const counting = new Counting(connection);
    await delay(100);
    proxy.refuses = true;
    proxy.cut();
    await delay(1500);
    expect(connection.stats().paths).toMatchObject([{ line: 'tcp', active: true, lost: true }]);
    proxy.refuses = false;
    while (connection.stats().paths[0]?.lost === true) await delay(20);
    await counting.stop();
  });

  test('the idle timeout ends the session when it does not come back', async () => {
    const { connection, proxy } = await behindProxy('tcp', { idleTimeoutMs: 1000, keepAliveMs: 300 });
    proxy.refuses = true;
    proxy.cut();
    expect(await connection.closed).toMatchObject({ code: CloseCode.idleTimeout, mayReconnect: true });
  });

  test('another line can be taken instead, with and without redial', async () => {
    for (const redial of [true, false]) {
      const { connection, proxy } = await behindProxy('tcp', { redial });
      const statuses = statusesOf(connection);
      const counting = new Counting(connection);
      await delay(50);
      proxy.refuses = true;
      proxy.cut();
      while (statuses.length === 0) await delay(5);
      await delay(100);
      await expect(connection.moveTo('nowhere')).rejects.toMatchObject({ code: 'no_line' });
      await connection.moveTo('udp');
      proxy.refuses = false;
      await delay(400);
      await counting.stop();
      expect(statuses.slice(0, 2)).toEqual([
        { type: 'pathlost', line: 'tcp', redials: redial },
        { type: 'moved', from: 'tcp', to: 'udp' },
      ]);
      expect(connection.stats().moves).toBe(1);
    }
  });

  test('a move elsewhere that fails does not end the redial', async () => {
    const { connection, proxy } = await behindProxy('tcp');
    const counting = new Counting(connection);
    await delay(50);
    proxy.refuses = true;
    proxy.cut();
    await delay(50);
    const { lines } = connection;
    const nobody = { ...lines.find(({ id }) => id === 'ws')!, port: 1 };
    (lines as Line[]).splice(0, lines.length, ...lines.filter(({ id }) => id === 'tcp'), nobody);
    await expect(connection.moveTo('ws')).rejects.toMatchObject({ code: 'move_failed' });
    proxy.refuses = false;
    while (connection.stats().paths[0]?.lost === true) await delay(20);
    await counting.stop();
  });

  test('a restarted gateway says that it does not know the session, at once', async () => {
    const { connection, proxy, running } = await behindProxy('tcp');
    const restarted = await gateway({ ticketKey: running.ticketKey });
    proxy.target = restarted.ports.tcp;
    const cutAt = performance.now();
    proxy.cut();
    expect(await connection.closed).toMatchObject({ code: CloseCode.staleSession, mayReconnect: true });
    // Otherwise it would be the idle timeout that ends it, after 30 s.
    expect(performance.now() - cutAt).toBeLessThan(15_000);
    const again = await open(connection.login, { line: 'tcp' });
    const counting = new Counting(again);
    await delay(50);
    await counting.stop();
  });
});

test('a session is moved over lines of another gateway, which relays', async () => {
  const free = await freePorts(1, 1);
  const [first, second] = free as [number, number];
  const owner = await gateway({ peer: { id: 2, port: second, ownPort: first } });
  const { ticketKey } = owner;
  const other = await gateway({ id: 2, ticketKey, peer: { id: 1, port: first, ownPort: second } });
  const answer = await login({ loginUrl: owner.loginUrl });
  const { lines: relayed } = await login({ loginUrl: other.loginUrl });
  const lines = [...answer.lines, ...relayed.map((line) => ({ ...line, id: `relayed-${line.id}` }))];
  const connection = await open({ ...answer, lines, relays: true }, { line: 'relayed-tcp' });
  const counting = new Counting(connection);
  for (const to of ['udp', 'relayed-udp', 'tcp', 'relayed-ws', 'relayed-udp', 'relayed-tcp', 'ws']) {
    await connection.moveTo(to);
    await delay(100);
  }
  expect(await owner.gateway.sessions()).toHaveLength(1);
  expect(await other.gateway.sessions()).toHaveLength(0);
  await counting.stop();

  const alone = await open({ ...answer, lines, relays: false });
  await expect(alone.moveTo('relayed-udp')).rejects.toMatchObject({ code: 'no_line' });
});
