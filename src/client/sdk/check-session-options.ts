import type { Seal } from '../login-answer.ts';
import { resolveSwitchConfig } from '../switching/switch-config.ts';
import {
  checkLogger,
  checkNumber,
  checkObject,
  checkSignal,
  checkType,
  invalidOption,
  type GivenOptions,
} from '../../base/check-option.ts';
import type { RedundantOptions } from './redundant-line.ts';
import type { ClientSessionOptions, SessionOptions } from './session-options.ts';

/** @throws GatewayError `config_invalid`: which option, and what it must be. */
export function checkSessionOptions(options: SessionOptions): void {
  const given: GivenOptions = { ...options };
  checkClientSessionOptions(options);
  checkNumber(given, 'handshakeTimeoutMs', 1, HOUR_MS);
  checkNumber(given, 'maxQueueBytes', 1, 0x7fffffff);
  for (const name of ['stream', 'redial']) checkType(given, name, 'boolean', 'true or false');
  checkLine('line', options.line);
  checkObject(given, 'remembered');
  checkSeal(options.seal);
  checkSignal(given);
  checkLogger(given);
  checkSettings(given, 'switching', resolveSwitchConfig());
  checkSettings(given, 'redundant', REDUNDANT);
  const { earlyData } = options as { readonly earlyData?: unknown };
  // By its tag: test runners and frames have a Uint8Array of their own.
  if (earlyData !== undefined && Object.prototype.toString.call(earlyData) !== '[object Uint8Array]')
    throw invalidOption('earlyData', 'must be a Uint8Array');
}

/** @throws GatewayError `config_invalid`: which option, and what it must be. */
export function checkClientSessionOptions(options: ClientSessionOptions): void {
  const given: GivenOptions = { ...options };
  for (const [name, [min, max]] of Object.entries(RANGES)) checkNumber(given, name, min, max);
}

function checkLine(name: string, line: unknown): void {
  if (line === undefined || typeof line === 'string' || typeof line === 'function') return;
  throw invalidOption(name, 'must be an id, a transport or a function');
}

/** @throws GatewayError `config_invalid`. */
export function checkSeal(seal: unknown): void {
  const isSeal = (value: unknown): boolean => SEALS.some((known) => known === value);
  if (seal === undefined || (Array.isArray(seal) && seal.length > 0 && seal.every(isSeal))) return;
  throw invalidOption('seal', `must be a list of ${SEALS.join(' and ')}`);
}

/** @param example has every setting, each with a value of its type. */
function checkSettings(given: GivenOptions, name: string, example: object): void {
  const value = given[name];
  if (value === undefined || typeof value === 'boolean') return;
  if (typeof value !== 'object' || value === null)
    throw invalidOption(name, 'must be true, false or an object');
  const types = new Map(Object.entries(example).map(([key, known]) => [key, typeof known]));
  for (const [key, setting] of Object.entries(value)) {
    const type = types.get(key);
    if (type === undefined) throw invalidOption(`${name}.${key}`, 'is no option');
    const isRight =
      typeof setting === type && (type !== 'number' || (Number.isFinite(setting) && setting >= 0));
    if (setting !== undefined && !isRight && key !== 'line')
      throw invalidOption(`${name}.${key}`, `must be a ${type}`);
  }
  if ('line' in value) checkLine(`${name}.line`, value.line);
}

const HOUR_MS = 3_600_000;
const RANGES: Readonly<Record<keyof ClientSessionOptions, readonly [min: number, max: number]>> = {
  idleTimeoutMs: [100, 24 * HOUR_MS],
  keepAliveMs: [0, 24 * HOUR_MS],
  closeTimeoutMs: [0, HOUR_MS],
  maxMemoryBytes: [65_536, Number.MAX_SAFE_INTEGER],
};
const SEALS: readonly Seal[] = ['aes-128-gcm', 'clear'];
const REDUNDANT: Required<RedundantOptions> = { maxExtraBytesPerSecond: 0, line: '' };
