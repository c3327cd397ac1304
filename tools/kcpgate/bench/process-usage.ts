import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** CPU time in seconds, as the operating system counts it, all threads together. */
export interface CpuTime {
  readonly userSeconds: number;
  readonly systemSeconds: number;
}

/** What a process used so far. */
export interface ProcessUsage {
  readonly cpu: CpuTime;
  /** Resident memory in bytes. */
  readonly residentBytes: number;
}

/**
 * Reads what a running process used. Linux only: undefined where there is no /proc, or when the process is gone.
 *
 * The sum of user and system time comes from the scheduler, which counts nanoseconds of each thread; how it is divided,
 * from counters in steps of 10 ms. Where the kernel keeps no such statistics the counters have to do.
 */
export function processUsage(pid: number): ProcessUsage | undefined {
  try {
    const folder = `/proc/${pid}`;
    // The name in parentheses may hold blanks; user and system time are the 12th and 13th field after it.
    const stat = readFileSync(`${folder}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`${folder}/status`, 'latin1'))?.[1];
    return {
      cpu: cpuTimeOf(Number(fields[11]), Number(fields[12]), runSeconds(folder)),
      residentBytes: Number(resident ?? 0) * 1024,
    };
  } catch {
    return undefined;
  }
}

/** Of all threads that are still there; the programs measured here end none of theirs. */
function runSeconds(folder: string): number | undefined {
  if (!existsSync(`${folder}/schedstat`)) return undefined;
  const threads = readdirSync(`${folder}/task`);
  const nanoseconds = threads.map((thread) =>
    Number(readFileSync(`${folder}/task/${thread}/schedstat`, 'latin1').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, time) => sum + time, 0) / 1e9;
}

function cpuTimeOf(userTicks: number, systemTicks: number, seconds: number | undefined): CpuTime {
  const ticks = userTicks + systemTicks;
  const sum = seconds ?? ticks / CLOCK_TICKS_PER_SECOND;
  const userShare = userTicks / Math.max(1, ticks);
  return { userSeconds: sum * userShare, systemSeconds: sum * (1 - userShare) };
}

/** What this process used; since `since` (a `process.cpuUsage()`) or since it began. */
export function ownCpu(since?: NodeJS.CpuUsage): CpuTime {
  const { user, system } = process.cpuUsage(since);
  return { userSeconds: user / 1e6, systemSeconds: system / 1e6 };
}

export function cpuSeconds({ userSeconds, systemSeconds }: CpuTime): number {
  return userSeconds + systemSeconds;
}

export function cpuBetween(before: CpuTime, after: CpuTime): CpuTime {
  return {
    userSeconds: after.userSeconds - before.userSeconds,
    systemSeconds: after.systemSeconds - before.systemSeconds,
  };
}

/** Fixed at 100 on every Linux that Node runs on. */
const CLOCK_TICKS_PER_SECOND = 100;
