import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { alignRows } from '../align-rows.ts';
import type { LinkProfile } from '../relay/link-profile.ts';
import { startUdpRelay } from '../relay/udp-relay.ts';
import { isLoadReport, type LoadOrder, type LoadReport } from './load-message.ts';

/**
 * What passes through a relay on this machine, as a table.
 * @param ms of each of four measurements.
 */
export async function runSelfTest(ms = 2_000): Promise<string> {
  const rows: string[][] = [['WEATHER', 'BYTES', 'DATAGRAMS/S', 'LOST', 'CPU', 'CPU EACH']];
  for (const { name, link, window } of WEATHERS) {
    for (const bytes of [100, 1200])
      rows.push([name, String(bytes), ...(await measure(link, bytes, window, ms))]);
  }
  return `${alignRows(rows, new Set([1, 2, 3, 4, 5])).join('\n')}\n`;
}

async function measure(
  link: Partial<LinkProfile>,
  bytes: number,
  window: number,
  ms: number,
): Promise<string[]> {
  const child = fork(fileURLToPath(new URL('load-side.js', import.meta.url)), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  try {
    const { port } = await reportOf(child, 'listening');
    const target = { address: '127.0.0.1', port };
    const relay = await startUdpRelay({ target, seed: 1, toTarget: link });
    try {
      return await cellsOf(child, { kind: 'load', port: relay.port, bytes, window, ms });
    } finally {
      await relay.close();
    }
  } finally {
    child.kill();
  }
}

async function cellsOf(child: ChildProcess, order: LoadOrder): Promise<string[]> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  child.send(order);
  const { sent, received } = await reportOf(child, 'done');
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpuUs = user + system;
  // What is on its way when time is over is not lost.
  const lost = Math.max(0, sent - received - order.window);
  return [
    String(Math.round(received / seconds)),
    String(lost),
    `${((cpuUs / seconds / 1e6) * 100).toFixed(0)} %`,
    `${(cpuUs / Math.max(1, received)).toFixed(1)} us`,
  ];
}

function reportOf<Kind extends LoadReport['kind']>(
  child: ChildProcess,
  kind: Kind,
): Promise<LoadReport & { kind: Kind }> {
  return new Promise((resolve, reject) => {
    child.on('message', (message) => {
      if (isLoadReport(message, kind)) resolve(message);
    });
    child.once('exit', () => reject(new Error('the process that makes the load ended')));
  });
}

const WEATHERS: readonly { name: string; link: Partial<LinkProfile>; window: number }[] = [
  { name: 'perfect', link: {}, window: 1024 },
  { name: 'delay 20 ms, jitter 5 ms', link: { delayMs: 20, jitterMs: 5 }, window: 8192 },
];
