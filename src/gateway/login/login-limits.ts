import { sourceKey, type SocketAddress } from '../../base/address.ts';
import { KeyedLimiter, TokenBucket } from '../../base/token-bucket.ts';

/** Logins a second, each with bursts of one second's worth. */
export interface LoginLimits {
  /** All together. */
  readonly perSecond: number;
  /** From one IPv4 address or IPv6 /64. */
  readonly perSecondPerSource: number;
  /** Of one subject. */
  readonly perSecondPerSubject: number;
}

/** Holds logins to their rates. Memory is bounded, however many addresses and subjects there are. */
export class LoginLimiter {
  readonly #limits: LoginLimits;
  readonly #total: TokenBucket;
  readonly #perSource: KeyedLimiter;
  readonly #perSubject: KeyedLimiter;

  constructor(limits: LoginLimits) {
    this.#limits = limits;
    this.#total = new TokenBucket(rateOf(limits.perSecond));
    this.#perSource = new KeyedLimiter({ ...rateOf(limits.perSecondPerSource), maxKeys: MAX_KEYS });
    this.#perSubject = new KeyedLimiter({ ...rateOf(limits.perSecondPerSubject), maxKeys: MAX_KEYS });
  }

  /**
   * Counts an attempt from an address, before anything of it is looked at.
   * @param now monotonic, in milliseconds.
   * @returns 0 when it may go on, else after how many seconds another may.
   */
  takeSource(address: SocketAddress, now: number): number {
    if (!this.#perSource.take(sourceKey(address), now)) return waitOf(this.#limits.perSecondPerSource);
    return this.#total.take(now) ? 0 : waitOf(this.#limits.perSecond);
  }

  /** Counts a login of a subject that was recognised; as {@link takeSource}. */
  takeSubject(subject: string, now: number): number {
    return this.#perSubject.take(subject, now) ? 0 : waitOf(this.#limits.perSecondPerSubject);
  }
}

/** Addresses, and subjects, that are told apart; about 150 bytes each. */
const MAX_KEYS = 65_536;

const rateOf = (perSecond: number): { ratePerSecond: number; burst: number } => ({
  ratePerSecond: perSecond,
  burst: Math.max(1, perSecond),
});

/** When an empty bucket has a token again, in whole seconds. */
const waitOf = (perSecond: number): number => Math.max(1, Math.ceil(1 / perSecond));
