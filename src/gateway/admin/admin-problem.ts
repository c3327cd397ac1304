import * as z from 'zod';
import { problemText, type HttpProblem } from '../http/problem.ts';

/** Why a request to the admin API was refused: HTTP status, and one sentence for people. */
const PROBLEMS = {
  malformed: { status: 400, title: 'The request cannot be understood.' },
  token_required: { status: 401, title: 'A token is needed.' },
  token_invalid: { status: 401, title: 'The token is not accepted.' },
  host_forbidden: { status: 403, title: 'Without a token only requests to a loopback name are answered.' },
  origin_forbidden: { status: 403, title: 'Pages of other origins may not use this API.' },
  not_found: { status: 404, title: 'There is nothing at this path.' },
  no_session: { status: 404, title: 'There is no such open session.' },
  method_not_allowed: { status: 405, title: 'This path has other methods.' },
  request_timeout: { status: 408, title: 'The body of the request took too long.' },
  stopping: { status: 409, title: 'The gateway is being stopped; that cannot be taken back.' },
  too_large: { status: 413, title: 'The body of the request is too large.' },
  unsupported_media_type: { status: 415, title: 'The body of the request must be JSON, not compressed.' },
  rate_limited: { status: 429, title: 'Too many wrong tokens came from this address.' },
  internal: { status: 500, title: 'The request failed for a reason of the gateway.' },
  overloaded: { status: 503, title: 'Too many requests are being answered.' },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly title: string }>>;

export type AdminProblemCode = keyof typeof PROBLEMS;

/** Every reason to refuse a request. */
export const ADMIN_PROBLEM_CODES = Object.keys(PROBLEMS) as readonly AdminProblemCode[];

/** Why a request was refused. */
export interface AdminProblem extends HttpProblem<AdminProblemCode> {
  /** Whole seconds, 1 at least, after which another attempt makes sense; null when nothing is known of that. */
  readonly retryAfterSeconds: number | null;
}

export function adminProblem(
  code: AdminProblemCode,
  detail: string | null = null,
  retryAfterSeconds: number | null = null,
): AdminProblem {
  return { code, ...PROBLEMS[code], detail, retryAfterSeconds };
}

/** As `application/problem+json`. */
export function adminProblemText(problem: AdminProblem): string {
  return problemText('admin', problem);
}

/** What {@link adminProblemText} writes. */
export const PROBLEM = z
  .object({
    type: z.string().describe('`urn:kcpgate:admin:` and the code.'),
    title: z.string().describe('One sentence, always the same for a code.'),
    status: z.int().describe('The HTTP status.'),
    detail: z.string().describe('What exactly is wrong.').optional(),
    code: z.enum(ADMIN_PROBLEM_CODES).describe('For programs.'),
  })
  .describe('Why a request was refused (RFC 9457).');
