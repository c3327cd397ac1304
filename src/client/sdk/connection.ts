import { GatewayError } from '../../base/errors.ts';
import type { Sink } from '../../base/sink.ts';
import type { KcpStats } from '../../kcp/index.ts';
import type { Session } from '../../session/index.ts';
import { explainDecisions } from '../explain-decisions.ts';
import { linesOf, wantedLines, type LineChoice } from '../choose-line.ts';
import type { CloseInfo, ConnectionStatus, ConnectionStatusOf } from '../connection-status.ts';
import type { RememberedLine } from '../lines/line-candidate.ts';
import type { Line, LoginAnswer, LoginSession } from '../login-answer.ts';
import { StatusListeners } from '../status-listeners.ts';
import type { SwitchDecision } from '../switching/switch-decision.ts';
import { SessionConnection, takenOrThrow, type SessionOwner } from './session-connection.ts';
import type { LineKeeper } from './line-keeper.ts';
import type { MoveOptions, PathStats, SessionLines } from './session-lines.ts';

/** What a {@link Connection} counted, and where it stands. */
export interface ConnectionStats {
  /** Id of the line in use. */
  readonly line: string;
  /** The path in use first; those tried, and those left and still heard. */
  readonly paths: readonly PathStats[];
  /** How often it went to another path. */
  readonly moves: number;
  readonly kcp: KcpStats;
  /** Datagrams that were sent on a second line as well: while the line in use is in doubt, or always with `redundant`. */
  readonly copies: {
    /** Id of the line that gets all of them, with `redundant`; null while there is none. */
    readonly line: string | null;
    readonly sent: number;
    readonly bytesSent: number;
    /** Beyond the limit, or there was no room. */
    readonly skipped: number;
    readonly received: number;
    readonly bytesReceived: number;
  };
  /** Messages outside the order. */
  readonly datagrams: {
    readonly sent: number;
    /** Gave way to later ones before they were sent. */
    readonly dropped: number;
    readonly received: number;
    /** Arrived, but nobody listened. */
    readonly unwanted: number;
  };
}

/** What a connection that logged in is made of. */
export interface ConnectionParts {
  readonly owner: SessionOwner;
  readonly stream: boolean;
  readonly login: LoginAnswer;
  readonly opening: LoginSession;
  /** Those the session uses. */
  readonly ways: SessionLines;
  readonly keeper: LineKeeper;
  /** {@link ClientPlatform.throwLater} */
  readonly throwLater: (error: unknown) => void;
}

/**
 * A connection that logged in, made by `connect`: one session, whatever lines it uses. As a stream or as messages, like any
 * {@link SessionConnection}; besides, messages outside the order, moves from line to line, and what happens to it as typed
 * events.
 */
export class Connection extends SessionConnection {
  /** What its login gave. While its ticket holds it opens the session anew after it was closed: `connect({ credentials })`. */
  readonly login: LoginAnswer;
  /** The gateway that holds its session. */
  readonly gatewayId: number;
  /** The lines that lead to its gateway. */
  readonly lines: readonly Line[];
  readonly #throwLater: (error: unknown) => void;
  readonly #listeners: StatusListeners;
  readonly #ways: SessionLines;
  readonly #keeper: LineKeeper;
  #takeDatagram: ((bytes: Uint8Array) => void) | undefined;
  #received = 0;
  #unwanted = 0;

  /** Use `connect`. */
  constructor({ owner, stream, login, opening, ways, keeper, throwLater }: ConnectionParts) {
    super(owner, stream);
    this.#ways = ways;
    this.#keeper = keeper;
    this.#throwLater = throwLater;
    this.#listeners = new StatusListeners(throwLater);
    this.login = login;
    this.gatewayId = opening.gatewayId;
    this.lines = linesOf(login, opening);
  }

  override attach(session: Session): Sink {
    return {
      ...super.attach(session),
      datagram: (bytes, offset, length) => {
        this.#handleDatagram(bytes, offset, length);
      },
    };
  }

  /** Tells listeners. Internal. */
  readonly report = (status: ConnectionStatus): void => {
    this.#listeners.tell(status);
  };

  /**
   * Calls a function with every status of a type, in the order they come about: `surveyed`, `suspect`, `decision`,
   * `moved`, `pathlost`, `draining`, `close`. What a listener throws is thrown once more where nobody catches it, as in any
   * event of the platform.
   * @returns ends it.
   */
  on<Type extends ConnectionStatus['type']>(
    type: Type,
    listener: (status: ConnectionStatusOf<Type>) => void,
  ): () => void {
    return this.#listeners.add(type, listener);
  }

  /** The line in use. */
  get line(): Line {
    return this.#ways.line;
  }

  /** The latest decisions about lines, oldest first; none without `switching`. */
  get decisions(): readonly SwitchDecision[] {
    return this.#keeper.decisions;
  }

  /** The latest decisions about lines for people: what was known, what was done, what came of it. */
  explain(): string {
    return explainDecisions(this.decisions);
  }

  /** The line in use and its address, to be kept as `remembered` for the next connection. */
  get place(): RememberedLine {
    const { line, address } = this.#ways.attached;
    return { lineId: line.id, address: address?.address };
  }

  /**
   * Sends one message outside the order, once: it arrives soon or never. When too many wait, the oldest give way.
   * @param bytes one datagram at most: some 60 bytes less than `login.transport.mtu`. Copied.
   * @throws GatewayError `message_empty`, `message_too_large`, `session_closed`.
   */
  sendDatagram(bytes: Uint8Array, offset = 0, length = bytes.length - offset): void {
    this.noteSending();
    takenOrThrow(this.session.sendDatagram(bytes, offset, length));
  }

  /**
   * Calls a function with every message that arrives outside the order; its bytes are the function's to keep. There is one
   * such function at a time; without one those messages are dropped and counted.
   * @returns ends it.
   */
  onDatagram(listener: (bytes: Uint8Array) => void): () => void {
    this.#takeDatagram = listener;
    return () => {
      if (this.#takeDatagram === listener) this.#takeDatagram = undefined;
    };
  }

  /**
   * Goes to another line, make before break: everything goes on on the old path until the gateway has answered on the new
   * one, and nothing is lost or repeated. The line in use gets a new path: on UDP, another local port. A later move takes the
   * place of one under way.
   * @param line one of {@link lines}, or the choice of one as for `connect`.
   * @throws GatewayError `no_line`; `move_failed`: the session stays where it is, `details.reason` and the cause say why;
   *   `session_closed`.
   */
  async moveTo(line: LineChoice | Line, options: MoveOptions = {}): Promise<void> {
    const [found] = wantedLines(this.lines, typeof line === 'object' ? line.id : line);
    if (found === undefined) throw new GatewayError('no_line', 'no such line leads to this session');
    await this.#ways.moveTo(found, options);
  }

  stats(): ConnectionStats {
    const { session } = this;
    const { traffic } = session;
    const { sent, dropped, unwanted } = session.datagramCounts;
    return {
      line: this.line.id,
      paths: this.#ways.paths,
      moves: session.moves,
      kcp: session.stats(),
      copies: {
        line: this.#keeper.secondLine?.id ?? null,
        sent: traffic.copiesSent,
        bytesSent: traffic.copyBytesSent,
        skipped: traffic.copiesSkipped,
        received: traffic.copiesReceived,
        bytesReceived: traffic.copyBytesReceived,
      },
      datagrams: { sent, dropped, received: this.#received, unwanted: unwanted + this.#unwanted },
    };
  }

  protected override noteSending(): void {
    this.#keeper.noteSending();
  }

  protected override handleClose(info: CloseInfo): void {
    this.#ways.end();
    void this.#keeper.stop();
    super.handleClose(info);
    this.report({ type: 'close', ...info });
  }

  #handleDatagram(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#takeDatagram === undefined) {
      this.#unwanted++;
      return;
    }
    this.#received++;
    try {
      this.#takeDatagram(bytes.slice(offset, offset + length));
    } catch (error) {
      this.#throwLater(error);
    }
  }
}
