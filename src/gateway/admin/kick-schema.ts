import * as z from 'zod';
import { KICK_REASON_MAX_BYTES } from '../../wire/kick.ts';
import { CLOSE_CODE } from './close-code-field.ts';
import { CONVERSATION, SUBJECT } from './session-schema.ts';

const REASON = z
  .string()
  .max(KICK_REASON_MAX_BYTES)
  .refine(
    (text) => Buffer.byteLength(text) <= KICK_REASON_MAX_BYTES && !/[\p{Cc}\p{Cs}]/u.test(text),
    `must be at most ${String(KICK_REASON_MAX_BYTES)} bytes without control characters`,
  )
  .describe('For people, as the client is told.');

/** How one session is ended. */
export const KICK = z.strictObject({ code: CLOSE_CODE.prefault('kicked'), reason: REASON.default('') });

/** Which sessions are ended, and how. */
export const KICK_SOME = z
  .strictObject({
    subject: SUBJECT.describe('Sessions of this subject.').optional(),
    conv: CONVERSATION.describe('Sessions with this `conv`.').optional(),
    ...KICK.shape,
  })
  // Nobody is to end every session by leaving something out.
  .refine(({ subject, conv }) => subject !== undefined || conv !== undefined, 'subject or conv must be given')
  .meta({ anyOf: [{ required: ['subject'] }, { required: ['conv'] }] });

export const KICKED = z.object({ kicked: z.int().min(0).describe('How many sessions were ended.') });

export type Kicked = z.output<typeof KICKED>;
