import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { expect, test } from 'vitest';
import { openCarrier } from '../../../../src/client/node/open-carrier.ts';
import type { Line } from '../../../../src/client/login-answer.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../../../support/tls.ts';

test('a TLS server is told the name of the line, however its address was found', async () => {
  const names: string[] = [];
  const server = createServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, (socket) => {
    socket.on('error', () => undefined);
    names.push(String(socket.servername));
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const own = { gatewayId: 0, tls: true, port, region: '', priority: 0, weight: 100, path: '/kcp' };
  const remote = { address: '127.0.0.1', family: 4, port } as const;
  const { signal } = new AbortController();
  for (const [transport, host, servername] of [
    ['tcp', 'localhost', undefined],
    ['tcp', '127.0.0.1', undefined],
    ['tcp', 'localhost', 'gw.example'],
    ['wss', 'localhost', undefined],
    ['wss', '127.0.0.1', undefined],
  ] as const) {
    const line: Line = { ...own, id: 'line', transport, host };
    const tls = { ca: TEST_CERTIFICATE, rejectUnauthorized: false, ...(servername ? { servername } : {}) };
    const opening = openCarrier(line, remote, { maxDatagramBytes: 2048, timeoutMs: 5000, tls }, signal);
    await opening.then(
      ({ carrier }) => carrier.close(),
      () => undefined,
    );
  }
  server.close();
  await once(server, 'close');
  expect(names).toEqual(['localhost', 'false', 'gw.example', 'localhost', 'false']);
});

test('what is for probes takes little memory', async () => {
  const remote = { address: '127.0.0.1', family: 4, port: 9 } as const;
  const line: Line = {
    ...{ id: 'line', gatewayId: 0, transport: 'udp', tls: false, host: '127.0.0.1', port: 9 },
    ...{ path: '', region: '', priority: 0, weight: 100 },
  };
  const { signal } = new AbortController();
  const sizeOf = async (isForProbes?: boolean): Promise<number> => {
    const options = { maxDatagramBytes: 2048, isForProbes, timeoutMs: 1000 };
    const { carrier } = await openCarrier(line, remote, options, signal);
    await carrier.close();
    return carrier.arena.bytes.length;
  };
  expect(await sizeOf()).toBeGreaterThan(100_000);
  expect(await sizeOf(true)).toBeLessThan(20_000);
});
