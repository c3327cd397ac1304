import { checkNumber, checkOneOf, invalidOption, type GivenOptions } from '../base/check-option.ts';

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

/** @throws GatewayError `config_invalid`: which option, and what it must be. */
export function resolveQlogOptions(options: QlogOptions): QlogConfig {
  const given: GivenOptions = Object.fromEntries(
    Object.entries<unknown>({ ...options }).map(([name, value]) => [`qlog.${name}`, value]),
  );
  const directory = given['qlog.directory'];
  if (typeof directory !== 'string' || directory === '')
    throw invalidOption('qlog.directory', 'must be the name of a directory');
  checkOneOf(given, 'qlog.sessions', QLOG_SESSIONS);
  checkOneOf(given, 'qlog.profile', QLOG_PROFILES);
  checkNumber(given, 'qlog.maxEvents', 64, 1_048_576);
  checkNumber(given, 'qlog.maxMemoryBytes', MIB, Number.MAX_SAFE_INTEGER);
  checkNumber(given, 'qlog.maxFiles', 1, 1_000_000);
  checkNumber(given, 'qlog.maxFileBytes', 4096, Number.MAX_SAFE_INTEGER);
  const { sessions = 'all', profile = 'kcp', maxEvents = 8192, maxMemoryBytes = 64 * MIB } = options;
  const { maxFiles = 1000, maxFileBytes = 64 * MIB } = options;
  return { directory, sessions, profile, maxEvents, maxMemoryBytes, maxFiles, maxFileBytes };
}

const MIB = 1024 * 1024;
