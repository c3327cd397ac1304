import type * as z from 'zod';
import { adminProblem, type AdminProblem, type AdminProblemCode } from './admin-problem.ts';
import type { AdminTarget } from './admin-target.ts';
import { describeFault, readQuery } from './request-values.ts';

/** What operations work with. */
export interface AdminContext {
  readonly target: AdminTarget;
  /** How long the API is there. */
  readonly uptimeMs: () => number;
  /** Notes that somebody changed something. */
  readonly note: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** What an operation is called with. */
export interface AdminCall<Query, Body> {
  /** `{id}` of the path; empty where there is none. */
  readonly id: string;
  readonly query: Query;
  readonly body: Body;
}

/** A request as it came, its body already JSON. */
export type RawCall = AdminCall<URLSearchParams, unknown>;

/** What comes of a request. */
export type AdminResult<Answer = unknown> =
  | {
      readonly ok: true;
      readonly answer: Answer;
      /** The HTTP status. Default 200; 503: the answer says what is not well. */
      readonly status?: 200 | 503;
    }
  | { readonly ok: false; readonly problem: AdminProblem };

/** What an operation is, for whoever calls it and for the documentation. */
interface OperationTerms {
  readonly method: 'GET' | 'POST';
  /** May have one part `{id}`. */
  readonly path: string;
  /** Its name in the documentation. */
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** More about it; empty when the summary says it. */
  readonly description: string;
  readonly query: z.ZodObject;
  readonly body: z.ZodObject;
  readonly answer: z.ZodType;
  /** Reasons of its own to refuse. */
  readonly problems: readonly AdminProblemCode[];
  /** Anybody who reaches the server may ask, without token. Default false. */
  readonly isOpen?: boolean;
  /** The answer may come with 503, too. Default false. */
  readonly mayBeUnavailable?: boolean;
}

/** An operation of the API. */
export interface AdminRoute extends OperationTerms {
  /** Reads what was sent by the schemas and does it. */
  respond(call: RawCall, context: AdminContext): Promise<AdminResult>;
}

/** Makes an operation; what it does is given values of its schemas and gives one of its answer's. */
export function defineRoute<Query extends z.ZodObject, Body extends z.ZodObject, Answer extends z.ZodType>(
  terms: OperationTerms & { readonly query: Query; readonly body: Body; readonly answer: Answer },
  handle: (
    call: AdminCall<z.output<Query>, z.output<Body>>,
    context: AdminContext,
  ) => Promise<AdminResult<z.output<Answer>>>,
): AdminRoute {
  return {
    ...terms,
    respond: async ({ id, query: text, body: value }, context) => {
      const given = readQuery(text);
      if (typeof given === 'string') return refuse('malformed', given);
      const query = terms.query.safeParse(given);
      if (!query.success) return refuse('malformed', describeFault(query.error));
      const body = terms.body.safeParse(value);
      if (!body.success) return refuse('malformed', describeFault(body.error));
      return handle({ id, query: query.data, body: body.data }, context);
    },
  };
}

export const refuse = (
  code: AdminProblemCode,
  detail: string | null = null,
): Extract<AdminResult, { ok: false }> => ({
  ok: false,
  problem: adminProblem(code, detail),
});

/** The operations of a path, one a method, with its `{id}`. A path that is written out goes before one with `{id}`. */
export function routesAt(
  routes: readonly AdminRoute[],
  path: string,
): { readonly routes: readonly AdminRoute[]; readonly id: string } {
  const exact = routes.filter((route) => route.path === path);
  if (exact.length > 0) return { routes: exact, id: '' };
  const parts = path.split('/');
  const found = routes.filter((route) => {
    const pattern = route.path.split('/');
    return (
      pattern.length === parts.length &&
      pattern.every((part, index) => part === parts[index] || (part === ID_PART && parts[index] !== ''))
    );
  });
  const at = found[0]?.path.split('/').indexOf(ID_PART) ?? -1;
  return { routes: found, id: parts[at] ?? '' };
}

/** The part of a path that names a session. */
export const ID_PART = '{id}';
