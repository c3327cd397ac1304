import { problemText, type HttpProblem } from '../http/problem.ts';

/** Why a login was refused: HTTP status, and one sentence for people. */
const PROBLEMS = {
  malformed: { status: 400, title: 'The request cannot be understood.' },
  seal_unsupported: { status: 400, title: 'None of the wanted seals is offered.' },
  token_required: { status: 401, title: 'A token is needed.' },
  token_invalid: { status: 401, title: 'The token is not accepted.' },
  token_expired: { status: 401, title: 'The token has expired.' },
  blocked: { status: 403, title: 'This client is blocked.' },
  insecure: { status: 403, title: 'Log in over HTTPS.' },
  origin_forbidden: { status: 403, title: 'Pages of this origin may not log in.' },
  method_not_allowed: { status: 405, title: 'Log in with POST.' },
  request_timeout: { status: 408, title: 'The body of the request took too long.' },
  too_large: { status: 413, title: 'The body of the request is too large.' },
  unsupported_media_type: { status: 415, title: 'The body of the request must be JSON, not compressed.' },
  rate_limited: { status: 429, title: 'Too many logins.' },
  internal: { status: 500, title: 'The login failed for a reason of the gateway.' },
  draining: { status: 503, title: 'This gateway is shutting down.' },
  not_ready: { status: 503, title: 'This gateway is not ready.' },
  overloaded: { status: 503, title: 'Too many logins are being checked.' },
  keys_unavailable: { status: 503, title: 'Tokens cannot be checked now.' },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly title: string }>>;

/** A reason to refuse a login; also the name it is counted under. */
export type ProblemCode = keyof typeof PROBLEMS;

/** Every reason to refuse a login. */
export const PROBLEM_CODES = Object.keys(PROBLEMS) as readonly ProblemCode[];

/** Why a login was refused. Never holds anything secret, nor what a client sent. */
export interface Problem extends HttpProblem<ProblemCode> {
  /** Whole seconds, 1 at least, after which another attempt makes sense; null when nothing is known of that. */
  readonly retryAfterSeconds: number | null;
}

export function problemOf(
  code: ProblemCode,
  detail: string | null = null,
  retryAfterSeconds: number | null = null,
): Problem {
  return { code, ...PROBLEMS[code], detail, retryAfterSeconds };
}

/** As `application/problem+json`. */
export function problemJson(problem: Problem): string {
  return problemText('login', problem);
}
