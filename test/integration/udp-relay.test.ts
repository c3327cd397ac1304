import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { Fate, isDropped } from '../../tools/kcpgate/relay/fate.ts';
import { LinkFates } from '../../tools/kcpgate/relay/link-fates.ts';
import { PERFECT_LINK } from '../../tools/kcpgate/relay/link-profile.ts';
import { startUdpRelay, type UdpRelay, type UdpRelayOptions } from '../../tools/kcpgate/relay/udp-relay.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

describe('a relay without conditions', () => {
  test('passes everything both ways, each client with its own socket', async () => {
    const server = await echoServer();
    const relay = await relayTo(server);
    const clients = [await client(), await client()];
    for (const [index, socket] of clients.entries()) {
      for (let i = 0; i < 20; i++) socket.send(`${String(index)}:${String(i)}`, relay.port, relay.address);
    }
    await until(() => clients.every((socket) => socket.received.length === 20));
    expect(clients.map((socket) => new Set(socket.received.map((text) => text[0])))).toEqual([
      new Set(['0']),
      new Set(['1']),
    ]);
    expect(server.peers.size).toBe(2);
    expect(relay.stats()).toMatchObject({
      clients: 2,
      overflowDrops: 0,
      toTarget: { sent: 40, delivered: 40, lost: 0 },
      toClient: { sent: 40, delivered: 40, lost: 0 },
    });
  });
});

describe('a relay with conditions', () => {
  test('loses the share it was told to, and counts it', async () => {
    const server = await echoServer();
    const relay = await relayTo(server, { toTarget: { lossRate: 0.25 } });
    const socket = await client();
    await sendMany(socket, relay, 400);
    const { toTarget } = relay.stats();
    expect(toTarget.lost).toBeGreaterThan(60);
    expect(toTarget.lost).toBeLessThan(140);
    await until(() => socket.received.length === 400 - toTarget.lost);
    expect(relay.stats().toClient.sent).toBe(400 - toTarget.lost);
  });

  test('duplicates', async () => {
    const relay = await relayTo(await echoServer(), { toClient: { duplicateRate: 1 } });
    const socket = await client();
    socket.send('x', relay.port, relay.address);
    await until(() => socket.received.length === 2);
    expect(relay.stats().toClient.duplicated).toBe(1);
  });

  test('lets datagrams overtake each other', async () => {
    const relay = await relayTo(await echoServer(), {
      toTarget: { delayMs: 2, reorderRate: 0.3, reorderDelayMs: 20 },
    });
    const socket = await client();
    await sendMany(socket, relay, 60);
    await until(() => socket.received.length === 60);
    const order = socket.received.map(Number);
    expect(order).not.toEqual([...order].sort((a, b) => a - b));
    expect(relay.stats().toTarget.reordered).toBeGreaterThan(0);
  });

  test('holds datagrams back at least as long as asked', async () => {
    const relay = await relayTo(await echoServer(), { toTarget: { delayMs: 30 }, toClient: { delayMs: 20 } });
    const socket = await client();
    const sentAt = performance.now();
    socket.send('x', relay.port, relay.address);
    await until(() => socket.received.length === 1);
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(48);
  });

  test('changes its links while it runs', async () => {
    const relay = await relayTo(await echoServer(), { toTarget: { lossRate: 1 } });
    const socket = await client();
    socket.send('lost', relay.port, relay.address);
    await until(() => relay.stats().toTarget.lost === 1);
    relay.setLinks({}, { duplicateRate: 1 });
    socket.send('kept', relay.port, relay.address);
    await until(() => socket.received.length === 2);
    expect(socket.received).toEqual(['kept', 'kept']);
  });
});

describe('a NAT that gives clients other ports', () => {
  test('does so at once; what was on its way comes from the old port, and answers to that are lost', async () => {
    const server = await client();
    const from = new Map<string, number>();
    server.on('message', (datagram, { port }) => from.set(datagram.toString(), port));
    const relay = await relayTo({ port: server.address().port });
    const socket = await client();
    const sendAndHear = async (text: string): Promise<void> => {
      socket.send(text, relay.port, relay.address);
      await until(() => from.has(text));
    };
    await sendAndHear('before');
    relay.setLinks({ delayMs: 200 }, {});
    socket.send('on its way', relay.port, relay.address);
    await until(() => relay.stats().inFlight === 1);
    relay.rebind('port');
    relay.setLinks({}, {});
    // The old port is still open, for what is on its way.
    server.send('late answer', from.get('before'), '127.0.0.1');
    await until(() => from.has('on its way'));
    await sendAndHear('after');
    server.send('answer', from.get('after'), '127.0.0.1');
    await until(() => socket.received.length > 0);
    expect(socket.received).toEqual(['answer']);
    expect(from.get('on its way')).toBe(from.get('before'));
    expect(from.get('after')).not.toBe(from.get('before'));
    expect(relay.stats()).toMatchObject({ clients: 1, rebinds: 1, inFlight: 0 });
  });

  test('or other addresses, where there are some', async () => {
    const server = await echoServer();
    const relay = await relayTo(server);
    const socket = await client();
    for (const text of ['a', 'b', 'c']) {
      socket.send(text, relay.port, relay.address);
      await until(() => socket.received.at(-1) === text);
      relay.rebind('address');
    }
    expect(server.addresses.size).toBe(3);
    expect([...server.addresses].every((address) => address.startsWith('127.'))).toBe(true);
    const far = await startUdpRelay({ target: { address: '192.0.2.1', port: 9 }, seed: 1 });
    closers.push(() => far.close());
    expect(() => far.rebind('address')).toThrow(RangeError);
  });
});

describe('the fate of each datagram', () => {
  test('is told when it enters, and is what the seed and the datagrams say', async () => {
    const link = { lossRate: 0.2, duplicateRate: 0.1, corruptRate: 0.1 };
    const told: number[] = [];
    const relay = await startUdpRelay({
      target: { address: '127.0.0.1', port: (await echoServer()).port },
      seed: 7,
      toTarget: link,
      onDatagram: ({ isUp, fate, bytes, offset, length }) => {
        if (!isUp) return;
        // As it came, whatever becomes of it.
        expect(Buffer.from(bytes.subarray(offset, offset + length)).toString()).toBe(String(told.length));
        told.push(fate);
      },
    });
    closers.push(() => relay.close());
    await sendMany(await client(), relay, 300);
    const fates = new LinkFates({ ...PERFECT_LINK, ...link }, new SeededRandom(7, 1), 0, false);
    expect(told).toEqual(Array.from({ length: 300 }, (_, index) => fates.decide(0, String(index).length)));
    expect(told.filter(isDropped)).toHaveLength(relay.stats().toTarget.lost);
    expect(told.filter((fate) => (fate & Fate.corrupted) !== 0)).toHaveLength(
      relay.stats().toTarget.corrupted,
    );
  });
});

describe('the bounds of a relay', () => {
  test('takes datagrams of any size', async () => {
    const relay = await relayTo(await echoServer(), { toClient: { delayMs: 5 } });
    const socket = await client();
    const sizes = [1, 255, 257, 1500, 9000, 65_507, 0];
    for (const size of sizes) socket.send('x'.repeat(size), relay.port, relay.address);
    await until(() => socket.received.length === sizes.length);
    expect(socket.received.map((text) => text.length)).toEqual(sizes);
  });

  test('forgets clients that are silent', async () => {
    const server = await echoServer();
    const relay = await relayTo(server, {}, { idleMs: 60 });
    const socket = await client();
    for (const text of ['1', '2']) {
      // Where this process stands still for so long the client is forgotten before it is answered.
      await until(() => {
        if (relay.stats().clients === 0) socket.send(text, relay.port, relay.address);
        return socket.received.at(-1) === text;
      });
      await until(() => relay.stats().clients === 0);
    }
    expect(server.peers.size).toBeGreaterThanOrEqual(2);
  });

  test('serves no more clients than allowed', async () => {
    const relay = await relayTo(await echoServer(), {}, { maxClients: 1 });
    const [first, second] = [await client(), await client()];
    first.send('1', relay.port, relay.address);
    await until(() => first.received.length === 1);
    second.send('2', relay.port, relay.address);
    await until(() => relay.stats().overflowDrops === 1);
    expect(relay.stats().clients).toBe(1);
  });

  test('keeps no more datagrams on their way than allowed', async () => {
    const relay = await relayTo(await echoServer(), { toTarget: { delayMs: 10_000 } }, { maxInFlight: 5 });
    const socket = await client();
    await sendMany(socket, relay, 8);
    await until(() => relay.stats().overflowDrops === 3);
    expect(relay.stats().toTarget.sent).toBe(5);
  });

  test('closes at once with datagrams on their way, twice if need be', async () => {
    const relay = await relayTo(await echoServer(), { toTarget: { delayMs: 10_000 } });
    const socket = await client();
    await sendMany(socket, relay, 3);
    // The old port has something on its way, too.
    relay.rebind('port');
    await relay.close();
    await relay.close();
    // The server's and the client's are left; libuv lets go of a closed one at the end of the turn.
    await until(() => process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length === 2);
    expect(relay.stats().clients).toBe(0);
  });
});

interface EchoServer {
  readonly port: number;
  readonly peers: Set<number>;
  readonly addresses: Set<string>;
}

async function echoServer(): Promise<EchoServer> {
  const socket = createSocket('udp4');
  const peers = new Set<number>();
  const addresses = new Set<string>();
  socket.on('message', (datagram, from) => {
    peers.add(from.port);
    addresses.add(from.address);
    socket.send(datagram, from.port, from.address);
  });
  await bind(socket);
  return { port: socket.address().port, peers, addresses };
}

async function client(): Promise<Socket & { received: string[] }> {
  const received: string[] = [];
  const socket = Object.assign(createSocket('udp4'), { received });
  socket.on('message', (datagram) => received.push(datagram.toString()));
  await bind(socket);
  return socket;
}

async function bind(socket: Socket): Promise<void> {
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closers.push(
    () =>
      new Promise((resolve) => {
        socket.close(() => {
          resolve();
        });
      }),
  );
}

async function relayTo(
  server: { readonly port: number },
  links: Pick<UdpRelayOptions, 'toTarget' | 'toClient'> = {},
  bounds: Pick<UdpRelayOptions, 'maxClients' | 'maxInFlight' | 'idleMs'> = {},
): Promise<UdpRelay> {
  const relay = await startUdpRelay({
    target: { address: '127.0.0.1', port: server.port },
    seed: 7,
    ...links,
    ...bounds,
  });
  closers.push(() => relay.close());
  return relay;
}

/** In small groups, so that no socket buffer overflows; resolves when the relay has seen them all. */
async function sendMany(socket: Socket, relay: UdpRelay, count: number): Promise<void> {
  const seen = (): number => relay.stats().toTarget.sent + relay.stats().overflowDrops;
  for (let i = 0; i < count; i++) {
    socket.send(String(i), relay.port, relay.address);
    if (i % 20 === 19) await until(() => seen() === i + 1);
  }
  await until(() => seen() === count);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(2);
}
