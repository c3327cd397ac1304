import { networkInterfaces } from 'node:os';
import { connect, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { afterEach, expect, test } from 'vitest';
import { startEchoServer, type Target } from '../support/kcp-go.ts';
import { startKcpgate } from '../support/kcpgate-command.ts';
import { DigestCounter, keystream, keystreamHash } from '../support/keystream.ts';
import { peer } from '../support/peers.ts';

const MIB = 1 << 20;
const HAS_IPV6_LOOPBACK = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** `connect --stock` to a server, and the local TCP port that leads there. */
async function stockTunnel({ address, port }: Target): Promise<number> {
  const host = address.includes(':') ? `[${address}]` : address;
  const tunnel = await startKcpgate([
    'connect',
    '--stock',
    ...['--server', `${host}:${String(port)}`, '--listen', '0'],
    // A stock server knows no end: open sessions are not waited for.
    ...['--log-format', 'json', '--drain-timeout', '0s'],
  ]);
  closers.push(() => tunnel.stop());
  return tunnel.port();
}

/** Sends `bytes` seeded bytes and takes as many back. The connection stays open meanwhile: a stock peer knows no end. */
async function echoed(port: number, seed: number, bytes: number): Promise<{ bytes: number; sha256: string }> {
  const socket = connect({ host: '127.0.0.1', port });
  closers.push(() => socket.destroy());
  const received = untilReceived(socket, bytes);
  await Promise.all([received, pipeline(keystream(seed, bytes), socket, { end: false })]);
  return received;
}

function untilReceived(socket: Socket, bytes: number): Promise<{ bytes: number; sha256: string }> {
  const counter = new DigestCounter();
  return new Promise((resolve, reject) => {
    socket.once('close', () => {
      reject(new Error(`closed after ${String(counter.bytes)} bytes`));
    });
    socket.on('data', (chunk) => {
      counter.add(chunk);
      if (counter.bytes >= bytes) resolve(counter.result());
    });
  });
}

peer('kcp-go').describe('connect --stock and a kcp-go echo server', () => {
  test('carry 16 MiB there and back, every byte', { timeout: 60_000 }, async () => {
    const server = await startEchoServer({ stream: true });
    closers.push(() => server.stop());
    const port = await stockTunnel(server);
    const sha256 = keystreamHash(5, 16 * MIB);
    expect(await echoed(port, 5, 16 * MIB)).toEqual({ bytes: 16 * MIB, sha256 });
    expect(await server.stop()).toMatchObject({ sessions: 1, bytes: 16 * MIB });
  });

  test('keep several connections apart', { timeout: 60_000 }, async () => {
    const server = await startEchoServer({ stream: true });
    closers.push(() => server.stop());
    const port = await stockTunnel(server);
    const seeds = [11, 12, 13, 14];
    const outcomes = await Promise.all(seeds.map((seed) => echoed(port, seed, 2 * MIB)));
    expect(outcomes.map(({ sha256 }) => sha256)).toEqual(seeds.map((seed) => keystreamHash(seed, 2 * MIB)));
    expect(await server.stop()).toMatchObject({ sessions: seeds.length, bytes: seeds.length * 2 * MIB });
  });

  test.runIf(HAS_IPV6_LOOPBACK)('meet over IPv6', { timeout: 60_000 }, async () => {
    const server = await startEchoServer({ stream: true }, '::1');
    closers.push(() => server.stop());
    expect(server.address).toBe('::1');
    const port = await stockTunnel(server);
    expect(await echoed(port, 6, MIB)).toEqual({ bytes: MIB, sha256: keystreamHash(6, MIB) });
  });
});
