import { GatewayError } from '../../base/errors.ts';
import type { Carrier } from '../../carrier/carrier.ts';
import type { DrainNotice, Path, Session, SessionObserver } from '../../session/index.ts';
import type { ConnectionStatus } from '../connection-status.ts';
import { fullJitterMs } from '../full-jitter.ts';
import type { Line } from '../login-answer.ts';
import type { ClientPlatform, OpenedLine } from './client-platform.ts';
import { openTwice } from './open-twice.ts';
import { PreparedLine, type PreparedLineHost } from './prepared-line.ts';
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
  readonly endpoint: Pick<
    SessionEndpoint,
    'attach' | 'detach' | 'dial' | 'tryOpening' | 'tryPath' | 'abandonPath'
  >;
  readonly maxDatagramBytes: number;
  /** How long connecting a line may take, in ms. */
  readonly openTimeoutMs: number;
  /** Whether what is sent on a line arrives, in order, while its connection lives. */
  readonly isReliable: (line: Line) => boolean;
  readonly report: (status: ConnectionStatus) => void;
  /** Whether a broken connection is made again by itself. */
  readonly redial: boolean;
}

/** Who decides about the lines of a session, and is told of them. Called from within turns of the session. */
export interface LinesWatcher {
  /** The gateway answered on the path in use, which was asked. */
  answered(rttMs: number): void;
  /** No answer came there. */
  unanswered(): void;
  /** The connection of the line in use broke. */
  lost(): void;
  /** The session uses another path. */
  moved(line: Line): void;
}

/**
 * The lines of one session: which one it uses, how it goes to another, and back to its own when the connection broke.
 *
 * A move is make-before-break: the new path is opened and asked whether it leads to the gateway while everything goes on
 * on the old one; only its answer moves the session, and what was not acknowledged is sent again there. Of moves that the
 * application asks for there is one at a time: a later one takes the place of one under way.
 */
export class SessionLines implements SessionObserver, PreparedLineHost {
  /** Told of what happens, in place of dialling a broken connection anew; set by whoever watches the session. */
  watcher: LinesWatcher | undefined;
  readonly #components: SessionLinesComponents;
  /** By number of the endpoint's port; those not in use any more stay until the number is given again. */
  readonly #byPort = new Map<number, AttachedLine>();
  readonly #stopping = new AbortController();
  /** Everything under way that {@link stop} has to wait for. */
  readonly #works = new Set<Promise<unknown>>();
  /** Paths that are asked whether they lead to the gateway. */
  readonly #trials = new Map<Path, PathTrial>();
  readonly #prepared = new Set<PreparedLine>();
  #dialled: Session | undefined;
  #moving: AbortController | undefined;
  #redialing: AbortController | undefined;
  #drainUntil = 0;

  constructor(components: SessionLinesComponents) {
    this.#components = components;
  }

  // ---- opening ----

  /**
   * Says HELLO on a line: the first begins the session, the others are further ways for its answer.
   * @param dial how the session begins.
   * Goes on until nothing can come of the line any more, or the signal ends it.
   * @throws GatewayError why: `connect_failed`, `connect_timeout`, `session_closed`; the reason of the signal.
   */
  async tryOpening(
    line: Line,
    address: LineAddress,
    dial: Omit<SessionDial, 'port' | 'slot' | 'observer'>,
    signal: AbortSignal,
  ): Promise<never> {
    const { endpoint } = this.#components;
    const { carrier, slot } = await this.#openLine(line, address, signal);
    const session = this.#dialled;
    if (session !== undefined && session.state !== 'opening') {
      await carrier.close();
      throw new GatewayError('session_closed');
    }
    const port = this.#attach({ line, address, carrier });
    let path: Path;
    if (session === undefined) {
      this.#dialled = endpoint.dial({ ...dial, port, slot, observer: this });
      ({ path } = this.#dialled);
    } else {
      path = endpoint.tryOpening(session, port, slot);
    }
    carrier.release(slot);
    this.#loseWhatGaveWay();
    await this.#trial(path, signal);
    throw new GatewayError('internal');
  }

  // ---- where it is ----

  /** @throws GatewayError `session_closed` before there is one. */
  get session(): Session {
    if (this.#dialled === undefined) throw new GatewayError('session_closed');
    return this.#dialled;
  }

  /** The line in use. @throws GatewayError `session_closed` before there is a session. */
  get line(): Line {
    return this.attached.line;
  }

  /** What was opened for the path in use. */
  get attached(): AttachedLine {
    const attached = this.#byPort.get(this.session.path.port);
    if (attached === undefined) throw new GatewayError('internal');
    return attached;
  }

  get paths(): PathStats[] {
    const { session } = this;
    return [...session.paths].map((path) => ({
      line: this.#lineOf(path)?.id ?? '',
      active: path === session.path,
      lost: path.isLost,
      rttMs: path.rttMs < 0 ? null : path.rttMs,
    }));
  }

  // ---- going elsewhere ----

  /**
   * Opens a line and asks there whether it leads to the gateway; the session stays where it is. The line in use gets another
   * path: on UDP, another local port.
   * @returns once the gateway has answered there.
   * @throws GatewayError `connect_failed`, `connect_timeout`, `session_closed`; the reason of the signal.
   */
  async prepare(line: Line, options: MoveOptions = {}): Promise<PreparedLine> {
    return this.#track(this.#prepare(line, options, this.#stopping.signal));
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
      if (this.session.state !== 'open') throw new GatewayError('session_closed', undefined, { cause });
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
    for (const prepared of this.#prepared) prepared.lose(new GatewayError('session_closed'));
    this.#prepared.clear();
  }

  /** As {@link end}; resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.end();
    await Promise.allSettled([...this.#works]);
  }

  // ---- SessionObserver ----

  pathValidated(path: Path): void {
    this.#trials.get(path)?.succeed();
  }

  pathChecked(_path: Path, rttMs: number): void {
    this.watcher?.answered(rttMs);
  }

  pathFailed(path: Path): void {
    const error = path.isLost
      ? new GatewayError('connect_failed', 'the connection broke')
      : new GatewayError('connect_timeout', 'the gateway did not answer');
    this.#trials.get(path)?.fail(error);
    if (path === this.session.path) this.watcher?.unanswered();
    else this.#lose(path, error);
  }

  pathLost(path: Path): void {
    const { session } = this;
    if (session.state === 'opening') {
      this.pathFailed(path);
      return;
    }
    const { redial, report } = this.#components;
    const redials = redial || this.watcher !== undefined;
    report({ type: 'pathlost', line: this.#lineOf(path)?.id ?? '', redials });
    if (this.watcher !== undefined) this.watcher.lost();
    else this.#redialIfLost();
  }

  moved(from: Path, to: Path): void {
    const line = this.#lineOf(to);
    this.#components.report({ type: 'moved', from: this.#lineOf(from)?.id ?? '', to: line?.id ?? '' });
    if (line !== undefined) this.watcher?.moved(line);
  }

  draining(notice: DrainNotice): void {
    // It is said several times, with the time that is left.
    const until = this.#components.platform.clock.now() + notice.deadlineMs;
    const isRepeated = Math.abs(until - this.#drainUntil) < SAME_DRAIN_MS;
    this.#drainUntil = until;
    if (!isRepeated) this.#components.report({ type: 'draining', ...notice });
  }

  // ---- PreparedLineHost ----

  async ask(path: Path, signal: AbortSignal): Promise<void> {
    const { endpoint } = this.#components;
    const { session } = this;
    if (session.state !== 'open') throw new GatewayError('session_closed');
    endpoint.tryPath(session, path.port, path.slot);
    const limit = { signals: [this.#stopping.signal, signal] };
    await this.#track(withinTime(limit, (own) => this.#trial(path, own)));
  }

  use(path: Path): void {
    const { session } = this;
    this.#forget(path);
    session.moveTo(this.#components.platform.clock.now(), path);
    if (session.path !== path) throw new GatewayError('session_closed');
  }

  abandon(path: Path): void {
    this.#forget(path);
    const { session } = this;
    if (session.path !== path) this.#components.endpoint.abandonPath(session, path);
  }

  // ---- preparing and moving ----

  async #move(line: Line, options: MoveOptions, own: AbortSignal): Promise<void> {
    const prepared = await this.#prepare(line, options, own);
    prepared.use();
  }

  async #prepare(
    line: Line,
    { timeoutMs = MOVE_TIMEOUT_MS, signal }: MoveOptions,
    own: AbortSignal,
  ): Promise<PreparedLine> {
    if (this.session.state !== 'open') throw new GatewayError('session_closed');
    const { platform } = this.#components;
    const signals = [this.#stopping.signal, own, signal];
    return withinTime({ timeoutMs, signals }, async (limit) => {
      const addresses = await orAborted(platform.resolve(line.host, line.port, limit), limit);
      for (;;) {
        const prepared = await this.#prepareAnywhere(line, addresses, limit);
        if (prepared !== undefined) return prepared;
        // A path gives up after three questions: on a bad network that says little.
      }
    });
  }

  /** @returns undefined when nobody answered, and there is time to ask again. */
  async #prepareAnywhere(
    line: Line,
    addresses: readonly LineAddress[],
    signal: AbortSignal,
  ): Promise<PreparedLine | undefined> {
    try {
      return await tryAddresses(addresses, signal, (address, limit) => this.#prepareAt(line, address, limit));
    } catch (error) {
      const isUnanswered = error instanceof GatewayError && error.code === 'connect_timeout';
      if (isUnanswered && !signal.aborted) return undefined;
      throw error;
    }
  }

  async #prepareAt(line: Line, address: LineAddress, signal: AbortSignal): Promise<PreparedLine> {
    const { endpoint } = this.#components;
    const { carrier, slot } = await this.#openInHaste(line, address, signal);
    const { session } = this;
    const port = this.#attach({ line, address, carrier });
    const path = endpoint.tryPath(session, port, slot);
    carrier.release(slot);
    this.#loseWhatGaveWay();
    try {
      await this.#trial(path, signal);
    } catch (error) {
      endpoint.abandonPath(session, path);
      throw error;
    }
    const prepared = new PreparedLine(line, path, this);
    this.#prepared.add(prepared);
    return prepared;
  }

  #openInHaste(line: Line, address: LineAddress, signal: AbortSignal): Promise<OpenedLine> {
    const open = (own: AbortSignal): Promise<OpenedLine> => this.#openLine(line, address, own);
    return line.transport === 'udp' ? open(signal) : openTwice(open, SECOND_CONNECTION_MS, signal);
  }

  /** Opens a line. @throws GatewayError `connect_failed`, `connect_timeout`, the reason of the signal. */
  async #openLine(line: Line, address: LineAddress, signal: AbortSignal): Promise<OpenedLine> {
    const { platform, maxDatagramBytes, openTimeoutMs } = this.#components;
    const options = { address, maxDatagramBytes, timeoutMs: openTimeoutMs, signal };
    const opened = await platform.openLine(line, options);
    if (!signal.aborted && !this.#stopping.signal.aborted) return opened;
    await opened.carrier.close();
    throw reasonOf(signal.aborted ? signal : this.#stopping.signal);
  }

  /** Gives a carrier to the endpoint. What uses its port has to follow in the same turn. */
  #attach(attached: AttachedLine): number {
    const { endpoint, isReliable } = this.#components;
    const { line, carrier } = attached;
    const port = endpoint.attach(carrier, { name: line.id, reliable: isReliable(line) });
    this.#byPort.set(port, attached);
    return port;
  }

  /** Waits for the answer on a path. */
  async #trial(path: Path, signal: AbortSignal): Promise<void> {
    const trial = this.#trials.get(path) ?? new PathTrial();
    this.#trials.set(path, trial);
    trial.waiting++;
    try {
      await orAborted(trial.outcome, signal);
    } finally {
      if (--trial.waiting === 0) this.#trials.delete(path);
    }
  }

  #forget(path: Path): void {
    for (const prepared of this.#prepared) if (prepared.path === path) this.#prepared.delete(prepared);
  }

  #lose(path: Path, error: GatewayError): void {
    for (const prepared of this.#prepared) {
      if (prepared.path !== path) continue;
      this.#prepared.delete(prepared);
      prepared.lose(error);
    }
  }

  /** A session has a bounded number of paths: the oldest make room for new ones. */
  #loseWhatGaveWay(): void {
    const paths = new Set(this.session.paths);
    const error = new GatewayError('move_failed', 'it gave way to other lines');
    for (const [path, trial] of this.#trials) if (!paths.has(path)) trial.fail(error);
    for (const { path } of [...this.#prepared]) if (!paths.has(path)) this.#lose(path, error);
  }

  // ---- the connection broke, and nobody watches ----

  #redialIfLost(): void {
    const { session } = this;
    const { path } = session;
    if (!this.#components.redial || this.watcher !== undefined) return;
    if (!path.isLost || session.state !== 'open') return;
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
    return this.#byPort.get(path.port)?.line;
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

/** A line that was opened. */
interface AttachedLine {
  readonly line: Line;
  readonly address: LineAddress;
  readonly carrier: Carrier;
}

/** A path that is asked whether it leads to the gateway. */
class PathTrial {
  /** Resolves with the answer. */
  readonly outcome: Promise<void>;
  /** How many wait for it. */
  waiting = 0;
  succeed!: () => void;
  fail!: (error: GatewayError) => void;

  constructor() {
    this.outcome = new Promise((resolve, reject) => {
      this.succeed = resolve;
      this.fail = reject;
    });
  }
}

/** A connection that is not there by then may have lost its first packet. */
const SECOND_CONNECTION_MS = 250;
const MOVE_TIMEOUT_MS = 5_000;
/** Two notices that end within so many ms of each other are the same. */
const SAME_DRAIN_MS = 1_000;
