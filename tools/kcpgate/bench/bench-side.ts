import { once } from 'node:events';
import { formatSocketAddress, type SocketAddress } from '../../../src/base/address.ts';
import { startEchoServer } from '../echo-server.ts';
import { runFleetClient, runPingPongClient } from './echo-clients.ts';
import { openIdleSessions } from './idle-client.ts';
import type { LoadOptions } from './load-options.ts';
import { ownCpuSeconds } from './process-usage.ts';
import type { PairScenario } from './stack.ts';
import { runStreamClient } from './stream-client.ts';

/** Reports one thing that happened, as an object with an `event`. */
export type Report = (event: { readonly event: string } & Readonly<Record<string, unknown>>) => void;

/** Runs the echo server until the signal. Reports `listening`, and in the end `stopped` with what it cost. */
export async function runServerSide(
  bind: string,
  load: LoadOptions,
  report: Report,
  stop: AbortSignal,
): Promise<void> {
  const gateway = await startEchoServer(bind, load);
  const address = gateway.status().listeners[0]?.address;
  report({
    event: 'listening',
    address: address?.address,
    port: address?.port,
    text: address === undefined ? '' : formatSocketAddress(address),
    cpuSeconds: ownCpuSeconds(),
  });
  if (!stop.aborted) await once(stop, 'abort');
  const cpuSeconds = ownCpuSeconds();
  const { listeners, upstreams } = gateway.status();
  report({
    event: 'stopped',
    sessions: upstreams.echo?.sessions,
    bytes: upstreams.echo?.bytesToSessions,
    cpuSeconds,
    carrier: listeners[0]?.stats.carrier,
  });
  await gateway.stop();
}

/** Runs the client of a scenario. Reports `warm` when the measurement begins and `result`; `idle` reports `open` and stays until the signal. */
export async function runClientSide(
  scenario: PairScenario,
  remote: SocketAddress,
  load: LoadOptions,
  report: Report,
  stop: AbortSignal,
): Promise<void> {
  const onWarm = (): void => report({ event: 'warm' });
  switch (scenario) {
    case 'stream': {
      const result = await runStreamClient(remote, load, onWarm);
      report({ event: 'result', ...result });
      return;
    }
    case 'pingpong':
      report({ event: 'result', ...(await runPingPongClient(remote, load, onWarm)) });
      return;
    case 'fleet':
      report({ event: 'result', ...(await runFleetClient(remote, load, onWarm)) });
      return;
    case 'idle': {
      const idle = await openIdleSessions(remote, load);
      report({ event: 'open', sessions: idle.sessions });
      if (!stop.aborted) await once(stop, 'abort');
      await idle.close();
    }
  }
}
