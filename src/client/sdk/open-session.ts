import { GatewayError } from '../../base/errors.ts';
import { NO_LOG } from '../../base/logger.ts';
import { resolveKcpConfig, type KcpConfig } from '../../kcp/index.ts';
import { SEALED_OVERHEAD_BYTES } from '../../wire/sealed-header.ts';
import type { Session } from '../../session/index.ts';
import { linesOf, openingLines, type OpeningLines } from '../choose-line.ts';
import type { ConnectionStatus } from '../connection-status.ts';
import type { LineCandidate } from '../lines/line-candidate.ts';
import type { LoginAnswer, LoginSession, Seal } from '../login-answer.ts';
import type { ClientPlatform } from './client-platform.ts';
import { Connection, type ConnectionParts } from './connection.ts';
import { LineKeeper, type LineKeeperComponents } from './line-keeper.ts';
import { LineProber } from './line-prober.ts';
import type { SessionEndpoint } from './session-endpoint.ts';
import { SessionLines } from './session-lines.ts';
import { SessionOpening } from './session-opening.ts';
import { clientSessionTerms, lineKeeperOptions, type SessionOptions } from './session-options.ts';
import { SessionRace } from './session-race.ts';
import { surveyLines } from './survey-lines.ts';
import { orAborted, withinTime } from './time-limit.ts';
import { destroyOnAbort, throwIfAborted } from './until-opened.ts';

/**
 * Opens a session with what a login gave, on whichever line leads to its gateway first. Where there are several gateways, a
 * session is begun at each, and the first that is open is the one.
 * @param answer checked.
 * @param create makes the connection; for platforms with one of their own.
 * @returns the connection, once a gateway has answered. It has to be closed or destroyed.
 * @throws GatewayError `config_invalid`; `no_line`; `connect_failed` and `connect_timeout` (no line, or nobody answered on
 *   any); `session_closed` when the gateway refused: `details` have `code`, `reason` and `mayReconnect`.
 */
export async function openSession<Made extends Connection = Connection>(
  platform: ClientPlatform,
  answer: LoginAnswer,
  options: SessionOptions,
  create: (parts: ConnectionParts) => Made = (parts) => new Connection(parts) as Made,
): Promise<Made> {
  const { signal } = options;
  const opener = new SessionOpener(platform, answer, options, create);
  const connection = await opener.open();
  try {
    throwIfAborted(signal);
  } catch (error) {
    await connection.destroy();
    throw error;
  }
  destroyOnAbort(connection, signal);
  return connection;
}

/** Opens one session, by racing lines of one gateway or several. */
class SessionOpener<Made extends Connection> {
  readonly #platform: ClientPlatform;
  readonly #answer: LoginAnswer;
  readonly #options: SessionOptions;
  readonly #create: (parts: ConnectionParts) => Made;
  readonly #kcp: KcpConfig;
  readonly #lines: OpeningLines;
  readonly #race: SessionRace;
  readonly #openings = new Map<LoginSession, SessionOpening>();
  /** What was given up. */
  #leaving: Promise<unknown> = Promise.resolve();
  #connection: Made | undefined;
  #markOpened!: (connection: Made) => void;

  /** @throws GatewayError `config_invalid`, `no_line`. */
  constructor(
    platform: ClientPlatform,
    answer: LoginAnswer,
    options: SessionOptions,
    create: (parts: ConnectionParts) => Made,
  ) {
    this.#platform = platform;
    this.#answer = answer;
    this.#options = options;
    this.#create = create;
    const seals = sealsOf(platform, options);
    const lines = answer.lines.filter(({ transport }) => platform.transports.includes(transport));
    this.#lines = openingLines({ ...answer, lines }, seals, options.line);
    if (this.#lines.size === 0) throw noLine(options, seals);
    this.#kcp = kcpConfig(answer, options);
    this.#race = new SessionRace({
      platform,
      lines: [...this.#lines.keys()],
      remembered: options.remembered,
      logger: options.logger ?? NO_LOG,
      attempt: (candidate, signal) => this.#attempt(candidate, signal),
    });
  }

  async open(): Promise<Made> {
    const { handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS, signal } = this.#options;
    const opened = new Promise<Made>((resolve) => (this.#markOpened = resolve));
    const late = (): GatewayError =>
      this.#race.refused ??
      new GatewayError('connect_timeout', `no answer within ${String(handshakeTimeoutMs)} ms`);
    return withinTime({ timeoutMs: handshakeTimeoutMs, signals: [signal], late }, async (limit) => {
      try {
        return await orAborted(Promise.race([opened, this.#race.run(limit)]), limit);
      } catch (error) {
        await Promise.all([this.#leave(undefined), this.#connection?.destroy()]);
        throw error;
      }
    });
  }

  async #attempt(candidate: LineCandidate, signal: AbortSignal): Promise<never> {
    const session = this.#lines.get(candidate.line);
    if (session === undefined) throw new GatewayError('no_line');
    let opening = this.#openings.get(session);
    if (opening === undefined) this.#openings.set(session, (opening = this.#begin(session)));
    return opening.try(candidate, signal);
  }

  #begin(opening: LoginSession): SessionOpening {
    const { logger = NO_LOG, earlyData, stream = false, redial = true } = this.#options;
    const { handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = this.#options;
    const endpoint = this.#platform.createEndpoint({
      kcp: this.#kcp,
      logger,
      ...clientSessionTerms(this.#options),
    });
    let connection: Made | undefined;
    const lines = new SessionLines({
      platform: this.#platform,
      endpoint,
      maxDatagramBytes: Math.max(MIN_DATAGRAM_ROOM, this.#answer.transport.mtu + ADDRESS_BLOCK_ROOM),
      openTimeoutMs: handshakeTimeoutMs,
      // A relayed datagram goes on from the other gateway by UDP.
      isReliable: ({ transport, gatewayId }) => transport !== 'udp' && gatewayId === opening.gatewayId,
      report: (status) => connection?.report(status),
      redial,
    });
    const made = new SessionOpening({
      ...{ opening, endpoint, lines, stream, earlyData },
      // The limit of the whole comes first.
      timeoutMs: 2 * handshakeTimeoutMs,
      opened: (session) => {
        if (this.#connection !== undefined) return undefined;
        const keeper = this.#keep(session, opening, lines, (status) => connection?.report(status));
        connection = this.#connection = this.#connect(opening, endpoint, lines, keeper);
        void this.#leave(made);
        this.#markOpened(connection);
        return connection.attach(session);
      },
    });
    return made;
  }

  #keep(
    session: Session,
    opening: LoginSession,
    lines: SessionLines,
    report: (status: ConnectionStatus) => void,
  ): LineKeeper {
    const { logger = NO_LOG } = this.#options;
    const { transports } = this.#platform;
    const parts: LineKeeperComponents = {
      ...{ platform: this.#platform, session, seal: opening.seal, lines, report, logger },
      prober: new LineProber(this.#platform),
      survey: (choices, signal) =>
        surveyLines(this.#platform, { lines: choices, probe: this.#answer.probe, signal }),
      choices: linesOf(this.#answer, opening).filter(({ transport }) => transports.includes(transport)),
    };
    return new LineKeeper(parts, lineKeeperOptions(this.#options));
  }

  #connect(opening: LoginSession, endpoint: SessionEndpoint, ways: SessionLines, keeper: LineKeeper): Made {
    const owner = {
      gone: () => endpoint.gone(),
      close: async (...why: Parameters<SessionEndpoint['close']>) => {
        await Promise.all([endpoint.close(...why), ways.stop(), keeper.stop(), this.#leaving]);
      },
    };
    const { stream = false } = this.#options;
    const throwLater = (error: unknown): void => this.#platform.throwLater(error);
    return this.#create({ owner, stream, login: this.#answer, opening, ways, keeper, throwLater });
  }

  /** Gives up everything but one session. */
  #leave(but: SessionOpening | undefined): Promise<unknown> {
    const others = [...this.#openings.values()].filter((opening) => opening !== but);
    this.#leaving = Promise.all([this.#race.stop(), ...others.map((opening) => opening.destroy())]);
    return this.#leaving;
  }
}

/** Of those that are wanted, what the platform can do. */
function sealsOf(
  platform: ClientPlatform,
  { seal = platform.seals.slice(0, 1) }: SessionOptions,
): readonly Seal[] {
  return seal.filter((wanted) => platform.seals.includes(wanted));
}

/** The engine as the gateway's is set. @throws GatewayError `config_invalid`. */
function kcpConfig({ transport }: LoginAnswer, { stream = false, maxQueueBytes }: SessionOptions): KcpConfig {
  const { mtu, mode, sendWindow, receiveWindow, maxMessageBytes } = transport;
  try {
    return resolveKcpConfig({
      conv: 0,
      preset: mode,
      mtu: mtu - SEALED_OVERHEAD_BYTES,
      sendWindow,
      receiveWindow,
      maxMessageBytes,
      stream,
      ...(maxQueueBytes === undefined ? {} : { maxQueueBytes }),
    });
  } catch (cause) {
    throw new GatewayError('config_invalid', cause instanceof Error ? cause.message : String(cause), {
      cause,
    });
  }
}

function noLine({ line }: SessionOptions, seals: readonly string[]): GatewayError {
  const wanted = typeof line === 'string' ? `line ${line}` : 'such a line';
  return new GatewayError(
    'no_line',
    `the login offers no ${wanted} for a session with ${seals.join(' or ')}`,
  );
}

const HANDSHAKE_TIMEOUT_MS = 10_000;
const MIN_DATAGRAM_ROOM = 2048;
/** The first datagrams on a path carry an address block beyond the MTU. */
const ADDRESS_BLOCK_ROOM = 64;
