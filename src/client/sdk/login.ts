import { isLoopback } from '../../base/address.ts';
import { checkSignal, checkType, type GivenOptions } from '../../base/check-option.ts';
import { GatewayError } from '../../base/errors.ts';
import { describeSystemError, type SystemErrorLike } from '../../base/node-error.ts';
import { parseLoginAnswer, type LoginAnswer, type Seal } from '../login-answer.ts';
import { parseHttpDate } from '../wall-time.ts';
import { checkLoginOptions } from './check-login-options.ts';
import { readBounded } from './read-bounded.ts';
import { orAborted, withinTime } from './time-limit.ts';

/** What {@link login} takes. */
export interface LoginOptions {
  /** Where to log in: `https://gateway.example/api/login`. */
  readonly loginUrl: string | URL;
  /** Says who logs in. Default: nobody in particular, for gateways with `auth: none`. */
  readonly token?: string;
  /** Where the token stands: in the body, or in an `Authorization: Bearer` header. Default `body`. */
  readonly tokenIn?: 'body' | 'header';
  /** For the log of the gateway: at most 64 characters each. */
  readonly client?: { readonly version?: string; readonly platform?: string };
  /** Seals to ask for, best first; sessions with another one are not opened. Default: `aes-128-gcm` alone. */
  readonly seal?: readonly Seal[];
  /** Whether plain `http:` will do elsewhere than on this host: everybody on the way reads the secrets. Default false. */
  readonly allowHttp?: boolean;
  /** How long to wait for the answer, in ms. 1 to an hour; default 10,000. */
  readonly loginTimeoutMs?: number;
  /** Sends the request; for agents and certificates of your own. Default: the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Aborting it gives up. */
  readonly signal?: AbortSignal;
}

/** What a gateway says of a login it refuses, as far as it is text (RFC 9457). */
export interface LoginProblem {
  readonly type?: string;
  readonly title?: string;
  readonly detail?: string;
  /** The reason, for programs: `token_expired` for one. */
  readonly code?: string;
}

export const DEFAULT_LOGIN_TIMEOUT_MS = 10_000;

/** Seals a client asks for by itself. */
const DEFAULT_SEALS: readonly Seal[] = ['aes-128-gcm'];

/**
 * Logs in with one request. Redirects are not followed.
 * @returns what was answered, checked; good for several `connect` as long as its tickets hold.
 * @throws GatewayError `config_invalid` (which option, and what it must be), `login_failed` (not reached, too late, or no login answer),
 *   `login_refused` (its `details` have `status`, `problem` as a {@link LoginProblem}, and `retryAfterMs` or undefined),
 *   `connect_failed` (given up).
 */
export async function login(options: LoginOptions): Promise<LoginAnswer> {
  const given: GivenOptions = { ...options };
  checkLoginOptions(given);
  checkType(given, 'token', 'string', 'a text');
  checkSignal(given);
  const url = checkedLoginUrl(options.loginUrl, options.allowHttp);
  const { loginTimeoutMs = DEFAULT_LOGIN_TIMEOUT_MS, signal } = options;
  const late = (): GatewayError =>
    new GatewayError('login_failed', `${url.origin} did not answer in ${String(loginTimeoutMs)} ms`);
  return withinTime({ timeoutMs: loginTimeoutMs, signals: [signal], late }, (limit) =>
    request(url, options, limit),
  );
}

/** A URL that secrets may be sent to. @throws GatewayError `config_invalid`. */
export function checkedLoginUrl(loginUrl: string | URL, allowHttp = false): URL {
  const url = URL.canParse(String(loginUrl)) ? new URL(loginUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new GatewayError('config_invalid', 'loginUrl must be an https: URL without credentials in it');
  }
  if (url.protocol === 'http:' && !allowHttp && !isThisHost(url.hostname)) {
    throw new GatewayError('config_invalid', 'loginUrl must be https: where it leads to another host');
  }
  return url;
}

/** @param hostname as URLs have it, IPv6 addresses in brackets. */
function isThisHost(hostname: string): boolean {
  return hostname === 'localhost' || isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

async function request(url: URL, options: LoginOptions, signal: AbortSignal): Promise<LoginAnswer> {
  const { token, tokenIn = 'body', client, seal = DEFAULT_SEALS, fetch: send = fetch } = options;
  const inHeader = token !== undefined && tokenIn === 'header';
  // The words of `fetch` for a header it does not take repeat the header.
  if (inHeader && !/^[\x21-\x7e]+$/.test(token)) {
    throw new GatewayError('config_invalid', 'the token has characters that no header may have');
  }
  const body = { ...(token === undefined || inHeader ? {} : { token }), client, seal };
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, application/problem+json',
    ...(inHeader ? { authorization: `Bearer ${token}` } : {}),
  };
  const init = { method: 'POST', headers, body: JSON.stringify(body), redirect: 'error', signal } as const;
  let response: Response;
  let text: string | undefined;
  try {
    // A fetch of somebody's own may not heed the signal.
    response = await orAborted(send(url, init), signal);
    text = await orAborted(readBounded(response, MAX_ANSWER_BYTES), signal);
  } catch (cause) {
    throw new GatewayError('login_failed', `cannot reach ${url.origin}: ${describeCause(cause)}`, { cause });
  }
  if (!response.ok) throw refusal(url, response, text);
  const parsed = parseLoginAnswer(parseJson(text));
  if (parsed.ok) return parsed.answer;
  throw new GatewayError('login_failed', `the answer of ${url.href} is no login: ${parsed.error}`);
}

function refusal(url: URL, { status, headers }: Response, text: string | undefined): GatewayError {
  const problem = problemOf(parseJson(text));
  const words = problem.detail ?? problem.title ?? problem.code ?? '';
  const message = `${url.origin} refused the login: ${String(status)}${words === '' ? '' : `, ${words}`}`;
  const retryAfterMs = retryAfterOf(headers);
  return new GatewayError('login_refused', message, { details: { status, problem, retryAfterMs } });
}

function problemOf(value: unknown): LoginProblem {
  if (typeof value !== 'object' || value === null) return {};
  const fields = value as Readonly<Record<string, unknown>>;
  const known = PROBLEM_FIELDS.flatMap((key) => {
    const text = fields[key];
    return typeof text === 'string' ? [[key, printable(text)] as const] : [];
  });
  return Object.fromEntries(known);
}

/** Seconds, or a date (RFC 9110, section 10.2.3), which is compared with that of the answer: the clock here may be wrong. */
function retryAfterOf(headers: Headers): number | undefined {
  const text = headers.get('retry-after');
  if (text === null) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : dateOf(text) - dateOf(headers.get('date'));
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}

const dateOf = (text: string | null): number => parseHttpDate(text ?? '') ?? Number.NaN;

/** undefined when it is no JSON. */
function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Why a `fetch` failed: its error says only that it did. */
function describeCause(error: unknown): string {
  const { cause } = error as { readonly cause?: SystemErrorLike };
  return cause?.code === undefined ? 'the request failed' : describeSystemError(cause);
}

/** Text of others, for a message or a log. */
function printable(text: string): string {
  return text.slice(0, MAX_PROBLEM_LENGTH).replace(/\p{C}/gu, ' ');
}

const PROBLEM_FIELDS = ['type', 'title', 'detail', 'code'] as const;
const MAX_PROBLEM_LENGTH = 200;
/** Far beyond an answer with many lines. */
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_RETRY_AFTER_MS = 86_400_000;
