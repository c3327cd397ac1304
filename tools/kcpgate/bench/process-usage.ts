import { readFileSync } from 'node:fs';

/** CPU time in seconds, as the operating system counts it, all threads together. */
export interface CpuTime {
  readonly userSeconds: number;
  readonly systemSeconds: number;
}

/** What another process used so far. */
export interface ProcessUsage {
  /** In steps of 10 ms. */
  readonly cpu: CpuTime;
  /** Resident memory in bytes. */
  readonly residentBytes: number;
}

/** Reads what a running process used. Linux only: undefined where there is no /proc, or when the process is gone. */
export function processUsage(pid: number): ProcessUsage | undefined {
  try {
    const folder = `/proc/${pid}`;
    // The name in parentheses may hold blanks; user and system time are the 12th and 13th field after it.
    const stat = readFileSync(`${folder}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`${folder}/status`, 'latin1'))?.[1];
    return {
      cpu: {
        userSeconds: Number(fields[11]) / CLOCK_TICKS_PER_SECOND,
        systemSeconds: Number(fields[12]) / CLOCK_TICKS_PER_SECOND,
      },
      residentBytes: Number(resident ?? 0) * 1024,
    };
  } catch {
    return undefined;
  }
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
