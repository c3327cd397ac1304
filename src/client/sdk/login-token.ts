import type { Clock } from '../../base/clock.ts';
import { GatewayError } from '../../base/errors.ts';
import { tokenExpiry } from '../token-expiry.ts';
import { orAborted, withinTime } from './time-limit.ts';

/**
 * Says who logs in. A function is called for the first login, again when the token it gave is about to expire (JSON Web Tokens
 * tell), and once after a login did not accept it. Its signal is aborted when it takes longer than a login may.
 */
export type TokenSource = string | ((signal: AbortSignal) => string | Promise<string>);

/** The token in use. */
export class LoginToken {
  readonly #source: TokenSource | undefined;
  readonly #wallClock: Clock;
  readonly #timeoutMs: number;
  #held: HeldToken | undefined;
  #pending: Promise<string> | undefined;

  constructor(source: TokenSource | undefined, wallClock: Clock, timeoutMs: number) {
    this.#source = source;
    this.#wallClock = wallClock;
    this.#timeoutMs = timeoutMs;
  }

  /** Whether another one can be had. */
  get canRefresh(): boolean {
    return typeof this.#source === 'function';
  }

  /**
   * Several that ask at once get the same.
   * @param fresh not the one in use.
   * @throws GatewayError `login_failed` when the function failed or was late; what it threw if that is a GatewayError.
   */
  async get(fresh: boolean, signal: AbortSignal): Promise<string | undefined> {
    const source = this.#source;
    if (typeof source !== 'function') return source;
    const held = this.#held;
    if (!fresh && held !== undefined && this.#wallClock.now() < held.refreshAtMs) return held.token;
    this.#pending ??= this.#call(source).finally(() => {
      this.#pending = undefined;
    });
    return orAborted(this.#pending, signal);
  }

  async #call(source: (signal: AbortSignal) => string | Promise<string>): Promise<string> {
    const late = (): GatewayError =>
      new GatewayError('login_failed', `no token within ${String(this.#timeoutMs)} ms`);
    let token: string;
    try {
      token = await withinTime({ timeoutMs: this.#timeoutMs, late }, (signal) =>
        orAborted(Promise.resolve(source(signal)), signal),
      );
    } catch (cause) {
      if (cause instanceof GatewayError) throw cause;
      throw new GatewayError('login_failed', 'there is no token: its function failed', { cause });
    }
    const now = this.#wallClock.now();
    const expiresAtMs = tokenExpiry(token) ?? Number.POSITIVE_INFINITY;
    this.#held = {
      token,
      refreshAtMs: expiresAtMs - Math.min(MAX_AHEAD_MS, (expiresAtMs - now) / AHEAD_PART),
    };
    return token;
  }
}

interface HeldToken {
  readonly token: string;
  /** In ms of Unix time. */
  readonly refreshAtMs: number;
}

/** A token is refreshed a tenth of its life before its end, a minute at most. */
const AHEAD_PART = 10;
const MAX_AHEAD_MS = 60_000;
