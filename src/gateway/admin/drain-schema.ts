import * as z from 'zod';
import { DRAIN_LINES_MAX_BYTES } from '../../wire/drain.ts';
import { isName, mustBe, NAME_EXPECTS, refuse } from '../config/field.ts';
import { DAY } from '../config/magnitudes.ts';
import { formatDuration, parseDurationMs } from '../config/units.ts';

/** Longest deadline of a drain, in milliseconds. */
const MAX_DRAIN_DEADLINE_MS = DAY;
/** Deadline of a drain that gives none. */
const DEFAULT_DRAIN_DEADLINE = '30s';

const EXPECTS = `a duration from 0s to ${formatDuration(MAX_DRAIN_DEADLINE_MS)}, such as 500ms, 5s, 1m or 2h`;

const DURATION = z
  .string()
  .regex(/^\d{1,15}(\.\d{1,6})? ?(ms|s|m|h)$/, { error: ({ input }) => mustBe(EXPECTS, input) })
  .transform((text, context) => {
    const ms = parseDurationMs(text);
    return ms !== undefined && ms <= MAX_DRAIN_DEADLINE_MS ? ms : refuse(context, mustBe(EXPECTS, text));
  });

/** How the gateway is drained. */
export const DRAIN = z
  .strictObject({
    deadline: DURATION.describe('When the sessions that are left end, from now on.').prefault(
      DEFAULT_DRAIN_DEADLINE,
    ),
    jitter: DURATION.describe(
      'Clients leave at a random time within so long, `deadline` at most. Default: half of it.',
    ).optional(),
    lines: z
      .array(z.string().max(64).refine(isName, `must be ${NAME_EXPECTS}`))
      .max(32)
      .refine((lines) => lines.join().length <= DRAIN_LINES_MAX_BYTES, {
        error: `must be at most ${String(DRAIN_LINES_MAX_BYTES)} bytes with their commas`,
      })
      .describe('Ids of the lines that clients are to prefer, best first.')
      .default([]),
  })
  .refine(({ deadline, jitter = 0 }) => jitter <= deadline, {
    path: ['jitter'],
    error: 'must not be longer than deadline',
  });
