import { GatewayError } from './errors.ts';

/** Options as they came: anything may be anything. */
export type GivenOptions = Readonly<Record<string, unknown>>;

/** @throws GatewayError `config_invalid`. */
export function checkNumber(given: GivenOptions, name: string, min: number, max: number): void {
  const value = given[name];
  if (value === undefined) return;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return;
  throw invalidOption(name, `must be a whole number from ${String(min)} to ${String(max)}`);
}

/** @throws GatewayError `config_invalid`. */
export function checkType(given: GivenOptions, name: string, type: string, words: string): void {
  if (given[name] !== undefined && typeof given[name] !== type) throw invalidOption(name, `must be ${words}`);
}

/** @throws GatewayError `config_invalid`. */
export function checkOneOf(given: GivenOptions, name: string, values: readonly string[]): void {
  const value = given[name];
  if (value === undefined || (typeof value === 'string' && values.includes(value))) return;
  throw invalidOption(name, `must be ${values.join(' or ')}`);
}

/** @throws GatewayError `config_invalid`. */
export function checkObject(given: GivenOptions, name: string): void {
  const value = given[name];
  if (value === undefined || (typeof value === 'object' && value !== null)) return;
  throw invalidOption(name, 'must be an object');
}

/** @throws GatewayError `config_invalid`. */
export function checkMethods(
  given: GivenOptions,
  name: string,
  methods: readonly string[],
  words: string,
): void {
  const value = given[name];
  if (value === undefined) return;
  const has = (method: string): boolean =>
    typeof (value as Readonly<Record<string, unknown>> | null)?.[method] === 'function';
  if (!methods.every(has)) throw invalidOption(name, `must ${words}`);
}

/** Checks `signal`. @throws GatewayError `config_invalid`. */
export function checkSignal(given: GivenOptions): void {
  checkMethods(given, 'signal', ['addEventListener', 'removeEventListener'], 'be an AbortSignal');
}

/** Checks `logger`. @throws GatewayError `config_invalid`. */
export function checkLogger(given: GivenOptions): void {
  checkMethods(given, 'logger', LOGGER_METHODS, `have ${LOGGER_METHODS.join(', ')}`);
}

const LOGGER_METHODS = ['debug', 'info', 'warn', 'error', 'child'];

/** What is thrown of an option. The message repeats no value: it may be a secret. */
export function invalidOption(name: string, what: string): GatewayError {
  return new GatewayError('config_invalid', `${name} ${what}`, { details: { option: name } });
}
