import { once } from 'node:events';
import { formatSocketAddress, type SocketAddress } from '../../../src/base/address.ts';
import { startEchoServer } from '../echo-server.ts';
import { runFleetClient, runPingPongClient } from './echo-clients.ts';
import { openIdleSessions } from './idle-client.ts';
import type { LoadOptions } from './load-options.ts';
import { ownNativeStatus } from './native-status.ts';
import { startPoolServer } from './pool/pool-server.ts';
import { cpuSeconds, ownCpu, processUsage, type CpuTime } from './process-usage.ts';
import type { LoadKind } from './stack.ts';
import { runStreamClient } from './stream-client.ts';

/** Reports one thing that happened, as an object with an `event`. */
export type Report = (event: { readonly event: string } & Readonly<Record<string, unknown>>) => void;

/** A server to be measured. */
interface EchoServer {
  readonly address: SocketAddress | undefined;
  /** What it has done so far, for the report. */
  account(): Promise<Readonly<Record<string, unknown>>>;
  stop(): Promise<void>;
}

/** Runs the echo server until the signal. Reports `listening`, and in the end `stopped` with what it cost. */
export async function runServerSide(
  bind: SocketAddress,
  load: LoadOptions,
  report: Report,
  stop: AbortSignal,
): Promise<void> {
  const server =
    load.poolThreads > 0 ? await startPoolServer(bind, load) : await startGatewayServer(bind, load);
  const { address } = server;
  report({
    event: 'listening',
    address: address?.address,
    port: address?.port,
    text: address === undefined ? '' : formatSocketAddress(address),
    native: ownNativeStatus(),
  });
  if (!stop.aborted) await once(stop, 'abort');
  const cpu = ownCpu();
  report({ event: 'stopped', cpu, cpuSeconds: cpuSeconds(cpu), ...(await server.account()) });
  await server.stop();
}

/**
 * Runs the client of a load. Reports `warm` when the measurement begins and `result`; `idle` reports `open` and stays until the signal.
 * @param watched process whose CPU time is read when these happen, not later when somebody hears of it: that of the server.
 */
export async function runClientSide(
  kind: LoadKind,
  remote: SocketAddress,
  load: LoadOptions,
  report: Report,
  stop: AbortSignal,
  watched?: number,
): Promise<void> {
  const readServer = (): CpuTime | undefined =>
    watched === undefined ? undefined : processUsage(watched)?.cpu;
  const onWarm = (): void => report({ event: 'warm', server: readServer() });
  const native = ownNativeStatus();
  switch (kind) {
    case 'stream':
      report({ event: 'result', ...(await runStreamClient(remote, load, onWarm, readServer)), native });
      return;
    case 'pingpong':
      report({ event: 'result', ...(await runPingPongClient(remote, load, onWarm, readServer)), native });
      return;
    case 'fleet':
      report({ event: 'result', ...(await runFleetClient(remote, load, onWarm, readServer)), native });
      return;
    case 'idle': {
      const idle = await openIdleSessions(remote, load);
      report({ event: 'open', sessions: idle.sessions });
      if (!stop.aborted) await once(stop, 'abort');
      await idle.close();
    }
  }
}

async function startGatewayServer(bind: SocketAddress, load: LoadOptions): Promise<EchoServer> {
  const gateway = await startEchoServer(formatSocketAddress(bind), load);
  const { listeners, workers } = await gateway.status();
  // A gateway without the addon serves in one thread, which is no failure; here it would be taken for several.
  if (load.workers > 1 && workers.length !== load.workers) {
    await gateway.stop();
    throw new Error(`${load.workers} workers need the native addon and a kernel that steers`);
  }
  return {
    address: listeners[0]?.address,
    account: async () => {
      const { listeners: after, upstreams } = await gateway.status();
      const { sessions, bytesToSessions } = upstreams.echo ?? {};
      return { sessions, bytes: bytesToSessions, carrier: after[0]?.stats.carrier };
    },
    stop: () => gateway.stop(),
  };
}
