import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Seal } from '../config/config.ts';
import { allocateConversation } from './allocate-conversation.ts';
import type { Authenticator, AuthFault, Identity } from './authenticator.ts';
import { chooseSeal } from './choose-seal.ts';
import type { OfferedLine } from './derive-lines.ts';
import { issueSession, type SessionIssuerComponents } from './issue-session.ts';
import type { LoginAnswer, ProbeTerms, SessionEntry, TransportTerms } from './login-answer.ts';
import { LoginLimiter, type LoginLimits } from './login-limits.ts';
import { parseLoginBody, type LoginBody, type LoginRequest } from './login-request.ts';
import { PROBLEM_CODES, problemOf, type Problem, type ProblemCode } from './problem.ts';

/** What a login service gives out, and how often. */
export interface LoginServiceOptions {
  /** The owners of the sessions of one login, best first: this gateway, then others that have the same ticket keys. */
  readonly gatewayIds: readonly number[];
  /** How long a ticket opens a session. */
  readonly ticketTtlMs: number;
  /** What sessions get unless the client cannot do it. */
  readonly seal: Seal;
  readonly limits: LoginLimits;
  /** Whether every line carries the sessions of every gateway. */
  readonly relays: boolean;
  readonly transport: TransportTerms;
  readonly probe: ProbeTerms;
}

/** Whether a gateway takes new sessions. */
export type LoginReadiness = 'ready' | 'not_ready' | 'draining';

/** What a login service works with. */
export interface LoginServiceComponents extends SessionIssuerComponents {
  readonly authenticator: Authenticator;
  /** The lines of an answer. @param requestHost by which the client reached the login. */
  readonly linesOf: (requestHost: string) => readonly OfferedLine[];
  /** Whether a session has this conversation. Only this gateway's own need to be known. */
  readonly isConversationInUse: (conv: number) => boolean;
  readonly readiness: () => LoginReadiness;
  /** Whether somebody who was recognised may not come in. Default: nobody. */
  readonly isBlocked?: (identity: Identity, request: LoginRequest) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a login service has counted. */
export interface LoginStats {
  /** Logins that were answered. */
  readonly issued: number;
  /** Logins that were refused, by reason. */
  readonly refused: Readonly<Record<ProblemCode, number>>;
  /** Tokens that are being checked now. */
  readonly checking: number;
}

/**
 * Lets clients in: finds out who they are and gives them what opens a session. Knows nothing of HTTP.
 *
 * What costs little comes first: readiness, rates, the shape of the body. Only then is a signature checked.
 */
export class LoginService {
  readonly #options: LoginServiceOptions;
  readonly #components: LoginServiceComponents;
  readonly #limiter: LoginLimiter;
  readonly #refused = Object.fromEntries(PROBLEM_CODES.map((code) => [code, 0])) as Record<
    ProblemCode,
    number
  >;
  #issued = 0;
  #checking = 0;

  constructor(options: LoginServiceOptions, components: LoginServiceComponents) {
    this.#options = options;
    this.#components = components;
    this.#limiter = new LoginLimiter(options.limits);
  }

  /** Answers one login. Never rejects. */
  async login(request: LoginRequest): Promise<LoginAnswer | Problem> {
    try {
      return await this.#answer(request);
    } catch (error) {
      this.#components.logger.error('login failed', { err: error });
      return this.refuse('internal');
    }
  }

  /** Makes a problem, and counts it; also for what is refused before it comes here. */
  refuse(code: ProblemCode, detail: string | null = null, retryAfterSeconds: number | null = null): Problem {
    this.#refused[code]++;
    return problemOf(code, detail, retryAfterSeconds);
  }

  stats(): LoginStats {
    return { issued: this.#issued, refused: { ...this.#refused }, checking: this.#checking };
  }

  /** Ends what is under way with others. */
  close(): void {
    this.#components.authenticator.close();
  }

  async #answer(request: LoginRequest): Promise<LoginAnswer | Problem> {
    const { clock } = this.#components;
    const readiness = this.#components.readiness();
    if (readiness !== 'ready') return this.refuse(readiness, null, RETRY_AFTER_SECONDS);
    const wait = this.#limiter.takeSource(request.sourceAddress, clock.now());
    if (wait > 0) return this.refuse('rate_limited', null, wait);

    const parsed = parseLoginBody(request.body);
    if (!parsed.ok) return this.refuse('malformed', parsed.error);
    const { body } = parsed;
    if (request.bearer !== undefined && body.token !== undefined && request.bearer !== body.token) {
      return this.refuse('malformed', 'the header and the body bring two different tokens');
    }

    const identity = await this.#authenticate(request.bearer ?? body.token, request.nowMs);
    if (typeof identity === 'string') return this.#refuseUnknown(identity);
    if (identity.subject !== '') {
      const subjectWait = this.#limiter.takeSubject(identity.subject, clock.now());
      if (subjectWait > 0) return this.refuse('rate_limited', null, subjectWait);
    }
    if (this.#components.isBlocked?.(identity, request) === true) return this.refuse('blocked');
    return this.#admit(request, body, identity);
  }

  async #authenticate(
    token: string | undefined,
    nowMs: number,
  ): Promise<Identity | AuthFault | 'overloaded'> {
    if (token !== undefined && token.length > MAX_TOKEN_LENGTH) return 'token_invalid';
    if (this.#checking >= MAX_CHECKING) return 'overloaded';
    const result = this.#components.authenticator.authenticate(token, nowMs);
    if (!(result instanceof Promise)) return result;
    this.#checking++;
    try {
      return await result;
    } finally {
      this.#checking--;
    }
  }

  #refuseUnknown(fault: AuthFault | 'overloaded'): Problem {
    const isOurs = fault === 'overloaded' || fault === 'keys_unavailable';
    return this.refuse(fault, null, isOurs ? RETRY_AFTER_SECONDS : null);
  }

  #admit(request: LoginRequest, body: LoginBody, identity: Identity): LoginAnswer | Problem {
    const { relays, transport, probe } = this.#options;
    const offered = this.#components.linesOf(request.host);
    const clearLines = offered.filter(({ allowsClear }) => allowsClear);
    const seal = chooseSeal(this.#options.seal, body.seal, clearLines.length > 0);
    if (seal === undefined) return this.refuse('seal_unsupported');
    const sessions = this.#issue(identity, seal, request.nowMs);
    if (sessions === undefined) return this.refuse('overloaded', null, RETRY_AFTER_SECONDS);

    this.#issued++;
    const { subject } = identity;
    const { version, platform } = body.client;
    const source = request.sourceAddress.address;
    this.#components.logger.debug('login', {
      subject,
      source,
      conv: sessions[0]?.conv,
      seal,
      version,
      platform,
    });
    return {
      sessions,
      lines: (seal === 'clear' ? clearLines : offered).map(({ line }) => line),
      relays,
      transport,
      probe,
      serverTime: new Date(request.nowMs).toISOString(),
    };
  }

  /** undefined when a gateway has no conversation left. */
  #issue(identity: Identity, seal: Seal, nowMs: number): SessionEntry[] | undefined {
    const { gatewayIds, ticketTtlMs } = this.#options;
    const { randomBytes, isConversationInUse } = this.#components;
    const sessions: SessionEntry[] = [];
    for (const gatewayId of gatewayIds) {
      const conv = allocateConversation(gatewayId, randomBytes, isConversationInUse);
      if (conv === undefined) return undefined;
      const terms = { conv, identity, seal, issuedMs: nowMs, expiresMs: nowMs + ticketTtlMs };
      sessions.push(issueSession(terms, this.#components));
    }
    return sessions;
  }
}

/** Whether an answer is a refusal. */
export const isProblem = (answer: LoginAnswer | Problem): answer is Problem => 'code' in answer;

/** The longest token that is looked at, in UTF-16 units; as long as a body, and longer than any useful one. */
const MAX_TOKEN_LENGTH = 8192;
/** Tokens that are checked at the same time: others wait for the same few threads. */
const MAX_CHECKING = 256;
const RETRY_AFTER_SECONDS = 2;
