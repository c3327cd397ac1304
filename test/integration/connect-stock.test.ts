import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSocket } from 'node:dgram';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { CloseCode } from '../../src/base/close-code.ts';
import { GatewayError } from '../../src/base/errors.ts';
import { NO_LOG } from '../../src/base/logger.ts';
import { connectStock, type StockConnection, type StockOptions } from '../../src/client/node/index.ts';
import { loadConfig } from '../../src/gateway/config/load.ts';
import { startGateway, type Gateway } from '../../src/gateway/gateway.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function gateway(yaml: string): Promise<{ gateway: Gateway; port: number }> {
  const loaded = loadConfig({ text: `common: { drain_timeout: 20s, admin_addr: null }\n${yaml}`, env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const running = await startGateway(loaded.config, { logger: NO_LOG });
  closers.push(() => running.stop());
  return { gateway: running, port: (await running.status()).listeners[0]!.address.port };
}

/** Everything a stream gives until its end; unlike an iterator it leaves the other direction open. */
async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks).toString();
}

const LISTENER = 'listeners: [ { name: line, type: kcp-udp, bind: "127.0.0.1:0" } ]';
const echoGateway = (): ReturnType<typeof gateway> => gateway(LISTENER);

/** A TCP back end, the gateway in front of it, and the connections it got. */
async function tcpGateway(
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; server: Server; gateway: Gateway }> {
  const server = createServer({ allowHalfOpen: true }, onConnection);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    server.close();
    await Promise.resolve();
  });
  const { port } = server.address() as AddressInfo;
  const running = await gateway(`${LISTENER}
upstreams: { app: { type: tcp, servers: [ { address: "127.0.0.1:${String(port)}" } ] } }
routes: [ { name: all, match: {}, target: app } ]`);
  return { ...running, server };
}

async function connect(port: number, options: Partial<StockOptions> = {}): Promise<StockConnection> {
  const connection = await connectStock({ host: '127.0.0.1', port, peer: 'kcpgate', ...options });
  closers.push(() => connection.destroy());
  return connection;
}

describe('messages', () => {
  it('keep their boundaries, small and in many fragments, both with kcpgate and as a stock peer', async () => {
    const { port } = await echoGateway();
    for (const peer of ['kcpgate', 'stock'] as const) {
      const connection = await connect(port, { peer });
      const sent = [1, 2, 1355, 1356, 1357, 1376, 1377, 65_535, 100_000].map((size) => randomBytes(size));
      for (const message of sent) expect(connection.send(message)).toBe(message.length);
      const received: Uint8Array[] = [];
      for await (const message of connection) {
        received.push(message);
        if (received.length === sent.length) break;
      }
      expect(
        received.map((message) => Buffer.from(message).equals(sent[received.indexOf(message)]!)),
      ).toEqual(sent.map(() => true));
      expect((await connection.close()).code).toBe(CloseCode.normal);
    }
  });

  it('that can never be sent are errors; a full queue is a return value', async () => {
    const { port } = await echoGateway();
    const connection = await connect(port, { maxQueueBytes: 300_000 });
    expect(() => connection.send(new Uint8Array(0))).toThrow(
      expect.objectContaining({ code: 'message_empty' }),
    );
    expect(() => connection.send(new Uint8Array(400_000))).toThrow(
      expect.objectContaining({ code: 'message_too_large' }),
    );
    let taken = 0;
    while (connection.send(new Uint8Array(60_000)) > 0) taken++;
    expect(taken).toBe(5);
    await connection.writable();
    expect(connection.send(new Uint8Array(60_000))).toBe(60_000);
  });
});

describe('the stream', () => {
  it('carries 16 MiB both ways, hash equal', async () => {
    const { port } = await echoGateway();
    const connection = await connect(port, { stream: true });
    const stream = connection.stream();
    const data = randomBytes(16 * 1024 * 1024);
    const hash = createHash('sha256');
    let length = 0;
    await Promise.all([
      pipeline([data.subarray(0, 5_000_000), data.subarray(5_000_000)], stream, { end: true }),
      (async () => {
        for await (const chunk of stream) {
          hash.update(chunk as Buffer);
          length += (chunk as Buffer).length;
        }
      })(),
    ]);
    expect(length).toBe(data.length);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(data).digest('hex'));
    expect((await connection.closed).code).toBe(CloseCode.normal);
  });

  it('keeps half-close: the back end answers after the client ended', async () => {
    const { port } = await tcpGateway((socket) => {
      void readAll(socket).then((question) => socket.end(`you said ${question}`));
    });
    const stream = (await connect(port, { stream: true })).stream();
    stream.end('hello');
    expect(await readAll(stream)).toBe('you said hello');
  });

  it('keeps half-close the other way: the client goes on after the back end ended', async () => {
    let heard: Promise<string> | undefined;
    const { port } = await tcpGateway((socket) => {
      heard = readAll(socket);
      socket.end('bye');
    });
    const connection = await connect(port, { stream: true });
    const stream = connection.stream();
    expect(await readAll(stream)).toBe('bye');
    stream.end('still here');
    expect((await connection.closed).code).toBe(CloseCode.normal);
    expect(await heard).toBe('still here');
  });

  it('lets a server speak first', async () => {
    const { port } = await tcpGateway((socket) => socket.write('220 ready\r\n'));
    const stream = (await connect(port, { stream: true })).stream();
    const [banner] = (await once(stream, 'data')) as [Buffer];
    expect(banner.toString()).toBe('220 ready\r\n');
  });

  it('is destroyed with the close code when the back end breaks in mid-stream', async () => {
    const { port } = await tcpGateway((socket) => {
      socket.write(Buffer.alloc(200_000));
      setTimeout(() => socket.resetAndDestroy(), 50);
    });
    const connection = await connect(port, { stream: true });
    const stream = connection.stream();
    stream.resume();
    const [error] = (await once(stream, 'error')) as [GatewayError];
    expect(error).toMatchObject({ code: 'session_closed', details: { code: CloseCode.upstreamUnavailable } });
    expect((await connection.closed).code).toBe(CloseCode.upstreamUnavailable);
  });

  it('that is destroyed with an error is no orderly end for the back end', async () => {
    let broken: Promise<unknown> | undefined;
    const { port } = await tcpGateway((socket) => {
      broken = once(socket.resume(), 'error');
    });
    const stream = (await connect(port, { stream: true })).stream();
    stream.on('error', () => undefined);
    stream.write('half of it');
    while (broken === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    stream.destroy(new Error('the disk is full'));
    expect(await broken).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  it('slows the sender down instead of buffering: a back end that does not read', async () => {
    const sockets: Socket[] = [];
    const { port, gateway: running } = await tcpGateway((socket) => {
      socket.pause();
      sockets.push(socket);
    });
    const connection = await connect(port, { stream: true, maxQueueBytes: 256 * 1024 });
    const stream = connection.stream();
    let written = 0;
    const chunk = Buffer.alloc(64 * 1024);
    for (let round = 0; round < 200; round++) {
      written += chunk.length;
      if (!stream.write(chunk)) {
        const drained = await Promise.race([
          once(stream, 'drain').then(() => true),
          new Promise((r) => setTimeout(r, 500, false)),
        ]);
        if (drained === false) break;
      }
    }
    // What the kernel holds is not ours; what we hold is bounded by windows and queues.
    const status = await running.status();
    expect(status.upstreams.app!.heldBytes).toBeLessThan(1024 * 1024);
    expect(status.listeners[0]!.stats.poolUsedBytes).toBeLessThan(4 * 1024 * 1024);
    expect(written).toBeLessThan(200 * chunk.length);
    for (const socket of sockets) socket.destroy();
  });
});

describe('connecting', () => {
  it('to nobody fails with a typed timeout, and leaves nothing behind', async () => {
    const silent = createSocket('udp4');
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    closers.push(() => new Promise<void>((resolve) => silent.close(resolve)));
    await expect(connect(silent.address().port, { connectTimeoutMs: 100 })).rejects.toMatchObject({
      code: 'connect_timeout',
    });
  });

  it('is refused with the reason while the gateway drains or is full', async () => {
    const { port } = await gateway(
      'listeners: [ { name: line, type: kcp-udp, bind: "127.0.0.1:0", max_sessions: 1 } ]',
    );
    await connect(port);
    await expect(connect(port)).rejects.toMatchObject({
      code: 'session_closed',
      details: { code: CloseCode.overload },
    });
  });

  it('with bad options fails at once', async () => {
    await expect(connect(0)).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(connect(1, { mtu: 10 })).rejects.toMatchObject({ code: 'config_invalid' });
    for (const [option, value] of [
      ...['idleTimeoutMs', 'keepAliveMs', 'closeTimeoutMs', 'connectTimeoutMs', 'socketBufferBytes'].map(
        (name) => [name, -1] as const,
      ),
      ['peer', 'kcpgat'],
      ['preset', 'slow'],
      ['signal', {}],
      ['logger', {}],
      ['port', '1'],
      ['host', undefined],
    ] as const) {
      const wrong = { code: 'config_invalid', details: { option } };
      await expect(connect(1, { [option]: value })).rejects.toMatchObject(wrong);
    }
    await expect(connectStock({ host: 'no-such-host.invalid', port: 1 })).rejects.toMatchObject({
      code: 'connect_failed',
    });
  });

  it('can be aborted, before and after', async () => {
    const controller = new AbortController();
    const silent = createSocket('udp4');
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    closers.push(() => new Promise<void>((resolve) => silent.close(resolve)));
    setTimeout(() => controller.abort(), 50);
    await expect(connect(silent.address().port, { signal: controller.signal })).rejects.toMatchObject({
      code: 'connect_failed',
    });
    const { port } = await echoGateway();
    const later = new AbortController();
    const connection = await connect(port, { signal: later.signal });
    later.abort();
    expect((await connection.closed).reason).toBe('aborted');
  });
});

describe('stopping the gateway', () => {
  it('during a transfer: what it had taken arrives, the client is told', async () => {
    let sent = 0;
    const { port, gateway: running } = await tcpGateway((socket) => {
      const chunk = Buffer.alloc(64 * 1024, 1);
      const more = (): void => {
        while (socket.write(chunk)) sent += chunk.length;
        sent += chunk.length;
      };
      socket.on('drain', more);
      socket.on('error', () => undefined);
      more();
    });
    const connection = await connect(port, { stream: true });
    let received = 0;
    const stream = connection.stream();
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => (received += chunk.length));
    while (received < 1_000_000) await once(stream, 'data');
    const upstream = (await running.status()).upstreams.app!;
    await running.stop();
    const { code } = await connection.closed;
    expect(code).toBe(CloseCode.drain);
    expect(upstream.bytesToSessions).toBeGreaterThan(0);
    expect(received).toBe((await running.status()).upstreams.app!.bytesToSessions);
    expect(received).toBeLessThan(sent);
  });
});

it('IPv6 and dual stack', async () => {
  const { port } = await gateway('listeners: [ { name: line, type: kcp-udp, bind: "[::]:0" } ]');
  for (const host of ['::1', '127.0.0.1', 'localhost']) {
    const connection = await connect(port, { host });
    connection.send(Buffer.from(host));
    for await (const message of connection) {
      expect(Buffer.from(message).toString()).toBe(host);
      break;
    }
  }
});

describe('a stock server that says nothing', () => {
  it('closing in vain is not reported as normal', async () => {
    const silent = createSocket('udp4');
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    closers.push(() => new Promise<void>((resolve) => silent.close(resolve)));
    const connection = await connect(silent.address().port, {
      peer: 'stock',
      stream: true,
      closeTimeoutMs: 200,
    });
    connection.send(new Uint8Array(5_000));
    expect((await connection.close()).code).toBe(CloseCode.deadLink);
  });

  it('an aborted signal fails the connect there, too', async () => {
    await expect(
      connectStock({ host: '127.0.0.1', port: 9, signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'connect_failed' });
  });

  it('takes datagrams as large as the MTU says', async () => {
    const server = createSocket('udp4');
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => new Promise<void>((resolve) => server.close(resolve)));
    const connection = await connect(server.address().port, { peer: 'stock', stream: true, mtu: 4_000 });
    connection.send(new Uint8Array(20_000));
    const [first] = (await once(server, 'message')) as [Buffer];
    expect(first.length).toBe(4_000);
  });
});

it('writable() resolves although the room came back before it was asked', async () => {
  const { port } = await echoGateway();
  const connection = await connect(port, { stream: true, maxQueueBytes: 10_000 });
  expect(connection.send(new Uint8Array(50_000))).toBeLessThan(50_000);
  const answers = connection[Symbol.asyncIterator]();
  for (let bytes = 0; bytes < 10_000;) bytes += (await answers.next()).value?.length ?? 10_000;
  await connection.writable();
});
