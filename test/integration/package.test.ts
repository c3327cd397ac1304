import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { platformName } from '../../native-bindings/platform.ts';
import { runKcpgate } from '../support/kcpgate-command.ts';
import { PackageCopy } from '../support/package-copy.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const hasCompiler = ['g++', 'make', 'python3', 'strip', 'objdump'].every(
  (program) => spawnSync(program, ['--version']).status === 0,
);
const PREBUILT = `native-bindings/prebuilds/${platformName()}/kcpgate.node`;

/** The package as npm would publish it, unpacked where a user would have it. */
describe.runIf(process.platform === 'linux' && hasCompiler)('the package', () => {
  let copy: PackageCopy;
  let user = '';

  beforeAll(async () => {
    await runKcpgate(['--version']);
    copy = new PackageCopy();
    user = mkdtempSync(join(tmpdir(), 'kcpgate-user-'));
    run(copy.folder, process.execPath, 'tools/build-native.mjs', '--strict', '--prebuild');
    run(copy.folder, 'npm', 'pack', '--ignore-scripts', '--silent', '--pack-destination', user);
    const tarball = readdirSync(user).find((name) => name.endsWith('.tgz')) ?? '';
    // As an installation, without asking a registry for the dependencies: those are here already.
    const modules = join(user, 'node_modules');
    mkdirSync(join(modules, 'kcpgate'), { recursive: true });
    run(user, 'tar', '-xzf', tarball, '-C', join(modules, 'kcpgate'), '--strip-components=1');
    const dependencies = run(ROOT, 'npm', 'ls', '--all', '--omit=dev', '--parseable').trim().split('\n');
    for (const path of dependencies) {
      const name = /^.*\/node_modules\/(.+)$/u.exec(path)?.[1];
      if (name !== undefined) link(path, join(modules, name));
    }
  }, 180_000);
  afterAll(() => {
    copy.remove();
    rmSync(user, { recursive: true, force: true });
  });

  test('has the prebuilt addon, its sources and what builds it; and no script runs at installation', () => {
    const folder = join(user, 'node_modules/kcpgate');
    for (const path of [
      PREBUILT,
      'native-bindings/binding.gyp',
      'native-bindings/src/addon.cc',
      'tools/build-native.mjs',
      'tools/wireshark/kcpgate.lua',
      'dist/native-bindings/load.js',
    ]) {
      expect(existsSync(join(folder, path)), path).toBe(true);
    }
    expect(existsSync(join(folder, 'native-bindings/build'))).toBe(false);
    expect(existsSync(join(folder, 'binding.gyp'))).toBe(false);
    const manifest = JSON.parse(run(folder, 'cat', 'package.json')) as {
      gypfile?: boolean;
      scripts: Record<string, string>;
    };
    expect(manifest.gypfile).toBe(false);
    for (const script of ['preinstall', 'install', 'postinstall']) {
      expect(manifest.scripts[script]).toBeUndefined();
    }
  });

  test('loads the prebuilt addon', () => {
    const command = join(user, 'node_modules/kcpgate/dist/tools/kcpgate/main.js');
    const { findings } = JSON.parse(run(user, process.execPath, command, 'doctor', '--json')) as {
      findings: { check: string; status: string; text: string }[];
    };
    expect(findings[0]).toMatchObject({
      check: 'native addon',
      status: 'ok',
      text: expect.stringMatching(new RegExp(`node_modules/kcpgate/${PREBUILT}$`)) as string,
    });
  });

  test('has the configuration of nginx', () => {
    const folder = join(user, 'node_modules/kcpgate');
    const command = join(folder, 'dist/tools/kcpgate/main.js');
    const example = join(folder, 'nginx/example.yaml');
    const check = [command, 'nginx', '-c', example, '--out', join(folder, 'nginx'), '--check'];
    expect(run(user, process.execPath, ...check)).toContain('as the configuration says');
  });

  test.each([
    { entry: 'kcpgate', name: 'startGateway' },
    { entry: 'kcpgate/client', name: 'createClient' },
    { entry: 'kcpgate/browser', name: 'createClient' },
    { entry: 'kcpgate/browser/bundle', name: 'createClient' },
  ])('$entry can be imported', ({ entry, name }) => {
    const code = `import { ${name} } from '${entry}'; console.log(typeof ${name});`;
    writeFileSync(join(user, 'import.mjs'), code);
    expect(run(user, process.execPath, 'import.mjs')).toBe('function\n');
  });

  test('no other file of it can be imported', () => {
    writeFileSync(join(user, 'inside.mjs'), "await import('kcpgate/dist/src/kcp/index.js');");
    expect(() => run(user, process.execPath, 'inside.mjs')).toThrow('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  test.each([
    { resolution: 'node16', module: 'node16' },
    { resolution: 'bundler', module: 'esnext' },
  ])('its types are right, found as $resolution does', { timeout: 120_000 }, ({ resolution, module }) => {
    const options = [
      ...['--noEmit', '--strict', '--target', 'es2022', '--skipLibCheck', 'false'],
      ...['--module', module, '--moduleResolution', resolution],
    ];
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    // What somebody with a program for Node has installed besides; and what a page has not.
    const node = join(user, 'node-program');
    for (const name of ['@types/node', 'undici-types']) {
      link(join(ROOT, 'node_modules', name), join(node, 'node_modules', name));
    }
    writeFileSync(join(node, 'program.mts'), NODE_PROGRAM);
    expect(run(node, process.execPath, compiler, ...options, '--types', 'node', 'program.mts')).toBe('');
    const page = join(user, 'page');
    mkdirSync(page, { recursive: true });
    writeFileSync(join(page, 'page.mts'), PAGE);
    const dom = ['--lib', 'es2022,dom,dom.iterable'];
    expect(run(page, process.execPath, compiler, ...options, ...dom, 'page.mts')).toBe('');
    if (resolution !== 'bundler') return;
    // And they are types: what is wrong is found.
    writeFileSync(join(page, 'wrong.mts'), PAGE.replace('session.send(', 'session.shout('));
    expect(() => run(page, process.execPath, compiler, ...options, ...dom, 'wrong.mts')).toThrow(
      "Property 'shout' does not exist on type 'ClientSession'",
    );
  });

  test('serves and connects', () => {
    writeFileSync(join(user, 'try.mjs'), ROUND_TRIP);
    expect(run(user, process.execPath, 'try.mjs')).toBe('loaded 1000000\n');
  });

  test('needs no library newer than Node does, and none that Node does not bring', () => {
    const needed = run(copy.folder, 'objdump', '-p', PREBUILT).match(/NEEDED +\S+/g) ?? [];
    const allowed = /libc\.|libm\.|libstdc\+\+\.|libgcc_s\.|ld-/;
    expect(needed.filter((line) => !allowed.test(line))).toEqual([]);
  });
});

const NODE_PROGRAM = `
import { loadConfig, NO_LOG, startGateway, KcpEngine, type GatewayConfig, type Gateway } from 'kcpgate';
import { createClient, toDuplex, findFastestLine, login, CloseCode, GatewayError } from 'kcpgate/client';
import type { ClientSession, ClientStatus, LineReport, Line } from 'kcpgate/client';
import type { Duplex } from 'node:stream';

const loaded = loadConfig({ text: '', env: process.env });
if (!loaded.ok) throw new Error(loaded.errors.map(({ path, message }) => path + message).join());
const config: GatewayConfig = loaded.config;
const gateway: Gateway = await startGateway(config, { logger: NO_LOG });
const { lines, probe } = await login({ loginUrl: 'http://127.0.0.1/' });
const report: LineReport = await findFastestLine({ lines, probe });
const best: Line | null = report.best;
const client = createClient({ loginUrl: 'http://127.0.0.1/', redundant: { maxExtraBytesPerSecond: 1000 } });
const onStatus = (status: ClientStatus): void => {
  if (status.type === 'moved') console.log(status.from.length, status.to.length);
};
const session: ClientSession = await client.connect({ onStatus });
session.on('close', ({ code }) => console.log(code === CloseCode.normal));
for await (const message of session) session.send(message.subarray(1));
const duplex: Duplex = toDuplex(session);
const code: string = new GatewayError('no_line').code;
console.log(KcpEngine.name, best?.id, duplex.destroyed, code, await gateway.stop());
`;

const PAGE = `
import { createClient, type ClientSession, type ClientStatus } from 'kcpgate/browser';

const client = createClient({ loginUrl: '/api/login' });
const show = (status: ClientStatus): void => document.body.append(status.type);
const session: ClientSession = await client.connect({ onStatus: show });
const taken: number = session.send(new TextEncoder().encode('hello'));
for await (const message of session) document.body.append(new TextDecoder().decode(message), String(taken));
`;

const ROUND_TRIP = `
import { loadConfig, NO_LOG, startGateway } from 'kcpgate';
import { connectStock } from 'kcpgate/client';

const loaded = loadConfig({ text: 'common: { admin_addr: null }\\nlisteners: [ { name: line, type: kcp-udp, bind: "127.0.0.1:0" } ]', env: {} });
const gateway = await startGateway(loaded.config, { logger: NO_LOG });
const { listeners, native } = await gateway.status();
const { port } = listeners[0].address;
const connection = await connectStock({ host: '127.0.0.1', port, peer: 'kcpgate', stream: true });
const stream = connection.stream();
stream.end(Buffer.alloc(1_000_000, 7));
let received = 0;
for await (const chunk of stream) received += chunk.length;
await connection.closed;
await gateway.stop();
console.log(native.status, received);
`;

/** A folder as if it had been installed here. */
function link(from: string, to: string): void {
  if (existsSync(to)) return;
  mkdirSync(dirname(to), { recursive: true });
  symlinkSync(from, to);
}

/** Runs a program to its end. @returns its output. @throws Error when it fails. */
function run(folder: string, command: string, ...args: readonly string[]): string {
  const { KCPGATE_NATIVE: _, ...environment } = process.env;
  const options = { cwd: folder, encoding: 'utf8', env: environment } as const;
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  if (error !== undefined) throw error;
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${String(status)}: ${stdout}${stderr}`);
  return stdout;
}
