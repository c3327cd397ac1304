import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runKcpgate } from '../support/kcpgate-command.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Longer than any of these needs to end by itself; one that does not is killed, which fails its test. */
const EXIT_BOUND_MS = 20_000;
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-handles-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/kcpgate'), 'dir');
  // The scripts run what is built.
  await runKcpgate(['--version']);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What every script begins with: a gateway, a connection to it, 1 MiB there and back. */
const BEGINNING = `
import { connect as connectTcp, createServer } from 'node:net';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { loadConfig, NO_LOG, startGateway } from 'kcpgate';
import { connect, connectStock, login } from 'kcpgate/client';

const BYTES = 1024 * 1024;

/** With the number of a TCP port: in front of it; else an echo. */
async function start(tcpPort, workers = 1) {
  const upstream = tcpPort === undefined ? '{ type: echo }' : \`{ type: tcp, servers: [ { address: "127.0.0.1:\${tcpPort}" } ] }\`;
  const loaded = loadConfig({
    text: \`
      common: { drain_timeout: 5s, admin_addr: null, workers: \${workers} }
      listeners: [ { name: line, type: kcp-udp, bind: "127.0.0.1:0" } ]
      upstreams: { back: \${upstream} }
      routes: [ { name: all, target: back } ]\`,
    env: {},
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const gateway = await startGateway(loaded.config, { logger: NO_LOG });
  return { gateway, port: (await gateway.status()).listeners[0].address.port };
}

async function transfer(port, peer) {
  const connection = await connectStock({ host: '127.0.0.1', port, peer, stream: true });
  const stream = connection.stream();
  stream.on('error', () => undefined);
  stream.write(Buffer.alloc(BYTES, 7));
  let received = 0;
  stream.on('data', (chunk) => (received += chunk.length));
  while (received < BYTES) await once(stream, 'data');
  return connection;
}

/** A gateway with logins and three lines, and sessions that log in there. */
async function startLogin() {
  const line = (name, type) => \`  - { name: \${name}, type: \${type}, bind: "127.0.0.1:0", line: { id: \${name} } }\\n\`;
  const loaded = loadConfig({
    text: 'common: { drain_timeout: 1s, admin_addr: null }\\nlisteners:\\n' + line('udp', 'kcp-udp') + line('tcp', 'kcp-tcp') + line('ws', 'http'),
    env: {},
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.errors));
  const gateway = await startGateway(loaded.config, { logger: NO_LOG });
  const { listeners } = await gateway.status();
  const port = listeners.find(({ name }) => name === 'ws').address.port;
  return { gateway, loginUrl: \`http://127.0.0.1:\${port}/api/login\` };
}

/** An echo of 1 MiB. */
async function echo(connection) {
  let received = 0;
  for (let sent = 0; sent < BYTES; sent += 32 * 1024) connection.send(Buffer.alloc(32 * 1024));
  for await (const { length } of connection) if ((received += length) >= BYTES) return;
}

/** What holds the process, once the event loop came by the phase in which it forgets sockets that were closed. */
async function report() {
  // Usually two turns; what the other end of a connection has to hear first takes some more.
  for (let turn = 0; turn < 2 || (turn < 50 && process.getActiveResourcesInfo().length > 0); turn++) await nextTurn();
  writeFileSync(process.argv[2], JSON.stringify(process.getActiveResourcesInfo()));
}
`;

/** The end of each script, by what it shows. */
const ENDINGS: Readonly<Record<string, string>> = {
  'the connection first, then the gateway': `
    const { gateway, port } = await start();
    const connection = await transfer(port, 'kcpgate');
    await connection.destroy();
    await gateway.stop();`,
  'the gateway first, then the connection': `
    const { gateway, port } = await start();
    const connection = await transfer(port, 'kcpgate');
    await gateway.stop();
    await connection.destroy();`,
  'both at once, each told twice': `
    const { gateway, port } = await start();
    const connection = await transfer(port, 'kcpgate');
    await Promise.all([gateway.stop(), connection.destroy(), gateway.stop(), connection.destroy()]);`,
  'a stock connection': `
    const { gateway, port } = await start();
    const connection = await transfer(port, 'stock');
    await connection.destroy();
    await gateway.stop();`,
  'a gateway in front of a TCP server': `
    const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { gateway, port } = await start(server.address().port);
    const connection = await transfer(port, 'kcpgate');
    await connection.destroy();
    await gateway.stop();
    server.close();
    await once(server, 'close');`,
  'a connection that was never answered': `
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address();
    const failure = await connectStock({ host: '127.0.0.1', port, peer: 'kcpgate', connectTimeoutMs: 100 }).catch((error) => error);
    if (failure.code !== 'connect_timeout') throw failure;
    silent.close();
    await once(silent, 'close');`,
  'a gateway with two workers': `
    const { gateway, port } = await start(undefined, 2);
    const connection = await transfer(port, 'kcpgate');
    await connection.destroy();
    await gateway.stop();`,
  'a gateway whose workers found the address in use': `
    const { gateway, port } = await start(undefined, 2);
    const loaded = loadConfig({
      text: \`
        common: { workers: 2, admin_addr: null }
        listeners: [ { name: free, type: kcp-udp, bind: "127.0.0.1:0" }, { name: taken, type: kcp-udp, bind: "127.0.0.1:\${port}" } ]\`,
      env: {},
    });
    const failure = await startGateway(loaded.config, { logger: NO_LOG }).catch((error) => error);
    if (failure.code !== 'address_in_use') throw failure;
    await gateway.stop();`,
  'sessions that logged in, in the middle of moves': `
    const { gateway, loginUrl } = await startLogin();
    for (const line of ['udp', 'tcp', 'ws']) {
      const connection = await connect({ loginUrl, line });
      await echo(connection);
      for (const to of ['tcp', 'ws', 'udp', 'udp']) await connection.moveTo(to);
      const moving = connection.moveTo('ws').catch((error) => error);
      await connection.destroy();
      if ((await moving).code !== 'session_closed') throw await moving;
    }
    await gateway.stop();`,
  'a session that logged in, closed in order after moves': `
    const { gateway, loginUrl } = await startLogin();
    const connection = await connect({ loginUrl, line: 'ws' });
    await echo(connection);
    for (const to of ['tcp', 'udp', 'ws']) await connection.moveTo(to);
    await connection.close();
    await gateway.stop();`,
  'a gateway that stopped under sessions that logged in': `
    const { gateway, loginUrl } = await startLogin();
    const connections = await Promise.all(['udp', 'tcp', 'ws'].map((line) => connect({ loginUrl, line })));
    await Promise.all(connections.map(echo));
    await gateway.stop();
    for (const connection of connections) {
      const { code } = await connection.closed;
      if (code !== 3001) throw new Error(String(code));
      await connection.destroy();
    }`,
  'a session that lost its connection, while that is made again': `
    const { gateway, loginUrl } = await startLogin();
    const answer = await login({ loginUrl });
    const { port } = answer.lines.find(({ id }) => id === 'tcp');
    const sockets = [];
    const proxy = createServer((socket) => {
      const other = connectTcp(port, '127.0.0.1');
      for (const one of [socket, other]) sockets.push(one.on('error', () => undefined));
      socket.pipe(other).pipe(socket);
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const lines = answer.lines.map((line) => ({ ...line, port: line.id === 'tcp' ? proxy.address().port : line.port }));
    const connection = await connect({ credentials: { ...answer, lines }, line: 'tcp' });
    await echo(connection);
    const lost = new Promise((resolve) => connection.on('pathlost', resolve));
    proxy.close();
    for (const socket of sockets) socket.destroy();
    await lost;
    await connection.destroy();
    await gateway.stop();`,
  'sessions that were given up while their lines were raced': `
    const { gateway, loginUrl } = await startLogin();
    const answer = await login({ loginUrl });
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    const deaf = createServer((socket) => socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1');
    await Promise.all([once(silent, 'listening'), once(deaf, 'listening')]);
    const portOf = { udp: silent.address().port, tcp: deaf.address().port, ws: deaf.address().port };
    const lines = answer.lines.map((line) => ({ ...line, port: portOf[line.id] }));
    for (const ms of [1, 100, 300, 600]) {
      const credentials = { ...answer, lines: [...lines, ...lines.map((line) => ({ ...line, id: 'more-' + line.id, host: 'localhost' }))] };
      const failure = await connect({ credentials, signal: AbortSignal.timeout(ms) }).catch((error) => error);
      if (failure.code !== 'connect_failed') throw failure;
    }
    for (const connection of await Promise.all([1, 2, 3].map(() => connect({ credentials: answer }).catch(() => undefined)))) await connection?.destroy();
    silent.close();
    deaf.close();
    await Promise.all([once(silent, 'close'), once(deaf, 'close')]);
    await gateway.stop();`,
  'a session that watches its line, while that swallows everything and a second one gets copies': `
    const { gateway, loginUrl } = await startLogin();
    const answer = await login({ loginUrl });
    const { port } = answer.lines.find(({ id }) => id === 'udp');
    let swallows = false;
    const others = new Map();
    const relay = createSocket('udp4', (bytes, { port: client }) => {
      if (swallows) return;
      let other = others.get(client);
      if (other === undefined) {
        other = createSocket('udp4', (answered) => swallows || relay.send(answered, client, '127.0.0.1'));
        others.set(client, other);
      }
      other.send(bytes, port, '127.0.0.1');
    }).bind(0, '127.0.0.1');
    await once(relay, 'listening');
    const lines = answer.lines.map((line) => (line.id === 'udp' ? { ...line, port: relay.address().port } : line));
    for (const end of ['at once', 'suspect', 'moved', 'later', 'in order']) {
      swallows = false;
      const connection = await connect({ credentials: await login({ loginUrl }).then((fresh) => ({ ...fresh, lines })), line: 'udp', redundant: true, switching: { startMs: 0 } });
      const answers = connection[Symbol.asyncIterator]();
      for (let i = 0; i < 20; i++) {
        connection.send(Buffer.alloc(100));
        await answers.next();
      }
      const told = ['suspect', 'moved'].includes(end) ? new Promise((resolve) => connection.on(end, resolve)) : undefined;
      if (end !== 'at once') swallows = true;
      const sending = setInterval(() => connection.send(Buffer.alloc(100)), 5);
      await told;
      if (end === 'later' || end === 'in order') await new Promise((resolve) => setTimeout(resolve, 1500));
      clearInterval(sending);
      if (end === 'in order') await connection.close();
      else await connection.destroy();
    }
    for (const socket of [relay, ...others.values()]) {
      socket.close();
      await once(socket, 'close');
    }
    await gateway.stop();`,
  'logins and handshakes that failed': `
    const { gateway, loginUrl } = await startLogin();
    const answer = await login({ loginUrl });
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    const lines = answer.lines.map((line) => ({ ...line, port: line.id === 'udp' ? silent.address().port : 1 }));
    const credentials = { ...answer, lines };
    for (const line of ['udp', 'tcp', 'ws']) {
      // Nobody answers on the one; on the others it is the answer that says so, however long a busy machine takes.
      const handshakeTimeoutMs = line === 'udp' ? 100 : 10_000;
      const { code } = await connect({ credentials, line, handshakeTimeoutMs }).catch((error) => error);
      if (code !== (line === 'udp' ? 'connect_timeout' : 'connect_failed')) throw new Error(code);
    }
    const refused = await login({ loginUrl: loginUrl + '/nowhere' }).catch((error) => error);
    if (refused.code !== 'login_refused') throw refused;
    silent.close();
    await once(silent, 'close');
    await gateway.stop();`,
  'a gateway that could not bind': `
    const { gateway, port } = await start();
    const loaded = loadConfig({
      text: \`listeners: [ { name: free, type: kcp-udp, bind: "127.0.0.1:0" }, { name: taken, type: kcp-udp, bind: "127.0.0.1:\${port}" } ]\`,
      env: {},
    });
    const failure = await startGateway(loaded.config, { logger: NO_LOG }).catch((error) => error);
    if (failure.code !== 'address_in_use') throw failure;
    await gateway.stop();`,
};

test.each(Object.entries(ENDINGS))('nothing holds the process after %s', async (name, ending) => {
  const script = join(folder, `${name.replaceAll(/\W+/gu, '-')}.mjs`);
  const result = `${script}.json`;
  writeFileSync(script, `${BEGINNING}${ending}\n    await report();\n`);
  // Files, no pipes: those would count, too.
  const errors = openSync(`${script}.txt`, 'w+');
  const child = spawn(process.execPath, [script, result], {
    stdio: ['ignore', 'ignore', errors],
    timeout: EXIT_BOUND_MS,
    killSignal: 'SIGKILL',
  });
  const exit = await once(child, 'exit');
  closeSync(errors);
  expect(exit, readFileSync(`${script}.txt`, 'utf8')).toEqual([0, null]);
  expect(JSON.parse(readFileSync(result, 'utf8'))).toEqual([]);
});
