import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { connect, login } from '../../src/client/node/index.ts';
import { startUdpRelay } from '../../tools/kcpgate/relay/udp-relay.ts';
import { digest, keystream, keystreamHash } from '../support/keystream.ts';
import { runKcpgate, startKcpgate, type RunningCommand } from '../support/kcpgate-command.ts';
import { startLoginGateway } from '../support/login-gateway.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MIB = 1 << 20;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A client as an application would write it; it says how its session ended. */
const CLIENT = `
import { connect } from 'kcpgate/client';
const connection = await connect({ loginUrl: process.argv[2], line: process.argv[3] });
connection.on('close', ({ code, reason }) => console.log('closed', code, reason));
connection.send(Buffer.from('hello'));
for await (const message of connection) console.log('echo', Buffer.from(message).toString());
`;

interface Served {
  readonly gateway: RunningCommand;
  readonly admin: string;
  readonly loginUrl: string;
}

async function serveWithAdmin(folder: string): Promise<Served> {
  const file = join(folder, 'gateway.yaml');
  writeFileSync(
    file,
    `
common: { admin_addr: "127.0.0.1:0" }
listeners:
  - { name: udp, type: kcp-udp, bind: "127.0.0.1:0" }
  - { name: tcp, type: kcp-tcp, bind: "127.0.0.1:0" }
  - { name: ws, type: http, bind: "127.0.0.1:0" }
`,
  );
  const gateway = await startKcpgate(['serve', '-c', file, '--log-format', 'json']);
  closers.push(() => gateway.stop());
  const { address } = await gateway.record('listening', { listener: 'ws' });
  const admin = await gateway.record('admin API');
  return {
    gateway,
    admin: `http://${String(admin.address)}`,
    loginUrl: `http://${String(address)}/api/login`,
  };
}

test.each(['udp', 'tcp', 'ws'])(
  'a kick through the admin API: the client on %s prints code and reason and exits by itself',
  { timeout: 60_000 },
  async (line) => {
    const folder = mkdtempSync(join(tmpdir(), 'kcpgate-kick-'));
    closers.push(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(ROOT, join(folder, 'node_modules/kcpgate'), 'dir');
    writeFileSync(join(folder, 'client.mjs'), CLIENT);
    const { admin, loginUrl } = await serveWithAdmin(folder);
    const client = spawn(process.execPath, [join(folder, 'client.mjs'), loginUrl, line], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    closers.push(() => client.kill('SIGKILL'));
    let output = '';
    client.stdout.on('data', (text: Buffer) => (output += text.toString()));
    // Not its exit: its output may not have been read by then.
    const closed = once(client, 'close');
    while (!output.includes('echo hello')) await delay(10);
    const before = (await (await fetch(`${admin}/api/sessions`)).json()) as {
      sessions: { id: string; conv: number }[];
    };
    expect(before.sessions).toHaveLength(1);
    const kicked = await fetch(`${admin}/api/sessions/${before.sessions[0]!.id}/kick`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code: 3504, reason: 'not welcome' }),
    });
    expect(kicked.status).toBe(200);
    const [code] = (await closed) as [number];
    expect(output).toContain('closed 3504 not welcome');
    expect(code).toBe(0);
    const after = async (): Promise<unknown[]> =>
      ((await (await fetch(`${admin}/api/sessions`)).json()) as { sessions: unknown[] }).sessions;
    await expect.poll(after).toEqual([]);
  },
);

test('after a kick the gateway forgets the session within two round trips', { timeout: 60_000 }, async () => {
  const oneWayMs = 50;
  const { gateway, loginUrl, ports } = await startLoginGateway();
  closers.push(() => gateway.stop());
  const relay = await startUdpRelay({
    target: { address: '127.0.0.1', port: ports.udp },
    seed: 1,
    toTarget: { delayMs: oneWayMs },
    toClient: { delayMs: oneWayMs },
  });
  closers.push(() => relay.close());
  const answer = await login({ loginUrl });
  const lines = answer.lines.map((line) => (line.id === 'udp' ? { ...line, port: relay.port } : line));
  const connection = await connect({ credentials: { ...answer, lines }, line: 'udp' });
  closers.push(() => connection.destroy());
  connection.send(Buffer.from('hello'));
  for await (const _echo of connection) break;
  const kickedAt = performance.now();
  expect(await gateway.kick({}, 3500, 'bye')).toBe(1);
  while ((await gateway.sessions()).length > 0) await delay(1);
  const forgottenMs = performance.now() - kickedAt;
  console.log(
    `kicked over a round trip of ${String(2 * oneWayMs)} ms: forgotten after ${forgottenMs.toFixed(0)} ms`,
  );
  expect(await connection.closed).toMatchObject({ code: 3500, reason: 'bye' });
  expect((await gateway.status()).sessions).toMatchObject({ openSessions: 0 });
});

test('FIN both ways with 10 MiB queued: everything arrives', { timeout: 60_000 }, async () => {
  const bytes = 10 * MIB;
  const atServer: Promise<{ bytes: number; sha256: string }>[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    atServer.push(digest(socket));
    keystream(2, bytes).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { gateway, loginUrl } = await startLoginGateway({
    sessions: 'max_queue: 16MiB',
    rest: `upstreams: { app: { type: tcp, servers: [ { address: "127.0.0.1:${String(port)}" } ] } }
routes: [ { name: all, match: {}, target: app } ]`,
  });
  closers.push(() => gateway.stop());
  for (const line of ['udp', 'tcp', 'ws']) {
    const connection = await connect({ loginUrl, line, stream: true, maxQueueBytes: 16 * MIB });
    closers.push(() => connection.destroy());
    const stream = connection.stream();
    keystream(1, bytes).pipe(stream);
    expect(await digest(stream)).toEqual({ bytes, sha256: keystreamHash(2, bytes) });
    expect(await connection.closed).toMatchObject({ code: 1000 });
    expect(await atServer.pop()).toEqual({ bytes, sha256: keystreamHash(1, bytes) });
  }
});

test('the command that kicks says so', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kcpgate-kick-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  const { admin, loginUrl } = await serveWithAdmin(folder);
  const connection = await connect({ loginUrl, line: 'udp' });
  closers.push(() => connection.destroy());
  const { code, output, errorOutput } = await runKcpgate([
    'kick',
    '--admin',
    admin,
    '--conv',
    String(connection.login.sessions[0]!.conv),
    '--reason',
    'over',
  ]);
  expect([code, errorOutput]).toEqual([0, '']);
  expect(output).toContain('1');
  expect(await connection.closed).toMatchObject({ code: 3500, reason: 'over' });
});
