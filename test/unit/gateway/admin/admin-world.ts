import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import {
  startAdminServer,
  type AdminServer,
  type AdminServerOptions,
} from '../../../../src/gateway/admin/admin-server.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { TestTarget } from './test-target.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** An admin server with a gateway that a test makes up; it ends with the test. */
export interface AdminWorld {
  readonly server: AdminServer;
  readonly target: TestTarget;
  readonly logger: RecordingLogger;
  /** Milliseconds, as the server sees them. */
  readonly clock: { now(): number; ms: number };
  send(options: RequestOptions, body?: string | Uint8Array): Promise<Answer>;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** Sends JSON; without a value, no body. */
  post(path: string, value?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** A connection on which the test writes what it likes. */
  raw(): Socket;
}

export const LOOPBACK = { address: '127.0.0.1', family: 4, port: 0 } as const;

export async function startAdminWorld(options: Partial<AdminServerOptions> = {}): Promise<AdminWorld> {
  const target = new TestTarget();
  const logger = new RecordingLogger();
  const clock = { ms: 1000, now: () => clock.ms };
  const server = await startAdminServer(
    { bind: LOOPBACK, token: null, ...options },
    { target, logger, clock },
  );
  onTestFinished(() => server.close());
  const at = { host: server.address.address, port: server.address.port };
  const world: AdminWorld = {
    server,
    target,
    logger,
    clock,
    send: (requestOptions, body) => send({ ...at, ...requestOptions }, body),
    get: (path, headers = {}) => world.send({ path, headers }),
    post: (path, value, headers = {}) => {
      const body = value === undefined ? undefined : JSON.stringify(value);
      const all = { 'content-type': 'application/json', ...headers };
      return world.send({ method: 'POST', path, headers: all }, body);
    },
    raw: () => {
      const socket = connect(at);
      socket.on('error', () => undefined);
      onTestFinished(() => void socket.destroy());
      return socket;
    },
  };
  return world;
}

async function send(options: RequestOptions, body?: string | Uint8Array): Promise<Answer> {
  const outgoing = request({ agent: false, ...options });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** Everything that comes until the other side closes. */
export async function allOf(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(socket, 'close');
  return text;
}

export const jsonOf = ({ text }: Answer): unknown => JSON.parse(text);

export const codeOf = ({ text }: Answer): unknown => (JSON.parse(text) as { code?: unknown }).code;
