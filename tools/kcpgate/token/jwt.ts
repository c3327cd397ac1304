import { createPrivateKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { GatewayError } from '../../../src/base/errors.ts';
import type { JwtAlgorithm } from '../../../src/gateway/config/config.ts';
import { readSecretFile } from './read-key-file.ts';

/** Names and values of claims. */
export type Claims = Readonly<Record<string, unknown>>;

/** What the options of `token jwt` give. */
export interface JwtOptions {
  readonly secretFile?: string;
  readonly keyFile?: string;
  readonly subject: string;
  readonly subjectClaim: string;
  /** In milliseconds. */
  readonly ttl: number;
  readonly issuer?: string;
  readonly audience?: string;
  readonly kid?: string;
  readonly claim: Claims;
}

/**
 * Signs a JSON Web Token.
 * @param nowMs Unix time.
 * @throws GatewayError `config_invalid` when the key cannot be used.
 */
export function makeJwt(options: JwtOptions, nowMs: number): Promise<string> {
  const { subject, subjectClaim, ttl, issuer, audience, kid, claim } = options;
  const { algorithm, key } = signingKey(options);
  const issuedAt = Math.floor(nowMs / 1000);
  return new SignJWT({
    ...(issuer === undefined ? {} : { iss: issuer }),
    ...(audience === undefined ? {} : { aud: audience }),
    iat: issuedAt,
    exp: issuedAt + Math.ceil(ttl / 1000),
    ...claim,
    [subjectClaim]: subject,
  })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
    .sign(key);
}

/** A key, and what it signs with. */
interface SigningKey {
  readonly algorithm: JwtAlgorithm;
  readonly key: KeyObject | Uint8Array;
}

function signingKey({ secretFile, keyFile }: JwtOptions): SigningKey {
  if (secretFile !== undefined && keyFile === undefined) {
    const key = Buffer.from(readSecretFile(secretFile));
    if (key.length >= MIN_SECRET_BYTES) return { algorithm: 'HS256', key };
    throw wrong(`${secretFile}: the secret is shorter than ${String(MIN_SECRET_BYTES)} bytes`);
  }
  if (keyFile !== undefined && secretFile === undefined) return privateKey(keyFile);
  throw wrong('give either --secret-file or --key-file');
}

/** RFC 7518, section 3.2. */
const MIN_SECRET_BYTES = 32;

function privateKey(file: string): SigningKey {
  const key = readPrivateKey(file);
  if (key.asymmetricKeyType === 'ed25519') return { algorithm: 'EdDSA', key };
  if (key.asymmetricKeyType === 'rsa') return { algorithm: 'RS256', key };
  throw wrong(`${file}: is neither an Ed25519 nor an RSA key`);
}

function readPrivateKey(file: string): KeyObject {
  const pem = readSecretFile(file);
  try {
    return createPrivateKey(pem);
  } catch {
    throw wrong(`${file}: is not a private key in PEM`);
  }
}

const wrong = (message: string): GatewayError => new GatewayError('config_invalid', `kcpgate: ${message}`);
