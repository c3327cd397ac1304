import { once } from 'node:events';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import {
  takeProxyHeader,
  type ProxiedConnection,
  type ProxyHeaderOptions,
} from '../../../../src/carrier/node/proxied-connection.ts';
import { wireMemory } from '../../../../src/wire/memory.ts';
import { writeProxyV2 } from '../../../../src/wire/proxy-v2.ts';
import { untilTrue } from '../../../contract/loopback.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../../../support/tls.ts';

const V1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n';
const V1_ADDRESS = { address: '192.0.2.7', family: 4, port: 4711 };
const V6 = { address: '2001:db8::7', family: 6, port: 4712 } as const;
const TRUST_ALL: ProxyHeaderOptions = { mode: 'proxy', isTrusted: () => true, timeoutMs: 5000 };

function v2(): Buffer {
  const bytes = Buffer.alloc(64);
  const header = { transport: 'stream', source: V6, destination: V6, checksum: true } as const;
  return bytes.subarray(0, writeProxyV2(wireMemory(bytes), 0, header));
}

/** A LOCAL header of version 2, as health checks send it. */
const LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');

const open: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

interface Taken {
  readonly outcome: ProxiedConnection;
  /** Everything the socket gave afterwards. */
  read: string;
  isClosed: boolean;
}

/** A server that takes the header of each connection, and reads what follows. */
async function server(
  options: ProxyHeaderOptions,
  then?: (socket: Socket) => void,
): Promise<{ port: number; taken: Taken[] }> {
  const taken: Taken[] = [];
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    takeProxyHeader(socket, options, (outcome) => {
      const one: Taken = { outcome, read: '', isClosed: false };
      taken.push(one);
      socket.on('close', () => {
        one.isClosed = true;
      });
      socket.on('error', () => undefined);
      if (outcome.ok && then === undefined) socket.on('data', (chunk) => (one.read += String(chunk)));
      else if (outcome.ok) then?.(socket);
    });
  });
  const port = await listen(listener);
  open.push({
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => listener.close(resolve));
    },
  });
  return { port, taken };
}

async function listen(listener: Server): Promise<number> {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return (listener.address() as AddressInfo).port;
}

async function client(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => undefined);
  open.push({ close: () => Promise.resolve(socket.destroy()) });
  await once(socket, 'connect');
  return socket;
}

/** Sends pieces so that each arrives by itself. */
async function sendInPieces(socket: Socket, bytes: Buffer, size: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) {
    socket.write(bytes.subarray(at, at + size));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

describe('takeProxyHeader', () => {
  it.each([
    ['version 1', Buffer.from(V1), V1_ADDRESS],
    ['version 2', v2(), V6],
  ])('%s, with what follows in the same segment', async (_name, header, address) => {
    const { port, taken } = await server(TRUST_ALL);
    const socket = await client(port);
    socket.write(Buffer.concat([header, Buffer.from('what follows')]));
    await untilTrue(() => taken[0]?.read === 'what follows');
    expect(taken[0]?.outcome).toEqual({ ok: true, address });
    socket.write(', and more');
    await untilTrue(() => taken[0]?.read === 'what follows, and more');
  });

  it.each([1, 7])('in pieces of %d bytes', async (size) => {
    const { port, taken } = await server(TRUST_ALL);
    const socket = await client(port);
    await sendInPieces(socket, Buffer.concat([v2(), Buffer.from('follows')]), size);
    await untilTrue(() => taken[0]?.read === 'follows');
    expect(taken[0]?.outcome).toEqual({ ok: true, address: V6 });
  });

  it('alone, with nothing behind it for a while', async () => {
    const { port, taken } = await server(TRUST_ALL);
    const socket = await client(port);
    socket.write(V1);
    await untilTrue(() => taken.length === 1);
    socket.write('later');
    await untilTrue(() => taken[0]?.read === 'later');
  });

  it('a proxy that speaks for itself, or says nothing of the client, is the peer', async () => {
    const { port, taken } = await server(TRUST_ALL);
    const sockets = [await client(port), await client(port)];
    sockets[0]?.write(Buffer.concat([LOCAL, Buffer.from('check')]));
    await untilTrue(() => taken[0]?.read === 'check');
    sockets[1]?.write('PROXY UNKNOWN\r\ncheck');
    await untilTrue(() => taken[1]?.read === 'check');
    const ports = sockets.map(({ localPort }) => localPort);
    expect(taken.map(({ outcome }) => outcome)).toEqual(
      ports.map((own) => ({ ok: true, address: { address: '127.0.0.1', family: 4, port: own } })),
    );
  });

  it('a connection without a header is handed on as it is', async () => {
    const { port, taken } = await server(TRUST_ALL);
    const socket = await client(port);
    await sendInPieces(socket, Buffer.from('PROXIMITY'), 3);
    await untilTrue(() => taken[0]?.read === 'PROXIMITY');
    expect(taken[0]?.outcome).toMatchObject({ ok: true, address: { port: socket.localPort } });
  });

  it.each([
    ['off', { ...TRUST_ALL, mode: 'off' } as const],
    ['not trusted', { ...TRUST_ALL, isTrusted: (address: string) => address !== '127.0.0.1' }],
  ])('%s: the header is data like any other, and nothing is waited for', async (_name, options) => {
    const { port, taken } = await server(options);
    const socket = await client(port);
    await untilTrue(() => taken.length === 1);
    expect(taken[0]?.outcome).toMatchObject({ ok: true, address: { port: socket.localPort } });
    socket.write(V1);
    await untilTrue(() => taken[0]?.read === V1);
  });

  it.each([
    ['proxy_malformed', 'PROXY TCP4 1.2.3.4.5 1.2.3.4 1 2\r\n'],
    ['proxy_oversize', `PROXY TCP4 ${'1'.repeat(200)}`],
  ])('%s ends the connection', async (reason, text) => {
    const { port, taken } = await server(TRUST_ALL);
    (await client(port)).write(text);
    await untilTrue(() => taken[0]?.isClosed === true);
    expect(taken[0]?.outcome).toEqual({ ok: false, reason });
  });

  it('ends a connection whose header does not come in time, or is not finished', async () => {
    const { port, taken } = await server({ ...TRUST_ALL, timeoutMs: 60 });
    const silent = await client(port);
    await untilTrue(() => taken[0]?.isClosed === true);
    expect(taken[0]?.outcome).toEqual({ ok: false, reason: 'proxy_incomplete' });
    silent.destroy();
    const slow = await client(port);
    await sendInPieces(slow, Buffer.from(V1), 1);
    await untilTrue(() => taken[1]?.isClosed === true);
    expect(taken[1]?.outcome).toEqual({ ok: false, reason: 'proxy_incomplete' });
  });

  it('tells of a peer that went, before or within its header', async () => {
    const { port, taken } = await server(TRUST_ALL);
    (await client(port)).end();
    await untilTrue(() => taken[0]?.isClosed === true);
    expect(taken[0]?.outcome).toEqual({ ok: false, reason: 'peer_closed' });
    (await client(port)).end('PROXY TCP4');
    await untilTrue(() => taken[1]?.isClosed === true);
    expect(taken[1]?.outcome).toEqual({ ok: false, reason: 'proxy_incomplete' });
    const reset = await client(port);
    reset.write('PROXY');
    reset.resetAndDestroy();
    await untilTrue(() => taken[2]?.isClosed === true);
    expect(taken[2]?.outcome.ok).toBe(false);
  });

  it('a peer that ends right after its data is read to the end', async () => {
    const { port, taken } = await server(TRUST_ALL);
    (await client(port)).end(`${V1}all there is`);
    await untilTrue(() => taken[0]?.isClosed === true);
    expect(taken[0]).toMatchObject({ outcome: { ok: true, address: V1_ADDRESS }, read: 'all there is' });
  });
});

describe('a server behind takeProxyHeader', () => {
  const REQUEST = 'GET /there HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

  it.each([0, 1])('HTTP, header and request %s ms apart', async (apart) => {
    const http = createHttpServer((request, response) => response.end(`you asked for ${request.url ?? ''}`));
    const { port, taken } = await server(TRUST_ALL, (socket) => http.emit('connection', socket));
    const socket = await client(port);
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk)));
    if (apart === 0) {
      socket.write(V1 + REQUEST);
    } else {
      socket.write(V1);
      await untilTrue(() => taken.length === 1);
      socket.write(REQUEST);
    }
    await untilTrue(() => answer.includes('you asked for /there'));
    expect(taken[0]?.outcome).toEqual({ ok: true, address: V1_ADDRESS });
  });

  it('HTTP, a large body', async () => {
    const http = createHttpServer((request, response) => request.pipe(response));
    const { port } = await server(TRUST_ALL, (socket) => http.emit('connection', socket));
    const body = Buffer.alloc(1024 * 1024, 'x');
    const socket = await client(port);
    socket.write(V1);
    const request = httpRequest({ createConnection: () => socket, method: 'POST', path: '/' });
    request.end(body);
    const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
    let length = 0;
    for await (const chunk of response) length += chunk.length;
    expect(length).toBe(body.length);
  });

  it.each([false, true])('HTTPS, the first bytes of TLS with the header: %s', async (together) => {
    const https = createHttpsServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, (request, response) =>
      response.end(`you asked for ${request.url ?? ''}`),
    );
    const { port, taken } = await server(TRUST_ALL, (socket) => https.emit('connection', socket));
    const socket = await client(port);
    if (together) socket.cork();
    socket.write(V1);
    if (!together) await untilTrue(() => taken.length === 1);
    const secure = connectTls({ socket, ca: TEST_CERTIFICATE, servername: 'localhost' });
    if (together) socket.uncork();
    await once(secure, 'secureConnect');
    let answer = '';
    secure.on('data', (chunk) => (answer += String(chunk)));
    secure.write(REQUEST);
    await untilTrue(() => answer.includes('you asked for /there'));
    expect(taken[0]?.outcome).toEqual({ ok: true, address: V1_ADDRESS });
  });

  it('an upgrade to a WebSocket, everything in one segment', async () => {
    const http = createHttpServer();
    const webSockets = new WebSocketServer({ noServer: true });
    const messages: string[] = [];
    http.on('upgrade', (request, socket, head) => {
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on('message', (data: Buffer) => messages.push(data.toString()));
      });
    });
    const { port } = await server(TRUST_ALL, (socket) => http.emit('connection', socket));
    const socket = await client(port);
    const upgrade =
      'GET /kcp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
    // A masked binary message of two bytes, with a mask of zeros.
    const message = Buffer.from([0x82, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
    socket.write(Buffer.concat([Buffer.from(V1 + upgrade), message]));
    await untilTrue(() => messages.length === 1);
    expect(messages).toEqual(['hi']);
  });
});
