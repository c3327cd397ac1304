import { z } from 'zod';
import type { SocketAddress } from '../../base/address.ts';
import { parseJson } from '../http/json-body.ts';

/** Largest body of a login, in bytes. */
export const MAX_LOGIN_BODY_BYTES = 8192;

/** One login, as the transport brings it. */
export interface LoginRequest {
  /** The body as it was sent, {@link MAX_LOGIN_BODY_BYTES} at most; empty when there was none. */
  readonly body: Uint8Array;
  /** Token of an `Authorization: Bearer` header. */
  readonly bearer: string | undefined;
  /** The real address of the client. */
  readonly sourceAddress: SocketAddress;
  /** Host name or IP address, without brackets, by which the client reached the login. */
  readonly host: string;
  /** Unix time. */
  readonly nowMs: number;
}

/** What a client says in its login. */
export interface LoginBody {
  readonly token: string | undefined;
  readonly client: { readonly version: string | undefined; readonly platform: string | undefined };
  /** Seals the client can do; undefined when it says nothing. May hold names this version does not know. */
  readonly seal: readonly string[] | undefined;
}

/** A body, or what is wrong with it: a text that repeats nothing of the body. */
export type ParsedLoginBody =
  { readonly ok: true; readonly body: LoginBody } | { readonly ok: false; readonly error: string };

/**
 * Reads the body of a login strictly: well-formed UTF-8, JSON of little depth, an object, every known key of its type and
 * within its bounds. Unknown keys are left out, so that newer clients can log in here.
 */
export function parseLoginBody(bytes: Uint8Array): ParsedLoginBody {
  if (bytes.length === 0) return { ok: true, body: EMPTY };
  if (bytes.length > MAX_LOGIN_BODY_BYTES) return refuse('the body is too long');
  const value = parseJson(bytes, MAX_DEPTH);
  if (value === undefined) return refuse('the body is not JSON in UTF-8');
  const result = SCHEMA.safeParse(value);
  if (!result.success) return refuse(describe(result.error));
  const { token, client, seal } = result.data;
  return {
    ok: true,
    body: { token, client: { version: client?.version, platform: client?.platform }, seal },
  };
}

const EMPTY: LoginBody = {
  token: undefined,
  client: { version: undefined, platform: undefined },
  seal: undefined,
};

/** Text for the log and for metrics: short, and nothing that could pretend to be something else there. */
const label = z
  .string()
  .max(64)
  .regex(/^[^\p{C}]*$/u, 'Invalid string: control characters');

const SCHEMA = z.object({
  token: z.string().min(1).optional(),
  client: z.object({ version: label.optional(), platform: label.optional() }).optional(),
  seal: z.array(z.string().max(32)).min(1).max(8).optional(),
});

/** Room for what later versions may add. */
const MAX_DEPTH = 8;

/** Paths hold known keys and list positions only, and the texts of zod name types and bounds, not values. */
function describe({ issues: [issue] }: z.ZodError): string {
  if (issue === undefined) return 'the body is not a login';
  const path = issue.path.join('.');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}

const refuse = (error: string): ParsedLoginBody => ({ ok: false, error });
