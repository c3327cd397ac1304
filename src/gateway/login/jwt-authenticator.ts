import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions, type JWTVerifyResult } from 'jose';
import type { Logger } from '../../base/logger.ts';
import { MAX_CLAIMS_BYTES } from '../../wire/ticket.ts';
import type { JwtConfig } from '../config/config.ts';
import type { Authenticator, AuthFault, Identity } from './authenticator.ts';
import type { JwtKeys } from './jwt-keys.ts';
import { KeysUnavailableError } from './key-set.ts';
import { isSubject } from './subject.ts';

/** What a token must be, beside signed. */
export type JwtRules = Pick<
  JwtConfig,
  'algorithms' | 'issuer' | 'audience' | 'subjectClaim' | 'ticketClaims' | 'clockToleranceMs'
>;

/**
 * Recognises whoever has a JWT (RFC 7519) that one of the keys signed with an allowed algorithm. It must not have expired, so
 * it must say when it does (`exp`), it must name its subject, and issuer and audience where they are asked for.
 */
export class JwtAuthenticator implements Authenticator {
  readonly #rules: JwtRules;
  readonly #options: JWTVerifyOptions;
  readonly #keys: JwtKeys;
  readonly #logger: Logger;

  constructor(rules: JwtRules, keys: JwtKeys, logger: Logger) {
    const { algorithms, issuer, audience, clockToleranceMs } = rules;
    this.#rules = rules;
    this.#options = {
      algorithms: [...algorithms],
      clockTolerance: clockToleranceMs / 1000,
      requiredClaims: ['exp'],
      ...(issuer === null ? {} : { issuer }),
      ...(audience === null ? {} : { audience }),
    };
    this.#keys = keys;
    this.#logger = logger;
  }

  async authenticate(token: string | undefined, nowMs: number): Promise<Identity | AuthFault> {
    if (token === undefined) return 'token_required';
    try {
      const { payload } = await this.#verify(token, { ...this.#options, currentDate: new Date(nowMs) });
      return this.#identityOf(payload) ?? this.#refuse('token_invalid', 'claims');
    } catch (error) {
      if (error instanceof KeysUnavailableError) return 'keys_unavailable';
      if (!(error instanceof errors.JOSEError)) throw error;
      return this.#refuse(error instanceof errors.JWTExpired ? 'token_expired' : 'token_invalid', error.code);
    }
  }

  close(): void {
    this.#keys.close();
  }

  async #verify(token: string, options: JWTVerifyOptions): Promise<JWTVerifyResult> {
    try {
      return await jwtVerify(token, (header) => this.#keys.keyOf(header), options);
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      return await verifyWithAny(error, token, options);
    }
  }

  #identityOf(payload: JWTPayload): Identity | undefined {
    const subject = payload[this.#rules.subjectClaim];
    if (typeof subject !== 'string' || !isSubject(subject)) return undefined;
    const entries = this.#rules.ticketClaims
      .filter((name) => Object.hasOwn(payload, name))
      .map((name) => [name, payload[name]]);
    const claims = entries.length === 0 ? '' : JSON.stringify(Object.fromEntries(entries));
    return Buffer.byteLength(claims) > MAX_CLAIMS_BYTES ? undefined : { subject, claims };
  }

  /** @param reason never part of a token. */
  #refuse(fault: AuthFault, reason: string): AuthFault {
    this.#logger.debug('token refused', { fault, reason });
    return fault;
  }
}

/** For a token that does not say which of the keys it was signed with: tries a few. */
async function verifyWithAny(
  keys: errors.JWKSMultipleMatchingKeys,
  token: string,
  options: JWTVerifyOptions,
): Promise<JWTVerifyResult> {
  let tried = 0;
  for await (const key of keys) {
    if (++tried > MAX_KEYS_TRIED) break;
    try {
      return await jwtVerify(token, key, options);
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}

/** Signatures checked for one token at most. */
const MAX_KEYS_TRIED = 8;
