import { CloseCode } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import type { ClientStatus } from '../client-status.ts';
import type { DrainedGateways } from '../drained-gateways.ts';
import type { RememberedLine } from '../lines/line-candidate.ts';
import type { LoginAnswer } from '../login-answer.ts';
import { sessionOffer } from '../session-offer.ts';
import type { ClientPlatform } from './client-platform.ts';
import type { Connection } from './connection.ts';
import type { HeldLogin, LoginClient } from './login-client.ts';
import type { SessionOptions } from './session-options.ts';
import type { OpenRequest, SessionOpener, SessionTransport } from './session-transport.ts';
import { withinTime } from './time-limit.ts';

/** What the sessions of a client open their connections with; shared by all of them. */
export interface ClientOpenerParts {
  readonly platform: Pick<ClientPlatform, 'clock'>;
  readonly logins: Pick<LoginClient, 'take' | 'bestLine' | 'rememberLine'>;
  /** Whether one can log in elsewhere than at the gateway in use. */
  readonly hasOtherLogins: boolean;
  /** Those who are logging in now: they are told of rounds that failed. */
  readonly loggingIn: Set<(status: ClientStatus) => void>;
  readonly drained: DrainedGateways;
  readonly session: SessionOptions;
  /** `openSession`. */
  readonly openSession: (answer: LoginAnswer, options: SessionOptions) => Promise<Connection>;
}

/**
 * Opens the connections of one client session: with the login it has while its tickets hold and lead somewhere, so that not
 * all log in when a gateway is started again; else with another one.
 */
export class ClientOpener implements SessionOpener {
  readonly #parts: ClientOpenerParts;
  #held: HeldLogin | undefined;
  #remembered: RememberedLine | undefined;
  /** Attempts in a row with the login at hand that came to nothing. */
  #failures = 0;

  constructor(parts: ClientOpenerParts) {
    this.#parts = parts;
  }

  async open(request: OpenRequest): Promise<SessionTransport> {
    if (wantsLogin(request.closedWith)) this.#discard();
    const kept = this.#offer(request.leave);
    // No other login leads elsewhere: what is at hand does, or nothing.
    const isOnlyWay = request.leave !== undefined && !this.#parts.hasOtherLogins;
    if (kept !== undefined && (isOnlyWay || this.#failures < MAX_FAILURES)) {
      try {
        return await this.#connect(kept, false, request);
      } catch (error) {
        if (!isOnlyWay) this.#failures++;
        if (!isTicketRefused(error) || request.signal.aborted) throw error;
        this.#discard();
      }
    }
    return this.#connect(await this.#logIn(request), true, request);
  }

  release(): void {
    this.#held?.release();
    this.#held = undefined;
  }

  /** What the login at hand is good for. */
  #offer(leave: number | undefined): LoginAnswer | undefined {
    const { platform, drained } = this.#parts;
    const held = this.#held;
    if (held === undefined) return undefined;
    const now = platform.clock.now();
    return sessionOffer(held.answer, {
      leave,
      avoid: (gatewayId) => drained.has(now, gatewayId),
      holds: (session) => held.ticketMsLeft(session) > 0,
    });
  }

  async #logIn({ leave, signal, report }: OpenRequest): Promise<LoginAnswer> {
    const { logins, hasOtherLogins, loggingIn } = this.#parts;
    // The login of the gateway that goes away knows no other one, or had said so.
    if (leave !== undefined && !hasOtherLogins) throw elsewhere();
    // Others may lead elsewhere by now; if nobody answers there, this one is what is left.
    if (leave === undefined) this.release();
    const limit = leave === undefined ? {} : { timeoutMs: ELSEWHERE_MS, late: elsewhere };
    loggingIn.add(report);
    const taken = await withinTime({ ...limit, signals: [signal] }, (own) =>
      logins.take({ signal: own }),
    ).finally(() => loggingIn.delete(report));
    const former = this.#held;
    this.#held = taken;
    this.#failures = 0;
    const offer = this.#offer(leave);
    if (offer === undefined) {
      this.#held = former;
      taken.release();
      throw leave === undefined ? new GatewayError('no_line', 'the login offers no session') : elsewhere();
    }
    // Its session may not be over: nobody else may have it.
    former?.discard();
    return offer;
  }

  async #connect(
    answer: LoginAnswer,
    isFresh: boolean,
    { prefer, signal, report }: OpenRequest,
  ): Promise<SessionTransport> {
    const { session, openSession, logins } = this.#parts;
    report({
      type: 'loggedin',
      gateways: answer.sessions.map(({ gatewayId }) => gatewayId),
      lines: answer.lines.map(({ id }) => id),
      isFresh,
    });
    const best = prefer.find((id) => answer.lines.some((line) => line.id === id));
    const remembered = best === undefined ? this.#bestLine : { lineId: best };
    const connection = await openSession(answer, {
      ...session,
      ...(remembered === undefined ? {} : { remembered }),
      signal,
    });
    this.#failures = 0;
    this.#remembered = connection.place;
    logins.rememberLine(connection.line.id);
    return connection;
  }

  /** What led to a gateway the last time. */
  get #bestLine(): RememberedLine | undefined {
    const { bestLine } = this.#parts.logins;
    return this.#remembered ?? (bestLine === undefined ? undefined : { lineId: bestLine });
  }

  #discard(): void {
    this.#held?.discard();
    this.#held = undefined;
  }
}

/** Whether a session that was closed like that is opened with another login only. */
function wantsLogin(code: CloseCode | undefined): boolean {
  return code === CloseCode.ticketExpired || code === CloseCode.rekeyRequired;
}

/** Whether a gateway may have refused because of the ticket: it is too old, or its keys are not known there any more. */
function isTicketRefused(error: unknown): boolean {
  if (!(error instanceof GatewayError) || error.code !== 'session_closed') return false;
  return TICKET_CODES.some((code) => code === error.details?.code);
}

/** Then another login is taken: the lines may have changed. */
const MAX_FAILURES = 2;
const TICKET_CODES = [
  CloseCode.ticketExpired,
  CloseCode.staleSession,
  CloseCode.rekeyRequired,
  CloseCode.authFailed,
];

const elsewhere = (): GatewayError => new GatewayError('no_line', 'there is no other gateway');
/** How long logging in elsewhere may take; meanwhile all goes on where it is. */
const ELSEWHERE_MS = 10_000;
