import { createLocalJWKSet, errors, type CryptoKey, type JWTHeaderParameters, type LocalJWKSet } from 'jose';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';

/** How long keys are used, in milliseconds. */
export interface KeySetTimes {
  /** Keys older than this are loaded again before they are used. */
  readonly maxAgeMs: number;
  /** Keys that cannot be loaded again are used for so much longer. */
  readonly maxStaleMs: number;
  /** Least time from one attempt to load to the next, whatever tokens name. */
  readonly cooldownMs: number;
}

/** What a key set works with. */
export interface KeySetComponents {
  /** Gives a JSON Web Key Set, in bounded time; what it gives or throws is of no trust. */
  readonly load: () => Promise<unknown>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** There are no keys to check a signature with, for now. */
export class KeysUnavailableError extends Error {
  constructor() {
    super('the keys are not available');
    this.name = 'KeysUnavailableError';
  }
}

/**
 * Public keys that come from elsewhere and change there: loaded when needed, kept, loaded again when they are old or when a
 * token names a key that is not among them. Logins that need the same load wait for it together.
 */
export class KeySet {
  readonly #components: KeySetComponents;
  readonly #times: KeySetTimes;
  #keys: LocalJWKSet | undefined;
  #loadedAt = 0;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #loading: Promise<void> | undefined;

  /**
   * @param initial a JSON Web Key Set that is there already.
   * @throws Error when it is none.
   */
  constructor(components: KeySetComponents, times: KeySetTimes, initial?: unknown) {
    this.#components = components;
    this.#times = times;
    if (initial !== undefined) this.#take(initial);
  }

  /**
   * The key that a token was signed with, by the header of the token.
   * @throws KeysUnavailableError; what a {@link LocalJWKSet} throws when no key, or more than one, fits.
   */
  async keyOf(header: JWTHeaderParameters): Promise<CryptoKey> {
    if (this.#age() > this.#times.maxAgeMs) await this.#load();
    const keys = this.#usableKeys();
    try {
      return await keys(header);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (this.#keys === keys) await this.#load();
      const newer = this.#usableKeys();
      if (newer === keys) throw error;
      return await newer(header);
    }
  }

  #usableKeys(): LocalJWKSet {
    const { maxAgeMs, maxStaleMs } = this.#times;
    if (this.#keys === undefined || this.#age() > maxAgeMs + maxStaleMs) throw new KeysUnavailableError();
    return this.#keys;
  }

  #age(): number {
    return this.#keys === undefined ? Infinity : this.#components.clock.now() - this.#loadedAt;
  }

  /** Loads, or waits for the load under way; does nothing while the last attempt is too recent. Never rejects. */
  async #load(): Promise<void> {
    const now = this.#components.clock.now();
    if (this.#loading === undefined && now - this.#attemptedAt < this.#times.cooldownMs) return;
    if (this.#loading === undefined) {
      this.#attemptedAt = now;
      this.#loading = this.#attempt().finally(() => (this.#loading = undefined));
    }
    await this.#loading;
  }

  async #attempt(): Promise<void> {
    const { load, logger } = this.#components;
    try {
      this.#take(await load());
      logger.debug('signing keys loaded', { count: this.#keys?.jwks().keys.length });
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown';
      logger.warn('signing keys cannot be loaded', { reason, keptFromBefore: this.#keys !== undefined });
    }
  }

  #take(keySet: unknown): void {
    // Checked inside: what is no key set is refused.
    const keys = createLocalJWKSet(keySet as Parameters<typeof createLocalJWKSet>[0]);
    if (keys.jwks().keys.length > MAX_KEYS) throw new Error('the key set has too many keys');
    this.#keys = keys;
    this.#loadedAt = this.#components.clock.now();
  }
}

const MAX_KEYS = 100;
