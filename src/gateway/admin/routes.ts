import * as z from 'zod';
import { closeCodeName, type CloseCode } from '../../base/close-code.ts';
import type { SessionQuery } from '../data-plane.ts';
import { parseSessionId } from '../session-id.ts';
import type { AdminTarget } from './admin-target.ts';
import { DRAIN } from './drain-schema.ts';
import { LIVENESS_PATH, READINESS_PATH } from '../health/health-handler.ts';
import { livenessReport, readinessReport, statusOfHealth } from '../health/health-report.ts';
import { HEALTH } from './health-schema.ts';
import { KICK, KICK_SOME, KICKED, type Kicked } from './kick-schema.ts';
import { openApiDocument } from './openapi.ts';
import { defineRoute, refuse, type AdminContext, type AdminResult, type AdminRoute } from './route.ts';
import { sessionDetail, sessionDocument } from './session-document.ts';
import { SESSION_DETAIL, SESSION_LIST, SESSION_LIST_QUERY, type SessionList } from './session-schema.ts';
import { statusDocument } from './status-document.ts';
import { SERVING, STATUS } from './status-schema.ts';

const NOTHING = z.strictObject({});

const status = defineRoute(
  {
    method: 'GET',
    path: '/api/status',
    name: 'getStatus',
    summary: 'How the gateway stands',
    description: 'Numbers are sums over all workers.',
    query: NOTHING,
    body: NOTHING,
    answer: STATUS,
    problems: [],
  },
  async (_, { target, uptimeMs }) => {
    return give(statusDocument(await target.status(), target.isStopping, uptimeMs()));
  },
);

const listSessions = defineRoute(
  {
    method: 'GET',
    path: '/api/sessions',
    name: 'listSessions',
    summary: 'The open sessions',
    description:
      'In the order of their ids, page by page: `next` of an answer is `after` of the next request. A session that stays open meanwhile is listed once.',
    query: SESSION_LIST_QUERY,
    body: NOTHING,
    answer: SESSION_LIST,
    problems: [],
  },
  async ({ query: { limit, ...asked } }, { target }) => give(await sessionList(target, given(asked), limit)),
);

const showSession = defineRoute(
  {
    method: 'GET',
    path: '/api/sessions/{id}',
    name: 'getSession',
    summary: 'One open session',
    description: '',
    query: NOTHING,
    body: NOTHING,
    answer: SESSION_DETAIL,
    problems: ['no_session'],
  },
  async ({ id }, { target }) => {
    if (parseSessionId(id) === undefined) return refuse('no_session');
    const [report] = await target.sessions({ id, limit: 1 });
    return report === undefined ? refuse('no_session') : give(sessionDetail(report));
  },
);

const kickSession = defineRoute(
  {
    method: 'POST',
    path: '/api/sessions/{id}/kick',
    name: 'kickSession',
    summary: 'Ends one session',
    description: 'The client is told the code and the reason.',
    query: NOTHING,
    body: KICK,
    answer: KICKED,
    problems: ['no_session'],
  },
  async ({ id, body: { code, reason } }, context) => {
    if (parseSessionId(id) === undefined) return refuse('no_session');
    const kicked = await kick(context, { id }, code, reason);
    return kicked.kicked === 0 ? refuse('no_session') : give(kicked);
  },
);

const kickSessions = defineRoute(
  {
    method: 'POST',
    path: '/api/sessions/kick',
    name: 'kickSessions',
    summary: 'Ends the sessions of a subject, or with a `conv`',
    description:
      'Those for which everything holds that is given. Their clients are told the code and the reason.',
    query: NOTHING,
    body: KICK_SOME,
    answer: KICKED,
    problems: [],
  },
  async ({ body: { code, reason, ...asked } }, context) =>
    give(await kick(context, given(asked), code, reason)),
);

const drain = defineRoute(
  {
    method: 'POST',
    path: '/api/drain',
    name: 'drain',
    summary: 'Takes no new sessions and asks clients to go elsewhere',
    description:
      'What is left at the deadline ends with `drain` (3001). The gateway goes on to take no sessions until `/api/undrain`. Said again, the new deadline holds.',
    query: NOTHING,
    body: DRAIN,
    answer: SERVING,
    problems: ['stopping'],
  },
  ({ body: { deadline, jitter = Math.floor(deadline / 2), lines } }, { target, note }) => {
    if (target.isStopping) return Promise.resolve(refuse('stopping'));
    target.drain({ deadlineMs: deadline, jitterMs: jitter, lines });
    note('drain', { deadlineMs: deadline, jitterMs: jitter, lines });
    return Promise.resolve(give({ state: 'draining' as const }));
  },
);

const undrain = defineRoute(
  {
    method: 'POST',
    path: '/api/undrain',
    name: 'undrain',
    summary: 'Takes new sessions again',
    description:
      'Sessions that were asked to go are not ended. Does nothing when the gateway is not being drained.',
    query: NOTHING,
    body: NOTHING,
    answer: SERVING,
    problems: ['stopping'],
  },
  (_, { target, note }) => {
    if (target.isStopping) return Promise.resolve(refuse('stopping'));
    target.undrain();
    note('undrain', {});
    return Promise.resolve(give({ state: 'serving' as const }));
  },
);

const ready = defineRoute(
  {
    method: 'GET',
    path: READINESS_PATH,
    name: 'getReadiness',
    summary: 'Whether the gateway takes new sessions',
    description: '503 when it does not: while it is drained or stopped, or a worker is missing.',
    query: NOTHING,
    body: NOTHING,
    answer: HEALTH,
    problems: [],
    isOpen: true,
    mayBeUnavailable: true,
  },
  (_, { target }) => {
    const report = readinessReport(target.health(), Date.now());
    return Promise.resolve({ ...give(report), status: statusOfHealth(report) });
  },
);

const live = defineRoute(
  {
    method: 'GET',
    path: LIVENESS_PATH,
    name: 'getLiveness',
    summary: 'That the process answers',
    description: '',
    query: NOTHING,
    body: NOTHING,
    answer: HEALTH,
    problems: [],
    isOpen: true,
  },
  () => Promise.resolve(give(livenessReport(Date.now()))),
);

const openApi = defineRoute(
  {
    method: 'GET',
    path: '/api/openapi.json',
    name: 'getOpenApi',
    summary: 'This description',
    description: '',
    query: NOTHING,
    body: NOTHING,
    answer: z.record(z.string(), z.unknown()).describe('OpenAPI 3.1.'),
    problems: [],
  },
  () => Promise.resolve(give(openApiDocument(ADMIN_ROUTES))),
);

/** Every operation of the API. */
export const ADMIN_ROUTES: readonly AdminRoute[] = [
  status,
  listSessions,
  showSession,
  kickSession,
  kickSessions,
  drain,
  undrain,
  ready,
  live,
  openApi,
];

const give = <Answer>(answer: Answer): AdminResult<Answer> => ({ ok: true, answer });

async function sessionList(target: AdminTarget, query: SessionQuery, limit: number): Promise<SessionList> {
  // One more than asked for tells whether there is another page.
  const found = await target.sessions({ ...query, limit: limit + 1 });
  const page = found.slice(0, limit);
  return {
    sessions: page.map(sessionDocument),
    next: found.length > limit ? (page.at(-1)?.id ?? null) : null,
  };
}

async function kick(
  { target, note }: AdminContext,
  query: SessionQuery,
  code: CloseCode,
  reason: string,
): Promise<Kicked> {
  const kicked = await target.kick(query, code, reason);
  if (kicked > 0) note('kick', { ...query, code: closeCodeName(code), reason, kicked });
  return { kicked };
}

/** Without what is undefined: a query has only what is asked for. */
function given<T extends object>(values: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof T]: Exclude<T[Key], undefined> };
}
