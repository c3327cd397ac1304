import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { connectStock, createClient, type ClientSession } from '../../../src/client/node/index.ts';
import { countedBy } from '../../support/nginx-crowd.ts';
import { NginxFront } from '../../support/nginx-front.ts';
import type { GatewayBehindNginx, ShownSession } from '../../support/nginx-gateway.ts';
import { ownAddresses } from '../../support/nginx-own-sockets.ts';
import { peer } from '../../support/peers.ts';
import { TEST_CERTIFICATE } from '../../support/tls.ts';

/** Who a liar wants to be. */
const SPOOFED = '198.51.100.66';

peer('nginx').describe('gateways behind nginx', () => {
  let front: NginxFront;
  const closers: (() => unknown)[] = [];
  beforeAll(async () => {
    // Every address but this one is a stranger's.
    front = await NginxFront.start({ listener: "trusted_proxies: ['127.0.0.1/32', '::1/128']" });
    return () => front.stop();
  }, 120_000);
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** A session over lines of that kind, to an address of nginx. */
  async function open(kind: string, host: string): Promise<ClientSession> {
    const client = createClient({
      loginUrl: front.loginUrl,
      line: ({ id }) => id.startsWith(`${kind}-`),
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        const answer = (await response.json()) as { readonly lines: readonly object[] };
        const lines = answer.lines.map((line) => ({ ...line, host }));
        return Response.json({ ...answer, lines });
      },
      tls: { ca: TEST_CERTIFICATE, ...(kind === 'tls' ? { alpnProtocols: ['kcp-tcp'] } : {}) },
    });
    closers.push(() => client.destroy());
    return client.connect();
  }

  async function echoes(session: ClientSession, word: string): Promise<void> {
    session.send(Buffer.from(word));
    for await (const message of session) {
      expect(Buffer.from(message).toString()).toBe(word);
      break;
    }
  }

  const ownersOf = async (gateway: GatewayBehindNginx): Promise<(readonly [number, number])[]> =>
    (await gateway.sessions()).map(({ conv }) => [conv, gateway.id]);
  const sessionsOf = async (gateways: readonly GatewayBehindNginx[]): Promise<ShownSession[]> =>
    (await Promise.all(gateways.map((gateway) => gateway.sessions()))).flat();

  test(
    'know the real address of each client, on every line, IPv4 and IPv6',
    { timeout: 30_000 },
    async () => {
      const { udp, tcp, shared, http } = front.ports;
      const kinds = { udp, tcp, tls: shared, ws: http, wss: shared };
      const shown: string[] = [];
      for (const [kind, port] of Object.entries(kinds)) {
        for (const host of ['127.0.0.1', '::1']) {
          const before = ownAddresses(port);
          const known = (await sessionsOf(front.gateways)).map(({ conv }) => conv);
          const session = await open(kind, host);
          await echoes(session, kind);
          const [own, ...others] = (await sessionsOf(front.gateways)).filter(
            ({ conv }) => !known.includes(conv),
          );
          expect(others).toEqual([]);
          const fresh = [...ownAddresses(port)].filter((address) => !before.has(address));
          expect(fresh, `${kind} ${host}`).toContain(own!.address);
          shown.push(`${kind} ${own!.address}`);
          await session.close();
        }
      }
      // Without a login: the room that a client leaves for its address nginx does not fill, its header says it.
      const stock = await connectStock({ host: '127.0.0.1', port: udp, peer: 'kcpgate' });
      closers.push(() => stock.destroy());
      stock.send(Buffer.from('stock'));
      for await (const _ of stock) break;
      const openNow = (await sessionsOf(front.gateways)).map(({ address }) => address);
      expect(openNow.filter((address) => ownAddresses(udp).has(address))).toHaveLength(1);
      console.log(`clients as gateways saw them: ${shown.join(', ')}`);
    },
  );

  test(
    'get their share of the sessions, and each keeps its own when clients move',
    { timeout: 30_000 },
    async () => {
      const sessions = await Promise.all(Array.from({ length: 24 }, () => open('udp', '127.0.0.1')));
      // A gateway has a session when the first datagram behind the handshake came.
      await Promise.all(sessions.map((session) => echoes(session, 'hello')));
      const owners = new Map((await Promise.all(front.gateways.map(ownersOf))).flat());
      expect(owners.size).toBe(24);
      for (const [conv, id] of owners) expect(conv >>> 24).toBe(id);
      console.log(`sessions of each gateway: ${countedBy([...owners.values()], (id) => id)}`);
      expect(new Set(owners.values()).size).toBe(3);
      for (const session of sessions.slice(0, 4)) {
        for (const line of ['tcp', 'ws', 'udp']) {
          await session.moveTo(({ id }) => id.startsWith(`${line}-`));
          await echoes(session, line);
        }
      }
      const after = await sessionsOf(front.gateways);
      expect(after.map(({ conv }) => conv).sort()).toEqual([...owners.keys()].sort());
    },
  );

  test('do not believe headers of strangers', { timeout: 30_000 }, async () => {
    const gateway = front.gateway(1);
    const header = Buffer.from(`PROXY TCP4 ${SPOOFED} 127.0.0.1 4000 4000\r\n`);
    const socket = createSocket('udp4').bind(0, '127.0.0.2');
    closers.push(() => socket.close());
    await once(socket, 'listening');
    socket.send(Buffer.concat([header, Buffer.alloc(100, 7)]), gateway.ports.udp, '127.0.0.1');
    while ((await gateway.drops('udp')).proxy_untrusted === 0) await delay(20);

    // As frames these are nonsense: the first would be 20,562 bytes long.
    const stream = connectTcp({ port: gateway.ports.tcp, host: '127.0.0.1', localAddress: '127.0.0.2' });
    closers.push(() => stream.destroy());
    stream.on('error', () => undefined);
    stream.resume().end(header);
    await new Promise((resolve) => stream.once('close', resolve));

    // What nginx itself says of its client, it does not take from that client.
    const body = {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': SPOOFED },
    };
    const response = await fetch(front.loginUrl, body);
    expect(response.status).toBe(200);
    const { sessions } = (await response.json()) as {
      readonly sessions: readonly { readonly gatewayId: number }[];
    };
    const record = await front.gateway(sessions[0]!.gatewayId).process.record('login');
    expect(record.source).toBe('127.0.0.1');
    expect(front.gateways.map(({ process }) => process.output).join('')).not.toContain(SPOOFED);
  });
});
