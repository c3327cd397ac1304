import * as z from 'zod';
import { COUNTERS } from './counters.ts';

const count = (text: string) => z.int().min(0).describe(text);

export const SERVING_STATE = z
  .enum(['serving', 'draining', 'stopping'])
  .describe('Whether new sessions are taken: `draining` can be taken back, `stopping` cannot.');

export const SERVING = z.object({ state: SERVING_STATE });

const NATIVE = z.object({
  status: z.enum(['loaded', 'off', 'missing', 'broken']),
  reason: z.string().nullable().describe('Why it is not loaded.'),
});

const LISTENER = z.object({
  name: z.string(),
  type: z.enum(['kcp-udp', 'kcp-tcp', 'http', 'relay']),
  address: z.string().describe('`IP:port` it is bound to.'),
  upstream: z.string().describe('Where its sessions lead.'),
  openSessions: count('Open sessions without login; those that logged in belong to no listener.'),
  receivedDatagrams: count('Datagrams that arrived.'),
  sentDatagrams: count('Datagrams handed to the system.'),
  droppedDatagrams: count('Datagrams that arrived and were dropped, whatever the reason.'),
  counters: COUNTERS,
});

const UPSTREAM = z.object({
  name: z.string(),
  activeSessions: count('Sessions that are not closed.'),
  connections: count('Connections to servers.'),
  counters: COUNTERS,
});

const WORKER = z.object({
  index: count('From 0; the first part of the ids of its sessions.'),
  state: z.enum(['starting', 'running', 'waiting', 'ended']),
  stale: z
    .boolean()
    .describe('It did not answer in time, or is not running: the numbers are those it last gave.'),
  openSessions: count('Open sessions.'),
  failures: count('How often it died.'),
  lastFailure: z.string().nullable().describe('Why it died last; null when it never did.'),
  droppedLogRecords: count('Log records that came faster than they could be written.'),
});

/** How a gateway stands. */
export const STATUS = z.object({
  nodeId: z.string(),
  state: SERVING_STATE,
  uptimeMs: z.number().min(0),
  native: NATIVE.describe('The native addon.'),
  sessions: z.object({
    open: count('Open sessions.'),
    opened: count('Sessions opened since the start.'),
    loggedIn: count('Open sessions that logged in.'),
    counters: COUNTERS.nullable().describe('Of those that logged in; null where nobody can.'),
  }),
  login: COUNTERS.describe('What the login service counted.'),
  listeners: z.array(LISTENER),
  upstreams: z.array(UPSTREAM),
  workers: z.array(WORKER).describe('Threads that serve; empty when the main thread does.'),
});

export type ServingState = z.output<typeof SERVING_STATE>;
export type Status = z.output<typeof STATUS>;
