import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connectStock } from '../../src/client/node/index.ts';
import { runStreamClient } from '../support/kcp-go.ts';
import { runKcpgate, RunningCommand, startKcpgate } from '../support/kcpgate-command.ts';
import { peer } from '../support/peers.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MIB = 1024 * 1024;
const running: RunningCommand[] = [];
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-cli-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((command) => command.stop()));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function serve(...options: string[]): Promise<RunningCommand> {
  const command = await startKcpgate(['serve', '--log-format', 'json', '--bind', '127.0.0.1:0', ...options]);
  running.push(command);
  return command;
}

/** Runs a line as somebody types it into a shell in this folder, and stays at the keyboard. */
function type(line: string): RunningCommand {
  const child = spawn('sh', ['-c', `exec ${line}`], { cwd: ROOT, stdio: 'pipe' });
  const command = new RunningCommand(child, line);
  running.push(command);
  return command;
}

function configFile(text: string): string {
  const file = join(folder, `gateway-${String(Math.floor(performance.now() * 1000))}.yaml`);
  writeFileSync(file, text);
  return file;
}

peer('kcp-go').describe('serve on the embedded default', () => {
  test('answers a kcp-go client', { timeout: 120_000 }, async () => {
    const gateway = await serve();
    const target = { address: '127.0.0.1', port: await gateway.port() };
    const result = await runStreamClient(target, { bytes: 8 * MIB, seed: 3 });
    expect(result).toMatchObject({ complete: true, bytes: 8 * MIB, corruptBytes: 0 });
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  });
});

describe('serve', () => {
  test('greets on standard output, and on standard error when records go to standard output', async () => {
    const forPeople = await startKcpgate(['serve', '--bind', '127.0.0.1:0']);
    running.push(forPeople);
    await forPeople.line((line) => line.startsWith('Ctrl-C'));
    const address = String.raw`127\.0\.0\.1:\d+`;
    const echo = ' +->  echo: what a client sends comes back';
    for (const row of [
      `  line-udp  udp    ${address}${echo}`,
      `  line-tcp  tcp    ${address}${echo}`,
      `  http      ws     ${address}/kcp${echo}`,
      `  http      login  ${address}/api/login  anyone`,
      `  admin     http   ${address} +anyone on this host`,
    ]) {
      expect(forPeople.output).toMatch(new RegExp(`^${row}$`, 'mu'));
    }

    const forMachines = await serve();
    await forMachines.record('listening');
    await forMachines.stop();
    for (const line of forMachines.output.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg');
    expect(forMachines.errorOutput).toContain('echo: what a client sends comes back');
  });

  test('says what to try next, and that works', { timeout: 120_000 }, async () => {
    const gateway = await startKcpgate(['serve', '--bind', '127.0.0.1:0']);
    running.push(gateway);
    await gateway.line((line) => line.startsWith('Ctrl-C'));
    const steps = gateway.output.split('\n').map((line) => line.trim());
    /** The one step that contains a text, as somebody would type it. */
    const step = (text: string): string => {
      const [found, ...more] = steps.filter((line) => line.startsWith('node ') && line.includes(text));
      expect(more).toEqual([]);
      return found!;
    };

    const client = type(step('session.mjs'));
    await client.line((line) => line.startsWith('answer: hello over http'));
    const list = type(step('main.js sessions'));
    expect(await list.exit).toMatchObject({ code: 0 });
    expect(list.output).toMatch(/^0\.0 +\d+ +127\.0\.0\.1:\d+ +ws /mu);
    expect(await type(step('main.js kick 0.0')).exit).toMatchObject({ code: 0 });
    expect(await client.exit).toMatchObject({ code: 0 });
    expect(client.output).toMatch(/^closed: 3500, /mu);

    const survivor = type(step('lost-line.mjs'));
    expect(await survivor.exit).toMatchObject({ code: 0 });
    expect(survivor.output).toMatch(/^the UDP line is dead: /mu);
    expect(survivor.output).toMatch(/^moved to line (?:line-tcp|http), .*\n[^]*^300 of 300 messages /mu);

    const tunnel = type(step('main.js connect').replace('-l 7000', '-l 0'));
    const [, port] = /127\.0\.0\.1:(\d+)/.exec(await tunnel.line((line) => line.includes('listening')))!;
    const socket = connect({ host: '127.0.0.1', port: Number(port) });
    socket.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('hello');
    socket.destroy();
  });

  test('with a file keeps to its log when there is no terminal', async () => {
    const file = configFile('listeners: [ { name: line, type: kcp-udp, bind: "127.0.0.1:0" } ]\n');
    const gateway = await startKcpgate(['serve', '-c', file]);
    running.push(gateway);
    await gateway.record('listening', { listener: 'line' });
    await gateway.stop();
    expect(gateway.errorOutput).toBe('');
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 on %s', async (signal) => {
    const gateway = await serve();
    await gateway.port();
    gateway.signal(signal);
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
    await gateway.record('stopping', { signal });
  });

  test('a second signal ends it at once', async () => {
    const gateway = await serve('--drain-timeout', '1m', '--set', 'listeners.line-udp.max_queue=64KiB');
    const port = await gateway.port();
    const connection = await connectStock({ host: '127.0.0.1', port, peer: 'kcpgate', stream: true });
    try {
      // Nobody takes what comes back, so that the drain has to wait.
      const stream = connection.stream();
      stream.on('error', () => undefined);
      stream.write(Buffer.alloc(16 * MIB));
      await untilStill(() => connection.stats().queueBytes);
      gateway.signal('SIGTERM');
      await gateway.record('draining');
      gateway.signal('SIGINT');
      expect(await gateway.exit).toEqual({ code: 130, signal: null });
    } finally {
      await connection.destroy();
    }
  });

  test('says which address is in use, and ends with 1', async () => {
    const holder = createSocket('udp4');
    holder.bind(0, '127.0.0.1');
    await once(holder, 'listening');
    const address = `127.0.0.1:${String(holder.address().port)}`;
    const result = await runKcpgate(['serve', '--bind', address]);
    holder.close();
    expect(result.code).toBe(1);
    expect(result.errorOutput).toContain(address);
    expect(result.errorOutput).toContain('Another socket already listens on this address.');
    expect(result.errorOutput).not.toContain('    at ');
  });

  test('refuses a wrong configuration with its position and ends with 2', async () => {
    const file = configFile(
      'common: { drain_timeout: 2s }\nlisteners:\n  - { name: a, type: kcp-udp, mtu: 9 }\n',
    );
    const result = await runKcpgate(['serve', '-c', file]);
    expect(result.code).toBe(2);
    expect(result.errorOutput).toMatch(/gateway-\d+\.yaml:3:36: listeners\[0\]\.mtu: must be/);
    expect(result.output).toBe('');
  });

  test('cannot open its log file: 1', async () => {
    const result = await runKcpgate([
      'serve',
      '--bind',
      '127.0.0.1:0',
      '--log-file',
      join(folder, 'no/such/folder'),
    ]);
    expect(result.code).toBe(1);
    expect(result.errorOutput).toContain('cannot open the log file');
  });
});

/** Resolves when a value above zero has not changed for a while. */
async function untilStill(value: () => number): Promise<void> {
  let last = value();
  for (let same = 0; same < 5;) {
    await new Promise((next) => setTimeout(next, 50));
    same = value() === last && last > 0 ? same + 1 : 0;
    last = value();
  }
}
