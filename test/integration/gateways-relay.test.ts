import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { NO_LOG } from '../../src/base/logger.ts';
import { connect, login, type Line } from '../../src/client/node/index.ts';
import { loadConfig } from '../../src/gateway/config/load.ts';
import { startGateway, type Gateway } from '../../src/gateway/gateway.ts';
import { freePorts } from '../support/free-ports.ts';
import { digest, keystream, keystreamHash } from '../support/keystream.ts';

const MIB = 1 << 20;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Running {
  readonly gateway: Gateway;
  readonly lines: readonly Line[];
  readonly loginUrl: string;
}

async function start(id: number, relayPorts: readonly number[], key: string): Promise<Running> {
  const peers = relayPorts
    .map((port, index) => ({ port, id: index + 1 }))
    .filter((peer) => peer.id !== id)
    .map(
      ({ port, id: peer }) =>
        `{ name: gw-${String(peer)}, type: gateway, address: "127.0.0.1:${String(port)}", gateway_id: ${String(peer)} }`,
    );
  const loaded = loadConfig({
    text: `
common: { node_id: gw-${String(id)}, gateway_id: ${String(id)}, admin_addr: null, drain_timeout: 1s }
listeners:
  - { name: udp, type: kcp-udp, bind: "127.0.0.1:0" }
  - { name: tcp, type: kcp-tcp, bind: "127.0.0.1:0" }
  - { name: ws, type: http, bind: "127.0.0.1:0" }
  - { name: relay, type: relay, bind: "127.0.0.1:${String(relayPorts[id - 1])}" }
peers: [ ${peers.join(', ')} ]
login: { relays: true, ticket_keys: [ { id: 1, key: "${key}" } ] }`,
    env: {},
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const gateway = await startGateway(loaded.config, { logger: NO_LOG });
  closers.push(() => gateway.stop());
  const { listeners } = await gateway.status();
  const http = listeners.find(({ name }) => name === 'ws')?.address.port ?? 0;
  const loginUrl = `http://127.0.0.1:${String(http)}/api/login`;
  const { lines } = await login({ loginUrl });
  return { gateway, lines, loginUrl };
}

describe('a session of one gateway on the lines of another', () => {
  test.each(['udp', 'tcp', 'ws'])('is relayed there and back: %s', { timeout: 60_000 }, async (id) => {
    const key = randomBytes(32).toString('base64');
    const ports = await freePorts(1, 1);
    const owner = await start(1, ports, key);
    const other = await start(2, ports, key);
    const answer = await login({ loginUrl: owner.loginUrl });
    const lines = other.lines.filter((line) => line.id === id);
    const connection = await connect({ credentials: { ...answer, lines }, stream: true });
    closers.push(() => connection.destroy());
    const stream = connection.stream();
    keystream(3, MIB).pipe(stream);
    expect(await digest(stream)).toEqual({ bytes: MIB, sha256: keystreamHash(3, MIB) });
    expect(await connection.closed).toMatchObject({ code: 1000 });
    const [there, here] = [await other.gateway.status(), await owner.gateway.status()];
    expect(here.sessions).toMatchObject({ openedSessions: 1 });
    expect(there.sessions).toMatchObject({ openedSessions: 0 });
    expect(there.sessions?.relayed).toBeGreaterThan(500);
  });

  test('moves between lines of both', { timeout: 60_000 }, async () => {
    const key = randomBytes(32).toString('base64');
    const ports = await freePorts(1, 1);
    const owner = await start(1, ports, key);
    const other = await start(2, ports, key);
    const answer = await login({ loginUrl: owner.loginUrl });
    const lines = [...answer.lines, ...other.lines.map((line) => ({ ...line, id: `other-${line.id}` }))];
    const connection = await connect({ credentials: { ...answer, lines }, line: 'udp', stream: true });
    closers.push(() => connection.destroy());
    const stream = connection.stream();
    const received = digest(stream);
    keystream(4, MIB).pipe(stream, { end: false });
    for (const line of ['other-udp', 'tcp', 'other-tcp', 'other-ws', 'udp']) await connection.moveTo(line);
    stream.end();
    expect(await received).toEqual({ bytes: MIB, sha256: keystreamHash(4, MIB) });
    expect((await owner.gateway.status()).sessions).toMatchObject({ openedSessions: 1 });
  });
});
