import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { connectTcpCarrier } from '../../src/carrier/node/tcp-client.ts';
import type { Connection } from '../../src/client/node/index.ts';
import { wireMemory } from '../../src/wire/memory.ts';
import { readProbeAck, type ProbeAck } from '../../src/wire/probe-ack.ts';
import { writeProbe } from '../../src/wire/probe.ts';
import { untilTrue } from '../contract/loopback.ts';
import { datagramsOf } from '../contract/received.ts';
import { describeWithNative } from '../support/native.ts';
import { startTcpBackEnd } from '../support/tcp-back-end.ts';
import { convOf, echo, LoginWorkers, untilStatus } from './login-workers.ts';

const MIB = 1024 * 1024;
const world = new LoginWorkers();
afterEach(() => world.end());

/** Sends data as a stream and gives what comes back. */
async function throughStream(connection: Connection, data: Buffer): Promise<Buffer> {
  const stream = connection.stream();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.end(data);
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describeWithNative('logins at a gateway with two workers', () => {
  test('sessions of both go UDP, TCP, WebSocket, UDP, and back', { timeout: 60_000 }, async () => {
    const running = await world.start();
    const connections = await world.openAtEach(running, 'udp');
    for (const [worker, connection] of connections.entries()) {
      expect(await echo(connection, 'on udp')).toBe('on udp');
      for (const line of ['tcp', 'ws', 'udp', 'ws', 'tcp']) {
        await connection.moveTo(line);
        expect(await echo(connection, `on ${line}`)).toBe(`on ${line}`);
        const sessions = await running.gateway.sessions({ conv: convOf(connection) });
        expect(sessions).toMatchObject([{ sealed: true, remoteAddress: { address: '127.0.0.1' } }]);
        expect(sessions[0]!.id).toMatch(new RegExp(`^${String(worker)}\\.`));
        expect(sessions[0]!.paths[0]).toMatchObject({ port: line, validated: true });
      }
      expect(connection.stats().moves).toBe(5);
    }
    const status = await untilStatus(running, ({ listeners }) =>
      listeners.every(({ type, stats }) => type !== 'http' || stats.carrier.connections?.open === 0),
    );
    expect(status.sessions).toMatchObject({ openSessions: 2, openedSessions: status.login.issued });
    for (const { index, handedOn, failures } of status.workers) {
      expect([handedOn, failures]).toEqual([0, 0]);
      expect(await running.gateway.sessions({ conv: convOf(connections[index]!) })).toHaveLength(1);
    }
    const [, tcp, ws] = status.listeners.map(({ stats }) => stats);
    expect(tcp?.carrier.connections).toMatchObject({ opened: 4, open: 2 });
    expect(ws?.carrier.connections).toMatchObject({ opened: 4, open: 0 });
    for (const { drops, carrier } of status.listeners.map(({ stats }) => stats)) {
      expect(Object.entries(drops).filter(([, count]) => count > 0)).toEqual([]);
      expect(carrier).toMatchObject({ sendDrops: 0, batchErrors: 0 });
    }
  });

  test.each(['udp', 'tcp', 'ws'])(
    'four streams carry 2 MiB each way at once, on both, over %s',
    { timeout: 60_000 },
    async (line) => {
      const backEnd = await startTcpBackEnd((socket) => socket.pipe(socket));
      world.onEnd(() => backEnd.close());
      const running = await world.start({
        rest: `upstreams: { app: { type: tcp, servers: [ { address: "127.0.0.1:${String(backEnd.port)}" } ] } }
routes: [ { name: all, match: {}, target: app } ]`,
      });
      const connections = await world.openAtEach(running, line, 2, { stream: true });
      const data = connections.map(() => randomBytes(2 * MIB));
      const back = await Promise.all(connections.map((each, i) => throughStream(each, data[i]!)));
      expect(back.map(sha256)).toEqual(data.map(sha256));
      const { workers } = await running.gateway.status();
      for (const { upstreams } of workers) {
        expect(upstreams.app?.bytesFromSessions).toBe(4 * MIB);
        expect(upstreams.app?.bytesToSessions).toBe(4 * MIB);
      }
    },
  );

  test('a stream goes on while its session moves', { timeout: 60_000 }, async () => {
    const running = await world.start();
    for (const connection of await world.openAtEach(running, 'tcp', 1, { stream: true })) {
      const route = ['ws', 'udp', 'tcp', 'ws', 'tcp', 'udp'];
      const data = randomBytes(route.length * MIB);
      const stream = connection.stream();
      const hash = createHash('sha256');
      stream.on('data', (chunk: Buffer) => hash.update(chunk));
      for (const [part, line] of route.entries()) {
        // Most of it is still on its way when it moves.
        stream.write(data.subarray(part * MIB, (part + 1) * MIB));
        await connection.moveTo(line);
      }
      stream.end();
      await once(stream, 'end');
      expect(hash.digest('hex')).toBe(sha256(data));
      expect(connection.stats().moves).toBe(route.length);
    }
  });

  test('a PROBE on a connection is answered, by whoever it falls to', { timeout: 60_000 }, async () => {
    const running = await world.start();
    const address = { address: '127.0.0.1', family: 4, port: running.ports.tcp } as const;
    const epochs = new Set<number>();
    for (const conv of [0, 0x01000002, 0x01000003]) {
      const carrier = await connectTcpCarrier({ remote: address });
      world.onEnd(() => carrier.close());
      const answers: (ProbeAck | string)[] = [];
      carrier.start((batch) => {
        for (const { bytes } of datagramsOf(batch)) answers.push(readProbeAck(wireMemory(bytes), 0));
      });
      const at = carrier.arena.reserve(64);
      const probe = { type: 'probe', conv, index: 3, ts: 77, number: 5, nonce: 9, paddingBytes: 40 } as const;
      carrier.arena.target = 0;
      carrier.arena.commit(writeProbe(carrier.arena, at, probe));
      carrier.flush();
      await untilTrue(() => answers.length > 0);
      const [answer] = answers;
      expect(answer).toMatchObject({
        conv,
        index: 3,
        number: 5,
        nonce: 9,
        draining: false,
        address: carrier.localAddress,
      });
      epochs.add((answer as ProbeAck).epochSeconds);
    }
    // All are one gateway, which started once.
    expect(epochs.size).toBe(1);
  });
});
