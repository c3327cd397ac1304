import * as z from 'zod';
import { QLOG_PROFILES, QLOG_SESSIONS } from '../../qlog/qlog-options.ts';
import { choice, integer, optionalPath, size } from './field.ts';
import { GIB, KIB, MIB } from './magnitudes.ts';

/** The section `qlog`. */
export const QLOG_SCHEMA = z.strictObject({
  directory: optionalPath(
    'Directory for recordings of sessions (qlog); created when missing. null: nothing is recorded.',
  ).prefault(null),
  sessions: choice(
    QLOG_SESSIONS,
    '`all`: a file for every session, written while it goes on. `abnormal`: only for those that end with another code than `normal` or `drain`, with what was kept of them.',
  ).prefault('all'),
  profile: choice(
    QLOG_PROFILES,
    '`kcp`: our schema, which `kcpgate inspect` reads. `qvis`: the same in the words of QUIC (qlog 0.3), for viewers of that.',
  ).prefault('kcp'),
  max_events: integer(
    64,
    1_048_576,
    'Events kept of a session until they are written, 32 bytes each; about two for a datagram.',
  ).prefault(8192),
  max_memory: size(MIB, 64 * GIB, 'Memory for the events of all sessions.').prefault('64MiB'),
  max_files: integer(
    1,
    1_000_000,
    'Recordings in the directory; the oldest are deleted. Other files are left alone.',
  ).prefault(1000),
  max_file_size: size(4 * KIB, 64 * GIB, 'A recording that is longer is not written on.').prefault('64MiB'),
});
