import { GatewayError } from '../../base/errors.ts';
import { NO_LOG, type Logger } from '../../base/logger.ts';
import type { Seal } from '../login-answer.ts';
import { resolveSwitchConfig } from '../switching/switch-config.ts';
import type { RedundantOptions } from './redundant-line.ts';
import type { SessionOptions } from './session-options.ts';
import type { LoginClientOptions } from './login-client.ts';

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
    if (given[name] !== undefined && !KNOWN.has(name)) throw invalid(name, 'is no option');
  }
  for (const [name, [min, max]] of Object.entries(RANGES)) checkNumber(given, name, min, max);
  for (const name of BOOLEANS) checkType(given, name, 'boolean', 'true or false');
  for (const name of FUNCTIONS) checkType(given, name, 'function', 'a function');
  checkOneOf(given, 'mode', ['messages', 'stream']);
  checkOneOf(given, 'tokenIn', ['body', 'header']);
  checkToken(options.token);
  checkLine(options.line);
  checkSeal(options.seal);
  checkObject(given, 'client');
  checkMethods(given, 'signal', ['addEventListener', 'removeEventListener'], 'be an AbortSignal');
  checkMethods(given, 'logger', LOGGER_METHODS, `have ${LOGGER_METHODS.join(', ')}`);
  checkMethods(given, 'loginStore', ['get', 'set'], 'have get and set');
  checkSettings(given, 'switching', resolveSwitchConfig());
  checkSettings(given, 'redundant', REDUNDANT);
  if (given.loginUrl === undefined) throw invalid('loginUrl', 'is required');
  checkLoginUrl(given.loginUrl);
  const { mode = 'messages', logger = NO_LOG, firstWaitMs = 1_000, maxWaitMs = 30_000 } = options;
  if (firstWaitMs > maxWaitMs) throw invalid('firstWaitMs', 'must not be more than maxWaitMs');
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

type Given = Readonly<Record<string, unknown>>;

/** @throws GatewayError `config_invalid`. */
export function checkNumber(given: Given, name: string, min: number, max: number): void {
  const value = given[name];
  if (value === undefined) return;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return;
  throw invalid(name, `must be a whole number from ${String(min)} to ${String(max)}`);
}

function checkType(given: Given, name: string, type: string, words: string): void {
  if (given[name] !== undefined && typeof given[name] !== type) throw invalid(name, `must be ${words}`);
}

function checkOneOf(given: Given, name: string, values: readonly string[]): void {
  const value = given[name];
  if (value === undefined || (typeof value === 'string' && values.includes(value))) return;
  throw invalid(name, `must be ${values.join(' or ')}`);
}

function checkToken(token: unknown): void {
  if (token === undefined || typeof token === 'string' || typeof token === 'function') return;
  throw invalid('token', 'must be a text, or a function that gives one');
}

function checkLine(line: unknown): void {
  if (line === undefined || typeof line === 'string' || typeof line === 'function') return;
  throw invalid('line', 'must be an id, a transport or a function');
}

function checkLoginUrl(loginUrl: unknown): void {
  const isUrl = (value: unknown): boolean => typeof value === 'string' || value instanceof URL;
  if (isUrl(loginUrl) || (Array.isArray(loginUrl) && loginUrl.every(isUrl))) return;
  throw invalid('loginUrl', 'must be a URL or several');
}

function checkSeal(seal: unknown): void {
  const isSeal = (value: unknown): boolean => SEALS.some((known) => known === value);
  if (seal === undefined || (Array.isArray(seal) && seal.length > 0 && seal.every(isSeal))) return;
  throw invalid('seal', `must be a list of ${SEALS.join(' and ')}`);
}

/** @throws GatewayError `config_invalid`. */
export function checkObject(given: Given, name: string): void {
  const value = given[name];
  if (value === undefined || (typeof value === 'object' && value !== null)) return;
  throw invalid(name, 'must be an object');
}

function checkMethods(given: Given, name: string, methods: readonly string[], words: string): void {
  const value = given[name];
  if (value === undefined) return;
  const has = (method: string): boolean =>
    typeof (value as Readonly<Record<string, unknown>> | null)?.[method] === 'function';
  if (!methods.every(has)) throw invalid(name, `must ${words}`);
}

/** @param example has every setting, each with a value of its type. */
function checkSettings(given: Given, name: string, example: object): void {
  const value = given[name];
  if (value === undefined || typeof value === 'boolean') return;
  if (typeof value !== 'object' || value === null) throw invalid(name, 'must be true, false or an object');
  const types = new Map(Object.entries(example).map(([key, known]) => [key, typeof known]));
  for (const [key, setting] of Object.entries(value)) {
    const type = types.get(key);
    if (type === undefined) throw invalid(`${name}.${key}`, 'is no option');
    const isRight =
      typeof setting === type && (type !== 'number' || (Number.isFinite(setting) && setting >= 0));
    if (setting !== undefined && !isRight && key !== 'line')
      throw invalid(`${name}.${key}`, `must be a ${type}`);
  }
  if ('line' in value) checkLine(value.line);
}

function pick<Options extends object, Key extends keyof Options>(
  options: Options,
  names: readonly Key[],
): Pick<Options, Key> {
  return Object.fromEntries(
    names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  ) as Pick<Options, Key>;
}

/** The message repeats no value: it may be a secret. */
function invalid(name: string, what: string): GatewayError {
  return new GatewayError('config_invalid', `${name} ${what}`, { details: { option: name } });
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

const SEALS: readonly Seal[] = ['aes-128-gcm', 'clear'];
const LOGGER_METHODS = ['debug', 'info', 'warn', 'error', 'child'];
const BOOLEANS = ['reconnect', 'allowHttp'] as const;
const FUNCTIONS = ['fetch'] as const;
const REDUNDANT: Required<RedundantOptions> = { maxExtraBytesPerSecond: 0, line: '' };
const HOUR_MS = 3_600_000;
const RANGES: Readonly<Record<string, readonly [min: number, max: number]>> = {
  rounds: [1, 1000],
  firstWaitMs: [1, 600_000],
  maxWaitMs: [1, 600_000],
  handOverTimeoutMs: [100, 600_000],
  loginTimeoutMs: [1, HOUR_MS],
  loginRounds: [1, 1000],
  maxLoginWaitMs: [30, 600_000],
  handshakeTimeoutMs: [1, HOUR_MS],
  idleTimeoutMs: [100, 24 * HOUR_MS],
  keepAliveMs: [0, 24 * HOUR_MS],
  closeTimeoutMs: [0, HOUR_MS],
  maxMemoryBytes: [65_536, Number.MAX_SAFE_INTEGER],
  maxQueueBytes: [1, Number.MAX_SAFE_INTEGER],
};
