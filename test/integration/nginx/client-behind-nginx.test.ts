import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { createClient, type ClientStatus } from '../../../src/client/node/index.ts';
import { clientSessionTerms } from '../../../src/client/sdk/session-options.ts';
import { loadConfig } from '../../../src/gateway/config/load.ts';
import { startLoginGateway } from '../../support/login-gateway.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Forwards the datagrams of one client, and sends it an empty one before and behind each answer, as nginx before 1.23 does now and then. */
async function startForwarder(target: number): Promise<number> {
  const bound = async (): Promise<Socket> => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    closers.push(() => socket.close());
    return socket;
  };
  const [front, back] = [await bound(), await bound()];
  let client = 0;
  front.on('message', (datagram, { port }) => {
    client = port;
    back.send(datagram, target, '127.0.0.1');
  });
  back.on('message', (datagram) => {
    for (const bytes of [Buffer.alloc(0), datagram, Buffer.alloc(0)]) front.send(bytes, client, '127.0.0.1');
  });
  return front.address().port;
}

describe('a client behind nginx', () => {
  test('does not mind datagrams without a byte', { timeout: 30_000 }, async () => {
    const { gateway, loginUrl, ports } = await startLoginGateway();
    closers.push(() => gateway.stop());
    const port = await startForwarder(ports.udp);
    const client = createClient({
      loginUrl,
      // What a busy machine makes of the line is another matter.
      switching: false,
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        const answer = (await response.json()) as {
          readonly lines: readonly { readonly transport: string }[];
        };
        const lines = answer.lines.filter(({ transport }) => transport === 'udp');
        return Response.json({ ...answer, lines: lines.map((line) => ({ ...line, port })) });
      },
    });
    closers.push(() => client.destroy());
    const told: ClientStatus[] = [];
    const session = await client.connect({ onStatus: (status) => told.push(status) });
    for (let number = 0; number < 100; number++) session.send(Buffer.from(String(number)));
    const received: string[] = [];
    for await (const message of session) {
      received.push(Buffer.from(message).toString());
      if (received.length === 100) break;
    }
    expect(received).toEqual(Array.from({ length: 100 }, (_, number) => String(number)));
    expect(told.filter(({ type }) => ['pathlost', 'moved', 'reconnecting', 'close'].includes(type))).toEqual(
      [],
    );
  });

  test('is heard of more often than nginx forgets clients, by default', () => {
    const loaded = loadConfig({ text: '', env: {} });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
    const { sessionTimeoutMs } = loaded.config.front;
    const { keepAliveMs, idleTimeoutMs } = clientSessionTerms({});
    // Three signs of life may be lost, and a session that is given up was so for a while.
    expect(3 * keepAliveMs).toBeLessThan(sessionTimeoutMs);
    expect(2 * idleTimeoutMs).toBeLessThan(sessionTimeoutMs);
    expect(2 * loaded.config.sessions.idleTimeoutMs).toBeLessThan(sessionTimeoutMs);
  });
});
