import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { connectStock, type StockConnection } from '../../src/client/node/index.ts';
import type { GatewayStatus } from '../../src/gateway/gateway-status.ts';
import { writeDataSegment } from '../../src/wire/data-segment.ts';
import { wireMemory } from '../../src/wire/memory.ts';
import { hasIpv6 } from '../contract/loopback.ts';
import { runFleetClient, runStreamClient } from '../support/kcp-go.ts';
import { describeWithNative } from '../support/native.ts';
import { peer } from '../support/peers.ts';
import { startTcpBackEnd } from '../support/tcp-back-end.ts';
import { streamThroughUs } from './kcp-go-sides.ts';
import { startWorkersGateway, type WorkersGateway } from './workers-gateway.ts';

const ipv6 = await hasIpv6();
const MIB = 1024 * 1024;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(workers: number, backEndPort?: number, bind?: string): Promise<WorkersGateway> {
  const running = await startWorkersGateway(workers, backEndPort, bind);
  closers.push(() => running.gateway.stop());
  return running;
}

async function connect(port: number, conv: number): Promise<StockConnection> {
  const connection = await connectStock({ host: '127.0.0.1', port, peer: 'kcpgate', conv });
  closers.push(() => connection.destroy());
  return connection;
}

/** Sends a message and gives what comes back. */
async function echo(connection: StockConnection, text: string): Promise<string> {
  connection.send(Buffer.from(text));
  for await (const message of connection) return Buffer.from(message).toString();
  return '';
}

async function untilStatus(
  { gateway }: WorkersGateway,
  matches: (status: GatewayStatus) => boolean,
): Promise<GatewayStatus> {
  for (;;) {
    const status = await gateway.status();
    if (matches(status)) return status;
    await delay(10);
  }
}

const openedOf = ({ workers }: GatewayStatus): (number | undefined)[] =>
  workers.map(({ listeners }) => listeners[0]?.stats.openedSessions);

describeWithNative('steering', () => {
  test.each([2, 3])(
    'with %d workers every datagram of a conversation comes to the same one, whatever its source port',
    { timeout: 60_000 },
    async (workers) => {
      const running = await start(workers);
      const sockets = await Promise.all(Array.from({ length: 5 }, openSocket));
      const convs = Array.from({ length: 60 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 0);
      for (const socket of sockets) {
        for (const conv of convs) socket.send(openingOf(conv), running.port, running.address);
      }
      const total = sockets.length * convs.length;
      const status = await untilStatus(running, ({ upstreams }) => upstreams.back?.sessions === total);
      const expected = Array.from(
        { length: workers },
        (_, worker) => sockets.length * convs.filter((conv) => conv % workers === worker).length,
      );
      expect(openedOf(status)).toEqual(expected);
      expect(status.workers.map(({ listeners }) => listeners[0]?.stats.carrier.receivedDatagrams)).toEqual(
        expected,
      );
      const opened = running.logger.fieldsOf('session opened');
      expect(opened).toHaveLength(total);
      for (const { conv, worker } of opened) expect(worker).toBe((conv as number) % workers);
      for (const conv of convs) {
        const ports = opened.filter((fields) => fields.conv === conv).map(({ remote }) => remote);
        expect(new Set(ports).size).toBe(sockets.length);
      }
    },
  );
});

describeWithNative('a gateway with two workers', () => {
  test('carries streams to a TCP back end, on both, every byte right', { timeout: 60_000 }, async () => {
    const backEnd = await startTcpBackEnd((socket) => socket.pipe(socket));
    closers.push(() => backEnd.close());
    const running = await start(2, backEnd.port);
    const outcomes = await Promise.all(
      [100, 101, 102, 103].map((conv) =>
        streamThroughUs(running, { bytes: 4 * MIB, seed: conv }, { peer: 'kcpgate', stream: true, conv }),
      ),
    );
    for (const outcome of outcomes) {
      expect(outcome.bytes).toBe(4 * MIB);
      expect(outcome.receivedSha256).toBe(outcome.sentSha256);
    }
    const status = await running.gateway.status();
    expect(openedOf(status)).toEqual([2, 2]);
    expect(status.upstreams.back).toMatchObject({
      sessions: 4,
      bytesFromSessions: 16 * MIB,
      bytesToSessions: 16 * MIB,
    });
    for (const worker of status.workers) {
      expect(worker.upstreams.back).toMatchObject({ sessions: 2, bytesFromSessions: 8 * MIB });
    }
  });

  test.runIf(ipv6)('takes IPv6 and IPv4 at one address, on both', async () => {
    const { gateway, port } = await start(2, undefined, '[::]:0');
    for (const [host, conv] of [
      ['127.0.0.1', 10],
      ['::1', 11],
      ['127.0.0.1', 13],
      ['::1', 12],
    ] as const) {
      const connection = await connectStock({ host, port, peer: 'kcpgate', conv });
      expect(await echo(connection, host)).toBe(host);
      await connection.close();
    }
    expect(openedOf(await gateway.status())).toEqual([2, 2]);
  });

  test(
    'drains both at once: what was sent arrives, and its last counters stay',
    { timeout: 60_000 },
    async () => {
      const running = await start(2);
      const connections = await Promise.all([200, 201].map((conv) => connect(running.port, conv)));
      for (const connection of connections) expect(await echo(connection, 'hello')).toBe('hello');
      await running.gateway.stop();
      for (const connection of connections) {
        expect(await connection.closed).toMatchObject({ reason: 'the gateway is shutting down' });
      }
      const status = await running.gateway.status();
      expect(status.workers.map(({ state, stale, failures }) => ({ state, stale, failures }))).toEqual(
        Array(2).fill({ state: 'ended', stale: false, failures: 0 }),
      );
      expect(status.upstreams.back).toMatchObject({ sessions: 2, activeSessions: 0, bytesToSessions: 10 });
      const closed = running.logger
        .fieldsOf('session closed')
        .map(({ worker, close }) => ({ worker, close }));
      expect(closed).toHaveLength(2);
      expect(closed).toEqual(expect.arrayContaining([0, 1].map((worker) => ({ worker, close: 'drain' }))));
      expect(running.logger.records.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
    },
  );

  test('leaves no descriptor behind', { timeout: 60_000 }, async () => {
    const cycle = async (): Promise<void> => {
      const { gateway, port, threads } = await startWorkersGateway(2);
      const connection = await connectStock({ host: '127.0.0.1', port, peer: 'kcpgate', conv: 2 });
      expect(await echo(connection, 'x')).toBe('x');
      await connection.close();
      // One dies with open sockets.
      await threads[1]!.terminate();
      await gateway.stop();
    };
    await cycle();
    const before = openDescriptors();
    for (let i = 0; i < 4; i++) await cycle();
    // Some are let go of a turn later; what leaked stays.
    await expect.poll(openDescriptors).toBeLessThanOrEqual(before);
  });
});

describeWithNative('a worker that dies', () => {
  test(
    'is started again; the other goes on; what arrived meanwhile is served',
    { timeout: 60_000 },
    async () => {
      const running = await start(2);
      const survivor = await connect(running.port, 2);
      expect(await echo(survivor, 'before')).toBe('before');
      const lost = await connectStock({ host: '127.0.0.1', port: running.port, peer: 'stock', conv: 3 });
      closers.push(() => lost.destroy());
      expect(await echo(lost, 'before')).toBe('before');
      expect(openedOf(await running.gateway.status())).toEqual([1, 1]);

      for (let death = 1; death <= 3; death++) {
        await running.threads.at(-1)!.terminate();
        // The kernel keeps it for the successor.
        const socket = await openSocket();
        socket.send(openingOf(5), running.port, running.address);
        expect(await echo(survivor, `after ${String(death)}`)).toBe(`after ${String(death)}`);
        const status = await untilStatus(running, ({ workers }) => {
          const [, second] = workers;
          return second?.state === 'running' && second.listeners[0]?.stats.openedSessions === 1;
        });
        expect(running.threads).toHaveLength(2 + death);
        expect(status.workers[0]).toMatchObject({ state: 'running', failures: 0 });
        expect(status.workers[1]).toMatchObject({
          failures: death,
          lastFailure: expect.any(String) as string,
        });
      }
      const fresh = await connect(running.port, 7);
      expect(await echo(fresh, 'again')).toBe('again');
      const errors = running.logger.records.filter(({ level }) => level === 'error');
      expect(errors.map(({ message, fields }) => [message, fields.worker, fields.failures])).toEqual(
        [1, 2, 3].map((failures) => ['worker died; it is started again', 1, failures]),
      );
    },
  );
});

peer('kcp-go').describe('kcp-go clients', () => {
  describeWithNative('at a gateway with two workers', () => {
    test('streams', { timeout: 120_000 }, async () => {
      const backEnd = await startTcpBackEnd((socket) => socket.pipe(socket));
      closers.push(() => backEnd.close());
      const running = await start(2, backEnd.port);
      const results = await Promise.all(
        [1, 2, 3, 4].map((seed) => runStreamClient(running, { bytes: 4 * MIB, seed }, { stream: true })),
      );
      for (const result of results) {
        expect(result).toMatchObject({ complete: true, bytes: 4 * MIB, corruptBytes: 0 });
      }
      expect((await running.gateway.status()).upstreams.back).toMatchObject({ sessions: 4 });
    });

    test('a fleet', { timeout: 120_000 }, async () => {
      const running = await start(2);
      const load = { sessions: 100, echoesPerSecond: 20, sizeBytes: 64, durationMs: 1000 };
      expect(await runFleetClient(running, load)).toMatchObject({ complete: true, echoes: 2000 });
      const status = await running.gateway.status();
      const opened = openedOf(status);
      expect(opened[0]! + opened[1]!).toBe(100);
      // Random conversations: all on one side is what 2 ** -100 of all runs would show.
      expect(Math.min(opened[0]!, opened[1]!)).toBeGreaterThan(0);
      expect(status.listeners[0]!.stats).toMatchObject({ openedSessions: 100, sinkFailures: 0 });
    });
  });
});

/** The first PUSH of a stock peer, with one byte. */
function openingOf(conv: number): Uint8Array {
  const memory = wireMemory(new Uint8Array(64));
  const payload = Uint8Array.of(1);
  const push = { type: 'push', conv, frg: 0, wnd: 128, ts: 0, sn: 0, una: 0, payload } as const;
  return memory.bytes.subarray(0, writeDataSegment(memory, 0, push));
}

async function openSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closers.push(async () => {
    socket.close();
    await once(socket, 'close');
  });
  return socket;
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
