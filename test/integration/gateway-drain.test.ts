import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import { connectStock } from '../../src/client/node/index.ts';
import { DigestCounter, keystream, keystreamHash } from '../support/keystream.ts';
import { startKcpgate, type RunningCommand } from '../support/kcpgate-command.ts';
import { startTcpBackEnd } from '../support/tcp-back-end.ts';

const MIB = 1024 * 1024;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(backEndPort: number): Promise<{ gateway: RunningCommand; port: number }> {
  const gateway = await startKcpgate([
    'serve',
    ...['--bind', '127.0.0.1:0', '--target', `127.0.0.1:${String(backEndPort)}`],
    ...['--log-format', 'json', '--drain-timeout', '20s'],
  ]);
  closers.push(() => gateway.stop());
  return { gateway, port: await gateway.port() };
}

describe('SIGTERM of serve during a transfer', () => {
  test('everything the gateway had taken arrives, both ways; exit code 0', { timeout: 60_000 }, async () => {
    const upload = new DigestCounter();
    const backEnd = await startTcpBackEnd((socket) => {
      socket.on('data', (chunk) => upload.add(chunk));
      keystream(2, 4096 * MIB).pipe(socket);
    });
    closers.push(() => backEnd.close());
    const { gateway, port } = await serve(backEnd.port);
    const connection = await connectStock({ host: '127.0.0.1', port, peer: 'kcpgate', stream: true });
    closers.push(() => connection.destroy());
    const stream = connection.stream();
    const download = new DigestCounter();
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Uint8Array) => {
      download.add(chunk);
    });
    keystream(1, 4096 * MIB).pipe(stream);
    while (download.bytes < 4 * MIB || upload.bytes < 4 * MIB) await delay(5);

    gateway.signal('SIGTERM');
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
    expect((await connection.closed).code).toBe(CloseCode.drain);
    const served = await gateway.record('served', { upstream: `127.0.0.1:${String(backEnd.port)}` });
    expect(served.bytesToSessions).toBe(download.bytes);
    expect(served.bytesFromSessions).toBe(upload.bytes);
    expect(download.result().sha256).toBe(keystreamHash(2, download.bytes));
    expect(upload.result().sha256).toBe(keystreamHash(1, upload.bytes));
  });

  test('a client that reads slowly still gets all of it', { timeout: 60_000 }, async () => {
    const backEnd = await startTcpBackEnd((socket) => {
      keystream(3, 4096 * MIB).pipe(socket);
    });
    closers.push(() => backEnd.close());
    const { gateway, port } = await serve(backEnd.port);
    const connection = await connectStock({ host: '127.0.0.1', port, peer: 'kcpgate', stream: true });
    closers.push(() => connection.destroy());
    const stream = connection.stream();
    const download = new DigestCounter();
    await once(stream, 'readable');
    gateway.signal('SIGTERM');
    const reading = (async () => {
      for await (const chunk of stream) {
        download.add(chunk as Uint8Array);
        if (download.bytes % (256 * 1024) < 64 * 1024) await delay(1);
      }
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'session_closed',
      details: { code: CloseCode.drain },
    });
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
    const served = await gateway.record('served', { upstream: `127.0.0.1:${String(backEnd.port)}` });
    expect(served.bytesToSessions).toBe(download.bytes);
    expect(download.result().sha256).toBe(keystreamHash(3, download.bytes));
  });
});
