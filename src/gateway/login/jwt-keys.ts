import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import type { CryptoKey, JWTHeaderParameters } from 'jose';
import type { Clock } from '../../base/clock.ts';
import { GatewayError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { JwtAlgorithm, JwtConfig } from '../config/config.ts';
import { KeySet, type KeySetTimes } from './key-set.ts';
import { fetchKeySet, isTrustworthyUrl, readKeySet } from './load-key-set.ts';

/** Gives the key that a token must be signed with. */
export interface JwtKeys {
  /** As `KeySet.keyOf`. */
  keyOf(header: JWTHeaderParameters): KeyObject | Promise<CryptoKey>;
  /** Ends a load under way. */
  close(): void;
}

/** What keys of tokens work with. */
export interface JwtKeyComponents {
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The keys that a configuration names. A key belongs to its algorithms: a secret is never used for a signature, nor a public
 * key as a secret.
 * @throws GatewayError `config_invalid` when the key cannot be used, or not with every one of the algorithms.
 */
export function createJwtKeys(config: JwtConfig, components: JwtKeyComponents): JwtKeys {
  const { key, algorithms } = config;
  switch (key.type) {
    case 'secret':
      return fixed(secretKey(key.secret), ['HS256'], algorithms);
    case 'public-key': {
      const publicKey = readPublicKey(key.pem);
      return fixed(publicKey, algorithmsOf(publicKey), algorithms);
    }
    case 'jwks': {
      demandAlgorithms(algorithms, ['RS256', 'EdDSA']);
      const load = (): Promise<unknown> => readKeySet(key.file);
      const keySet = () => new KeySet({ ...components, load }, timesOf(config), JSON.parse(key.json));
      return keysOf(orInvalid(keySet, 'the key set of login.jwt cannot be used'));
    }
    case 'jwks-url': {
      demandAlgorithms(algorithms, ['RS256', 'EdDSA']);
      const url = new URL(key.url);
      if (!isTrustworthyUrl(url)) throw invalid('login.jwt fetches keys over https, or from this host');
      const closing = new AbortController();
      const load = (): Promise<unknown> => fetchKeySet(url, FETCH_TIMEOUT_MS, closing.signal);
      return keysOf(new KeySet({ ...components, load }, timesOf(config)), closing);
    }
  }
}

const FETCH_TIMEOUT_MS = 5_000;
/** A provider that is away must not end logins at once; keys it has taken back must not live for long. */
const MAX_STALE_MS = 3_600_000;
const COOLDOWN_MS = 30_000;
/** RFC 7518, section 3.2: as long as the hash. */
const MIN_SECRET_BYTES = 32;
/** RFC 7518, section 3.3. */
const MIN_RSA_BITS = 2048;

const timesOf = ({ jwksCacheMs }: JwtConfig): KeySetTimes => ({
  maxAgeMs: jwksCacheMs,
  maxStaleMs: MAX_STALE_MS,
  cooldownMs: Math.min(COOLDOWN_MS, jwksCacheMs),
});

function keysOf(keySet: KeySet, closing?: AbortController): JwtKeys {
  return {
    keyOf: (header) => keySet.keyOf(header),
    close: () => closing?.abort(),
  };
}

function fixed(key: KeyObject, possible: readonly JwtAlgorithm[], wanted: readonly JwtAlgorithm[]): JwtKeys {
  demandAlgorithms(wanted, possible);
  return { keyOf: () => key, close: () => undefined };
}

function demandAlgorithms(wanted: readonly JwtAlgorithm[], possible: readonly JwtAlgorithm[]): void {
  const wrong = wanted.find((algorithm) => !possible.includes(algorithm));
  if (wrong !== undefined) throw invalid(`login.jwt: the key is not for ${wrong}`);
  if (wanted.length === 0) throw invalid('login.jwt: no algorithm is allowed');
}

function secretKey(secret: string): KeyObject {
  const bytes = Buffer.from(secret);
  if (bytes.length < MIN_SECRET_BYTES) {
    throw invalid(`the secret of login.jwt is shorter than ${String(MIN_SECRET_BYTES)} bytes`);
  }
  return createSecretKey(bytes);
}

function readPublicKey(pem: string): KeyObject {
  // A private key would do as well, and then lie where it does not belong.
  if (pem.includes('PRIVATE KEY')) throw invalid('the public key of login.jwt is a private key');
  return orInvalid(() => createPublicKey(pem), 'the public key of login.jwt cannot be read');
}

function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): JwtAlgorithm[] {
  if (asymmetricKeyType === 'ed25519') return ['EdDSA'];
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  return asymmetricKeyType === 'rsa' && bits >= MIN_RSA_BITS ? ['RS256'] : [];
}

function orInvalid<T>(make: () => T, message: string): T {
  try {
    return make();
  } catch (error) {
    throw invalid(message, error);
  }
}

const invalid = (message: string, cause?: unknown): GatewayError =>
  new GatewayError('config_invalid', message, cause === undefined ? {} : { cause });
