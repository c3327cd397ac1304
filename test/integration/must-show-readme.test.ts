import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { RunningCommand, runKcpgate, startKcpgate } from '../support/kcpgate-command.ts';
import { startTcpBackEnd } from '../support/tcp-back-end.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const COMMAND = readCommandName();

const closers: (() => unknown)[] = [];
/** Where an application of ours lives, with kcpgate among its packages. */
let application = '';

beforeAll(async () => {
  application = mkdtempSync(join(tmpdir(), 'kcpgate-readme-'));
  mkdirSync(join(application, 'node_modules'));
  symlinkSync(ROOT, join(application, 'node_modules/kcpgate'), 'dir');
  // The examples run what is built.
  await runKcpgate(['--version']);
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(() => {
  rmSync(application, { recursive: true, force: true });
});

/** The code blocks of one language, as they stand in the README. */
function codeBlocks(language: string): string[] {
  return [...README.matchAll(/^```(\w+)\n([^]*?)^```$/gmu)]
    .filter(([, found]) => found === language)
    .map(([, , code]) => code!);
}

/** The only code block that contains a text. */
function blockWith(language: string, text: string): string {
  const found = codeBlocks(language).filter((code) => code.includes(text));
  expect(found, `${language} examples with ${text}`).toHaveLength(1);
  return found[0]!;
}

/** What an example says it prints: the comment behind a `console.log`. */
function promisedLines(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\);.*?\/\/ (.+)$/gmu)].map(([, text]) => text!);
}

/** Replaces what must differ on this machine; the example has to contain it. */
function adapt(code: string, changes: Readonly<Record<string, string>>): string {
  return Object.entries(changes).reduce((text, [from, to]) => {
    expect(text).toContain(from);
    return text.replaceAll(from, to);
  }, code);
}

function startExample(name: string, code: string): RunningCommand {
  writeFileSync(join(application, `${name}.mjs`), code);
  const child = spawn(process.execPath, [`${name}.mjs`], {
    cwd: application,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const running = new RunningCommand(child, name);
  closers.push(() => running.stop());
  return running;
}

/** Runs an example to its end and gives the lines it printed. */
async function printedBy(name: string, code: string): Promise<string[]> {
  const running = startExample(name, code);
  expect(await running.exit, running.errorOutput).toEqual({ code: 0, signal: null });
  expect(running.errorOutput).toBe('');
  return running.output.trimEnd().split('\n');
}

describe('the examples of the README', () => {
  test('are these, each run below', () => {
    expect(codeBlocks('js').map((code) => /from '(\S+)'/u.exec(code)?.[1])).toEqual([
      'kcpgate/client',
      'kcpgate/client',
      'kcpgate',
      'kcpgate',
    ]);
  });

  test('the engine alone', async () => {
    const code = blockWith('js', 'new KcpEngine');
    expect(promisedLines(code)).toEqual(['hello', 'true']);
    expect(await printedBy('engine', code)).toEqual(promisedLines(code));
  });

  test('the client, with the gateway of the other example', async () => {
    writeFileSync(
      join(application, 'gateway.yaml'),
      'listeners: [ { name: line, type: kcp-udp, bind: "127.0.0.1:0" } ]\n',
    );
    const gateway = startExample('gateway', blockWith('js', 'startGateway'));
    const port = String(await gateway.port());

    const code = blockWith('js', 'connectStock');
    const printed = await printedBy('client', adapt(code, { 'port: 4000': `port: ${port}` }));
    expect(promisedLines(code)).toEqual(["{ code: 1000, reason: 'finished', mayReconnect: false }"]);
    expect(printed).toEqual(['hello', ...promisedLines(code)]);

    gateway.signal('SIGTERM');
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
  });

  test('the client that logs in, and the example that shows more', async () => {
    const lines = ['kcp-udp', 'kcp-tcp', 'http'].map(
      (type) => `  - { name: ${type}, type: ${type}, bind: "127.0.0.1:0" }\n`,
    );
    writeFileSync(join(application, 'gateway.yaml'), `listeners:\n${lines.join('')}`);
    const gateway = startExample('gateway', blockWith('js', 'startGateway'));
    const address = String((await gateway.record('listening', { listener: 'http' })).address);

    const code = blockWith('js', 'loginUrl');
    const printed = await printedBy('session', adapt(code, { '127.0.0.1:8080': address }));
    expect(promisedLines(code)).toHaveLength(2);
    expect(printed.toSorted()).toEqual(promisedLines(code).toSorted());

    const example = readFileSync(join(ROOT, 'examples/session.mjs'), 'utf8');
    const [opened = '', ...shown] = await printedBy('example', adapt(example, { '127.0.0.1:8080': address }));
    // On the one over UDP, unless the gateway takes longer for an answer there than the others wait.
    const [, first = ''] = /^open on line (kcp-udp|kcp-tcp|http), of 3$/u.exec(opened) ?? [];
    expect(first, opened).not.toBe('');
    expect(shown).toEqual([
      `moved: ${first} -> kcp-udp`,
      'answer: hello over kcp-udp',
      'moved: kcp-udp -> kcp-tcp',
      'answer: hello over kcp-tcp',
      'moved: kcp-tcp -> http',
      'answer: hello over http',
      'closed: 1000, closed',
    ]);
    gateway.signal('SIGTERM');
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
  });

  test('what to try in the first minute', { timeout: 120_000 }, async () => {
    const gateway = await startKcpgate(['serve', '--bind', '127.0.0.1:0', '--log-format', 'json']);
    closers.push(() => gateway.stop());
    const { address } = await gateway.record('listening', { listener: 'http' });
    const admin = ['--admin', `http://${String((await gateway.record('admin API')).address)}`];
    const lines = blockWith('sh', 'session.mjs').trimEnd().split('\n');
    const tried = lines.map((line) => line.replace(/ +#.*$/u, ''));
    const [session, sessions, kick, lostLine, demo, ...more] = tried;
    expect([demo, more]).toEqual(['npm run demo', []]);
    const run = (line = '', url = `http://${String(address)}/api/login`): RunningCommand => {
      const child = spawn(process.execPath, [line.replace(/^node /u, ''), url], { cwd: ROOT, stdio: 'pipe' });
      const running = new RunningCommand(child, line);
      closers.push(() => running.stop());
      return running;
    };
    const optionsOf = (line = ''): string[] => adapt(line, { [`npx ${COMMAND} `]: '' }).split(' ');

    const client = run(session);
    await client.line((line) => line === 'answer: hello over http');
    const listed = await runKcpgate([...optionsOf(sessions), ...admin]);
    expect(listed.output).toMatch(/^0\.0 .* ws /mu);
    expect(await runKcpgate([...optionsOf(kick), ...admin])).toMatchObject({ code: 0 });
    expect(await client.exit).toEqual({ code: 0, signal: null });
    expect(client.output).toMatch(/^closed: 3500, /mu);
    const survivor = run(lostLine);
    expect(await survivor.exit).toEqual({ code: 0, signal: null });
    expect(survivor.output).toMatch(
      /^moved to line (?:line-tcp|http), .*\n[^]*^300 of 300 messages have come back/mu,
    );
  });

  test('a gateway with a wrong configuration says what is wrong', async () => {
    const code = adapt(blockWith('js', 'startGateway'), { 'gateway.yaml': 'wrong.yaml' });
    writeFileSync(join(application, 'wrong.yaml'), 'listeners: [ { name: line, type: kcp-udp, mtu: 9 } ]\n');
    const gateway = startExample('wrong', code);
    expect(await gateway.exit).toMatchObject({ code: 1 });
    expect(gateway.errorOutput).toContain('must be a whole number from 576 to 1500, is 9');
  });

  test('the tunnel, with other ports', async () => {
    const lines = blockWith('sh', '--server').split('\n');
    const serve = optionsOf(lines, 'serve');
    const { port } = await startTunnel(
      adapt(serve, { '0.0.0.0:4000': '127.0.0.1:0' }).split(' '),
      async (gateway) =>
        adapt(optionsOf(lines, 'connect'), {
          'server.example:4000': `127.0.0.1:${String(await gateway.port())}`,
          '--listen 2222': '--listen 0',
        }),
    );
    expect(await heardFrom(port)).toBe('hello from the back end');
  });

  test('the tunnel with a login, on this host', async () => {
    const lines = blockWith('sh', '--login').split('\n');
    const secret = join(application, 'jwt.secret');
    const token = join(application, 'alice.jwt');
    expect((await runKcpgate(['token', 'key', '--out', secret])).code).toBe(0);
    const { output } = await runKcpgate([
      'token',
      'jwt',
      '--secret-file',
      secret,
      '--subject',
      'alice',
      '--ttl',
      '10m',
    ]);
    writeFileSync(token, output);
    const jwt = ['--set', 'login.auth=jwt', '--set', `login.jwt.secret_file=${secret}`];
    const serve = ['serve', '--bind', '127.0.0.1:0', '--target', '127.0.0.1:22', ...jwt];
    const { port } = await startTunnel(serve, async (gateway) => {
      const { address } = await gateway.record('listening', { listener: 'http' });
      return adapt(optionsOf(lines, 'connect'), {
        'https://server.example': `http://${String(address)}`,
        'alice.jwt': token,
        '--listen 2222': '--listen 0',
      });
    });
    expect(await heardFrom(port)).toBe('hello from the back end');
  });

  test('every command of the table and every script exists', async () => {
    const { output } = await runKcpgate(['--help']);
    const commands = [...README.matchAll(/^\| `kcpgate (\S+)`/gmu)].map(([, name]) => name!);
    expect(commands.length).toBeGreaterThan(0);
    for (const name of commands) expect(output).toMatch(new RegExp(`^ {2}${name} `, 'mu'));
    const scripts = [...README.matchAll(/npm (?:run )?(start|test|demo|bench|check|lint)\b/gu)];
    const known = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest).scripts;
    expect(scripts.length).toBeGreaterThan(0);
    for (const [, name] of scripts) expect(Object.keys(known)).toContain(name);
  });
});

/** What stands behind the command and a subcommand, in the line of an example that begins with them. */
function optionsOf(lines: readonly string[], subcommand: string): string {
  return lines.find((line) => line.startsWith(`npx ${COMMAND} ${subcommand} `))!.replace(/^npx \S+ /u, '');
}

/**
 * A server, a gateway in front of it, and a tunnel to that.
 * @param serve leads to port 22 of this host. @param connectTo what `connect` is to be started with.
 */
async function startTunnel(
  serve: readonly string[],
  connectTo: (gateway: RunningCommand) => Promise<string>,
): Promise<{ readonly port: number }> {
  const backEnd = await startTcpBackEnd((socket) => socket.end('hello from the back end'));
  closers.push(() => backEnd.close());
  const target = adapt(serve.join(' '), { '127.0.0.1:22': `127.0.0.1:${String(backEnd.port)}` });
  const gateway = await startKcpgate([...target.split(' '), '--log-format', 'json']);
  closers.push(() => gateway.stop());
  const tunnel = await startKcpgate([...(await connectTo(gateway)).split(' '), '--log-format', 'json']);
  closers.push(() => tunnel.stop());
  return { port: await tunnel.port() };
}

/** Everything a local port says. */
async function heardFrom(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  closers.push(() => socket.destroy());
  let heard = '';
  socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
  await once(socket, 'end');
  return heard;
}

interface Manifest {
  readonly bin: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
}

function readCommandName(): string {
  const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
  return Object.keys(bin)[0]!;
}
