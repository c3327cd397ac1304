import { readdirSync } from 'node:fs';
import { processUsage } from '../bench/process-usage.ts';

/** The gateway's process at one moment. */
export interface Sample {
  /** Since the load began, in seconds. */
  readonly seconds: number;
  readonly residentBytes: number;
  /** After garbage collection. */
  readonly heapUsedBytes: number;
  readonly externalBytes: number;
  /** -1 where the system does not say. */
  readonly descriptors: number;
  readonly sessions: number;
  readonly openedSessions: number;
  /** Of all clients so far. */
  readonly verifiedBytes: number;
}

/** What the operating system says of a process. */
export function readProcess(pid: number): Pick<Sample, 'residentBytes' | 'descriptors'> {
  return { residentBytes: processUsage(pid)?.residentBytes ?? 0, descriptors: openDescriptors(pid) };
}

export const SAMPLE_HEADINGS = `${'time'.padStart(7)} ${'RSS'.padStart(8)} ${'heap'.padStart(7)} ${'external'.padStart(9)} ${'open files'.padStart(11)} ${'sessions'.padStart(9)} ${'opened'.padStart(8)} ${'verified'.padStart(10)}`;

export function formatSample(sample: Sample): string {
  const minutes = `${Math.floor(sample.seconds / 60)}:${String(Math.floor(sample.seconds % 60)).padStart(2, '0')}`;
  return [
    minutes.padStart(7),
    formatMib(sample.residentBytes).padStart(8),
    formatMib(sample.heapUsedBytes).padStart(7),
    formatMib(sample.externalBytes).padStart(9),
    String(sample.descriptors).padStart(11),
    String(sample.sessions).padStart(9),
    String(sample.openedSessions).padStart(8),
    `${formatMib(sample.verifiedBytes)} MiB`.padStart(10),
  ].join(' ');
}

/** One decimal, without the unit. */
export function formatMib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}

function openDescriptors(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return -1;
  }
}

const MIB = 1024 * 1024;
