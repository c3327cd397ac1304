import { CloseCode } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import type { DrainNotice, Path, Session, SessionObserver } from '../../session/index.ts';
import type { ConnectionStatus } from '../connection-status.ts';
import { fullJitterMs } from '../full-jitter.ts';
import type { Line } from '../login-answer.ts';
import type { ClientPlatform, OpenedLine } from './client-platform.ts';
import type { SessionDial, SessionEndpoint } from './session-endpoint.ts';
import { delay, orAborted, reasonOf, withinTime } from './time-limit.ts';
import { tryAddresses, type LineAddress } from './try-addresses.ts';

/** How a session goes to another line. */
export interface MoveOptions {
  /** How long it may take until the gateway answered there, in ms. Default 5,000. */
  readonly timeoutMs?: number;
  /** Aborting it gives up; the session stays where it is. */
  readonly signal?: AbortSignal;
}

/** One way of a session to its gateway. */
export interface PathStats {
  /** Id of its line. */
  readonly line: string;
  /** The one in use. */
  readonly active: boolean;
  /** Its connection broke. */
  readonly lost: boolean;
  /** The last round trip of a challenge in ms; null before the first. */
  readonly rttMs: number | null;
}

/** What the lines of a session work with. */
export interface SessionLinesComponents {
  readonly platform: Pick<ClientPlatform, 'clock' | 'random' | 'resolve' | 'openLine'>;
  readonly endpoint: Pick<SessionEndpoint, 'attach' | 'detach' | 'dial' | 'tryPath' | 'abandonPath'>;
  readonly maxDatagramBytes: number;
  /** How long connecting a line may take, in ms. */
  readonly openTimeoutMs: number;
  /** Whether what is sent on a line arrives, in order, while its connection lives. */
  readonly isReliable: (line: Line) => boolean;
  readonly report: (status: ConnectionStatus) => void;
  /** Whether a broken connection is made again by itself. */
  readonly redial: boolean;
}

/**
 * The lines of one session: which one it uses, how it goes to another, and back to its own when the connection broke.
 *
 * A move is make-before-break: the new path is opened and asked whether it leads to the gateway while everything goes on
 * on the old one; only its answer moves the session, and what was not acknowledged is sent again there. There is one move at
 * a time: a later one takes the place of one under way.
 */
export class SessionLines implements SessionObserver {
  readonly #components: SessionLinesComponents;
  /** By number of the endpoint's port; those not in use any more stay until the number is given again. */
  readonly #lineByPort = new Map<number, Line>();
  readonly #stopping = new AbortController();
  /** Everything under way that {@link stop} has to wait for. */
  readonly #works = new Set<Promise<unknown>>();
  #session: Session | undefined;
  /** The path that is asked whether it leads to the gateway. */
  #trial: PathTrial | undefined;
  #moving: AbortController | undefined;
  #redialing: AbortController | undefined;
  #drainUntil = 0;

  constructor(components: SessionLinesComponents) {
    this.#components = components;
  }

  /** Opens a line. @throws GatewayError `connect_failed`, `connect_timeout`, the reason of the signal. */
  async open(line: Line, address: LineAddress, signal: AbortSignal): Promise<OpenedLine> {
    const { platform, maxDatagramBytes, openTimeoutMs } = this.#components;
    const opened = await platform.openLine(line, {
      address,
      maxDatagramBytes,
      timeoutMs: openTimeoutMs,
      signal,
    });
    if (!signal.aborted) return opened;
    await opened.carrier.close();
    throw reasonOf(signal);
  }

  /** Begins the session on a line. Its carrier is the endpoint's from now on. */
  dial(line: Line, opened: OpenedLine, session: Omit<SessionDial, 'port' | 'slot' | 'observer'>): Session {
    const port = this.#attach(line, opened);
    const { carrier, slot } = opened;
    this.#session = this.#components.endpoint.dial({ ...session, port, slot, observer: this });
    carrier.release(slot);
    return this.#session;
  }

  /** The line in use. @throws GatewayError `session_closed` before there is a session. */
  get line(): Line {
    const line = this.#lineOf(this.#open().path);
    if (line === undefined) throw new GatewayError('internal');
    return line;
  }

  get paths(): PathStats[] {
    const session = this.#open();
    return [...session.paths].map((path) => ({
      line: this.#lineOf(path)?.id ?? '',
      active: path === session.path,
      lost: path.isLost,
      rttMs: path.rttMs < 0 ? null : path.rttMs,
    }));
  }

  /** Goes to a line; the one in use already gets another path. @throws GatewayError `session_closed`, `move_failed`. */
  async moveTo(line: Line, options: MoveOptions = {}): Promise<void> {
    const own = new AbortController();
    this.#moving?.abort(new GatewayError('move_failed', 'another move took its place'));
    this.#redialing?.abort();
    this.#moving = own;
    try {
      await this.#track(this.#move(line, options, own.signal));
    } catch (cause) {
      if (this.#open().state !== 'open') throw new GatewayError('session_closed', undefined, { cause });
      const { code, message } = GatewayError.from(cause);
      throw new GatewayError('move_failed', `cannot move to line ${line.id}: ${message}`, {
        cause,
        details: { line: line.id, reason: code },
      });
    } finally {
      if (this.#moving === own) {
        this.#moving = undefined;
        this.#redialIfLost();
      }
    }
  }

  /** Ends what is under way: the session is over. */
  end(): void {
    this.#stopping.abort(new GatewayError('session_closed'));
  }

  /** As {@link end}; resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.end();
    await Promise.allSettled([...this.#works]);
  }

  // ---- SessionObserver ----

  pathValidated(path: Path): void {
    const trial = this.#trial;
    if (trial?.path !== path) return;
    const session = this.#open();
    session.moveTo(this.#components.platform.clock.now(), path);
    if (session.path === path) trial.succeed();
    else trial.fail(new GatewayError('session_closed'));
  }

  pathFailed(path: Path): void {
    if (this.#trial?.path !== path) return;
    this.#trial.fail(
      path.isLost
        ? new GatewayError('connect_failed', 'the connection broke')
        : new GatewayError('connect_timeout', 'the gateway did not answer'),
    );
  }

  pathLost(path: Path): void {
    const session = this.#open();
    if (session.state === 'opening') {
      session.close(CloseCode.deadLink, 'the connection broke');
      return;
    }
    const { redial, report } = this.#components;
    report({ type: 'pathlost', line: this.#lineOf(path)?.id ?? '', redials: redial });
    this.#redialIfLost();
  }

  moved(from: Path, to: Path): void {
    this.#components.report({
      type: 'moved',
      from: this.#lineOf(from)?.id ?? '',
      to: this.#lineOf(to)?.id ?? '',
    });
  }

  draining(notice: DrainNotice): void {
    // It is said several times, with the time that is left.
    const until = this.#components.platform.clock.now() + notice.deadlineMs;
    const isRepeated = Math.abs(until - this.#drainUntil) < SAME_DRAIN_MS;
    this.#drainUntil = until;
    if (!isRepeated) this.#components.report({ type: 'draining', ...notice });
  }

  // ---- moving ----

  async #move(
    line: Line,
    { timeoutMs = MOVE_TIMEOUT_MS, signal }: MoveOptions,
    own: AbortSignal,
  ): Promise<void> {
    if (this.#open().state !== 'open') throw new GatewayError('session_closed');
    const signals = [this.#stopping.signal, own, signal];
    await withinTime({ timeoutMs, signals }, async (limit) => {
      const addresses = await orAborted(
        this.#components.platform.resolve(line.host, line.port, limit),
        limit,
      );
      // A path gives up after three questions: on a bad network that says little.
      while (!(await this.#tryAddresses(line, addresses, limit)));
    });
  }

  /** @returns false when nobody answered, and there is time to ask again. */
  async #tryAddresses(line: Line, addresses: readonly LineAddress[], signal: AbortSignal): Promise<boolean> {
    try {
      await tryAddresses(addresses, signal, (remote, limit) => this.#tryAddress(line, remote, limit));
      return true;
    } catch (error) {
      const isUnanswered = error instanceof GatewayError && error.code === 'connect_timeout';
      if (isUnanswered && !signal.aborted) return false;
      throw error;
    }
  }

  async #tryAddress(line: Line, address: LineAddress, signal: AbortSignal): Promise<void> {
    const { endpoint } = this.#components;
    const opened = await this.open(line, address, signal);
    const session = this.#open();
    const port = this.#attach(line, opened);
    const path = endpoint.tryPath(session, port, opened.slot);
    opened.carrier.release(opened.slot);
    const trial = new PathTrial(path);
    this.#trial = trial;
    try {
      await orAborted(trial.outcome, signal);
    } catch (error) {
      // It may have moved just before it was given up.
      if (session.path === path) return;
      endpoint.abandonPath(session, path);
      throw error;
    } finally {
      if (this.#trial === trial) this.#trial = undefined;
    }
  }

  /** Gives a carrier to the endpoint. What uses its port has to follow in the same turn. */
  #attach(line: Line, { carrier }: OpenedLine): number {
    const { endpoint, isReliable } = this.#components;
    const port = endpoint.attach(carrier, { name: line.id, reliable: isReliable(line) });
    this.#lineByPort.set(port, line);
    return port;
  }

  // ---- the connection broke ----

  #redialIfLost(): void {
    const session = this.#open();
    const { path } = session;
    if (!this.#components.redial || !path.isLost || session.state !== 'open') return;
    if (this.#moving !== undefined || this.#redialing !== undefined || this.#stopping.signal.aborted) return;
    const line = this.#lineOf(path);
    if (line === undefined) return;
    const own = new AbortController();
    this.#redialing = own;
    void this.#track(this.#redial(line, own.signal)).finally(() => {
      this.#redialing = undefined;
      // An explicit move interrupted it, failed, and found it still here.
      this.#redialIfLost();
    });
  }

  /** Until it is there, given up, or the session has waited long enough. Never rejects. */
  async #redial(line: Line, own: AbortSignal): Promise<void> {
    for (let attempt = 0; !own.aborted && !this.#stopping.signal.aborted; attempt++) {
      const waitMs = fullJitterMs(attempt, this.#components.platform.random());
      try {
        await withinTime({ signals: [own, this.#stopping.signal] }, (signal) => delay(waitMs, signal));
        await this.#move(line, {}, own);
        return;
      } catch {
        // The next attempt, if there may be one.
      }
    }
  }

  // ---- small things ----

  #lineOf(path: Path): Line | undefined {
    return this.#lineByPort.get(path.port);
  }

  #open(): Session {
    if (this.#session === undefined) throw new GatewayError('session_closed');
    return this.#session;
  }

  async #track<Result>(work: Promise<Result>): Promise<Result> {
    this.#works.add(work);
    try {
      return await work;
    } finally {
      this.#works.delete(work);
    }
  }
}

/** A path that is asked whether it leads to the gateway. */
class PathTrial {
  readonly path: Path;
  /** Resolves when the session went there. */
  readonly outcome: Promise<void>;
  succeed!: () => void;
  fail!: (error: GatewayError) => void;

  constructor(path: Path) {
    this.path = path;
    this.outcome = new Promise((resolve, reject) => {
      this.succeed = resolve;
      this.fail = reject;
    });
  }
}

const MOVE_TIMEOUT_MS = 5_000;
/** Two notices that end within so many ms of each other are the same. */
const SAME_DRAIN_MS = 1_000;
