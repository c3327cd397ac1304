import type * as z from 'zod';
import { PROBLEM } from './admin-problem.ts';
import { COUNTERS } from './counters.ts';
import { DRAIN } from './drain-schema.ts';
import { HEALTH } from './health-schema.ts';
import { KICK, KICK_SOME, KICKED } from './kick-schema.ts';
import { PATH, SESSION, SESSION_DETAIL, SESSION_LIST } from './session-schema.ts';
import { SERVING, STATUS } from './status-schema.ts';

/** Schemas that have a name of their own in the documentation. */
export const API_SCHEMAS = {
  Status: STATUS,
  Session: SESSION,
  SessionDetail: SESSION_DETAIL,
  SessionList: SESSION_LIST,
  Path: PATH,
  Kick: KICK,
  KickSome: KICK_SOME,
  Kicked: KICKED,
  Drain: DRAIN,
  Serving: SERVING,
  Health: HEALTH,
  Counters: COUNTERS,
  Problem: PROBLEM,
} as const satisfies Readonly<Record<string, z.ZodType>>;
