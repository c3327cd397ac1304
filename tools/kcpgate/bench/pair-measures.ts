import type { ProgramEvent } from './child-program.ts';
import type { FloodResult } from './flood-client.ts';
import type { LoginPhase } from './login-client.ts';
import type { Measures } from './measure.ts';
import type { LatencySummary } from './percentile.ts';
import { cpuSeconds, type CpuTime } from './process-usage.ts';
import type { LoadKind } from './stack.ts';

/** What two programs told of one run. */
export interface PairReports {
  /** Of the client. */
  readonly result: ProgramEvent;
  /** What the server used between the warm-up and the end. */
  readonly server: CpuTime;
  /** The account of the server after the warm-up, if it was asked for, and the last one. */
  readonly atWarm: ProgramEvent | undefined;
  readonly stopped: ProgramEvent;
}

/** The figures of one run. */
export function pairMeasures(kind: Exclude<LoadKind, 'idle'>, reports: PairReports): Measures {
  switch (kind) {
    case 'stream':
      return streamMeasures(reports);
    case 'pingpong':
    case 'fleet':
      return echoMeasures(reports);
    case 'handshake':
      return handshakeMeasures(reports);
    case 'login':
      return loginMeasures(reports);
    case 'junk':
      return junkMeasures(reports);
    case 'flood':
      return {};
  }
}

function streamMeasures({ result, server }: PairReports): Measures {
  const client = result.cpu as CpuTime;
  const hundreds = (Number(result.bytes) - Number(result.warmUpBytes)) / (100 * 1024 * 1024);
  return {
    mibPerSecond: Number(result.mibPerSecond),
    serverCpuSecondsPer100Mib: cpuSeconds(server) / hundreds,
    serverUserCpuSecondsPer100Mib: server.userSeconds / hundreds,
    serverSystemCpuSecondsPer100Mib: server.systemSeconds / hundreds,
    clientCpuSecondsPer100Mib: cpuSeconds(client) / hundreds,
    clientUserCpuSecondsPer100Mib: client.userSeconds / hundreds,
    clientSystemCpuSecondsPer100Mib: client.systemSeconds / hundreds,
    retransmits: Number((result.counters as Record<string, unknown>).retransmits),
  };
}

function echoMeasures({ result, server }: PairReports): Measures {
  const client = result.cpu as CpuTime;
  const latency = result.latencyMs as Record<string, number>;
  const perEcho = (seconds: number): number => (seconds * 1e6) / Number(result.echoes);
  return {
    latencyP50Ms: latency.p50 ?? NaN,
    latencyP99Ms: latency.p99 ?? NaN,
    serverCpuMicrosecondsPerEcho: perEcho(cpuSeconds(server)),
    serverUserCpuMicrosecondsPerEcho: perEcho(server.userSeconds),
    serverSystemCpuMicrosecondsPerEcho: perEcho(server.systemSeconds),
    clientCpuMicrosecondsPerEcho: perEcho(cpuSeconds(client)),
    clientUserCpuMicrosecondsPerEcho: perEcho(client.userSeconds),
    clientSystemCpuMicrosecondsPerEcho: perEcho(client.systemSeconds),
  };
}

function handshakeMeasures({ result, server }: PairReports): Measures {
  const sessions = Number(result.sessions);
  return {
    sessionsPerServerCpuSecond: sessions / cpuSeconds(server),
    sessionsPerSecond: sessions / Number(result.seconds),
    clientCpuMicrosecondsPerSession: (cpuSeconds(result.cpu as CpuTime) * 1e6) / sessions,
  };
}

function loginMeasures({ result }: PairReports): Measures {
  const keepAlive = result.keepAlive as LoginPhase;
  const fresh = result.fresh as LoginPhase;
  return {
    loginsPerServerCpuSecond: keepAlive.logins / (keepAlive.serverCpuSeconds ?? NaN),
    loginsPerSecond: keepAlive.logins / keepAlive.seconds,
    freshLoginsPerServerCpuSecond: fresh.logins / (fresh.serverCpuSeconds ?? NaN),
    freshLoginsPerSecond: fresh.logins / fresh.seconds,
  };
}

/** Nothing of a live session is dropped, so what the server dropped is the junk it read. */
function junkMeasures({ result, atWarm, stopped }: PairReports): Measures {
  const { sent, seconds } = result.flood as FloodResult;
  const [before, during] = [result.before as LatencySummary, result.during as LatencySummary];
  const read = dropsOf(stopped) - (atWarm === undefined ? 0 : dropsOf(atWarm));
  return {
    serverCpuMicrosecondsPerJunk: (Number(result.floodCpuSeconds) * 1e6) / read,
    junkPerSecond: sent / seconds,
    junkLostPercent: (1 - read / sent) * 100,
    calmLatencyP99Ms: before.p99,
    floodedLatencyP50Ms: during.p50,
    floodedLatencyP99Ms: during.p99,
    floodedLatencyP99Growth: during.p99 / before.p99,
  };
}

function dropsOf({ drops }: ProgramEvent): number {
  return Object.values(drops as Record<string, number>).reduce((sum, count) => sum + count, 0);
}
