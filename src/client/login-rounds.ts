import { fullJitterMs } from './full-jitter.ts';
import type { LoginSetback } from './login-setback.ts';

export interface LoginRoundsConfig {
  /** How many logins there are; they are numbered from 0. */
  readonly urls: number;
  /** The one to ask first in each round: that which answered last. */
  readonly first: number | undefined;
  /** Failed rounds after which it gives up; at least 1. */
  readonly maxRounds: number;
  /** The longest wait between two rounds, in ms, unless a login asks for a longer one. */
  readonly maxWaitMs: number;
  /** Whether another token can be had. */
  readonly canRefresh: boolean;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** What to do next. */
export type LoginStep =
  | { readonly do: 'ask'; readonly url: number; readonly freshToken: boolean }
  | { readonly do: 'wait'; readonly untilMs: number }
  /** `refused`: nobody lets this client in. `exhausted`: nobody could in all the rounds. */
  | { readonly do: 'stop'; readonly why: 'refused' | 'exhausted' };

/**
 * Which login to ask, and when. A *round* asks each one once, in random order; between rounds there is a random wait (full
 * jitter), so that many clients who lost the same gateway come back spread.
 *
 * One round may follow in the first second (a thirtieth of `maxWaitMs`), for what was over at once. From then on the waits
 * are as wide as they get: up to half of `maxWaitMs`, later up to all of it. Waits that grew slowly would bring everybody
 * back several times in the first seconds. A login that says when to come (`Retry-After`) is not asked before, and not by
 * all in the same moment then.
 */
export class LoginRounds {
  readonly #config: LoginRoundsConfig;
  /** Logins still to be asked in this round. */
  #left: number[] = [];
  #asked: number | undefined;
  #wantsFreshToken = false;
  #refreshed = false;
  #startedAtMs: number | undefined;
  #waitUntilMs = Number.NEGATIVE_INFINITY;
  readonly #heldUntilMs: number[];
  readonly #dead = new Set<number>();
  #stopped: 'refused' | 'exhausted' | undefined;
  #failedRounds = 0;

  constructor(config: LoginRoundsConfig) {
    this.#config = config;
    this.#heldUntilMs = Array.from({ length: config.urls }, () => Number.NEGATIVE_INFINITY);
  }

  get failedRounds(): number {
    return this.#failedRounds;
  }

  /** The same step until `failed` says how it went, or a wait is over. */
  next(now: number): LoginStep {
    this.#startedAtMs ??= now;
    if (this.#stopped !== undefined) return { do: 'stop', why: this.#stopped };
    if (this.#asked !== undefined) return this.#ask(this.#asked);
    if (now < this.#waitUntilMs) return { do: 'wait', untilMs: this.#nextAtMs() };
    if (this.#left.length === 0) this.#left = this.#order(now);
    const url = this.#left.shift();
    return url === undefined ? { do: 'wait', untilMs: this.#nextAtMs() } : this.#ask(url);
  }

  /** The login that was to be asked did not let this client in. */
  failed(now: number, setback: LoginSetback): void {
    const url = this.#asked;
    if (url === undefined) return;
    switch (setback.kind) {
      case 'credentials':
        if (this.#config.canRefresh && !this.#refreshed) {
          this.#refreshed = true;
          this.#wantsFreshToken = true;
          return;
        }
        this.#stopped = 'refused';
        break;
      case 'refused':
        this.#stopped = 'refused';
        break;
      case 'wrong_url':
        this.#dead.add(url);
        if (this.#dead.size === this.#config.urls) this.#stopped = 'refused';
        break;
      case 'later':
        if (setback.retryAfterMs !== undefined) {
          this.#heldUntilMs[url] = now + setback.retryAfterMs + this.#wideWaitMs();
        }
    }
    this.#asked = undefined;
    this.#wantsFreshToken = false;
    if (this.#stopped === undefined && this.#left.length === 0) this.#endRound(now);
  }

  #ask(url: number): LoginStep {
    this.#asked = url;
    return { do: 'ask', url, freshToken: this.#wantsFreshToken };
  }

  #endRound(now: number): void {
    this.#failedRounds++;
    if (this.#failedRounds >= this.#config.maxRounds) {
      this.#stopped = 'exhausted';
      return;
    }
    const quickUntilMs = (this.#startedAtMs ?? now) + this.#config.maxWaitMs / QUICK_PART;
    const isQuick = this.#failedRounds === 1 && now < quickUntilMs;
    this.#waitUntilMs =
      now + (isQuick ? Math.floor(this.#config.random() * (quickUntilMs - now)) : this.#wideWaitMs());
  }

  #wideWaitMs(): number {
    const { maxWaitMs, random } = this.#config;
    return fullJitterMs(Math.max(0, this.#failedRounds - 2), random(), maxWaitMs / 2, maxWaitMs);
  }

  /** Those that may be asked now. */
  #order(now: number): number[] {
    const { urls, first, random } = this.#config;
    const order = Array.from({ length: urls }, (_, url) => url).filter((url) => this.#mayAsk(url, now));
    for (let i = order.length - 1; i > 0; i--) {
      const [moved = 0] = order.splice(Math.floor(random() * (i + 1)), 1);
      order.push(moved);
    }
    const at = order.findIndex((url) => url === first);
    if (at > 0) order.unshift(...order.splice(at, 1));
    return order;
  }

  #mayAsk(url: number, now: number): boolean {
    return !this.#dead.has(url) && (this.#heldUntilMs[url] ?? 0) <= now;
  }

  /** When the first login may be asked. */
  #nextAtMs(): number {
    const alive = this.#heldUntilMs.filter((_, url) => !this.#dead.has(url));
    return Math.max(this.#waitUntilMs, Math.min(...alive));
  }
}

/** A second of the default 30. */
const QUICK_PART = 30;
