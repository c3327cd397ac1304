import { setTimeout as delay } from 'node:timers/promises';
import { ChildProgram, type ProgramEvent } from './child-program.ts';
import type { LoadOptions } from './load-options.ts';
import type { Measures } from './measure.ts';
import { processUsage } from './process-usage.ts';
import type { PairScenario, Stack } from './stack.ts';

/**
 * Runs one scenario once: a server process of one stack, a client process of another.
 * @throws Error when a process fails, bytes came back wrong, or not everything came back.
 */
export async function runPair(
  scenario: PairScenario,
  clientStack: Stack,
  serverStack: Stack,
  load: LoadOptions,
): Promise<Measures> {
  const server = await ChildProgram.start('server', serverStack.command, serverStack.serverArguments(load));
  try {
    const { address, port, cpuSeconds: cpuAtStart = 0 } = await server.next('listening', START_TIMEOUT_MS);
    const target = `${String(address)}:${String(port)}`;
    const start = (): Promise<ChildProgram> =>
      ChildProgram.start('client', clientStack.command, clientStack.clientArguments(scenario, target, load));
    if (scenario === 'idle') {
      return await measureIdle(server, await start(), clientStack.idleSessions(load), load);
    }
    const { result, cpuWhenWarm } = await runClient(await start(), server, load);
    checkResult(result);
    await server.stop();
    const { cpuSeconds } = await server.next('stopped', START_TIMEOUT_MS);
    return measuresOf(scenario, result, Number(cpuSeconds) - (cpuWhenWarm ?? Number(cpuAtStart)));
  } finally {
    await server.stop();
  }
}

/** @returns the result, and what the server had used after the warm-up if there is one. */
async function runClient(
  client: ChildProgram,
  server: ChildProgram,
  load: LoadOptions,
): Promise<{ result: ProgramEvent; cpuWhenWarm: number | undefined }> {
  try {
    let cpuWhenWarm: number | undefined;
    if (load.warmUp > 0) {
      // A client that does not get so far says why in its result.
      await client.next('warm', load.timeoutMs + START_TIMEOUT_MS).catch(() => undefined);
      cpuWhenWarm = processUsage(server.pid)?.cpuSeconds ?? NaN;
    }
    return { result: await client.next('result', load.timeoutMs + START_TIMEOUT_MS), cpuWhenWarm };
  } finally {
    await client.stop();
  }
}

function checkResult(result: ProgramEvent): void {
  const corrupt = Number(result.corruptBytes ?? 0);
  if (corrupt > 0) throw new Error(`${corrupt} bytes came back wrong`);
  if (result.complete !== true) {
    const reason = typeof result.error === 'string' ? `: ${result.error}` : '';
    throw new Error(`only ${String(result.bytes ?? result.echoes)} came back${reason}`);
  }
}

function measuresOf(
  scenario: Exclude<PairScenario, 'idle'>,
  result: ProgramEvent,
  serverCpuSeconds: number,
): Measures {
  if (scenario === 'stream') {
    const hundreds = (Number(result.bytes) - Number(result.warmUpBytes)) / (100 * 1024 * 1024);
    return {
      mibPerSecond: Number(result.mibPerSecond),
      serverCpuSecondsPer100Mib: serverCpuSeconds / hundreds,
      clientCpuSecondsPer100Mib: Number(result.cpuSeconds) / hundreds,
      retransmits: Number((result.counters as Record<string, unknown>).retransmits),
    };
  }
  const latency = result.latencyMs as Record<string, number>;
  const echoes = Number(result.echoes);
  return {
    latencyP50Ms: latency.p50 ?? NaN,
    latencyP99Ms: latency.p99 ?? NaN,
    serverCpuMicrosecondsPerEcho: (serverCpuSeconds * 1e6) / echoes,
    clientCpuMicrosecondsPerEcho: (Number(result.cpuSeconds) * 1e6) / echoes,
  };
}

async function measureIdle(
  server: ChildProgram,
  client: ChildProgram,
  sessions: number,
  load: LoadOptions,
): Promise<Measures> {
  try {
    const before = usageOf(server);
    await client.next('open', load.timeoutMs + START_TIMEOUT_MS);
    await delay(SETTLE_MS);
    const open = usageOf(server);
    await delay(load.idleSeconds * 1000);
    const after = usageOf(server);
    const cpuPercent = ((after.cpuSeconds - open.cpuSeconds) / load.idleSeconds) * 100;
    return {
      sessions,
      kibPerSession: (after.residentBytes - before.residentBytes) / 1024 / sessions,
      cpuPercent,
      cpuPercentPer1000Sessions: (cpuPercent * 1000) / sessions,
    };
  } finally {
    await client.stop();
  }
}

function usageOf(program: ChildProgram): { cpuSeconds: number; residentBytes: number } {
  const usage = processUsage(program.pid);
  if (usage === undefined) throw new Error('idle needs /proc, to see what the server process uses');
  return usage;
}

const START_TIMEOUT_MS = 15_000;
/** A session that has been quiet for two seconds gives memory back; V8 collects what opening left behind after 25. */
const SETTLE_MS = 30_000;
