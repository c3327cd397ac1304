import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import * as z from 'zod';
import { isLoopback, type SocketAddress } from '../../../src/base/address.ts';
import { GatewayError } from '../../../src/base/errors.ts';
import { fromSystemError, type SystemErrorLike } from '../../../src/base/node-error.ts';
import { isForThisHost, isOwnOrigin } from '../../../src/gateway/admin/browser-check.ts';
import { isPlainJson, parseJson } from '../../../src/gateway/http/json-body.ts';
import { PROBLEM_TYPE, problemText, type HttpProblem } from '../../../src/gateway/http/problem.ts';
import { mayBeLong, readBody } from '../../../src/gateway/http/read-body.ts';
import { sendText } from '../../../src/gateway/http/send-text.ts';
import type { Change } from './change.ts';
import type { ChaosState } from './chaos.ts';
import { parseChange } from './parse-change.ts';

/** What is controlled. */
export interface ControlTarget {
  state(): ChaosState;
  /** @returns why it cannot be done, or undefined. */
  apply(change: Change, text: string): string | undefined;
}

/** The control API, being served. */
export interface ControlServer {
  /** With the real port. */
  readonly address: SocketAddress;
  close(): Promise<void>;
}

/**
 * Serves `GET /api/chaos` (the state) and `POST /api/chaos` (changes, in the words of scripts) over HTTP, to this host only and to no
 * page of another origin.
 * @throws GatewayError `config_invalid` for an address that others reach; `address_in_use`, `permission_denied`, `bind_failed`.
 */
export async function startControlServer(bind: SocketAddress, target: ControlTarget): Promise<ControlServer> {
  if (!isLoopback(bind.address)) {
    throw new GatewayError(
      'config_invalid',
      `--control: ${bind.address} is no loopback address, and there is no token`,
    );
  }
  const server = createServer(LIMITS, (request, response) => {
    answer(request, target).then(
      (result) => send(response, result),
      () => response.destroy(),
    );
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen({ host: bind.address, port: bind.port });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw fromSystemError(error as SystemErrorLike, 'bind_failed');
  }
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : bind.port;
  return {
    address: { ...bind, port },
    close: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Why a request is refused. */
const PROBLEMS = {
  malformed: { status: 400, title: 'The request cannot be understood.' },
  host_forbidden: { status: 403, title: 'Only requests to a loopback name are answered.' },
  origin_forbidden: { status: 403, title: 'Pages of other origins may not use this API.' },
  not_found: { status: 404, title: 'There is nothing at this path.' },
  method_not_allowed: { status: 405, title: 'This path has other methods.' },
  request_timeout: { status: 408, title: 'The body of the request took too long.' },
  impossible: { status: 409, title: 'A change cannot be done here.' },
  too_large: { status: 413, title: 'The body of the request is too large.' },
  unsupported_media_type: { status: 415, title: 'The body of the request must be JSON, not compressed.' },
} as const;

type ProblemCode = keyof typeof PROBLEMS;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly headers: OutgoingHttpHeaders;
}

/** What a `POST` says. */
const REQUEST = z.strictObject({
  changes: z
    .array(z.string().max(200))
    .min(1)
    .max(100)
    .describe('What is to be done, in order and in the words of scripts, such as `udp loss 10% down`.'),
});

async function answer(request: IncomingMessage, target: ControlTarget): Promise<Answer> {
  const { headers, method = '', url = '' } = request;
  if (!isOwnOrigin(headers)) return refuse('origin_forbidden');
  if (!isForThisHost(headers)) return refuse('host_forbidden');
  if (url.split('?', 1)[0] !== PATH) return refuse('not_found');
  if (method === 'GET' || method === 'HEAD') return json(target.state());
  if (method !== 'POST') return refuse('method_not_allowed', null, { allow: 'GET, HEAD, POST' });
  if (!isPlainJson(headers)) return refuse('unsupported_media_type');
  const closing: OutgoingHttpHeaders = mayBeLong(request, MAX_BODY_BYTES) ? { connection: 'close' } : {};
  const body = await readBody(request, MAX_BODY_BYTES, BODY_MS);
  if (body === 'aborted') throw new Error(body);
  if (typeof body === 'string') return refuse(body, null, closing);
  const parsed = REQUEST.safeParse(parseJson(body, MAX_DEPTH));
  if (!parsed.success) return refuse('malformed', z.prettifyError(parsed.error));
  return change(parsed.data.changes, target);
}

/** Does everything, or nothing when one of them cannot be understood. */
function change(texts: readonly string[], target: ControlTarget): Answer {
  const changes: Change[] = [];
  for (const [index, text] of texts.entries()) {
    const parsed = parseChange(text);
    if (!parsed.ok) {
      const { column, error } = parsed.fault;
      return refuse('malformed', `changes[${String(index)}], column ${String(column)}: ${error}`);
    }
    changes.push(parsed.change);
  }
  for (const [index, parsed] of changes.entries()) {
    const error = target.apply(parsed, texts[index] ?? '');
    if (error !== undefined) return refuse('impossible', `changes[${String(index)}]: ${error}`);
  }
  return json(target.state());
}

function json(value: object): Answer {
  return { status: 200, type: 'application/json', text: JSON.stringify(value), headers: {} };
}

function refuse(code: ProblemCode, detail: string | null = null, headers: OutgoingHttpHeaders = {}): Answer {
  const problem: HttpProblem = { code, ...PROBLEMS[code], detail };
  return { status: problem.status, type: PROBLEM_TYPE, text: problemText('chaos', problem), headers };
}

function send(response: ServerResponse, { status, type, text, headers }: Answer): void {
  sendText(response, status, type, text, headers);
}

const PATH = '/api/chaos';
const MAX_BODY_BYTES = 16 * 1024;
const MAX_DEPTH = 4;
const BODY_MS = 5_000;
const MAX_CONNECTIONS = 16;
const LIMITS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  maxHeaderSize: 8 * 1024,
};
