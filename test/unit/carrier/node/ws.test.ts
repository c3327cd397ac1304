import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { CloseCode } from '../../../../src/base/close-code.ts';
import { createWsCarrier, type WsCarrier, type WsCarrierOptions } from '../../../../src/carrier/node/ws.ts';
import { connectWsCarrier } from '../../../../src/carrier/node/ws-client.ts';
import { LOOPBACK_V4, untilTrue } from '../../../contract/loopback.ts';
import { datagramsOf } from '../../../contract/received.ts';

const CLIENT = { address: '192.0.2.7', family: 4, port: 4711 } as const;

const open: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

interface Served {
  readonly carrier: WsCarrier;
  readonly received: string[];
  readonly gone: number[];
  readonly url: string;
}

/** A carrier behind an HTTP server that says every client is the same. */
async function serve(options: Partial<WsCarrierOptions> = {}): Promise<Served> {
  const http = createServer();
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const localAddress = { ...LOOPBACK_V4, port };
  const carrier = createWsCarrier({ localAddress, lingerMs: 100, ...options });
  http.on('upgrade', (request, socket, head) => {
    carrier.handleUpgrade(request, socket, head, CLIENT);
  });
  open.push(carrier, { close: () => stop(http) });
  const received: string[] = [];
  const gone: number[] = [];
  carrier.start(
    (batch) => {
      received.push(...datagramsOf(batch).map(({ bytes }) => Buffer.from(bytes).toString()));
    },
    { disconnected: (slot) => gone.push(slot) },
  );
  return { carrier, received, gone, url: `ws://127.0.0.1:${String(port)}/kcp` };
}

function stop(http: Server): Promise<unknown> {
  http.close();
  http.closeAllConnections();
  return once(http, 'close');
}

/** A WebSocket that is not ours. */
async function webSocket(
  { url }: Served,
  protocols = ['kcpgate.v1'],
  options: ClientOptions = {},
): Promise<WebSocket> {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: true, ...options });
  open.push({ close: () => Promise.resolve(socket.terminate()) });
  await once(socket, 'open');
  return socket;
}

/** The status that a handshake is answered with. */
async function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  const request = httpRequest(url.replace('ws:', 'http:'), { headers });
  const answered = once(request, 'response');
  request.end();
  const [response] = (await answered) as [IncomingMessage];
  response.resume();
  return response.statusCode ?? 0;
}

const UPGRADE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  'Sec-WebSocket-Protocol': 'kcpgate.v1',
};

const closed = ({ carrier }: Served) => carrier.stats().connections!.closed;
const refused = ({ carrier }: Served) => carrier.stats().connections!.refused;

/** What a WebSocket was closed with. */
async function closing(socket: WebSocket): Promise<[number, string]> {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  return [code, reason.toString()];
}

function send(carrier: WsCarrier, slot: number, text: string): void {
  carrier.arena.target = slot;
  carrier.arena.bytes.set(Buffer.from(text), carrier.arena.reserve(text.length));
  carrier.arena.commit(text.length);
}

describe('createWsCarrier', () => {
  it('carries a datagram in each binary message, for the client it was told of', async () => {
    const served = await serve();
    const socket = await webSocket(served, ['other', 'kcpgate.v1']);
    expect([socket.protocol, socket.extensions]).toEqual(['kcpgate.v1', '']);
    for (const text of ['one', '', 'x'.repeat(2048)]) socket.send(Buffer.from(text));
    socket.send(Buffer.from('in '), { fin: false });
    socket.send(Buffer.from('pieces'));
    await untilTrue(() => served.received.length === 4);
    expect(served.received).toEqual(['one', '', 'x'.repeat(2048), 'in pieces']);
    expect(served.carrier.addressOf(0)).toEqual(CLIENT);
    const messages: [string, boolean][] = [];
    socket.on('message', (data: Buffer, isBinary) => messages.push([data.toString(), isBinary]));
    for (const text of ['a', 'b', 'c']) send(served.carrier, 0, text);
    served.carrier.flush();
    await untilTrue(() => messages.length === 3);
    expect(messages).toEqual([
      ['a', true],
      ['b', true],
      ['c', true],
    ]);
    expect(served.carrier.stats().sendCalls).toBe(1);
  });

  it('delivers what arrived in one read in one batch', async () => {
    const served = await serve();
    const socket = await webSocket(served);
    const { _socket: stream } = socket as unknown as { _socket: Socket };
    stream.cork();
    for (let i = 0; i < 100; i++) socket.send(Buffer.from(String(i)));
    stream.uncork();
    await untilTrue(() => served.received.length === 100);
    expect(served.received).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
    expect(served.carrier.stats().receiveBatches).toBeLessThan(5);
  });

  it('closes on text, after what came before', async () => {
    const served = await serve();
    const socket = await webSocket(served);
    socket.send(Buffer.from('binary'));
    socket.send('text');
    socket.send(Buffer.from('never'));
    expect((await closing(socket))[0]).toBe(1003);
    await untilTrue(() => served.gone.length === 1);
    expect(served.received).toEqual(['binary']);
    expect(closed(served).text_message).toBe(1);
  });

  it('closes on what is too large, and on what RFC 6455 forbids', async () => {
    const served = await serve({ maxDatagramBytes: 100 });
    const socket = await webSocket(served);
    socket.send(Buffer.alloc(100));
    socket.send(Buffer.alloc(101));
    expect((await closing(socket))[0]).toBe(1009);
    const other = await webSocket(served);
    // Without a mask.
    (other as unknown as { _socket: Socket })._socket.write(Buffer.from([0x82, 0x01, 0x41]));
    expect((await closing(other))[0]).toBe(1002);
    await untilTrue(() => served.gone.length === 2);
    expect(closed(served)).toMatchObject({ frame_oversize: 1, websocket_fault: 1 });
    expect(served.received.length).toBe(1);
  });

  it('tells the peer why', async () => {
    const served = await serve();
    const sockets = [await webSocket(served), await webSocket(served), await webSocket(served)];
    const ends = sockets.map(closing);
    served.carrier.connections?.disconnect(0, CloseCode.kicked, 'by an operator');
    served.carrier.connections?.disconnect(1, CloseCode.overload, `${'ä'.repeat(61)}äöü`);
    await Promise.all(ends.slice(0, 2));
    await served.carrier.close();
    expect(await Promise.all(ends)).toEqual([
      [3500, 'by an operator'],
      [3006, 'ä'.repeat(61)],
      [3001, ''],
    ]);
  });

  it('counts a close of the peer as such, and a connection that breaks', async () => {
    const served = await serve();
    const orderly = await webSocket(served);
    orderly.close(1000);
    await untilTrue(() => closed(served).peer_closed === 1);
    const broken = await webSocket(served);
    (broken as unknown as { _socket: Socket })._socket.resetAndDestroy();
    await untilTrue(() => served.gone.length === 2);
    expect(served.carrier.stats().connections?.open).toBe(0);
  });

  it('does not wait for ever for the close of the peer', async () => {
    const served = await serve({ lingerMs: 50 });
    const socket = await webSocket(served);
    socket.pause();
    served.carrier.connections?.disconnect(0, CloseCode.normal, '');
    await untilTrue(() => served.carrier.stats().connections?.open === 0);
    expect(closed(served).disconnected).toBe(1);
  });

  it('ends a connection that answers no pings, and keeps one that does, or that talks', async () => {
    const served = await serve({ pingIntervalMs: 40, firstDatagramTimeoutMs: 60_000 });
    await webSocket(served);
    const silent = await webSocket(served, ['kcpgate.v1'], { autoPong: false });
    const talking = await webSocket(served, ['kcpgate.v1'], { autoPong: false });
    const talk = setInterval(() => talking.send(Buffer.from('.')), 20);
    await closing(silent);
    await new Promise((resolve) => setTimeout(resolve, 200));
    clearInterval(talk);
    expect(served.gone).toEqual([1]);
    expect(closed(served).ping_timeout).toBe(1);
  });

  it('does not take one for dead that it does not read', async () => {
    const served = await serve({ pingIntervalMs: 20, firstDatagramTimeoutMs: 60_000 });
    const socket = await webSocket(served);
    served.carrier.connections?.pause?.(0);
    socket.send(Buffer.from('unread'));
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect([served.gone, served.received]).toEqual([[], []]);
    served.carrier.connections?.resume?.(0);
    await untilTrue(() => served.received.length === 1);
  });

  it('refuses what it does not want, with a status that says why', async () => {
    const served = await serve({ allowedOrigins: ['https://app.example.com'], maxConnectionsPerSource: 1 });
    const { url } = served;
    const { 'Sec-WebSocket-Protocol': _protocol, ...withoutProtocol } = UPGRADE;
    const page = { Origin: 'https://evil.example.com' };
    expect(await statusOf(url, { ...UPGRADE, ...page })).toBe(403);
    expect(await statusOf(url, withoutProtocol)).toBe(400);
    expect(await statusOf(url, { ...UPGRADE, 'Sec-WebSocket-Protocol': 'kcpgate.v10' })).toBe(400);
    expect(await statusOf(url, { ...UPGRADE, 'Sec-WebSocket-Version': '7' })).toBe(400);
    expect(await statusOf(url, { ...UPGRADE, 'Sec-WebSocket-Key': 'short' })).toBe(400);
    await webSocket(served, ['kcpgate.v1'], { origin: 'https://app.example.com' });
    expect(await statusOf(url, UPGRADE)).toBe(429);
    expect(refused(served)).toMatchObject({
      origin_not_allowed: 1,
      subprotocol_missing: 2,
      bad_upgrade: 2,
      source_limit: 1,
    });
    await served.carrier.close();
    expect(await statusOf(url, UPGRADE)).toBe(503);
    expect(refused(served).closing).toBe(1);

    const small = await serve({ maxConnections: 1 });
    await webSocket(small);
    expect(await statusOf(small.url, UPGRADE)).toBe(503);
    expect(refused(small).connection_limit).toBe(1);
  });

  it('gives the place of a connection that is gone to another', async () => {
    const served = await serve({ maxConnections: 1 });
    for (let i = 0; i < 3; i++) {
      const socket = await webSocket(served);
      socket.close();
      await untilTrue(() => served.carrier.stats().connections?.open === 0);
    }
    expect(served.gone).toEqual([0, 0, 0]);
  });
});

describe('connectWsCarrier', () => {
  it('takes an address in place of the name, and headers', async () => {
    const http = createServer();
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    const seen: IncomingMessage['headers'][] = [];
    const served = createWsCarrier({ localAddress: { ...LOOPBACK_V4, port } });
    http.on('upgrade', (request, socket, head) => {
      seen.push(request.headers);
      served.handleUpgrade(request, socket, head, CLIENT);
    });
    const client = await connectWsCarrier({
      url: `ws://gateway.example:${String(port)}/kcp`,
      address: '127.0.0.1',
      headers: { Authorization: 'Bearer token' },
      localAddress: '127.0.0.3',
    });
    client.start(() => undefined);
    expect(seen[0]).toMatchObject({ host: `gateway.example:${String(port)}`, authorization: 'Bearer token' });
    expect(client.localAddress.address).toBe('127.0.0.3');
    expect(client.remoteAddress).toEqual({ address: '127.0.0.1', family: 4, port });
    served.start(() => undefined);
    await served.close();
    await client.close();
    await stop(http);
  });

  it('says why it cannot connect', async () => {
    const failed = { code: 'connect_failed' };
    const http = createServer((_request, response) => response.writeHead(404).end());
    // It neither takes the upgrade nor refuses it.
    let ignore = false;
    http.on('upgrade', (_request, socket) => {
      if (!ignore) socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
      else open.push({ close: () => Promise.resolve(socket.destroy()) });
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    const url = `ws://127.0.0.1:${String(port)}/kcp`;
    await expect(connectWsCarrier({ url })).rejects.toMatchObject(failed);
    ignore = true;
    await expect(connectWsCarrier({ url, timeoutMs: 30 })).rejects.toMatchObject({ code: 'connect_timeout' });
    await expect(connectWsCarrier({ url, signal: AbortSignal.timeout(30) })).rejects.toMatchObject(failed);
    await expect(connectWsCarrier({ url, signal: AbortSignal.abort() })).rejects.toMatchObject(failed);
    await expect(connectWsCarrier({ url: 'http:/nowhere' })).rejects.toMatchObject(failed);
    await expect(connectWsCarrier({ url: url.replace('ws:', 'wss:') })).rejects.toMatchObject(failed);
    http.closeAllConnections();
    http.close();
    await expect(connectWsCarrier({ url: 'ws://127.0.0.1:1/' })).rejects.toMatchObject(failed);
  });
});
