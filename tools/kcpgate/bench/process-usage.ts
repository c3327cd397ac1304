import { readFileSync } from 'node:fs';

/** What another process used so far. */
export interface ProcessUsage {
  /** User and system time in seconds, in steps of 10 ms. */
  readonly cpuSeconds: number;
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
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND,
      residentBytes: Number(resident ?? 0) * 1024,
    };
  } catch {
    return undefined;
  }
}

/** User and system time this process used, in seconds; since `since` (a `process.cpuUsage()`) or since it began. */
export function ownCpuSeconds(since?: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}

/** Fixed at 100 on every Linux that Node runs on. */
const CLOCK_TICKS_PER_SECOND = 100;
