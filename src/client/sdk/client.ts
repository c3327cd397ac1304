import { CloseCode } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import type { ClientStatus } from '../client-status.ts';
import { DrainedGateways } from '../drained-gateways.ts';
import { KnownLines } from '../known-lines.ts';
import { ClientOpener } from './client-opener.ts';
import { resolveClientOptions, type ClientConfig, type ClientOptions } from './client-options.ts';
import type { ClientPlatform } from './client-platform.ts';
import { ClientSession } from './client-session.ts';
import { LoginClient, type LoginEvent } from './login-client.ts';
import { openSession } from './open-session.ts';
import { reasonOf } from './time-limit.ts';
import { throwIfAborted } from './until-opened.ts';

/** How one session is opened. */
export interface ConnectSessionOptions {
  /** Aborting it fails the opening, and later destroys the session. */
  readonly signal?: AbortSignal;
  /** Is told every status from the beginning, those before the session is open included. */
  readonly onStatus?: (status: ClientStatus) => void;
}

/**
 * Makes a client. Nothing happens before its `connect`.
 * @throws GatewayError `config_invalid`: which option, and what it must be.
 */
export function createClient(platform: ClientPlatform, options: ClientOptions): Client {
  return new Client(platform, resolveClientOptions(options));
}

/**
 * Opens sessions. What one of them learns (logins, lines, gateways that are drained) serves the others. Each has a login of
 * its own, because one conversation is one session.
 */
export class Client {
  readonly #platform: ClientPlatform;
  readonly #config: ClientConfig;
  readonly #logins: LoginClient;
  readonly #drained = new DrainedGateways();
  readonly #known = new KnownLines();
  readonly #sessions = new Set<ClientSession>();
  readonly #loggingIn = new Set<(status: ClientStatus) => void>();
  #isClosed = false;
  #letGo: () => void = () => undefined;

  /** Use `createClient`. */
  constructor(platform: ClientPlatform, config: ClientConfig) {
    this.#platform = platform;
    this.#config = config;
    const { logger, signal } = config;
    this.#logins = new LoginClient(
      { seal: platform.seals.slice(0, 1), ...config.login },
      { platform, logger, onEvent: (event) => this.#handleLogin(event) },
    );
    if (signal === undefined) return;
    const onAbort = (): void => void this.destroy(CloseCode.normal, 'aborted');
    signal.addEventListener('abort', onAbort, { once: true });
    this.#letGo = () => {
      signal.removeEventListener('abort', onAbort);
    };
  }

  /** Those that are not over, the ones being opened included. */
  get sessions(): readonly ClientSession[] {
    return [...this.#sessions];
  }

  /** Whether no datagram came back when lines were last measured, although connections work. */
  get isUdpBlocked(): boolean {
    return this.#known.isUdpBlocked;
  }

  /**
   * Logs in and opens a session on whichever line leads to a gateway first.
   * @returns the session. It has to be closed or destroyed, or ends by itself.
   * @throws GatewayError `login_refused`, `no_line`, `config_invalid` (the token), `session_closed` (a gateway refused for
   *   good: `details` have the code; or the client is closed), `retries_exhausted` (nobody could be reached in all rounds),
   *   `connect_failed` (a signal was aborted).
   */
  async connect({ signal, onStatus }: ConnectSessionOptions = {}): Promise<ClientSession> {
    if (this.#isClosed) throw new GatewayError('session_closed', 'the client is closed');
    for (const each of [signal, this.#config.signal]) throwIfAborted(each);
    const session = this.#create();
    this.#sessions.add(session);
    if (onStatus !== undefined) session.onAny(onStatus);
    session.on('draining', ({ gatewayId, deadlineMs }) => {
      this.#drained.add(this.#platform.clock.now(), gatewayId, deadlineMs);
    });
    const onAbort = (): void => void session.destroy(CloseCode.normal, 'aborted');
    signal?.addEventListener('abort', onAbort, { once: true });
    session.on('close', () => {
      this.#sessions.delete(session);
      signal?.removeEventListener('abort', onAbort);
    });
    try {
      await session.open();
      return session;
    } catch (error) {
      await session.destroy();
      for (const each of [signal, this.#config.signal]) if (each?.aborted === true) throw reasonOf(each);
      throw error;
    }
  }

  /** Closes every session in order: what is queued is sent first. Later calls of {@link connect} fail. */
  async close(code: CloseCode = CloseCode.normal, reason = 'closed'): Promise<void> {
    this.#end();
    await Promise.all(this.sessions.map((session) => session.close(code, reason)));
  }

  /** Drops every session at once; when it resolves nothing is left: no socket, no timer. Safe to call twice. */
  async destroy(code: CloseCode = CloseCode.normal, reason = 'destroyed'): Promise<void> {
    this.#end();
    await Promise.all(this.sessions.map((session) => session.destroy(code, reason)));
  }

  #handleLogin(event: LoginEvent): void {
    const { type, ...fields } = event;
    this.#config.logger.debug(type, fields);
    if (event.type !== 'loginfailed') return;
    const { round, rounds, nextInMs: waitMs, failures } = event;
    const reasons = failures.map(({ message }) => message);
    for (const tell of [...this.#loggingIn]) tell({ type: 'loginfailed', round, rounds, waitMs, reasons });
  }

  #end(): void {
    this.#isClosed = true;
    this.#letGo();
  }

  #create(): ClientSession {
    const { login, rounds, firstWaitMs, maxWaitMs, handOverTimeoutMs, reconnect, mode, session } =
      this.#config;
    const platform = this.#platform;
    return new ClientSession({
      known: this.#known,
      platform: { clock: platform.clock, throwLater: (error) => platform.throwLater(error) },
      opener: new ClientOpener({
        platform,
        logins: this.#logins,
        hasOtherLogins: Array.isArray(login.loginUrl) && login.loginUrl.length > 1,
        drained: this.#drained,
        session,
        loggingIn: this.#loggingIn,
        openSession: (answer, options) => openSession(platform, answer, options),
      }),
      succession: {
        ...{ succeeds: mode === 'messages', reconnect, rounds, firstWaitMs, maxWaitMs, handOverTimeoutMs },
        random: () => platform.random(),
      },
    });
  }
}
