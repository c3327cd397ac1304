import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports that nobody has, on TCP and on UDP, IPv4 and IPv6, for those who have to be told one: nginx does not say which it got.
 * They are outside of those that the system gives out by itself, each process of a test run has a share of its own, and none is
 * given twice: so nobody else gets them before they are taken, or while whoever had them is started again.
 * @param runs how many ports are wanted in a row, for each number that is wanted.
 * @returns the first of each.
 */
export async function freePorts(...runs: readonly number[]): Promise<number[]> {
  const found: number[] = [];
  for (let tries = 0; found.length < runs.length; tries++) {
    if (tries === MAX_TRIES) throw new Error('no free ports');
    const count = runs[found.length]!;
    const first = randomInt(OWN_FIRST, OWN_FIRST + SHARE - count);
    const row = Array.from({ length: count }, (_, index) => first + index);
    if (row.some((port) => GIVEN.has(port))) continue;
    // Before anybody else is asked: others look for theirs meanwhile.
    for (const port of row) GIVEN.add(port);
    if (await areFree(row)) found.push(first);
  }
  return found;
}

/** What this process has given, or found in use. */
const GIVEN = new Set<number>();
const FIRST_PORT = 12_000;
const LAST_PORT = 30_000;
const MAX_TRIES = 1_000;
/** More than there are processes of a test run at a time, which vitest numbers from 1. */
const SHARES = 16;
const SHARE = Math.floor((LAST_PORT - FIRST_PORT) / SHARES);
/** Of several runs on a machine each begins elsewhere: the parent of all processes of a run is the same. */
const OWN_FIRST = FIRST_PORT + ((process.ppid + Number(process.env.VITEST_POOL_ID ?? 0)) % SHARES) * SHARE;

async function areFree(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) if (!(await isFree(port))) return false;
  return true;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const socket = createSocket('udp6');
  try {
    server.listen(port, '::');
    await once(server, 'listening');
    socket.bind(port, '::');
    await once(socket, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
    socket.close();
  }
}
