import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import { connectStock } from '../../src/client/node/index.ts';
import { DigestCounter, keystream, keystreamHash } from '../support/keystream.ts';
import { startKcpgate, type LogRecord, type RunningCommand } from '../support/kcpgate-command.ts';
import { describeWithNative } from '../support/native.ts';
import { startTcpBackEnd } from '../support/tcp-back-end.ts';

const MIB = 1024 * 1024;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(options: string[], environment: Record<string, string> = {}): Promise<RunningCommand> {
  const command = ['serve', '--bind', '127.0.0.1:0', '--log-format', 'json', '--drain-timeout', '20s'];
  const gateway = await startKcpgate([...command, '--workers', '2', ...options], environment);
  closers.push(() => gateway.stop());
  return gateway;
}

/** Every line of standard output; each must be a record. */
function recordsOf(gateway: RunningCommand): LogRecord[] {
  const lines = gateway.output.trim().split('\n');
  return lines.map((line) => JSON.parse(line) as LogRecord);
}

describeWithNative('serve with two workers', () => {
  test('says so', async () => {
    const gateway = await serve([]);
    expect(await gateway.record('serving')).toMatchObject({ workers: 2, native: 'loaded' });
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
    expect(gateway.errorOutput).toContain('2 workers, native sockets');
  });

  test(
    'hands over everything on SIGTERM in the middle of transfers on both, and ends with 0',
    { timeout: 60_000 },
    async () => {
      const uploads: DigestCounter[] = [];
      const backEnd = await startTcpBackEnd((socket) => {
        const upload = new DigestCounter();
        uploads.push(upload);
        socket.on('data', (chunk) => upload.add(chunk));
        keystream(2, 4096 * MIB).pipe(socket);
      });
      closers.push(() => backEnd.close());
      const upstream = `127.0.0.1:${String(backEnd.port)}`;
      const gateway = await serve(['--target', upstream]);
      const port = await gateway.port();
      const transfers = await Promise.all(
        [10, 11].map(async (conv) => {
          const connection = await connectStock({
            host: '127.0.0.1',
            port,
            peer: 'kcpgate',
            stream: true,
            conv,
          });
          closers.push(() => connection.destroy());
          const stream = connection.stream();
          const download = new DigestCounter();
          stream.on('error', () => undefined);
          stream.on('data', (chunk: Uint8Array) => download.add(chunk));
          keystream(1, 4096 * MIB).pipe(stream);
          return { connection, download };
        }),
      );
      const isUnderWay = ({ bytes }: DigestCounter): boolean => bytes > 2 * MIB;
      while (![...uploads, ...transfers.map(({ download }) => download)].every(isUnderWay)) await delay(5);

      gateway.signal('SIGTERM');
      expect(await gateway.exit).toEqual({ code: 0, signal: null });
      for (const { connection, download } of transfers) {
        expect((await connection.closed).code).toBe(CloseCode.drain);
        expect(download.result().sha256).toBe(keystreamHash(2, download.bytes));
      }
      for (const upload of uploads) expect(upload.result().sha256).toBe(keystreamHash(1, upload.bytes));
      const total = (counters: DigestCounter[]): number =>
        counters.reduce((sum, { bytes }) => sum + bytes, 0);
      const served = await gateway.record('served', { upstream });
      expect(served.sessions).toBe(2);
      expect(served.bytesFromSessions).toBe(total(uploads));
      expect(served.bytesToSessions).toBe(total(transfers.map(({ download }) => download)));
    },
  );

  test('loses no record, and says which worker it is of', { timeout: 60_000 }, async () => {
    const gateway = await serve(['--log-level', 'debug']);
    const port = await gateway.port();
    const convs = Array.from({ length: 40 }, (_, i) => 1000 + i);
    const connections = await Promise.all(
      convs.map((conv) => connectStock({ host: '127.0.0.1', port, peer: 'kcpgate', conv })),
    );
    closers.push(() => Promise.all(connections.map((connection) => connection.destroy())));
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
    for (const message of ['session opened', 'session closed']) {
      const records = recordsOf(gateway).filter(({ msg }) => msg === message);
      expect(records.map(({ conv }) => conv).sort()).toEqual(convs);
      for (const { conv, worker, component, node } of records) {
        expect({ worker, component, node }).toEqual({
          worker: (conv as number) % 2,
          component: 'endpoint',
          node: 'gw-1',
        });
      }
    }
  });
});

describe('serve with two workers but no native addon', () => {
  test('warns once, serves in one thread and ends with 0', { timeout: 60_000 }, async () => {
    const gateway = await serve([], { KCPGATE_NATIVE: 'off' });
    const port = await gateway.port();
    const connection = await connectStock({ host: '127.0.0.1', port, peer: 'kcpgate' });
    closers.push(() => connection.destroy());
    connection.send(Buffer.from('hello'));
    for await (const message of connection) {
      expect(Buffer.from(message).toString()).toBe('hello');
      break;
    }
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
    const records = recordsOf(gateway);
    expect(records.filter(({ level }) => level === 'warn')).toMatchObject([
      {
        msg: 'one thread serves instead of several workers',
        workers: 2,
        reason: expect.stringContaining('KCPGATE_NATIVE=off') as string,
        advice: expect.stringContaining('unset') as string,
      },
    ]);
    expect(records.find(({ msg }) => msg === 'serving')).toMatchObject({ workers: 1, native: 'off' });
  });
});
