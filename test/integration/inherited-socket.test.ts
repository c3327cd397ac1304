import { spawn } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { loadNativeBindings } from '../../native-bindings/index.ts';
import { connectStock } from '../../src/client/node/index.ts';
import { builtLibrary } from '../support/built-library.ts';
import { RunningCommand } from '../support/kcpgate-command.ts';
import { describeWithNative } from '../support/native.ts';

const COMMAND = fileURLToPath(new URL('../../dist/tools/kcpgate/main.js', import.meta.url));
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Starts serve as a service manager does: with a bound socket as descriptor 3. */
async function serveOn(descriptor: number, ...options: string[]): Promise<RunningCommand> {
  await builtLibrary();
  const script = 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=line.socket exec "$@"';
  const command = [process.execPath, COMMAND, 'serve', '--log-format', 'json', ...options];
  const child = spawn('/bin/sh', ['-c', script, 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'pipe', descriptor],
  });
  const running = new RunningCommand(child, 'serve');
  closers.push(() => running.stop());
  return running;
}

/** A bound socket of this process, and where it listens. */
function boundSocket(): { descriptor: number; port: number } {
  const native = loadNativeBindings();
  if (native.status !== 'loaded') throw new Error(native.reason);
  const { bindings } = native;
  const group = { address: '127.0.0.1', port: 0, ipv6Only: false, count: 1 };
  const [descriptor] = bindings.bindReusePortGroup(group);
  closers.push(() => bindings.closeDescriptor(descriptor!));
  return { descriptor: descriptor!, port: portOf(descriptor!) };
}

/** The local port of a UDP socket over IPv4, as the kernel lists it. */
function portOf(descriptor: number): number {
  const inode = /\d+/.exec(readlinkSync(`/proc/self/fd/${String(descriptor)}`))![0];
  const lines = readFileSync('/proc/self/net/udp', 'latin1').split('\n');
  const [, local] = lines.map((line) => line.trim().split(/\s+/)).find((columns) => columns[9] === inode)!;
  return Number.parseInt(local!.split(':')[1]!, 16);
}

describeWithNative('serve with an inherited socket', () => {
  test('serves on it, and stops in order', { timeout: 60_000 }, async () => {
    const { descriptor, port } = boundSocket();
    const gateway = await serveOn(descriptor);
    expect(await gateway.port()).toBe(port);
    const connection = await connectStock({ host: '127.0.0.1', port, peer: 'kcpgate' });
    closers.push(() => connection.destroy());
    connection.send(Buffer.from('hello'));
    for await (const message of connection) {
      expect(Buffer.from(message).toString()).toBe('hello');
      break;
    }
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  });

  test('serves in one thread, and says so', { timeout: 60_000 }, async () => {
    const gateway = await serveOn(boundSocket().descriptor, '--workers', '2');
    const { reason } = await gateway.record('one thread serves instead of several workers');
    expect(reason).toContain('inherited');
    expect(await gateway.record('serving')).toMatchObject({ workers: 1 });
  });
});
