import type { SocketAddress } from '../../../src/base/address.ts';
import { ClientEndpoints } from './client-endpoint.ts';
import type { LoadOptions } from './load-options.ts';
import { openMany } from './open-many.ts';
import { ownCpu, type CpuTime } from './process-usage.ts';

/** What opening sealed sessions came to. */
export interface HandshakeResult {
  readonly complete: boolean;
  /** Without the warm-up. */
  readonly sessions: number;
  readonly seconds: number;
  /** Of this process, without the warm-up. */
  readonly cpu: CpuTime;
  /** Of the server, its whole life; undefined when it was not watched. */
  readonly server: CpuTime | undefined;
  /** Why it is not complete. */
  readonly error?: string;
}

/**
 * Opens sealed sessions as fast as the server answers, with tickets made beforehand, and keeps them open. An echo of 8 bytes
 * shows that each is there.
 */
export async function runHandshakeClient(
  server: SocketAddress,
  load: LoadOptions,
  onWarm: () => void,
  readServer: () => CpuTime | undefined,
): Promise<HandshakeResult> {
  const clients = await ClientEndpoints.to(server, load);
  const warmUp = Math.round(load.warmUp * load.handshakes);
  let opened = 0;
  let cpuBefore = process.cpuUsage();
  let startedAt = performance.now();
  const onOpen = (open: number): void => {
    opened = open;
    if (open !== warmUp) return;
    onWarm();
    cpuBefore = process.cpuUsage();
    startedAt = performance.now();
  };
  let error: string | undefined;
  try {
    await openMany(clients, warmUp + load.handshakes, load, onOpen);
  } catch (failure) {
    error = failure instanceof Error ? failure.message : String(failure);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = ownCpu(cpuBefore);
  const serverCpu = readServer();
  await clients.close();
  return {
    complete: error === undefined,
    sessions: opened - warmUp,
    seconds,
    cpu,
    server: serverCpu,
    ...(error !== undefined && { error }),
  };
}
