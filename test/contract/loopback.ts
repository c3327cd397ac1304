import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { SocketAddress } from '../../src/base/address.ts';

export const LOOPBACK_V4: SocketAddress = { address: '127.0.0.1', family: 4, port: 0 };
export const LOOPBACK_V6: SocketAddress = { address: '::1', family: 6, port: 0 };
export const ANY_V6: SocketAddress = { address: '::', family: 6, port: 0 };

/** Whether this machine can bind ::1; says so on the console when it cannot. */
export async function hasIpv6(): Promise<boolean> {
  const socket = createSocket('udp6');
  try {
    socket.bind(0, '::1');
    await once(socket, 'listening');
    return true;
  } catch (error) {
    console.warn(`SKIPPED: tests over IPv6, because this machine has none (${String(error)})`);
    return false;
  } finally {
    socket.close();
  }
}

/** Waits for real sockets. The limit is only there to end a test that would never end. */
export async function untilTrue(done: () => boolean): Promise<void> {
  const deadline = performance.now() + 25_000;
  while (!done()) {
    if (performance.now() > deadline) throw new Error(`still not true: ${done.toString()}`);
    await delay(1);
  }
}
