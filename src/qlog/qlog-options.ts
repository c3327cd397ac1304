/**
 * Which sessions get a file: every one, written while it goes on; or those that ended abnormally, when they did, with what the
 * flight recorder still had of them.
 */
export type QlogSessions = 'all' | 'abnormal';
export const QLOG_SESSIONS = ['all', 'abnormal'] as const satisfies readonly QlogSessions[];

/** The schema of the files: our own, or one that viewers of QUIC understand. */
export type QlogProfile = 'kcp' | 'qvis';
export const QLOG_PROFILES = ['kcp', 'qvis'] as const satisfies readonly QlogProfile[];

/** How sessions are recorded. */
export interface QlogOptions {
  /** Where files are written; created when missing. */
  readonly directory: string;
  /** Default `all`. */
  readonly sessions?: QlogSessions;
  /** Default `kcp`. */
  readonly profile?: QlogProfile;
  /** Events that are kept of a session until they are written, 64 to 1,048,576; 32 bytes each. Default 8192. */
  readonly maxEvents?: number;
  /** Memory for the events of all sessions, in bytes; beyond it older ones of a session give way. Default 64 MiB. */
  readonly maxMemoryBytes?: number;
  /** Files that are kept; the oldest are deleted. Default 1000. */
  readonly maxFiles?: number;
  /** A file that is longer is not written on, in bytes. Default 64 MiB. */
  readonly maxFileBytes?: number;
}

export interface QlogConfig {
  readonly directory: string;
  readonly sessions: QlogSessions;
  readonly profile: QlogProfile;
  readonly maxEvents: number;
  readonly maxMemoryBytes: number;
  readonly maxFiles: number;
  readonly maxFileBytes: number;
}

/** @throws RangeError when a number is out of range. */
export function resolveQlogOptions(options: QlogOptions): QlogConfig {
  const {
    directory,
    sessions = 'all',
    profile = 'kcp',
    maxEvents = 8192,
    maxMemoryBytes = 64 * MIB,
    maxFiles = 1000,
    maxFileBytes = 64 * MIB,
  } = options;
  within('maxEvents', maxEvents, 64, 1_048_576);
  within('maxMemoryBytes', maxMemoryBytes, MIB, Number.MAX_SAFE_INTEGER);
  within('maxFiles', maxFiles, 1, 1_000_000);
  within('maxFileBytes', maxFileBytes, 4096, Number.MAX_SAFE_INTEGER);
  return { directory, sessions, profile, maxEvents, maxMemoryBytes, maxFiles, maxFileBytes };
}

function within(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`qlog.${name} must be a whole number from ${least} to ${most}, is ${value}`);
}

const MIB = 1024 * 1024;
