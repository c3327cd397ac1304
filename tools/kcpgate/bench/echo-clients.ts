import type { SocketAddress } from '../../../src/base/address.ts';
import { ClientEndpoints, type ClientCounters } from './client-endpoint.ts';
import { EchoPacer } from './echo-pacer.ts';
import { EchoSession, type EchoSamples } from './echo-session.ts';
import type { LoadOptions } from './load-options.ts';
import { summarizeLatency, type LatencySummary } from './percentile.ts';
import { ownCpu, type CpuTime } from './process-usage.ts';

/** What a number of echoes came to. */
export interface EchoResult {
  /** Every echo came back. */
  readonly complete: boolean;
  readonly echoes: number;
  readonly seconds: number;
  readonly latencyMs: LatencySummary;
  /** Of this process, without the warm-up. */
  readonly cpu: CpuTime;
  /** Of the server, its whole life; undefined when it was not watched. */
  readonly server: CpuTime | undefined;
  readonly counters: ClientCounters;
}

/** Echoes on one session, each sent when the last one came back. */
export async function runPingPongClient(
  server: SocketAddress,
  load: LoadOptions,
  onWarm: () => void,
  readServer: () => CpuTime | undefined,
): Promise<EchoResult> {
  const clients = await ClientEndpoints.to(server, load);
  const opener = await clients.open();
  const warmUp = Math.round(load.warmUp * load.echoes);
  const samples: EchoSamples = { latencyMs: new Float64Array(load.echoes), count: 0, warmUpLeft: warmUp };
  return measure(clients, samples, load, onWarm, readServer, (done, warm) => {
    const onEcho = (session: EchoSession): void => {
      if (samples.warmUpLeft === 0 && samples.count === 0) warm();
      if (samples.count === load.echoes) done();
      else session.send();
    };
    opener.connect(false, (port) => {
      const session = new EchoSession(port, load.sizeBytes, samples, onEcho, done);
      session.send();
      return session;
    });
  });
}

/** Many sessions, each with a socket of its own and a steady stream of echoes. */
export async function runFleetClient(
  server: SocketAddress,
  load: LoadOptions,
  onWarm: () => void,
  readServer: () => CpuTime | undefined,
): Promise<EchoResult> {
  const { fleetSessions, echoesPerSecond, fleetSeconds, sizeBytes } = load;
  const echoesOf = (seconds: number): number => Math.floor(seconds * echoesPerSecond) * fleetSessions;
  const warmUp = echoesOf(load.warmUp * fleetSeconds);
  const measured = echoesOf(fleetSeconds);
  const clients = await ClientEndpoints.to(server, load);
  const samples: EchoSamples = { latencyMs: new Float64Array(measured), count: 0, warmUpLeft: warmUp };
  const sessions: EchoSession[] = [];
  let finish: () => void = () => undefined;
  let beginMeasuring: () => void = () => undefined;
  const onEcho = (): void => {
    if (samples.warmUpLeft === 0 && samples.count === 0) beginMeasuring();
    if (samples.count === measured) finish();
  };
  for (let i = 0; i < fleetSessions; i++) {
    const opener = await clients.open(true);
    opener.connect(false, (port) => {
      const session = new EchoSession(port, sizeBytes, samples, onEcho, () => finish());
      sessions.push(session);
      return session;
    });
  }
  return measure(clients, samples, load, onWarm, readServer, (done, warm) => {
    finish = done;
    beginMeasuring = warm;
    new EchoPacer(sessions, echoesPerSecond).start(warmUp + measured);
  });
}

async function measure(
  clients: ClientEndpoints,
  samples: EchoSamples,
  load: LoadOptions,
  onWarm: () => void,
  readServer: () => CpuTime | undefined,
  start: (done: () => void, warm: () => void) => void,
): Promise<EchoResult> {
  let cpuBefore = process.cpuUsage();
  let startedAt = performance.now();
  const warm = (): void => {
    onWarm();
    cpuBefore = process.cpuUsage();
    startedAt = performance.now();
  };
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, load.timeoutMs);
    start(resolve, warm);
  });
  clearTimeout(timer);
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = ownCpu(cpuBefore);
  const server = readServer();
  const counters = clients.counters();
  await clients.close();
  return {
    complete: samples.count === samples.latencyMs.length,
    echoes: samples.count,
    seconds,
    latencyMs: summarizeLatency(samples.latencyMs.subarray(0, samples.count)),
    cpu,
    server,
    counters,
  };
}
