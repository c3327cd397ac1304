import { once } from 'node:events';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { formatSocketAddress, type SocketAddress } from '../../../src/base/address.ts';
import type { EndpointStats } from '../../../src/endpoint/index.ts';
import { startEchoServer } from '../echo-server.ts';
import { runFleetClient, runPingPongClient } from './echo-clients.ts';
import { ChildProgram } from './child-program.ts';
import { FloodClient } from './flood-client.ts';
import { runHandshakeClient } from './handshake-client.ts';
import { openIdleSessions } from './idle-client.ts';
import { runJunkClient, type StartFlood } from './junk-client.ts';
import type { LoadOptions } from './load-options.ts';
import { runLoginClient } from './login-client.ts';
import { BENCH_TICKET_KEY } from './login-key.ts';
import { ownNativeStatus } from './native-status.ts';
import { startPoolServer } from './pool/pool-server.ts';
import { cpuSeconds, ownCpu, processUsage, type CpuTime } from './process-usage.ts';
import { kcpGateStack, type LoadKind } from './stack.ts';
import { runStreamClient } from './stream-client.ts';

/** Reports one thing that happened, as an object with an `event`. */
export type Report = (event: { readonly event: string } & Readonly<Record<string, unknown>>) => void;

/** A server to be measured. */
interface EchoServer {
  readonly address: SocketAddress | undefined;
  /** Where clients log in. */
  readonly login?: SocketAddress | undefined;
  /** What it has done so far, for the report. */
  account(): Promise<Readonly<Record<string, unknown>>>;
  stop(): Promise<void>;
}

/**
 * Runs the echo server until the signal. Reports `listening`, and in the end `stopped` with what it cost.
 * @param requests answered with an `account` for each line.
 */
export async function runServerSide(
  bind: SocketAddress,
  load: LoadOptions,
  report: Report,
  stop: AbortSignal,
  requests?: Readable,
): Promise<void> {
  const server: EchoServer =
    load.poolThreads > 0 ? await startPoolServer(bind, load) : await startGatewayServer(bind, load);
  const { address, login } = server;
  report({
    event: 'listening',
    address: address?.address,
    port: address?.port,
    text: address === undefined ? '' : formatSocketAddress(address),
    ...(login !== undefined && { login: formatSocketAddress(login) }),
    native: ownNativeStatus(),
  });
  if (requests !== undefined) {
    createInterface({ input: requests }).on('line', () => {
      void server.account().then((account) => report({ event: 'account', ...account }));
    });
  }
  if (!stop.aborted) await once(stop, 'abort');
  const cpu = ownCpu();
  report({ event: 'stopped', cpu, cpuSeconds: cpuSeconds(cpu), ...(await server.account()) });
  await server.stop();
}

/**
 * Runs the client of a load. Reports `warm` when the measurement begins and `result`; `idle` reports `open` and stays until
 * the signal; `flood` reports `listening`, then a `result` for each line of `requests`, until the signal.
 * @param watched process whose CPU time is read when these happen, not later when somebody hears of it: that of the server.
 */
export async function runClientSide(
  kind: LoadKind,
  remote: SocketAddress,
  load: LoadOptions,
  report: Report,
  stop: AbortSignal,
  watched?: number,
  requests?: Readable,
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
    case 'handshake':
      report({ event: 'result', ...(await runHandshakeClient(remote, load, onWarm, readServer)), native });
      return;
    case 'login':
      report({ event: 'result', ...(await runLoginClient(remote, load, onWarm, readServer)), native });
      return;
    case 'junk':
      report({
        event: 'result',
        ...(await runJunkClient(remote, load, onWarm, readServer, startFlood)),
        native,
      });
      return;
    case 'flood':
      await flood(remote, load, report, stop, requests);
      return;
    case 'idle': {
      const idle = await openIdleSessions(remote, load);
      report({ event: 'open', sessions: idle.sessions });
      if (!stop.aborted) await once(stop, 'abort');
      await idle.close();
    }
  }
}

async function flood(
  remote: SocketAddress,
  load: LoadOptions,
  report: Report,
  stop: AbortSignal,
  requests: Readable | undefined,
): Promise<void> {
  // On a machine of its own it would take no time from those it floods.
  setPriority(LOWEST_PRIORITY);
  const client = await FloodClient.to(remote, load);
  report({ event: 'listening' });
  if (requests !== undefined) {
    createInterface({ input: requests }).on('line', () => {
      void client.flood().then((result) => report({ event: 'result', ...result }));
    });
  }
  if (!stop.aborted) await once(stop, 'abort');
  await client.close();
}

const startFlood: StartFlood = (address, load) => {
  const {
    command,
    arguments: rest,
    environment,
  } = kcpGateStack(true).client('flood', { address, login: address, pid: 0 }, load);
  return ChildProgram.start('flood', command, rest, environment);
};

async function startGatewayServer(bind: SocketAddress, load: LoadOptions): Promise<EchoServer> {
  const { preset, mtu, window, workers: threads, sealed, defaultLimits } = load;
  // UDP and HTTP can have the same port; so there is one to be known.
  const login = { ticketKey: BENCH_TICKET_KEY, httpPort: bind.port, defaultLimits };
  const gateway = await startEchoServer(formatSocketAddress(bind), {
    preset,
    mtu,
    window,
    workers: threads,
    ...(sealed && { login }),
  });
  const { listeners, workers } = await gateway.status();
  // A gateway without the addon serves in one thread, which is no failure; here it would be taken for several.
  if (load.workers > 1 && workers.length !== load.workers) {
    await gateway.stop();
    throw new Error(`${load.workers} workers need the native addon and a kernel that steers`);
  }
  return {
    address: listeners[0]?.address,
    login: listeners.find(({ type }) => type === 'http')?.address,
    account: async () => {
      const { listeners: after, upstreams } = await gateway.status();
      const { sessions, bytesToSessions } = upstreams.echo ?? {};
      const { carrier, drops } = after[0]?.stats ?? {};
      return { sessions, bytes: bytesToSessions, carrier, drops: happened(drops) };
    },
    stop: () => gateway.stop(),
  };
}

/** Those that are not 0. */
function happened(drops: EndpointStats['drops'] | undefined): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(drops ?? {}).filter(([, count]) => count > 0));
}

/** The highest number. */
const LOWEST_PRIORITY = 19;
