import { describe, expect, it } from 'vitest';
import { connectTcpCarrier } from '../../../../src/carrier/node/tcp-client.ts';
import { connectWsCarrier } from '../../../../src/carrier/node/ws-client.ts';
import { tcpServer, wsServer } from '../../../contract/connection-servers.ts';
import { LOOPBACK_V4, untilTrue } from '../../../contract/loopback.ts';

/** Sockets and timers of this process that are alive, as Node counts them. */
const alive = (): string[] =>
  process.getActiveResourcesInfo().filter((name) => /^(TCP|TLS|Timeout|Immediate|GetAddrInfo)/.test(name));

/** Waits until nothing is alive beside what was before, of which the test runner may have ended some. */
function untilAsBefore(before: readonly string[]): Promise<void> {
  return untilTrue(() => {
    const known = [...before];
    return alive().every((name) => {
      const index = known.indexOf(name);
      if (index >= 0) known.splice(index, 1);
      return index >= 0;
    });
  });
}

describe('after its close', () => {
  it.each([
    ['tcp', tcpServer(LOOPBACK_V4, LOOPBACK_V4, false)],
    ['tcp with tls', tcpServer(LOOPBACK_V4, LOOPBACK_V4, true)],
    ['ws', wsServer(LOOPBACK_V4, false)],
    ['wss', wsServer(LOOPBACK_V4, true)],
  ])('nothing is left of %s: no socket, no timer', async (_name, createServer) => {
    const before = alive();
    const server = await createServer();
    const clients = [await server.connect(), await server.connect(), await server.connect()];
    server.carrier.start(() => undefined);
    for (const client of clients) client.start(() => undefined);
    await untilTrue(() => server.carrier.stats().connections?.open === 3);
    server.carrier.connections?.confirm(0);
    await clients[0]?.close();
    await server.carrier.close();
    await clients[1]?.close();
    await clients[2]?.close();
    await server.close();
    await untilAsBefore(before);
  });

  it('nothing is left of a connection that could not be made', async () => {
    const before = alive();
    const { signal } = new AbortController();
    const remote = { ...LOOPBACK_V4, port: 1 };
    await expect(connectTcpCarrier({ remote, signal })).rejects.toThrow();
    await expect(connectTcpCarrier({ remote, signal, tls: {} })).rejects.toThrow();
    await expect(connectWsCarrier({ url: 'ws://127.0.0.1:1/kcp', signal })).rejects.toThrow();
    await expect(connectWsCarrier({ url: 'not a URL', signal })).rejects.toThrow();
    await untilAsBefore(before);
  });
});
