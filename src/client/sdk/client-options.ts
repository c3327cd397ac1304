import { NO_LOG, type Logger } from '../../base/logger.ts';
import { checkMethods, checkNumber, checkOneOf, checkType, invalidOption } from '../../base/check-option.ts';
import { checkLoginOptions } from './check-login-options.ts';
import { checkSessionOptions } from './check-session-options.ts';
import type { LoginClientOptions } from './login-client.ts';
import type { SessionOptions } from './session-options.ts';

/** What `createClient` takes: where and how to log in, how sessions are, and what is done when they end. */
export interface ClientOptions
  extends LoginClientOptions, Omit<SessionOptions, 'stream' | 'remembered' | 'earlyData' | 'redial'> {
  /**
   * `messages`: each `send` is one message. `stream`: bytes are one stream. It must suit what the gateway leads to. Default
   * `messages`.
   */
  readonly mode?: 'messages' | 'stream';
  /**
   * Whether another connection follows one that was closed with a code that allows it. In stream mode never. Default true.
   */
  readonly reconnect?: boolean;
  /** Attempts in a row to open a connection, 1 to 1000; then it gives up with `retries_exhausted`. Default 10. */
  readonly rounds?: number;
  /** The first wait between two attempts is anything from 0 to so many ms, the next up to twice as long. 1 to 600,000; default 1,000. */
  readonly firstWaitMs?: number;
  /** ... and none longer than so many ms. 1 to 600,000; default 30,000. */
  readonly maxWaitMs?: number;
  /**
   * How long a connection may take to finish, in ms, after its gateway was drained and another one took its place. What that
   * one receives waits meanwhile. More while the application has not read all that arrived. 100 to 600,000; default 10,000.
   */
  readonly handOverTimeoutMs?: number;
  /** Aborting it fails what is under way and destroys every session. */
  readonly signal?: AbortSignal;
}

/** The same, checked and complete. */
export interface ClientConfig {
  readonly login: LoginClientOptions;
  readonly session: SessionOptions;
  readonly mode: 'messages' | 'stream';
  readonly reconnect: boolean;
  readonly rounds: number;
  readonly firstWaitMs: number;
  readonly maxWaitMs: number;
  readonly handOverTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly logger: Logger;
}

/** @throws GatewayError `config_invalid`: which option, and what it must be. */
export function resolveClientOptions(options: ClientOptions): ClientConfig {
  const given: Readonly<Record<string, unknown>> = { ...options };
  for (const name of Object.keys(given)) {
    if (given[name] !== undefined && !KNOWN.has(name)) throw invalidOption(name, 'is no option');
  }
  for (const [name, [min, max]] of Object.entries(RANGES)) checkNumber(given, name, min, max);
  checkType(given, 'reconnect', 'boolean', 'true or false');
  checkOneOf(given, 'mode', ['messages', 'stream']);
  checkToken(options.token);
  checkLoginOptions(given);
  checkMethods(given, 'loginStore', ['get', 'set'], 'have get and set');
  checkSessionOptions(options);
  if (given.loginUrl === undefined) throw invalidOption('loginUrl', 'is required');
  checkLoginUrl(given.loginUrl);
  const { mode = 'messages', logger = NO_LOG, firstWaitMs = 1_000, maxWaitMs = 30_000 } = options;
  if (firstWaitMs > maxWaitMs) throw invalidOption('firstWaitMs', 'must not be more than maxWaitMs');
  return {
    login: pick(options, LOGIN),
    session: { ...pick(options, SESSION), stream: mode === 'stream', logger },
    mode,
    reconnect: options.reconnect ?? true,
    rounds: options.rounds ?? 10,
    firstWaitMs,
    maxWaitMs,
    handOverTimeoutMs: options.handOverTimeoutMs ?? 10_000,
    signal: options.signal,
    logger,
  };
}

function checkToken(token: unknown): void {
  if (token === undefined || typeof token === 'string' || typeof token === 'function') return;
  throw invalidOption('token', 'must be a text, or a function that gives one');
}

function checkLoginUrl(loginUrl: unknown): void {
  const isUrl = (value: unknown): boolean => typeof value === 'string' || value instanceof URL;
  if (isUrl(loginUrl) || (Array.isArray(loginUrl) && loginUrl.every(isUrl))) return;
  throw invalidOption('loginUrl', 'must be a URL or several');
}

function pick<Options extends object, Key extends keyof Options>(
  options: Options,
  names: readonly Key[],
): Pick<Options, Key> {
  return Object.fromEntries(
    names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  ) as Pick<Options, Key>;
}

const LOGIN = [
  'loginUrl',
  'token',
  'tokenIn',
  'client',
  'seal',
  'allowHttp',
  'loginTimeoutMs',
  'fetch',
  'loginRounds',
  'maxLoginWaitMs',
  'loginStore',
] as const satisfies readonly (keyof LoginClientOptions)[];
const SESSION = [
  'line',
  'seal',
  'idleTimeoutMs',
  'keepAliveMs',
  'closeTimeoutMs',
  'maxMemoryBytes',
  'handshakeTimeoutMs',
  'maxQueueBytes',
  'switching',
  'redundant',
] as const satisfies readonly (keyof SessionOptions)[];
const OWN = [
  'mode',
  'reconnect',
  'rounds',
  'firstWaitMs',
  'maxWaitMs',
  'handOverTimeoutMs',
  'signal',
  'logger',
] as const satisfies readonly (keyof ClientOptions)[];
const KNOWN: ReadonlySet<string> = new Set([...LOGIN, ...SESSION, ...OWN]);

const RANGES: Readonly<Record<string, readonly [min: number, max: number]>> = {
  rounds: [1, 1000],
  firstWaitMs: [1, 600_000],
  maxWaitMs: [1, 600_000],
  handOverTimeoutMs: [100, 600_000],
  loginRounds: [1, 1000],
  maxLoginWaitMs: [30, 600_000],
};
