import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../../src/gateway/config/load.ts';
import { renderNginxSet } from '../../../tools/kcpgate/nginx/nginx-set.ts';
import { writeSet } from '../../../tools/kcpgate/nginx/write-set.ts';
import { freePorts } from '../../support/free-ports.ts';
import { NginxProcess } from '../../support/nginx-process.ts';
import { peer } from '../../support/peers.ts';

const LIMIT = 3;

let folder: string;
const sockets: Socket[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-nginx-limit-'));
  // The workers of nginx are another user.
  chmodSync(folder, 0o755);
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
  rmSync(folder, { recursive: true });
});

async function socketOn(port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  sockets.push(socket);
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** How many of these clients the gateway answers, when each asks so often, or until it has an answer. */
async function answered(clients: readonly Socket[], port: number, times: number): Promise<number> {
  const datagram = Buffer.alloc(24);
  datagram.writeUInt32LE(0x01_00_00_05, 0);
  datagram[4] = 0xa0;
  const served = new Set<Socket>();
  for (let time = 0; time < times; time++) {
    await Promise.all(
      clients
        .filter((client) => !served.has(client))
        .map(async (client) => {
          const answer = once(client, 'message', { signal: AbortSignal.timeout(ANSWER_MS) });
          client.send(datagram, port, '127.0.0.1');
          await answer.then(() => served.add(client)).catch(() => undefined);
        }),
    );
  }
  return served.size;
}

/** For an answer from this host, when it is busy. */
const ANSWER_MS = 400;
const PATIENT = 10;

peer('nginx').describe('the limit on sessions of one address', () => {
  test('strikes, and not because of a reload', async () => {
    const [port, tcpPort, gatewayPort] = await freePorts(1, 1, 1);
    const text = `front:
  gateways: [{ name: a, gateway_id: 1, udp: '127.0.0.1:${String(gatewayPort)}', http: '127.0.0.1:1' }]
  udp_port: ${String(port)}
  http_port: ${String(tcpPort)}
  max_sessions_per_source: ${String(LIMIT)}
  workers: 1
  pid_file: n.pid
  log_directory: .
`;
    const result = loadConfig({ text, env: {} });
    if (!result.ok) throw new Error(JSON.stringify(result.errors));
    writeSet(renderNginxSet(result.config.front), folder, false);
    const gateway = await socketOn(gatewayPort!);
    gateway.on('message', (_, from) => gateway.send('here', from.port, from.address));
    const nginx = await NginxProcess.start({
      ...{ prefix: folder, config: 'nginx.conf', errorLog: 'error.log', tcpPort: tcpPort! },
    });
    try {
      const clients = await Promise.all(Array.from({ length: LIMIT }, () => socketOn(0)));
      expect(await answered(clients, port!, PATIENT)).toBe(LIMIT);
      const oneTooMany = await socketOn(0);
      expect(await answered([oneTooMany], port!, 1)).toBe(0);

      // The old worker keeps their sessions for a while; the new one has to let them in all the same.
      await nginx.reload();
      expect(await answered(clients, port!, PATIENT)).toBe(LIMIT);
    } finally {
      await nginx.stop();
    }
  });
});
