import { setTimeout as delay } from 'node:timers/promises';
import { ChildProgram, type ProgramEvent } from './child-program.ts';
import type { Placement } from './contenders.ts';
import { Cores } from './cores.ts';
import type { LoadOptions } from './load-options.ts';
import type { Measures } from './measure.ts';
import { pairMeasures } from './pair-measures.ts';
import type { NativeStatus } from '../../../src/gateway/gateway-status.ts';
import { cpuBetween, cpuSeconds, processUsage, type CpuTime, type ProcessUsage } from './process-usage.ts';
import type { ServerProfile } from './server-profile.ts';
import type { LoadKind, ProgramStart, Stack } from './stack.ts';

/** One run of two programs. */
export interface PairPlan {
  readonly kind: LoadKind;
  readonly client: Stack;
  readonly server: Stack;
  readonly load: LoadOptions;
  readonly placement: Placement;
  readonly profile: ServerProfile | undefined;
}

export interface PairOutcome {
  readonly measures: Measures;
  /** Of our server. */
  readonly native: NativeStatus | undefined;
}

/**
 * Starts a server and a client and measures them.
 *
 * The CPU time of the server is read from outside, by the client at the very moments when the warm-up and when the load
 * ends; that of the client is what the system tells it then. Both are the same for every program.
 * @throws Error when a process fails, bytes came back wrong, or not everything came back.
 */
export async function runPair(plan: PairPlan): Promise<PairOutcome> {
  const { kind, client, load, profile } = plan;
  const cores = new Cores(plan.placement);
  const server = await startProgram('server', plan.server.server(load, profile?.nodeOptions), cores.server);
  try {
    const { address, port, login, native } = await server.next('listening', START_TIMEOUT_MS);
    const target = {
      address: `${String(address)}:${String(port)}`,
      login: login as string | undefined,
      pid: server.pid,
    };
    const start = (): Promise<ChildProgram> =>
      startProgram('client', client.client(kind, target, load), cores.client);
    const measures =
      kind === 'idle'
        ? await measureIdle(server, await start(), client.idleSessions(load), load, profile)
        : await measureLoad(kind, server, await start(), load, profile);
    return { measures, native: native as NativeStatus | undefined };
  } finally {
    await server.stop();
  }
}

function startProgram(name: string, start: ProgramStart, cores: string | undefined): Promise<ChildProgram> {
  const { command, environment } = start;
  if (cores === undefined) return ChildProgram.start(name, command, start.arguments, environment);
  return ChildProgram.start(name, 'taskset', ['-c', cores, command, ...start.arguments], environment);
}

async function measureLoad(
  kind: Exclude<LoadKind, 'idle'>,
  server: ChildProgram,
  client: ChildProgram,
  load: LoadOptions,
  profile: ServerProfile | undefined,
): Promise<Measures> {
  let before: CpuTime | undefined = usageOf(server).cpu;
  let atWarm: ProgramEvent | undefined;
  let result: ProgramEvent;
  try {
    if (load.warmUp > 0) {
      // A client that does not get so far says why in its result.
      const warm = await client.next('warm', load.timeoutMs + START_TIMEOUT_MS).catch(() => undefined);
      before = warm?.server as CpuTime | undefined;
    }
    if (kind === 'junk') atWarm = await accountOf(server);
    await profile?.begin(server.pid);
    result = await client.next('result', load.timeoutMs + START_TIMEOUT_MS);
  } finally {
    await client.stop();
  }
  await profile?.end();
  checkResult(result);
  const after = result.server as CpuTime | undefined;
  if (before === undefined || after === undefined) throw new Error('nobody saw what the server used');
  const seenFromOutside = cpuSeconds(usageOf(server).cpu);
  await server.stop();
  const stopped = await server.next('stopped', START_TIMEOUT_MS);
  return {
    ...pairMeasures(kind, { result, server: cpuBetween(before, after), atWarm, stopped }),
    serverCpuSecondsByRusage: Number(stopped.cpuSeconds),
    serverCpuSecondsByProc: seenFromOutside,
  };
}

async function accountOf(server: ChildProgram): Promise<ProgramEvent> {
  server.tell('account');
  return server.next('account', START_TIMEOUT_MS);
}

function checkResult(result: ProgramEvent): void {
  const corrupt = Number(result.corruptBytes ?? 0);
  if (corrupt > 0) throw new Error(`${corrupt} bytes came back wrong`);
  if (result.complete !== true) {
    const reason = typeof result.error === 'string' ? `: ${result.error}` : '';
    if (typeof result.bytes === 'number' || typeof result.echoes === 'number') {
      throw new Error(`only ${String(result.bytes ?? result.echoes)} came back${reason}`);
    }
    throw new Error(`not complete${reason}`);
  }
}

async function measureIdle(
  server: ChildProgram,
  client: ChildProgram,
  sessions: number,
  load: LoadOptions,
  profile: ServerProfile | undefined,
): Promise<Measures> {
  try {
    const before = usageOf(server);
    await client.next('open', load.timeoutMs + START_TIMEOUT_MS);
    await delay(SETTLE_MS);
    const open = usageOf(server);
    await profile?.begin(server.pid);
    await delay(load.idleSeconds * 1000);
    const after = usageOf(server);
    await profile?.end();
    const cpuPercent = (cpuSeconds(cpuBetween(open.cpu, after.cpu)) / load.idleSeconds) * 100;
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

function usageOf(program: ChildProgram): ProcessUsage {
  program.assertRunning();
  const usage = processUsage(program.pid);
  if (usage === undefined) throw new Error('a server is measured by /proc, which is not here');
  return usage;
}

const START_TIMEOUT_MS = 15_000;
/** A session that has been quiet for two seconds gives memory back; V8 collects what opening left behind after 25. */
const SETTLE_MS = 30_000;
