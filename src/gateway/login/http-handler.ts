import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import { isLoopback, type SocketAddress } from '../../base/address.ts';
import type { Logger } from '../../base/logger.ts';
import { bearerOf } from '../http/bearer.ts';
import { isPlainJson } from '../http/json-body.ts';
import { PROBLEM_TYPE } from '../http/problem.ts';
import { hasBody, mayBeLong, readBody } from '../http/read-body.ts';
import { localHostOf, requestHostOf } from '../http/request-host.ts';
import { sendText } from '../http/send-text.ts';
import {
  crossOriginHeaders,
  isOriginAllowed,
  PREFLIGHT_HEADERS,
  type AllowedOrigins,
} from './cross-origin.ts';
import { MAX_LOGIN_BODY_BYTES } from './login-request.ts';
import { isProblem, type LoginService } from './login-service.ts';
import { problemJson, type Problem, type ProblemCode } from './problem.ts';

/** Who may log in over HTTP, and how. */
export interface LoginHandlerOptions {
  /** Whether logins from elsewhere than this host are answered over plain HTTP. */
  readonly allowHttp: boolean;
  readonly allowedOrigins: AllowedOrigins;
  /** Whether a socket's address is that of a proxy that is believed when it says `X-Forwarded-Proto: https`. */
  readonly isTrustedProxy: (address: string) => boolean;
  /** How long the body of a request may take, in milliseconds. Default 5000. */
  readonly bodyTimeoutMs?: number;
}

/** What a handler works with. */
export interface LoginHandlerComponents {
  readonly service: LoginService;
  /** Unix time in milliseconds. */
  readonly unixTime: () => number;
  readonly logger: Logger;
}

/** Answers requests to the login's path. @param realAddress the client's, behind a proxy too. */
export type LoginHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  realAddress: SocketAddress,
) => void;

/** Logins over HTTP: `POST`, JSON, and the preflight of browsers. Every answer that is no login is a problem (RFC 9457). */
export function createLoginHandler(
  options: LoginHandlerOptions,
  components: LoginHandlerComponents,
): LoginHandler {
  return (request, response, realAddress) => {
    answer(request, response, realAddress, options, components).catch((error: unknown) => {
      components.logger.error('login failed', { err: error });
      response.destroy();
    });
  };
}

const DEFAULT_BODY_TIMEOUT_MS = 5_000;

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  realAddress: SocketAddress,
  options: LoginHandlerOptions,
  { service, unixTime }: LoginHandlerComponents,
): Promise<void> {
  const { origin } = request.headers;
  const headers = crossOriginHeaders(origin, options.allowedOrigins);
  const fault = faultOf(request, realAddress, options);
  if (fault !== undefined) {
    if (mayBeLong(request, MAX_LOGIN_BODY_BYTES)) headers.connection = 'close';
    return sendProblem(response, service.refuse(fault), headers);
  }
  if (request.method === 'OPTIONS') {
    return void response.writeHead(204, { ...headers, ...PREFLIGHT_HEADERS, allow: ALLOWED_METHODS }).end();
  }
  const timeoutMs = options.bodyTimeoutMs ?? DEFAULT_BODY_TIMEOUT_MS;
  const body = hasBody(request) ? await readBody(request, MAX_LOGIN_BODY_BYTES, timeoutMs) : NO_BODY;
  if (body === 'aborted') return;
  if (typeof body === 'string') {
    headers.connection = 'close';
    return sendProblem(response, service.refuse(body), headers);
  }
  const result = await service.login({
    body,
    bearer: bearerOf(request.headers.authorization),
    sourceAddress: realAddress,
    host: requestHostOf(request.headers.host) ?? localHostOf(request.socket.localAddress),
    nowMs: unixTime(),
  });
  if (isProblem(result)) sendProblem(response, result, headers);
  else sendText(response, 200, 'application/json', JSON.stringify(result), headers);
}

const NO_BODY = new Uint8Array(0);
const ALLOWED_METHODS = 'POST, OPTIONS';

/** What is wrong with a request before its body is read. */
function faultOf(
  request: IncomingMessage,
  realAddress: SocketAddress,
  options: LoginHandlerOptions,
): ProblemCode | undefined {
  const { method, headers } = request;
  if (method !== 'POST' && method !== 'OPTIONS') return 'method_not_allowed';
  if (!isOriginAllowed(headers.origin, options.allowedOrigins)) return 'origin_forbidden';
  if (method === 'OPTIONS') return undefined;
  if (!isConfidential(request, realAddress, options)) return 'insecure';
  if (!hasBody(request)) return undefined;
  if (Number(headers['content-length'] ?? 0) > MAX_LOGIN_BODY_BYTES) return 'too_large';
  return isPlainJson(headers) ? undefined : 'unsupported_media_type';
}

/** Whether nobody on the way reads along: TLS here or at a trusted proxy, or no way at all. */
function isConfidential(
  { socket, headers }: IncomingMessage,
  realAddress: SocketAddress,
  { allowHttp, isTrustedProxy }: LoginHandlerOptions,
): boolean {
  if (allowHttp || socket instanceof TLSSocket) return true;
  const peer = socket.remoteAddress ?? '';
  const forwarded = headers['x-forwarded-proto'];
  if (forwarded !== undefined) return forwarded === 'https' && isTrustedProxy(peer);
  return isLoopback(peer) && isLoopback(realAddress.address);
}

function sendProblem(response: ServerResponse, problem: Problem, headers: OutgoingHttpHeaders): void {
  const { code, status, retryAfterSeconds } = problem;
  if (status === 401) headers['www-authenticate'] = challengeOf(code);
  if (status === 405) headers.allow = ALLOWED_METHODS;
  if (retryAfterSeconds !== null) headers['retry-after'] = String(retryAfterSeconds);
  sendText(response, status, PROBLEM_TYPE, problemJson(problem), headers);
}

/** RFC 6750, section 3. */
function challengeOf(code: ProblemCode): string {
  if (code === 'token_required') return 'Bearer realm="kcpgate"';
  const reason = code === 'token_expired' ? ', error_description="The token has expired"' : '';
  return `Bearer realm="kcpgate", error="invalid_token"${reason}`;
}
