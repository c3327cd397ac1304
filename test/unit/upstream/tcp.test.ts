import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import { TcpUpstream, type TcpUpstreamOptions } from '../../../src/upstream/index.ts';
import { freePorts } from '../../support/free-ports.ts';
import { FakeSession, type FakeSessionOptions, randomBytes, sha256 } from './fake-session-port.ts';

const MIB = 1024 * 1024;

/** A server on loopback that notes its connections. */
class BackEnd {
  readonly sockets: Socket[] = [];
  readonly errors: string[] = [];
  readonly #server: Server;

  constructor(onSocket: (socket: Socket) => void) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.sockets.push(socket);
      socket.on('error', (error: NodeJS.ErrnoException) => this.errors.push(error.code ?? ''));
      onSocket(socket);
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  /** The first connection. @throws Error while there is none. */
  get firstSocket(): Socket {
    const [socket] = this.sockets;
    if (socket === undefined) throw new Error('nobody connected');
    return socket;
  }

  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function backEnd(onSocket: (socket: Socket) => void): Promise<BackEnd> {
  const server = await new BackEnd(onSocket).listen();
  open.push(server);
  return server;
}

/** An address that refuses: nobody is there. */
async function refusingServer(): Promise<{ host: string; port: number }> {
  const [port] = (await freePorts(1)) as [number];
  return { host: '127.0.0.1', port };
}

/** An address that answers nothing: a server that never accepts, with a full queue. */
async function silentServer(): Promise<{ host: string; port: number }> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const server = require('node:net').createServer();
     server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       // At once: in another turn it would accept those that came meanwhile.
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true },
  );
  const port = await new Promise<number>((resolve) => worker.once('message', resolve));
  const fillers = Array.from({ length: 4 }, () =>
    connect({ port, host: '127.0.0.1' }).on('error', () => undefined),
  );
  open.push({
    close: async () => {
      for (const filler of fillers) filler.destroy();
      await worker.terminate();
    },
  });
  return { host: '127.0.0.1', port };
}

function upstreamTo(
  servers: readonly { host: string; port: number }[],
  options: Partial<TcpUpstreamOptions> = {},
): TcpUpstream {
  const upstream = new TcpUpstream({ name: 'app', servers, lingerTimeoutMs: 3000, ...options });
  open.push(upstream);
  return upstream;
}

function session(upstream: TcpUpstream, options: Partial<FakeSessionOptions> = {}): FakeSession {
  const random = options.random ?? new SeededRandom(1);
  const fake = new FakeSession({ mode: 'stream', capacity: 8192, drainPerTurn: 8192, ...options, random });
  fake.heldBytes = () => upstream.stats().heldBytes;
  fake.bind((port) => upstream.open(port, fake.info));
  return fake;
}

/** Collects what a socket receives. */
function collect(socket: Socket): { bytes: () => Buffer; ended: () => boolean } {
  const chunks: Buffer[] = [];
  let ended = false;
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.resume();
  socket.on('end', () => {
    ended = true;
  });
  return { bytes: () => Buffer.concat(chunks), ended: () => ended };
}

describe('TcpUpstream data', () => {
  test.each([1, 2, 3])('10 MiB both ways at once through a tiny queue (seed %i)', async (seed) => {
    const random = new SeededRandom(seed);
    const up = randomBytes(random, 10 * MIB);
    const down = randomBytes(random, 10 * MIB);
    let received: ReturnType<typeof collect> | undefined;
    const server = await backEnd((socket) => {
      received = collect(socket);
      socket.end(down);
    });
    const upstream = upstreamTo([server.address]);
    const fake = session(upstream, { random, capacity: 50_000, drainPerTurn: 40_000 });
    fake.feed(up, 1400, true);
    await fake.until(() => fake.ended && received?.ended() === true);
    expect(fake.digest()).toBe(sha256(down));
    expect(sha256(received?.bytes() ?? Buffer.alloc(0))).toBe(sha256(up));
    expect(fake.closed).toBeUndefined();
    expect(fake.violations).toEqual([]);
    expect(upstream.stats()).toMatchObject({
      bytesFromSessions: 10 * MIB,
      bytesToSessions: 10 * MIB,
      heldBytes: 0,
    });
    fake.closeSink(CloseCode.normal);
    await upstream.close();
    expect(upstream.stats()).toMatchObject({ activeSessions: 0, connections: 0 });
    expect(server.errors).toEqual([]);
  });

  test('many sessions share one gather buffer and keep their bytes apart', async () => {
    const server = await backEnd((socket) => socket.pipe(socket));
    const upstream = upstreamTo([server.address]);
    const fakes = Array.from({ length: 20 }, (_, i) => {
      const random = new SeededRandom(100 + i);
      const fake = session(upstream, { random, capacity: 3000 + i });
      const bytes = randomBytes(random, 100_000 + i);
      fake.feed(bytes, 1400, true);
      return { fake, bytes };
    });
    for (const { fake, bytes } of fakes) {
      await fake.until(() => fake.ended);
      expect(fake.digest()).toBe(sha256(bytes));
      expect(fake.violations).toEqual([]);
    }
  });

  test('writes of two sessions may mix before either flushes', async () => {
    const received = new Map<Socket, ReturnType<typeof collect>>();
    const server = await backEnd((socket) => received.set(socket, collect(socket)));
    const upstream = upstreamTo([server.address]);
    const fakes = [session(upstream), session(upstream)];
    await fakes[0]?.until(() => upstream.stats().connections === 2);
    const sinks = [new FakeSession(fakeOptions()), new FakeSession(fakeOptions())].map((fake) =>
      fake.bind((port) => upstream.open(port, fake.info)),
    );
    await fakes[0]?.until(() => upstream.stats().connections === 4);
    for (let i = 0; i < 1000; i++) {
      for (const [which, sink] of sinks.entries())
        sink.write(Buffer.from(String(which).repeat(100)), 0, 100, true);
    }
    for (const sink of sinks) {
      sink.flush();
      sink.end();
    }
    await fakes[0]?.until(() => [...received.values()].filter((one) => one.ended()).length === 2);
    const texts = [...received.values()].map((one) => one.bytes().toString()).filter((text) => text !== '');
    expect(texts.sort()).toEqual(['0'.repeat(100_000), '1'.repeat(100_000)]);
  });

  test('a piece larger than the gather buffer passes', async () => {
    let received: ReturnType<typeof collect> | undefined;
    const server = await backEnd((socket) => {
      received = collect(socket);
    });
    const upstream = upstreamTo([server.address]);
    const fake = new FakeSession(fakeOptions());
    const sink = fake.bind((port) => upstream.open(port, fake.info));
    await fake.until(() => upstream.stats().connections === 1);
    const bytes = randomBytes(new SeededRandom(4), 300_000);
    sink.write(Buffer.from('first'), 0, 5, true);
    sink.write(bytes, 0, bytes.length, true);
    sink.flush();
    sink.end();
    await fake.until(() => received?.ended() === true);
    expect(received?.bytes().equals(Buffer.concat([Buffer.from('first'), bytes]))).toBe(true);
  });

  test('what is sent before the connection is made arrives, and is bounded', async () => {
    let received: ReturnType<typeof collect> | undefined;
    const server = await backEnd((socket) => {
      received = collect(socket);
    });
    const upstream = upstreamTo([server.address], { maxHeldBytes: 10_000 });
    const fake = new FakeSession(fakeOptions());
    const sink = fake.bind((port) => upstream.open(port, fake.info));
    const piece = Buffer.alloc(1000, 7);
    const answers = Array.from({ length: 10 }, () => sink.write(piece, 0, 1000, true));
    expect(answers).toEqual([...new Array<boolean>(9).fill(true), false]);
    expect(upstream.stats()).toMatchObject({ heldBytes: 10_000, connections: 0 });
    sink.flush();
    await fake.until(() => received?.bytes().length === 10_000);
    sink.end();
    await fake.until(() => received?.ended() === true);
  });
});

describe('TcpUpstream back-pressure', () => {
  test('a server that does not read stops the session, and nothing grows', async () => {
    const server = await backEnd((socket) => socket.pause());
    const upstream = upstreamTo([server.address]);
    const fake = session(upstream);
    const bytes = randomBytes(new SeededRandom(5), 48 * MIB);
    fake.feed(bytes, 1400, true);
    // The kernel takes some; then the session stands still.
    let before = -1;
    await fake.until(() => {
      const still = fake.isPaused && fake.sentBytes === before;
      before = fake.sentBytes;
      return still;
    });
    expect(fake.sentBytes).toBeLessThan(bytes.length);
    expect(fake.peakHeld).toBeLessThanOrEqual(3 * 65_536);
    const received = collect(server.firstSocket);
    await fake.until(() => received.ended());
    expect(sha256(received.bytes())).toBe(sha256(bytes));
    expect(fake.peakHeld).toBeLessThanOrEqual(3 * 65_536);
    expect(fake.violations).toEqual([]);
  });

  test('the bytes of a session that waits are left alone by the others', async () => {
    const slowServer = await backEnd((socket) => socket.pause());
    const fastServer = await backEnd((socket) => socket.pipe(socket));
    // In turn: the first session waits, the others share its gather buffer.
    const upstream = upstreamTo([slowServer.address, fastServer.address]);
    const fake = session(upstream);
    const bytes = randomBytes(new SeededRandom(12), 48 * MIB);
    fake.feed(bytes, 1400, true);
    await fake.until(() => fake.isPaused && upstream.stats().connections === 1);
    let before = -1;
    await fake.until(() => {
      const still = fake.isPaused && fake.sentBytes === before;
      before = fake.sentBytes;
      return still;
    });
    const other = session(upstream, { capacity: 100_000 });
    other.feed(Buffer.alloc(MIB), 1400, true);
    await other.until(() => other.ended);
    expect(other.digest()).toBe(sha256(Buffer.alloc(MIB)));
    const received = collect(slowServer.firstSocket);
    await fake.until(() => received.ended());
    expect(received.bytes().equals(bytes)).toBe(true);
  });

  test('a session that takes nothing stops the server, and nothing grows', async () => {
    const bytes = randomBytes(new SeededRandom(6), 48 * MIB);
    let socketOfServer: Socket | undefined;
    const server = await backEnd((socket) => {
      socketOfServer = socket;
      socket.end(bytes);
    });
    const upstream = upstreamTo([server.address]);
    const fake = session(upstream, { capacity: 100_000, drainPerTurn: 100_000 });
    fake.freeze(true);
    let before = -1;
    await fake.until(() => {
      const left = socketOfServer?.writableLength ?? -1;
      const still = upstream.stats().heldBytes > 0 && left === before;
      before = left;
      return still;
    });
    const calls = fake.sendCalls;
    expect(socketOfServer?.writableLength).toBeGreaterThan(MIB);
    expect(upstream.stats().heldBytes).toBeLessThanOrEqual(65_536);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(fake.sendCalls).toBe(calls);
    fake.freeze(false);
    await fake.until(() => fake.ended);
    expect(fake.digest()).toBe(sha256(bytes));
    expect(fake.peakHeld).toBeLessThanOrEqual(65_536);
  });
});

describe('TcpUpstream ends', () => {
  test('the session ends first: the server sees it, and its answer still arrives', async () => {
    const server = await backEnd((socket) => {
      const received = collect(socket);
      socket.on('end', () => socket.end(`got ${String(received.bytes().length)}`));
    });
    const upstream = upstreamTo([server.address]);
    const fake = session(upstream, { keep: true });
    fake.feed(Buffer.alloc(200_000), 1400, true);
    await fake.until(() => fake.ended);
    expect(Buffer.concat(fake.messages).toString()).toBe('got 200000');
    expect(fake.closed).toBeUndefined();
    await fake.until(() => upstream.stats().connections === 0);
    fake.closeSink(CloseCode.normal);
    expect(upstream.stats().activeSessions).toBe(0);
    expect(fake.violations).toEqual([]);
  });

  test('the server ends first: the session may still send', async () => {
    let received: ReturnType<typeof collect> | undefined;
    const server = await backEnd((socket) => {
      received = collect(socket);
      socket.end('bye');
    });
    const upstream = upstreamTo([server.address]);
    const fake = session(upstream, { keep: true });
    await fake.until(() => fake.ended);
    expect(Buffer.concat(fake.messages).toString()).toBe('bye');
    const bytes = randomBytes(new SeededRandom(7), MIB);
    fake.feed(bytes, 1400, true);
    await fake.until(() => received?.ended() === true);
    expect(sha256(received?.bytes() ?? Buffer.alloc(0))).toBe(sha256(bytes));
    expect(fake.closed).toBeUndefined();
    expect(server.errors).toEqual([]);
  });

  test.each([CloseCode.normal, CloseCode.drain, CloseCode.idleTimeout])(
    'close code %i: what the client sent reaches the server, then the connection ends in order',
    async (code) => {
      const server = await backEnd((socket) => {
        socket.pause();
        // Data that nobody reads any more must not turn the end into a reset.
        socket.write(Buffer.alloc(300_000));
      });
      const upstream = upstreamTo([server.address], { lingerTimeoutMs: 60_000 });
      const fake = session(upstream);
      fake.freeze(true);
      await fake.until(() => upstream.stats().heldBytes > 0);
      const bytes = randomBytes(new SeededRandom(8), 500_000);
      fake.feed(bytes, 1400);
      await fake.until(() => fake.isFed || fake.isPaused);
      await fake.until(() => server.sockets.length > 0);
      const given = fake.sentBytes;
      fake.closeSink(code);
      expect(upstream.stats().activeSessions).toBe(0);
      const received = collect(server.firstSocket);
      await fake.until(() => received.ended());
      server.firstSocket.end();
      expect(sha256(received.bytes())).toBe(sha256(bytes.subarray(0, given)));
      await upstream.close();
      expect(upstream.stats().connections).toBe(0);
      expect(server.errors).toEqual([]);
      expect(fake.violations).toEqual([]);
    },
  );

  test('a session that closes before the connection is made still hands over what it has', async () => {
    let received: ReturnType<typeof collect> | undefined;
    const server = await backEnd((socket) => {
      received = collect(socket);
      socket.on('end', () => socket.end());
    });
    const upstream = upstreamTo([server.address]);
    const fake = new FakeSession(fakeOptions());
    const sink = fake.bind((port) => upstream.open(port, fake.info));
    sink.write(Buffer.from('last words'), 0, 10, true);
    sink.flush();
    fake.closeSink(CloseCode.normal);
    await upstream.close();
    await fake.until(() => received?.ended() === true);
    expect(received?.bytes().toString()).toBe('last words');
    expect(fake.violations).toEqual([]);
  });

  test('a session that closes before the connection is made does not linger longer than others', async () => {
    const server = await backEnd((socket) => socket.resume());
    const upstream = upstreamTo([server.address], { lingerTimeoutMs: 50 });
    const fake = new FakeSession(fakeOptions());
    const sink = fake.bind((port) => upstream.open(port, fake.info));
    sink.write(Buffer.from('last words'), 0, 10, true);
    fake.closeSink(CloseCode.normal);
    await upstream.close();
    expect(upstream.stats().connections).toBe(0);
  });

  test('a session that is drained before the connection is made reads nothing', async () => {
    let received: ReturnType<typeof collect> | undefined;
    const server = await backEnd((socket) => {
      received = collect(socket);
      socket.end('welcome');
    });
    const upstream = upstreamTo([await refusingServer(), server.address]);
    const fake = new FakeSession(fakeOptions());
    const sink = fake.bind((port) => upstream.open(port, fake.info));
    sink.drain();
    expect(fake.ended).toBe(true);
    sink.write(Buffer.from('hello'), 0, 5, true);
    sink.flush();
    await fake.until(() => received?.bytes().length === 5);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(fake.sendCalls).toBe(0);
    fake.closeSink(CloseCode.drain);
    await fake.until(() => received?.ended() === true);
    expect(fake.violations).toEqual([]);
    expect(server.errors).toEqual([]);
  });

  test.each([CloseCode.deadLink, CloseCode.kicked, CloseCode.protocolError])(
    'close code %i resets the connection',
    async (code) => {
      let received: ReturnType<typeof collect> | undefined;
      const server = await backEnd((socket) => {
        received = collect(socket);
      });
      const upstream = upstreamTo([server.address]);
      const fake = session(upstream);
      fake.feed(Buffer.from('hello'), 5);
      // A reset that comes together with data is reported as an end.
      await fake.until(() => received?.bytes().length === 5);
      fake.closeSink(code);
      await fake.until(() => server.errors.length > 0);
      expect(server.errors).toEqual(['ECONNRESET']);
      await upstream.close();
      expect(fake.violations).toEqual([]);
    },
  );

  test('a reset does not wait for a server that takes nothing', async () => {
    const server = await backEnd((socket) => socket.pause());
    const upstream = upstreamTo([server.address]);
    const fake = session(upstream);
    fake.feed(Buffer.alloc(48 * MIB), 1400);
    await fake.until(() => fake.isPaused && upstream.stats().connections === 1);
    fake.closeSink(CloseCode.deadLink);
    await upstream.close();
    expect(upstream.stats()).toMatchObject({ connections: 0, heldBytes: 0 });
    expect(fake.violations).toEqual([]);
  });

  test('a server that takes nothing after an orderly close is reset after the linger timeout', async () => {
    const server = await backEnd((socket) => socket.pause());
    const upstream = upstreamTo([server.address], { lingerTimeoutMs: 50 });
    const fake = session(upstream);
    fake.feed(Buffer.alloc(48 * MIB), 1400);
    await fake.until(() => fake.isPaused && upstream.stats().connections === 1);
    fake.closeSink(CloseCode.normal);
    await upstream.close();
    expect(upstream.stats()).toMatchObject({ connections: 0, heldBytes: 0 });
  });

  test('a server that never ends its side is reset after the linger timeout', async () => {
    const server = await backEnd((socket) => socket.resume());
    const upstream = upstreamTo([server.address], { lingerTimeoutMs: 50 });
    const fake = session(upstream);
    await fake.until(() => upstream.stats().connections === 1 && server.sockets.length === 1);
    fake.closeSink(CloseCode.normal);
    expect(upstream.stats().connections).toBe(1);
    await upstream.close();
    expect(upstream.stats().connections).toBe(0);
    // It reads no more after the end, so it notices when it writes.
    await fake.until(() => {
      server.sockets[0]?.write('x');
      return server.errors.length > 0;
    });
    expect(server.errors[0]).toMatch(/^(ECONNRESET|EPIPE)$/);
  });

  test('a server that never ends its side holds up the end for as long as it is given', async () => {
    const server = await backEnd((socket) => socket.resume());
    const upstream = upstreamTo([server.address], { lingerTimeoutMs: 600_000 });
    const fake = session(upstream);
    await fake.until(() => upstream.stats().connections === 1 && server.sockets.length === 1);
    fake.closeSink(CloseCode.normal);
    await upstream.close(20);
    expect(upstream.stats().connections).toBe(0);
  });

  test('drain: reads nothing more, hands over what it holds, ends; the client is still heard', async () => {
    let received: ReturnType<typeof collect> | undefined;
    const server = await backEnd((socket) => {
      received = collect(socket);
      socket.write(Buffer.alloc(30_000, 1));
      socket.on('end', () => socket.end());
    });
    const upstream = upstreamTo([server.address]);
    const fake = new FakeSession({ ...fakeOptions(), capacity: 10_000, drainPerTurn: 10_000 });
    const sink = fake.bind((port) => upstream.open(port, fake.info));
    fake.freeze(true);
    await fake.until(() => upstream.stats().heldBytes > 0);
    const given = fake.receivedBytes + upstream.stats().heldBytes;
    sink.drain();
    expect(fake.ended).toBe(false);
    fake.freeze(false);
    await fake.until(() => fake.ended);
    expect(fake.receivedBytes).toBe(given);
    server.sockets[0]?.write('too late');
    sink.write(Buffer.from('still here'), 0, 10, true);
    sink.flush();
    await fake.until(() => received?.bytes().length === 10);
    expect(fake.receivedBytes).toBe(given);
    fake.closeSink(CloseCode.drain);
    await fake.until(() => received?.ended() === true);
    expect(fake.violations).toEqual([]);
  });
});

describe('TcpUpstream failures', () => {
  test('a refused connection closes the session with the reason, without the address', async () => {
    const address = await refusingServer();
    const upstream = upstreamTo([address]);
    const fake = session(upstream);
    fake.feed(Buffer.alloc(1000), 100);
    await fake.until(() => fake.closed !== undefined);
    expect(fake.closed).toEqual({ code: CloseCode.upstreamUnavailable, reason: 'connection refused' });
    await upstream.close();
    expect(upstream.stats()).toMatchObject({
      connectFailures: 1,
      activeSessions: 0,
      connections: 0,
      heldBytes: 0,
    });
    expect(fake.violations).toEqual([]);
  });

  test('the next server is tried once', async () => {
    const refusing = [await refusingServer(), await refusingServer()];
    const server = await backEnd((socket) => socket.pipe(socket));
    const upstream = upstreamTo([refusing[0] ?? server.address, server.address]);
    const fake = session(upstream);
    fake.feed(Buffer.from('hello'), 5, true);
    await fake.until(() => fake.ended);
    expect(fake.digest()).toBe(sha256(Buffer.from('hello')));
    expect(upstream.stats().connectFailures).toBe(1);

    const hopeless = upstreamTo([...refusing, server.address]);
    const second = session(hopeless);
    await second.until(() => second.closed !== undefined);
    expect(second.closed?.reason).toBe('connection refused');
    expect(hopeless.stats().connectFailures).toBe(2);
  });

  test('sessions take the servers in turn', async () => {
    const servers = await Promise.all([0, 1, 2].map(() => backEnd((socket) => socket.resume())));
    const upstream = upstreamTo(servers.map((server) => server.address));
    const fakes = Array.from({ length: 6 }, () => session(upstream));
    await fakes[0]?.until(() => servers.every((server) => server.sockets.length === 2));
  });

  test('a connection that is not made in time', async () => {
    const address = await silentServer();
    const upstream = upstreamTo([address], { connectTimeoutMs: 50 });
    const fake = session(upstream);
    await fake.until(() => fake.closed !== undefined);
    expect(fake.closed).toEqual({ code: CloseCode.upstreamUnavailable, reason: 'connection timed out' });
    await upstream.close();
    expect(fake.violations).toEqual([]);
  });

  test('a reset in mid-stream closes the session', async () => {
    const server = await backEnd((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const upstream = upstreamTo([server.address]);
    const fake = session(upstream);
    fake.feed(randomBytes(new SeededRandom(9), 4 * MIB), 1400);
    await fake.until(() => fake.closed !== undefined);
    expect(fake.closed).toEqual({ code: CloseCode.upstreamUnavailable, reason: 'connection reset' });
    await upstream.close();
    expect(upstream.stats()).toMatchObject({
      brokenConnections: 1,
      activeSessions: 0,
      connections: 0,
      heldBytes: 0,
    });
    expect(fake.violations).toEqual([]);
  });

  test('what the server sent before a reset is handed over first', async () => {
    const server = await backEnd((socket) => {
      socket.write(Buffer.alloc(20_000, 1));
    });
    const upstream = upstreamTo([server.address]);
    const fake = session(upstream, { capacity: 15_000, drainPerTurn: 15_000 });
    fake.freeze(true);
    await fake.until(() => fake.receivedBytes + upstream.stats().heldBytes === 20_000);
    server.sockets[0]?.resetAndDestroy();
    // Reading is paused, so the reset shows only when something is written.
    await fake.until(() => {
      if (fake.isFed) fake.feed(Buffer.alloc(100), 100);
      return upstream.stats().brokenConnections === 1;
    });
    expect(fake.closed).toBeUndefined();
    fake.freeze(false);
    await fake.until(() => fake.closed !== undefined);
    expect(fake.receivedBytes).toBe(20_000);
    expect(fake.closed).toEqual({ code: CloseCode.upstreamUnavailable, reason: 'connection reset' });
    expect(fake.violations).toEqual([]);
  });

  test('close ends open sessions, refuses new ones and leaves nothing', async () => {
    const server = await backEnd((socket) => socket.resume());
    const upstream = upstreamTo([server.address]);
    const fake = session(upstream);
    await fake.until(() => upstream.stats().connections === 1);
    await upstream.close();
    expect(fake.closed?.code).toBe(CloseCode.drain);
    const late = session(upstream);
    expect(late.closed?.code).toBe(CloseCode.drain);
    await upstream.close();
    expect(upstream.stats()).toMatchObject({ sessions: 2, activeSessions: 0, connections: 0 });
    expect(fake.violations).toEqual([]);
  });
});

function fakeOptions(): FakeSessionOptions {
  return { mode: 'stream', capacity: 8192, random: new SeededRandom(11) };
}
