import { GatewayError, type GatewayErrorCode } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { formatCachedLogin, parseCachedLogin, ticketMsLeft, type DatedLogin } from '../cached-login.ts';
import type { LoginAnswer, LoginSession } from '../login-answer.ts';
import { LoginRounds } from '../login-rounds.ts';
import type { ClientPlatform } from './client-platform.ts';
import {
  checkedLoginUrl,
  DEFAULT_LOGIN_TIMEOUT_MS,
  login,
  type LoginOptions,
  type LoginProblem,
} from './login.ts';
import { loginWithRetries } from './login-retries.ts';
import type { LoginStore } from './login-store.ts';
import { LoginToken, type TokenSource } from './login-token.ts';
import { orAborted } from './time-limit.ts';

/** What a {@link LoginClient} takes. */
export interface LoginClientOptions extends Omit<LoginOptions, 'loginUrl' | 'token' | 'signal'> {
  /** Where to log in; several lead to the same gateways, or to gateways with the same ticket keys. At most 16. */
  readonly loginUrl: string | URL | readonly (string | URL)[];
  /** Says who logs in. Default: nobody in particular, for gateways with `auth: none`. */
  readonly token?: TokenSource;
  /** How often all logins are asked before it gives up, 1 to 1000. Default 10. */
  readonly loginRounds?: number;
  /** The longest wait between two rounds, in ms, 30 to 600,000, unless a login asks for a longer one. Default 30,000. */
  readonly maxLoginWaitMs?: number;
  /** Keeps the last login and the best line from one run to the next. Default: they are kept in memory. */
  readonly loginStore?: LoginStore;
}

/** What a {@link LoginClient} works with. */
export interface LoginClientContext {
  readonly platform: Pick<ClientPlatform, 'clock' | 'wallClock' | 'random' | 'seals' | 'fetch'>;
  readonly logger: Logger;
  /** May not throw. */
  readonly onEvent: (event: LoginEvent) => void;
}

/** What happens while a client logs in. Nothing in it is secret. */
export type LoginEvent =
  /** A round is over, and no login let this client in. */
  | {
      readonly type: 'loginfailed';
      /** Which round, from 1 on, of so many. */
      readonly round: number;
      readonly rounds: number;
      readonly failures: readonly LoginFailure[];
      /** When the next one begins, in ms from now; null: there is none. */
      readonly nextInMs: number | null;
    }
  /** The login at `origin` answered. */
  | { readonly type: 'loggedin'; readonly origin: string };

/** Why one login did not let this client in. */
export interface LoginFailure {
  readonly origin: string;
  readonly code: GatewayErrorCode;
  /** For people. */
  readonly message: string;
  /** Of a refusal, as is `problem`. */
  readonly status?: number;
  readonly problem?: LoginProblem;
}

/** How a login is taken. */
export interface TakeLoginOptions {
  /** Aborting it gives up. */
  readonly signal?: AbortSignal;
  /** Whether the last login will do while its ticket holds, rather than only when no login answers. Default false. */
  readonly cacheFirst?: boolean;
}

/** What opens one session at a time, for whoever took it. */
export interface HeldLogin {
  readonly answer: LoginAnswer;
  /** It is the last one, taken again. */
  readonly isCached: boolean;
  /** How long the ticket of one of its sessions will probably still do, in ms; 0: it will not. */
  ticketMsLeft(session: LoginSession): number;
  /** Its session has ended: others may take it. Safe to call twice. */
  release(): void;
  /** A gateway did not accept it: nobody takes it again. */
  discard(): void;
}

/**
 * Logs in for one client, again and again where that can help, and keeps the last login. One conversation is one session, so
 * a login that was taken is nobody else's until it is released.
 */
export class LoginClient {
  readonly #urls: readonly URL[];
  readonly #context: LoginClientContext;
  readonly #request: Omit<LoginOptions, 'loginUrl' | 'token' | 'signal'>;
  readonly #timeoutMs: number;
  readonly #maxRounds: number;
  readonly #maxWaitMs: number;
  readonly #token: LoginToken;
  readonly #store: LoginStore | undefined;
  #lastUrl: number | undefined;
  #kept: KeptLogin | undefined;
  #line: string | undefined;
  #loading: Promise<void> | undefined;
  /** The text that is to be kept next, and whether one is being kept. */
  #unsaved: string | undefined;
  #isSaving = false;

  /** @throws GatewayError `config_invalid`. */
  constructor(options: LoginClientOptions, context: LoginClientContext) {
    const { tokenIn, client, seal, allowHttp, fetch: send } = options;
    const { wallClock, seals, fetch } = context.platform;
    this.#context = context;
    this.#urls = checkedUrls(options);
    this.#timeoutMs = options.loginTimeoutMs ?? DEFAULT_LOGIN_TIMEOUT_MS;
    this.#maxRounds = inRange('loginRounds', options.loginRounds ?? 10, 1, 1000);
    this.#maxWaitMs = inRange('maxLoginWaitMs', options.maxLoginWaitMs ?? 30_000, 30, 600_000);
    this.#request = {
      seal: seal ?? seals,
      fetch: send ?? fetch,
      ...(tokenIn === undefined ? {} : { tokenIn }),
      ...(client === undefined ? {} : { client }),
      ...(allowHttp === undefined ? {} : { allowHttp }),
    };
    this.#token = new LoginToken(options.token, wallClock, this.#timeoutMs);
    this.#store = options.loginStore;
  }

  /** Id of the line that was the best one last time; known once `take` has resolved. */
  get bestLine(): string | undefined {
    return this.#line;
  }

  /** Keeps which line is the best one. */
  rememberLine(id: string): void {
    if (id === this.#line) return;
    this.#line = id;
    this.#save();
  }

  /**
   * Takes a login that nobody has. Retries until one answers, with waits in between; once a round failed, the last login is
   * taken if its ticket holds.
   * @throws GatewayError `login_refused` (this client is not let in, as {@link login} says), `retries_exhausted` (no login
   *   answered in any round; the last failure is the cause), `config_invalid` (the token), `connect_failed` (given up by the
   *   signal).
   */
  async take({ signal = NEVER_ABORTED, cacheFirst = false }: TakeLoginOptions = {}): Promise<HeldLogin> {
    this.#loading ??= this.#load();
    await orAborted(this.#loading, signal);
    return (cacheFirst ? this.#takeKept() : undefined) ?? this.#logIn(signal);
  }

  #logIn(signal: AbortSignal): Promise<HeldLogin> {
    const { clock, random } = this.#context.platform;
    const rounds = new LoginRounds({
      urls: this.#urls.length,
      first: this.#lastUrl,
      maxRounds: this.#maxRounds,
      maxWaitMs: this.#maxWaitMs,
      canRefresh: this.#token.canRefresh,
      random,
    });
    return loginWithRetries<HeldLogin>(
      {
        rounds,
        clock,
        ask: (url, freshToken) => this.#ask(url, freshToken, signal),
        roundFailed: (failures, outcome) => {
          const kept = outcome.isRefused ? undefined : this.#takeKept();
          this.#context.onEvent({
            type: 'loginfailed',
            round: outcome.round,
            rounds: this.#maxRounds,
            failures: failures.map(({ url, error }) => failureOf(this.#originOf(url), error)),
            nextInMs: kept === undefined ? outcome.nextInMs : null,
          });
          return kept;
        },
      },
      signal,
    );
  }

  async #ask(index: number, freshToken: boolean, signal: AbortSignal): Promise<HeldLogin> {
    // Nobody waits long for a login while there is another way in.
    const hasOther = this.#kept !== undefined && this.#isFree(this.#kept);
    const token = await this.#token.get(freshToken, signal);
    const askedAtMs = this.#context.platform.wallClock.now();
    const answer = await login({
      ...this.#request,
      loginUrl: this.#urls[index] ?? '',
      loginTimeoutMs: hasOther ? Math.min(this.#timeoutMs, IMPATIENT_MS) : this.#timeoutMs,
      signal,
      ...(token === undefined ? {} : { token }),
    });
    this.#lastUrl = index;
    const kept: KeptLogin = { dated: { answer, askedAtMs }, state: 'free' };
    this.#keep(kept);
    this.#context.onEvent({ type: 'loggedin', origin: this.#originOf(index) });
    return this.#hold(kept, false);
  }

  /** The last login, if nobody has it and its ticket holds. */
  #takeKept(): HeldLogin | undefined {
    const kept = this.#kept;
    return kept !== undefined && this.#isFree(kept) ? this.#hold(kept, true) : undefined;
  }

  #isFree({ state, dated }: KeptLogin): boolean {
    const now = this.#context.platform.wallClock.now();
    return state === 'free' && dated.answer.sessions.some((session) => ticketMsLeft(dated, session, now) > 0);
  }

  #hold(kept: KeptLogin, isCached: boolean): HeldLogin {
    const { wallClock } = this.#context.platform;
    kept.state = 'taken';
    let isHeld = true;
    return {
      answer: kept.dated.answer,
      isCached,
      ticketMsLeft: (session) => ticketMsLeft(kept.dated, session, wallClock.now()),
      release: () => {
        if (isHeld && kept.state === 'taken') {
          kept.state = 'free';
          // A later one that somebody has is of no use to others.
          if (this.#kept?.state !== 'free') this.#keep(kept);
        }
        isHeld = false;
      },
      discard: () => {
        kept.state = 'refused';
        if (this.#kept === kept) this.#keep(undefined);
      },
    };
  }

  #keep(kept: KeptLogin | undefined): void {
    if (kept === this.#kept) return;
    this.#kept = kept;
    this.#save();
  }

  async #load(): Promise<void> {
    try {
      const text = await this.#store?.get();
      const { login: dated, line } = parseCachedLogin(text, this.#hrefs());
      this.#line ??= line;
      if (dated !== undefined) this.#kept ??= { dated, state: 'free' };
    } catch (error) {
      this.#storeFailed(error);
    }
  }

  #save(): void {
    const store = this.#store;
    if (store === undefined) return;
    this.#unsaved = formatCachedLogin({ login: this.#kept?.dated, line: this.#line }, this.#hrefs());
    if (!this.#isSaving) void this.#saveTo(store);
  }

  /** One after the other, so that the last one stays; what is outdated before its turn comes is left out. */
  async #saveTo(store: LoginStore): Promise<void> {
    this.#isSaving = true;
    for (let text = this.#unsaved; text !== undefined; text = this.#unsaved) {
      this.#unsaved = undefined;
      try {
        await store.set(text);
      } catch (error) {
        this.#storeFailed(error);
      }
    }
    this.#isSaving = false;
  }

  #storeFailed(err: unknown): void {
    this.#context.logger.warn('the login store failed', { err });
  }

  #hrefs(): string[] {
    return this.#urls.map(({ href }) => href);
  }

  #originOf(index: number): string {
    return this.#urls[index]?.origin ?? '';
  }
}

/** One login, and whether somebody has it. */
interface KeptLogin {
  readonly dated: DatedLogin;
  state: 'free' | 'taken' | 'refused';
}

function checkedUrls({ loginUrl, allowHttp }: LoginClientOptions): URL[] {
  const given = typeof loginUrl === 'string' || loginUrl instanceof URL ? [loginUrl] : loginUrl;
  const hrefs = new Set(given.map((url) => checkedLoginUrl(url, allowHttp).href));
  inRange('the number of login URLs', hrefs.size, 1, MAX_URLS);
  return [...hrefs].map((href) => new URL(href));
}

function inRange(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new GatewayError('config_invalid', `${name} is not from ${String(min)} to ${String(max)}`);
}

function failureOf(origin: string, { code, message, details = {} }: GatewayError): LoginFailure {
  const { status, problem } = details as Pick<LoginFailure, 'status' | 'problem'>;
  return {
    origin,
    code,
    message,
    ...(status === undefined ? {} : { status }),
    ...(problem === undefined ? {} : { problem }),
  };
}

const MAX_URLS = 16;
/** How long a login may take while there is another way in, in ms. */
const IMPATIENT_MS = 3_000;
const NEVER_ABORTED = new AbortController().signal;
