import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { SocketAddress } from '../../base/address.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { isPlainJson, parseJson } from '../http/json-body.ts';
import { PROBLEM_TYPE } from '../http/problem.ts';
import { mayBeLong, readBody } from '../http/read-body.ts';
import { sendText } from '../http/send-text.ts';
import { adminProblem, adminProblemText, type AdminProblem } from './admin-problem.ts';
import type { AdminTarget } from './admin-target.ts';
import type { CallerCheck } from './caller-check.ts';
import { refuse, routesAt, type AdminContext, type AdminResult, type AdminRoute } from './route.ts';
import { ADMIN_ROUTES } from './routes.ts';

/** What requests are answered with. */
export interface AdminHandlerComponents {
  readonly target: AdminTarget;
  readonly callers: CallerCheck;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the body of a request may take, in milliseconds. */
  readonly bodyTimeoutMs: number;
}

/** Answers every request to the admin API. Every answer that is no success is a problem (RFC 9457). */
export function createAdminHandler(
  components: AdminHandlerComponents,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { clock, logger } = components;
  const startedAt = clock.now();
  const uptimeMs = (): number => clock.now() - startedAt;
  let pending = 0;
  return (request, response) => {
    pending++;
    const headers: OutgoingHttpHeaders = {};
    // Nobody reads on when the head was reason enough.
    if (mayBeLong(request, MAX_BODY_BYTES)) headers.connection = 'close';
    answer(request, headers, pending > MAX_PENDING, components, uptimeMs)
      .catch((error: unknown) => {
        logger.error('an admin request failed', { err: error });
        return refuse('internal');
      })
      .then((result) => {
        if (result !== undefined) send(response, result, headers);
      })
      .catch((error: unknown) => {
        logger.error('an admin request was not answered', { err: error });
        response.destroy();
      })
      .finally(() => pending--);
  };
}

/** @returns undefined when the client went away. */
async function answer(
  request: IncomingMessage,
  headers: OutgoingHttpHeaders,
  isOverloaded: boolean,
  { target, callers, logger, bodyTimeoutMs }: AdminHandlerComponents,
  uptimeMs: () => number,
): Promise<AdminResult | undefined> {
  if (isOverloaded) return refused(adminProblem('overloaded', null, 1));
  const { method = '', url = '' } = request;
  const [path, query] = split(url);
  const { routes, id } = routesAt(ADMIN_ROUTES, path);
  const route = routes.find((candidate) => candidate.method === (method === 'HEAD' ? 'GET' : method));
  const caller = callerOf(request);
  const problem = route?.isOpen === true ? undefined : callers.check(request, caller);
  if (problem !== undefined) return refused(problem);
  if (routes.length === 0) return refuse('not_found');
  if (route === undefined) {
    headers.allow = allowedMethods(routes);
    return refuse('method_not_allowed');
  }

  const body = await bodyOf(request, route, bodyTimeoutMs);
  if (body === 'aborted') return undefined;
  if (!body.ok) {
    if (body.problem.code !== 'malformed') headers.connection = 'close';
    return body;
  }
  const context: AdminContext = {
    target,
    uptimeMs,
    note: (message, fields) => {
      logger.info(message, { caller: caller.address, ...fields });
    },
  };
  return route.respond({ id, query: new URLSearchParams(query), body: body.answer }, context);
}

/** The body as JSON; an empty one counts as `{}`. */
async function bodyOf(
  request: IncomingMessage,
  { method }: AdminRoute,
  timeoutMs: number,
): Promise<AdminResult | 'aborted'> {
  if (method === 'GET') return { ok: true, answer: {} };
  // Required even without a body: a page of another origin cannot send this type unasked.
  if (!isPlainJson(request.headers)) return refuse('unsupported_media_type');
  const bytes = await readBody(request, MAX_BODY_BYTES, timeoutMs);
  if (bytes === 'aborted') return bytes;
  if (typeof bytes === 'string') return refuse(bytes);
  if (bytes.length === 0) return { ok: true, answer: {} };
  const value = parseJson(bytes, MAX_DEPTH);
  return value === undefined
    ? refuse('malformed', 'the body is not JSON in UTF-8, or too deep')
    : { ok: true, answer: value };
}

/** Largest body of a request, in bytes. */
export const MAX_BODY_BYTES = 8192;
/** Requests use two levels. */
const MAX_DEPTH = 8;
/** Requests that are being answered at the same time; on one connection many may be waiting. */
export const MAX_PENDING = 64;

const refused = (problem: AdminProblem): AdminResult => ({ ok: false, problem });

function send(response: ServerResponse, result: AdminResult, headers: OutgoingHttpHeaders): void {
  if (result.ok) {
    sendText(response, result.status ?? 200, 'application/json', JSON.stringify(result.answer), headers);
    return;
  }
  const { problem } = result;
  if (problem.status === 401) headers['www-authenticate'] = challengeOf(problem);
  if (problem.retryAfterSeconds !== null) headers['retry-after'] = String(problem.retryAfterSeconds);
  sendText(response, problem.status, PROBLEM_TYPE, adminProblemText(problem), headers);
}

/** RFC 6750, section 3. */
function challengeOf({ code }: AdminProblem): string {
  const scheme = 'Bearer realm="kcpgate admin"';
  return code === 'token_invalid' ? `${scheme}, error="invalid_token"` : scheme;
}

function allowedMethods(routes: readonly AdminRoute[]): string {
  return routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
}

function split(url: string): [path: string, query: string] {
  const at = url.indexOf('?');
  return at < 0 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}

function callerOf({ socket }: IncomingMessage): SocketAddress {
  const { remoteAddress: address = '', remotePort: port = 0 } = socket;
  return { address, family: isIP(address) === 6 ? 6 : 4, port };
}
