import * as z from 'zod';
import { NOT_READY_REASONS } from '../health/health-report.ts';

const CHECK = z.object({
  status: z.enum(['up', 'down']),
  reason: z.enum(NOT_READY_REASONS).nullable().describe('Why it is down; null when it is not.'),
});

/** Whether something is well, and what that was made of. */
export const HEALTH = z.object({
  status: z.enum(['up', 'down']).describe('`up` when every check is.'),
  timestamp: z.string().describe('RFC 3339.'),
  checks: z
    .record(z.string(), CHECK)
    .describe(
      'By name. `accepting`: new sessions are taken; `workers`: every thread that is to serve does; `process`: it answers.',
    ),
});
