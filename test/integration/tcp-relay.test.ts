import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { startTcpRelay, type TcpRelay, type TcpRelayOptions } from '../../tools/kcpgate/relay/tcp-relay.ts';
import { digest, keystream, keystreamHash } from '../support/keystream.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The relay in front of a server that echoes, and ends when the client does. */
async function relayToEcho(options: Omit<TcpRelayOptions, 'target'> = {}): Promise<TcpRelay> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const relay = await startTcpRelay({ target: { address: '127.0.0.1', port }, ...options });
  closers.push(async () => {
    await relay.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return relay;
}

interface Client {
  readonly socket: Socket;
  heard: string;
  error: string | undefined;
  hasEnded: boolean;
}

async function client(relay: TcpRelay): Promise<Client> {
  const found = startClient(relay);
  await once(found.socket, 'connect');
  return found;
}

function startClient(relay: TcpRelay): Client {
  const socket = connect({ host: relay.address, port: relay.port, allowHalfOpen: true });
  const found: Client = { socket, heard: '', error: undefined, hasEnded: false };
  socket.on('error', ({ code }: NodeJS.ErrnoException) => (found.error = code));
  socket.on('data', (text: Buffer) => (found.heard += text.toString()));
  socket.on('end', () => (found.hasEnded = true));
  closers.push(() => socket.destroy());
  return found;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(2);
}

test('passes a stream and its end both ways, through little memory', { timeout: 30_000 }, async () => {
  const bytes = 3_000_000;
  const relay = await relayToEcho({ maxBufferedBytes: 10_000 });
  const socket = connect({ host: relay.address, port: relay.port, allowHalfOpen: true });
  keystream(1, bytes).pipe(socket);
  expect(await digest(socket)).toEqual({ bytes, sha256: keystreamHash(1, bytes) });
  await until(() => relay.stats().connections === 0);
  expect(relay.stats()).toEqual({
    connections: 0,
    accepted: 1,
    refused: 0,
    cut: 0,
    bufferedBytes: 0,
    toTargetBytes: bytes,
    toClientBytes: bytes,
  });
});

describe('the weather', () => {
  test('delays, in order', async () => {
    const relay = await relayToEcho({ toTarget: { delayMs: 30 }, toClient: { delayMs: 20 } });
    const { socket } = await client(relay);
    const sentAt = performance.now();
    socket.write('x');
    await once(socket, 'data');
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(48);
  });

  test('narrows', { timeout: 30_000 }, async () => {
    const relay = await relayToEcho();
    const found = await client(relay);
    const timed = async (): Promise<number> => {
      const before = performance.now();
      const heard = found.heard.length;
      found.socket.write('x'.repeat(20_000));
      await until(() => found.heard.length === heard + 20_000);
      return performance.now() - before;
    };
    relay.setLinks({ bytesPerSecond: 100_000 }, {});
    expect(await timed()).toBeGreaterThanOrEqual(190);
  });

  test('stalls one direction, for new connections and ends too, and loses nothing', async () => {
    const relay = await relayToEcho();
    const old = await client(relay);
    old.socket.write('a');
    await until(() => old.heard === 'a');
    relay.setLinks({}, { isStalled: true });
    const young = await client(relay);
    for (const { socket } of [old, young]) socket.end('b');
    await until(() => relay.stats().toTargetBytes === 3);
    expect([old.heard, young.heard, old.hasEnded, young.hasEnded]).toEqual(['a', '', false, false]);
    relay.setLinks({}, {});
    await until(() => old.hasEnded && young.hasEnded);
    expect([old.heard, young.heard]).toEqual(['ab', 'b']);
  });
});

describe('what is told', () => {
  test('is every connection, byte and end, and how long each is held', async () => {
    const told: string[] = [];
    const relay = await relayToEcho({
      toTarget: { delayMs: 30 },
      onEvent: ({ kind, connection, isUp, bytes, delayMs }) =>
        told.push(
          `${String(connection)} ${isUp ? 'up' : 'down'} ${kind} ${Buffer.from(bytes).toString()} ${Math.round(delayMs) >= 30 ? 'late' : 'now'}`,
        ),
    });
    const found = await client(relay);
    found.socket.write('a');
    await until(() => found.heard === 'a');
    found.socket.end();
    await until(() => found.hasEnded);
    expect(told).toEqual([
      ...['0 up open  now', '0 up bytes a late', '0 down bytes a now', '0 up end  late', '0 down end  now'],
    ]);
  });

  test('an outage holds what comes until it is over', async () => {
    const held: number[] = [];
    const relay = await relayToEcho({
      // It is on from the first moment on, and never long.
      toTarget: { outage: { everyMs: 60, lengthMs: 60 } },
      onEvent: ({ kind, isUp, delayMs }) => {
        if (kind === 'bytes' && isUp) held.push(delayMs);
      },
    });
    const found = await client(relay);
    found.socket.write('a');
    await until(() => found.heard === 'a');
    expect(held[0]).toBeGreaterThan(0);
    expect(Math.round(held[0]!)).toBeLessThanOrEqual(60);
  });
});

describe('a cut', () => {
  test.each([
    { how: 'rst', error: 'ECONNRESET', hasEnded: false },
    { how: 'fin', error: undefined, hasEnded: true },
  ] as const)('with $how reaches the client as such', async ({ how, error, hasEnded }) => {
    const relay = await relayToEcho();
    const found = await client(relay);
    found.socket.write('a');
    await until(() => found.heard === 'a');
    relay.cut(how);
    await until(() => found.error !== undefined || found.hasEnded);
    expect(found).toMatchObject({ error, hasEnded });
    await until(() => relay.stats().connections === 0);
  });

  test('leaves new connections alone, which can be refused as well', async () => {
    const relay = await relayToEcho();
    relay.cut('rst');
    const young = await client(relay);
    young.socket.write('a');
    await until(() => young.heard === 'a');
    relay.refuses = true;
    const refused = startClient(relay);
    await until(() => refused.error === 'ECONNRESET');
    expect(relay.stats()).toMatchObject({ accepted: 1, refused: 1, connections: 1 });
    expect(young.error).toBeUndefined();
  });

  test('is what a target that resets looks like', async () => {
    const server = createServer((socket) => socket.resetAndDestroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const relay = await startTcpRelay({ target: { address: '127.0.0.1', port } });
    closers.push(
      () => relay.close(),
      () => server.close(),
    );
    const found = await client(relay);
    await until(() => found.error === 'ECONNRESET');
  });
});
