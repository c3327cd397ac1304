import * as z from 'zod';
import { isSubject } from '../login/subject.ts';
import { SESSION_ID_PATTERN } from '../session-id.ts';
import { COUNTERS } from './counters.ts';

/** Most sessions of one answer. */
export const MAX_PAGE = 1000;

const count = (text: string) => z.int().min(0).describe(text);

export const SESSION_ID = z
  .string()
  .regex(SESSION_ID_PATTERN, 'must be the id of a session, such as 0.17')
  .describe('Id of a session, unique as long as the gateway runs: `<worker>.<number>`.');

export const CONVERSATION = z.int().min(0).max(0xffff_ffff).describe('`conv` of a session.');

export const SUBJECT = z
  .string()
  .max(255)
  .refine(isSubject, 'must be 1 to 255 bytes without control characters')
  .describe('Who logged in.');

/** A whole number, also when it comes as text in a URL. */
const inUrl = <T extends z.ZodType>(schema: T) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value),
    schema,
  );

/** Which sessions are listed, as a URL says it. */
export const SESSION_LIST_QUERY = z.strictObject({
  subject: SUBJECT.describe('Only sessions of this subject.').optional(),
  conv: inUrl(CONVERSATION).describe('Only sessions with this `conv`.').optional(),
  limit: inUrl(z.int().min(1).max(MAX_PAGE)).describe('Most sessions of the answer.').prefault(100),
  after: SESSION_ID.describe('Only sessions behind this one, `next` of the answer before.').optional(),
});

/** One way of a session to its peer. */
export const PATH = z.object({
  listener: z.string().describe('The listener it goes through.'),
  carrier: z.enum(['udp', 'tcp', 'ws', 'memory']),
  id: count('Number of the path in its session.'),
  validated: z.boolean().describe('The client has shown that it is there.'),
  lost: z.boolean().describe('Its connection broke.'),
  rttMs: z.number().min(0).nullable().describe('Round trip of its last challenge; null before the first.'),
});

/** An open session. */
export const SESSION = z.object({
  id: SESSION_ID,
  conv: z.int().min(0).max(0xffff_ffff).describe('Conversation number.'),
  peer: z.enum(['stock', 'kcpgate']).describe('What the client speaks.'),
  state: z.enum(['opening', 'open', 'closing', 'lingering', 'gone']),
  subject: z
    .string()
    .nullable()
    .describe('Who logged in: empty where everybody may log in; null for a session without login.'),
  sealed: z.boolean().describe('Its datagrams are encrypted.'),
  address: z.string().nullable().describe('`IP:port` of the client as far as it is known.'),
  carrier: PATH.shape.carrier.nullable().describe('Of the path in use; null when there is none.'),
  paths: z.array(PATH).describe('The one in use first.'),
  moves: count('How often it went to another path.'),
  upstream: z.string().describe('Name of the upstream it leads to; empty when there is none.'),
  ageMs: z.number().min(0),
  rttMs: z.number().min(0).describe('Smoothed round trip; 0 before the first sample.'),
  loss: z
    .number()
    .min(0)
    .max(1)
    .describe('Segments sent again because they were lost, of all that were sent.'),
  queue: z
    .object({
      bytes: count('Payload bytes sent and not acknowledged, or waiting.'),
      waiting: count('Segments not sent yet.'),
      inFlight: count('Segments sent and not acknowledged.'),
    })
    .describe('Towards the client.'),
});

/** An open session with everything that is known of it. */
export const SESSION_DETAIL = SESSION.extend({ kcp: COUNTERS });

/** Some of the open sessions. */
export const SESSION_LIST = z.object({
  sessions: z.array(SESSION).describe('In the order of their ids.'),
  next: SESSION_ID.nullable().describe('`after` of the request that goes on from here; null at the end.'),
});

export type Session = z.output<typeof SESSION>;
export type SessionDetail = z.output<typeof SESSION_DETAIL>;
export type SessionList = z.output<typeof SESSION_LIST>;
