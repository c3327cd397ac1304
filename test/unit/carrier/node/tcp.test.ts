import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CloseCode } from '../../../../src/base/close-code.ts';
import type { Carrier } from '../../../../src/carrier/carrier.ts';
import { createTcpCarrier, type TcpCarrierOptions } from '../../../../src/carrier/node/tcp.ts';
import { connectTcpCarrier } from '../../../../src/carrier/node/tcp-client.ts';
import { hasIpv6, LOOPBACK_V4, untilTrue } from '../../../contract/loopback.ts';
import { datagramsOf } from '../../../contract/received.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../../../support/tls.ts';

const TLS = { key: TEST_KEY, cert: TEST_CERTIFICATE };
const V1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n';

const open: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(open.splice(0).map((each) => each.close()));
});

interface Served {
  readonly carrier: Carrier;
  /** Text and sender of each datagram. */
  readonly received: [string, string][];
  readonly gone: number[];
  readonly port: number;
}

async function serve(options: Partial<TcpCarrierOptions> = {}): Promise<Served> {
  const carrier = await createTcpCarrier({ bind: LOOPBACK_V4, lingerMs: 100, ...options });
  open.push(carrier);
  const received: [string, string][] = [];
  const gone: number[] = [];
  carrier.start(
    (batch) => {
      for (const { bytes, slot } of datagramsOf(batch)) {
        received.push([Buffer.from(bytes).toString(), carrier.addressOf(slot).address]);
      }
    },
    { disconnected: (slot) => gone.push(slot) },
  );
  return { carrier, received, gone, port: carrier.localAddress.port };
}

/** A connection of a program that is not ours. It does not end when the other side does. */
async function raw(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  socket.on('error', () => undefined);
  open.push({ close: () => Promise.resolve(socket.destroy()) });
  await once(socket, 'connect');
  return socket;
}

const frame = (text: string): string => String.fromCharCode(text.length >> 8, text.length & 255) + text;
const closed = ({ carrier }: Served) => carrier.stats().connections!.closed;
const refused = ({ carrier }: Served) => carrier.stats().connections!.refused;

/** Waits until the other side ended a connection. */
async function ended(socket: Socket): Promise<void> {
  let isEnded = false;
  const end = (): void => void (isEnded = true);
  socket.resume().once('end', end).once('close', end);
  await untilTrue(() => isEnded);
}

/** Everything a socket gives until it ends. */
async function readAll(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

describe('createTcpCarrier', () => {
  it('frames datagrams as RFC 4571 does', async () => {
    const served = await serve();
    const socket = await raw(served.port);
    socket.write(frame('first') + frame('x'.repeat(300)), 'latin1');
    await untilTrue(() => served.received.length === 2);
    expect(served.received.map(([text]) => text.length)).toEqual([5, 300]);
    const { carrier } = served;
    for (const text of ['answer', 'y'.repeat(259)]) {
      carrier.arena.target = 0;
      carrier.arena.bytes.set(Buffer.from(text), carrier.arena.reserve(text.length));
      carrier.arena.commit(text.length);
    }
    carrier.flush();
    carrier.connections?.disconnect(0, CloseCode.normal, '');
    expect(await readAll(socket)).toBe(`\0\x06answer\x01\x03${'y'.repeat(259)}`);
    expect(carrier.stats()).toMatchObject({ sendCalls: 1, sentDatagrams: 2, sentBytes: 265 });
  });

  it('reads what comes in single bytes', async () => {
    const served = await serve();
    const socket = await raw(served.port);
    for (const byte of Buffer.from(frame('slow') + frame('but whole'), 'latin1')) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await untilTrue(() => served.received.length === 2);
    expect(served.received.map(([text]) => text)).toEqual(['slow', 'but whole']);
  });

  it.each([
    ['frame_empty', '\0\0'],
    ['frame_oversize', '\xff\xff'],
  ] as const)('%s ends the connection, after what came before', async (reason, bytes) => {
    const served = await serve();
    const socket = await raw(served.port);
    socket.write(frame('good') + bytes + frame('bad'), 'latin1');
    await ended(socket);
    expect(served.received.map(([text]) => text)).toEqual(['good']);
    expect(closed(served)[reason]).toBe(1);
    expect(served.gone).toEqual([0]);
  });

  it('tells of a peer that ends its half only, and still sends it what was flushed', async () => {
    const served = await serve();
    const socket = await raw(served.port);
    served.carrier.connections?.confirm(0);
    socket.write(frame('question'), 'latin1');
    await untilTrue(() => served.received.length === 1);
    const { arena } = served.carrier;
    arena.target = 0;
    arena.bytes.set(Buffer.from('answer'), arena.reserve(6));
    arena.commit(6);
    served.carrier.flush();
    socket.end();
    await untilTrue(() => served.gone.length === 1);
    expect(await readAll(socket)).toBe('\0\x06answer');
    expect(closed(served).peer_closed).toBe(1);
  });

  it('tells of a peer that resets', async () => {
    const served = await serve();
    const socket = await raw(served.port);
    await untilTrue(() => served.carrier.stats().connections?.open === 1);
    socket.resetAndDestroy();
    await untilTrue(() => served.gone.length === 1);
    expect(closed(served).error).toBe(1);
    expect(served.carrier.stats().socketErrors).toBe(1);
  });

  it.each([
    ['waits for the peer after its own end', 60_000, true],
    ['but not for ever', 50, false],
  ])('%s', async (_name, lingerMs, ends) => {
    const served = await serve({ lingerMs });
    const socket = await raw(served.port);
    socket.write(frame('here'), 'latin1');
    await untilTrue(() => served.received.length === 1);
    served.carrier.connections?.disconnect(0, CloseCode.normal, '');
    if (ends) {
      await ended(socket);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(served.carrier.stats().connections?.open).toBe(1);
      socket.end();
    }
    await untilTrue(() => served.carrier.stats().connections?.open === 0);
    expect(closed(served).disconnected).toBe(1);
  });

  it.each([
    ['plain', {}],
    ['TLS', { tls: TLS }],
  ])('does not hold its whole arena for what one connection does not take: %s', async (_name, options) => {
    const served = await serve({ ...options, maxDatagramBytes: 60_000, maxQueueBytes: 1 << 30 });
    const { carrier } = served;
    const remote = { ...LOOPBACK_V4, port: served.port };
    // It is never started, so it does not read.
    const client = await connectTcpCarrier({
      remote,
      lingerMs: 100,
      ...('tls' in options ? { tls: { ca: TEST_CERTIFICATE } } : {}),
    });
    open.push(client);
    await untilTrue(() => carrier.stats().connections?.open === 1);
    const arenas = new Set<Uint8Array>();
    for (let i = 0; i < 400; i++) {
      carrier.arena.target = 0;
      carrier.arena.reserve(60_000);
      carrier.arena.commit(60_000);
      carrier.flush();
      arenas.add(carrier.arena.bytes);
    }
    expect(carrier.connections?.queuedBytes(0)).toBeGreaterThan(1_000_000);
    expect(arenas.size).toBeLessThanOrEqual(2);
  });

  it('tells after the start of what went before', async () => {
    const carrier = await createTcpCarrier({ bind: LOOPBACK_V4, firstDatagramTimeoutMs: 20 });
    open.push(carrier);
    await raw(carrier.localAddress.port);
    await untilTrue(() => carrier.stats().connections?.closed.first_datagram_timeout === 1);
    const gone: string[] = [];
    carrier.start(() => undefined, {
      disconnected: (slot) => gone.push(carrier.addressOf(slot).address),
    });
    expect(gone).toEqual([]);
    await untilTrue(() => gone.length === 1);
    expect(gone).toEqual(['127.0.0.1']);
    expect(() => carrier.addressOf(0)).toThrow(RangeError);
  });

  it('refuses an address in use, and a key that is none', async () => {
    const served = await serve();
    const bind = { ...LOOPBACK_V4, port: served.port };
    await expect(createTcpCarrier({ bind })).rejects.toMatchObject({ code: 'address_in_use' });
    const tls = { key: 'no key', cert: TEST_CERTIFICATE };
    await expect(createTcpCarrier({ bind: LOOPBACK_V4, tls })).rejects.toMatchObject({
      code: 'config_invalid',
    });
    await expect(createTcpCarrier({ bind: LOOPBACK_V4, maxDatagramBytes: 70_000 })).rejects.toThrow(
      RangeError,
    );
  });
});

describe('createTcpCarrier behind a proxy', () => {
  const proxied = { proxy: 'proxy', isTrusted: (address: string) => address === '127.0.0.1' } as const;

  it('shows the client of a trusted proxy, and limits by it', async () => {
    const served = await serve({ ...proxied, maxConnectionsPerSource: 1 });
    const [first, second, own] = [await raw(served.port), await raw(served.port), await raw(served.port)];
    first.write(V1 + frame('one'), 'latin1');
    await untilTrue(() => served.received.length === 1);
    second.write(V1 + frame('two'), 'latin1');
    await ended(second);
    expect(refused(served).source_limit).toBe(1);
    own.write(frame('mine'), 'latin1');
    await untilTrue(() => served.received.length === 2);
    expect(served.received).toEqual([
      ['one', '192.0.2.7'],
      ['mine', '127.0.0.1'],
    ]);
  });

  it('does not believe anybody else', async () => {
    const served = await serve({ proxy: 'proxy' });
    (await raw(served.port)).write(V1 + frame('one'), 'latin1');
    // "PR" is the length of a frame that is too large.
    await untilTrue(() => closed(served).frame_oversize === 1);
    expect(served.received).toEqual([]);
  });

  it.each([
    ['proxy_malformed', 'PROXY TCP4 nowhere\r\n'],
    ['proxy_version', Buffer.from('0d0a0d0a000d0a515549540a31000000', 'hex').toString('latin1')],
  ] as const)('%s ends the connection before it is one', async (reason, text) => {
    const served = await serve(proxied);
    const socket = await raw(served.port);
    socket.write(text, 'latin1');
    await ended(socket);
    expect(refused(served)[reason]).toBe(1);
    expect(served.carrier.stats().connections).toMatchObject({ opened: 0, open: 0 });
  });

  it('counts the time of header and first datagram together', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const served = await serve({ ...proxied, firstDatagramTimeoutMs: 150 });
    const silent = await raw(served.port);
    const slow = await raw(served.port);
    await untilTrue(() => vi.getTimerCount() === 2);
    vi.advanceTimersByTime(100);
    slow.write(V1);
    await untilTrue(() => served.carrier.stats().connections?.open === 1);
    // Not 100 ms and then 150 more.
    vi.advanceTimersByTime(50);
    await Promise.all([ended(silent), ended(slow)]);
    expect(refused(served).proxy_incomplete).toBe(1);
    expect(closed(served).first_datagram_timeout).toBe(1);
  });

  it('counts connections without a header among all of them, and closes them with the carrier', async () => {
    const served = await serve({ ...proxied, maxConnections: 2 });
    const silent = [await raw(served.port), await raw(served.port)];
    await ended(await raw(served.port));
    expect(refused(served).connection_limit).toBe(1);
    await served.carrier.close();
    await Promise.all(silent.map((socket) => ended(socket)));
    expect(refused(served).closing).toBe(2);
  });

  it('takes TLS behind the header', async () => {
    const served = await serve({ ...proxied, tls: TLS });
    const socket = await raw(served.port);
    socket.write(V1);
    const secure = connectTls({ socket, ca: TEST_CERTIFICATE, servername: 'localhost' });
    await once(secure, 'secureConnect');
    secure.write(frame('sealed'), 'latin1');
    await untilTrue(() => served.received.length === 1);
    expect(served.received).toEqual([['sealed', '192.0.2.7']]);
    secure.destroy();
  });
});

describe('createTcpCarrier with TLS', () => {
  it('ends what does not speak TLS', async () => {
    const served = await serve({ tls: TLS });
    const socket = await raw(served.port);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await ended(socket);
    await untilTrue(() => served.carrier.stats().connections?.open === 0);
    expect(closed(served).tls_failed).toBe(1);
  });

  it('ends a handshake that does not come forward', async () => {
    const served = await serve({ tls: TLS, firstDatagramTimeoutMs: 60 });
    const socket = await raw(served.port);
    // The beginning of a ClientHello.
    socket.write(Buffer.from('1603010200010001fc0303', 'hex'));
    await ended(socket);
    expect(closed(served).first_datagram_timeout).toBe(1);
  });

  it('is not taken by a client that does not know it, and is for one that checks nothing', async () => {
    const served = await serve({ tls: TLS });
    const remote = { ...LOOPBACK_V4, port: served.port };
    await expect(connectTcpCarrier({ remote, tls: {} })).rejects.toMatchObject({ code: 'connect_failed' });
    const wrongName = { ca: TEST_CERTIFICATE, servername: 'elsewhere.example' };
    await expect(connectTcpCarrier({ remote, tls: wrongName })).rejects.toMatchObject({
      code: 'connect_failed',
    });
    open.push(await connectTcpCarrier({ remote, tls: { rejectUnauthorized: false } }));
  });
});

describe('connectTcpCarrier', () => {
  it('says why it cannot connect', async () => {
    const sockets: Socket[] = [];
    const listener = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const remote = { ...LOOPBACK_V4, port: (listener.address() as AddressInfo).port };
    // It accepts, and says nothing.
    await expect(connectTcpCarrier({ remote, tls: {}, timeoutMs: 30 })).rejects.toMatchObject({
      code: 'connect_timeout',
    });
    const signal = AbortSignal.timeout(30);
    await expect(connectTcpCarrier({ remote, tls: {}, signal })).rejects.toMatchObject({
      code: 'connect_failed',
    });
    await expect(connectTcpCarrier({ remote, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'connect_failed',
    });
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => listener.close(resolve));
    await expect(connectTcpCarrier({ remote })).rejects.toMatchObject({ code: 'connect_failed' });
  });

  it('connects from the address it is told', async () => {
    const served = await serve();
    const remote = { ...LOOPBACK_V4, port: served.port };
    const client = await connectTcpCarrier({ remote, localAddress: '127.0.0.3' });
    open.push(client);
    expect(client.localAddress.address).toBe('127.0.0.3');
    expect(client.remoteAddress).toEqual(remote);
  });
});

describe.runIf(await hasIpv6())('a dual-stack TCP carrier', () => {
  it('shows IPv4 clients as such', async () => {
    const served = await serve({ bind: { address: '::', family: 6, port: 0 } });
    (await raw(served.port)).write(frame('four'), 'latin1');
    await untilTrue(() => served.received.length === 1);
    expect(served.received).toEqual([['four', '127.0.0.1']]);
  });
});
