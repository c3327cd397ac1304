import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { connect, login } from '../../src/client/node/index.ts';
import { ProxyHeader, parseProxyHeader, wireMemory, writeProxyV2 } from '../../src/wire/index.ts';
import { startLoginGateway, type LoginGateway } from '../support/login-gateway.ts';

const CLIENT = { address: '203.0.113.7', family: 4, port: 40_001 } as const;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** What a server sees of its clients: the PROXY header each connection begins with. */
async function serverThatReadsHeaders(): Promise<{ port: number; next(): Promise<ProxyHeader> }> {
  const headers: ProxyHeader[] = [];
  const waiting: ((header: ProxyHeader) => void)[] = [];
  const server = createServer((socket) => {
    socket.once('data', (bytes) => {
      const header = new ProxyHeader();
      expect(parseProxyHeader(wireMemory(bytes), 0, bytes.length, 'proxy', header)).toBe('ok');
      const waiter = waiting.shift();
      if (waiter === undefined) headers.push(header);
      else waiter(header);
    });
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return {
    port: (server.address() as AddressInfo).port,
    next: () => {
      const header = headers.shift();
      if (header !== undefined) return Promise.resolve(header);
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}

async function gatewayInFront(port: number, listeners: string): Promise<LoginGateway> {
  const running = await startLoginGateway({
    listeners,
    rest: `upstreams: { app: { type: tcp, proxy_protocol: v2, servers: [ { address: "127.0.0.1:${String(port)}" } ] } }
routes: [ { name: all, match: {}, target: app } ]`,
  });
  closers.push(() => running.gateway.stop());
  return running;
}

/** A UDP proxy that says who its client is, in front of the first datagram or of each. */
async function udpProxy(target: number, header: Uint8Array, everyTime: boolean): Promise<number> {
  const front = createSocket('udp4').bind(0, '127.0.0.1');
  const back = createSocket('udp4').bind(0, '127.0.0.1');
  await Promise.all([once(front, 'listening'), once(back, 'listening')]);
  closers.push(() => {
    front.close();
    back.close();
  });
  let client = { address: '', port: 0 };
  let isFirst = true;
  front.on('message', (datagram, from) => {
    client = from;
    const withHeader = isFirst || everyTime;
    isFirst = false;
    back.send(withHeader ? Buffer.concat([header, datagram]) : datagram, target, '127.0.0.1');
  });
  back.on('message', (datagram) => front.send(datagram, client.port, client.address));
  return front.address().port;
}

/** A TCP proxy that says who its client is. */
async function tcpProxy(target: number, header: Uint8Array): Promise<number> {
  const server = createServer((socket) => {
    const onward = connectTcp(target, '127.0.0.1');
    onward.write(header);
    socket.pipe(onward).pipe(socket);
    for (const end of [socket, onward]) end.on('error', () => undefined);
    onward.on('close', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function proxyHeader(port: number, transport: 'stream' | 'datagram'): Uint8Array {
  const memory = wireMemory(new Uint8Array(128));
  const destination = { address: '198.51.100.1', family: 4, port } as const;
  return memory.bytes.slice(0, writeProxyV2(memory, 0, { transport, source: CLIENT, destination }));
}

/** Opens a session by one line, at another port than the login says, and tells who the server takes the client for. */
async function seenBy(
  next: () => Promise<ProxyHeader>,
  { gateway, loginUrl }: LoginGateway,
  line: 'udp' | 'tcp' | 'ws',
  port: number,
): Promise<string> {
  const answer = await login({ loginUrl });
  const lines = answer.lines.map((one) => (one.id === line ? { ...one, port } : one));
  const connection = await connect({ credentials: { ...answer, lines }, line, stream: true });
  closers.push(() => connection.destroy());
  const header = await next();
  const { address, port: sourcePort } = header.sourceAddress();
  const [session] = await gateway.sessions();
  expect(session?.remoteAddress).toMatchObject({ address, port: sourcePort });
  await connection.destroy();
  return `${address}:${String(sourcePort)}`;
}

describe('the address of the client, as its server is told', () => {
  test.each(['udp', 'tcp', 'ws'] as const)('is where its datagrams come from: %s', async (line) => {
    const { port, next } = await serverThatReadsHeaders();
    const running = await gatewayInFront(port, '');
    expect(await seenBy(next, running, line, running.ports[line])).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test.each(['tcp', 'ws'] as const)('is what the PROXY header of a trusted proxy says: %s', async (line) => {
    const { port, next } = await serverThatReadsHeaders();
    const running = await gatewayInFront(port, 'proxy_protocol: proxy');
    const at = await tcpProxy(running.ports[line], proxyHeader(running.ports[line], 'stream'));
    expect(await seenBy(next, running, line, at)).toBe('203.0.113.7:40001');
  });

  test.each([
    ['the first datagram', false],
    ['every datagram', true],
  ])('is what the PROXY header in front of %s says', async (_, everyTime) => {
    const { port, next } = await serverThatReadsHeaders();
    const running = await gatewayInFront(port, 'proxy_protocol: proxy');
    const at = await udpProxy(running.ports.udp, proxyHeader(running.ports.udp, 'datagram'), everyTime);
    expect(await seenBy(next, running, 'udp', at)).toBe('203.0.113.7:40001');
  });

  test.each(['udp', 'tcp', 'ws'] as const)(
    'is not what an address says that is no trusted proxy: %s',
    async (line) => {
      const { port, next } = await serverThatReadsHeaders();
      const running = await gatewayInFront(port, 'proxy_protocol: proxy, trusted_proxies: [ "10.0.0.0/8" ]');
      const header = proxyHeader(running.ports[line], line === 'udp' ? 'datagram' : 'stream');
      const at =
        line === 'udp'
          ? await udpProxy(running.ports.udp, header, false)
          : await tcpProxy(running.ports[line], header);
      const seen = await seenBy(next, running, line, at).catch(() => 'not let in');
      expect(seen).not.toContain('203.0.113.7');
    },
  );
});
