import type { IncomingMessage } from 'node:http';
import { sourceKey, type SocketAddress } from '../../base/address.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { KeyedLimiter } from '../../base/token-bucket.ts';
import { bearerOf } from '../http/bearer.ts';
import { adminProblem, type AdminProblem } from './admin-problem.ts';
import { isForThisHost, isOwnOrigin } from './browser-check.ts';
import { createTokenCheck } from './token-check.ts';

export interface CallerCheckComponents {
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Decides who may use the admin API: whoever has the token; where there is none, whoever is on this host and no page of
 * another origin.
 *
 * An address that showed {@link MAX_FAILURES} wrong tokens is not heard for a while, even with the right one: otherwise it
 * could go on to guess.
 */
export class CallerCheck {
  readonly #isToken: ((candidate: string) => boolean) | undefined;
  readonly #failures = new KeyedLimiter({
    ratePerSecond: 1 / FORGET_SECONDS,
    burst: MAX_FAILURES,
    maxKeys: MAX_SOURCES,
  });
  readonly #clock: Clock;
  readonly #logger: Logger;

  /** @param token what callers have to show; null: nothing, and then the server listens on loopback only. */
  constructor(token: string | null, { clock, logger }: CallerCheckComponents) {
    this.#isToken = token === null ? undefined : createTokenCheck(token);
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Why a request is refused, whatever it asks for; undefined when it is not. */
  check({ headers }: IncomingMessage, caller: SocketAddress): AdminProblem | undefined {
    if (!isOwnOrigin(headers)) return adminProblem('origin_forbidden');
    if (this.#isToken !== undefined) return this.#checkToken(bearerOf(headers.authorization), caller);
    return isForThisHost(headers) ? undefined : adminProblem('host_forbidden');
  }

  #checkToken(candidate: string | undefined, caller: SocketAddress): AdminProblem | undefined {
    if (candidate === undefined) return adminProblem('token_required');
    const now = this.#clock.now();
    const source = sourceKey(caller);
    if (!this.#failures.has(source, now)) return adminProblem('rate_limited', null, FORGET_SECONDS);
    if (this.#isToken?.(candidate) === true) return undefined;
    this.#failures.take(source, now);
    this.#logger.warn('a wrong admin token', { source: caller.address });
    return adminProblem('token_invalid');
  }
}

/** Wrong tokens that an IPv4 address or IPv6 /64 may show in a row. */
export const MAX_FAILURES = 10;
/** After so many seconds one of them is forgotten. */
const FORGET_SECONDS = 5;
/** Addresses that are told apart. */
const MAX_SOURCES = 4096;
