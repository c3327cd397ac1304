import { NEVER } from '../base/clock.ts';
import { CloseCode } from '../base/close-code.ts';
import { writeAcknowledgement } from '../wire/acknowledgement.ts';
import { PATH_DATA_BYTES, PATH_PROBE_BYTES, writePathProbe } from '../wire/path-probe.ts';
import { SEGMENT_HEADER_BYTES } from '../wire/segment.ts';
import { PathChallenge } from './path-challenge.ts';
import type { PathArena } from './path-arena.ts';
import { Path } from './path.ts';
import type { Seal } from './seal.ts';
import type { SessionTrace } from './session-trace.ts';
import { Traffic } from './traffic.ts';

/** What a session asks of its host about paths. */
export interface PathHost {
  /** The session keeps a path: its slot must stay. */
  retainPath(path: Path): void;
  /** The session does not use the path any more. A connection ends with it, with this code. */
  releasePath(path: Path, code: CloseCode, reason: string): void;
  /** The connection of a path is of no use any more and is to end, although the session keeps the path for now. */
  breakPath(path: Path, code: CloseCode, reason: string): void;
  /** Whether two paths of one carrier lead to the same address, ports aside. */
  isSameHost(a: Path, b: Path): boolean;
  /** Fills with unpredictable bytes. */
  fillRandom(bytes: Uint8Array): void;
}

/** Where a session's datagrams go. */
export interface PathOutput {
  /** The arena of the path's carrier, pointed at the path's peer. The session selects the path in it. */
  arenaOf(path: Path): PathArena;
}

/** What every segment of a session says of it. */
export interface SegmentContext {
  readonly conv: number;
  readonly seal: Seal | undefined;
  readonly wnd: number;
  readonly una: number;
  /** How long an answer may take on a path that is known, in ms. */
  readonly ptoMs: number;
  /** This side is the client: the gateway goes where it is. */
  readonly isClient: boolean;
}

/** The paths of one session: the one in use, those being tried, and those it left. */
export class SessionPaths {
  /** On all of them, those that are gone included. */
  readonly traffic = new Traffic();
  private readonly host: PathHost;
  private current: Path;
  private others: Path[] = NONE;
  /** The latest number given to a path by this side, or seen in use. */
  private latestId: number;
  private isDisposed = false;
  private told: SessionTrace | undefined = undefined;

  constructor(host: PathHost, first: Path) {
    this.host = host;
    this.current = first;
    this.latestId = first.id;
    first.traffic = this.traffic;
    host.retainPath(first);
  }

  /** Told of what goes out on any of them. */
  set trace(trace: SessionTrace | undefined) {
    this.told = trace;
    for (const path of this) path.trace = trace;
  }

  /** The path in use: where everything but challenges and their answers is sent. */
  get active(): Path {
    return this.current;
  }

  /** All paths, the active one first. */
  *[Symbol.iterator](): IterableIterator<Path> {
    yield this.current;
    yield* this.others;
  }

  has(path: Path): boolean {
    return path === this.current || this.others.includes(path);
  }

  find(port: number, slot: number): Path | undefined {
    const { current } = this;
    if (current.port === port && current.slot === slot) return current;
    return this.others.find((path) => path.port === port && path.slot === slot);
  }

  /** Gateway: the path an authentic datagram came on; a new one unless it is known. */
  arrivedOn(port: number, slot: number, reliable: boolean, id: number): Path {
    const known = this.find(port, slot);
    if (known !== undefined) return known;
    return this.add(new Path(port, slot, reliable, id, { validated: reliable, announcing: false }));
  }

  /** Client: a path to be tried, with a number of its own. It is asked at once whether it leads to the gateway. */
  tryOut(port: number, slot: number, reliable: boolean): Path {
    const path = new Path(port, slot, reliable, this.nextId(), { validated: true, announcing: true });
    this.ask(path);
    return this.add(path);
  }

  /** Client: one more path on which the handshake may be answered. */
  addCandidate(port: number, slot: number, reliable: boolean, announcing: boolean): Path {
    const path = new Path(port, slot, reliable, this.nextId(), { validated: true, announcing });
    path.isCandidate = path.isHelloDue = true;
    return this.add(path, MAX_CANDIDATES);
  }

  /** Client: another candidate takes the place of the path in use, if there is one that lives. */
  promoteCandidate(): void {
    const next = this.others.find(({ isCandidate, isLost }) => isCandidate && !isLost);
    if (next !== undefined) this.putInUse(next);
  }

  /** Client: the handshake was answered on this path. It is the one in use now, the other candidates are given up. */
  settleOn(path: Path): void {
    if (path !== this.current) this.putInUse(path);
    path.retireAt = NEVER;
    for (const other of this.others) if (other.isCandidate) this.abandon(other);
    path.isCandidate = false;
  }

  /** Sends a challenge on a path, unless one is under way. */
  ask(path: Path): void {
    if (path.challenge !== undefined) return;
    const data = new Uint8Array(PATH_DATA_BYTES);
    this.host.fillRandom(data);
    path.challenge = new PathChallenge(data);
  }

  /** Sends a challenge on a path at once, whatever is under way. */
  askNow(path: Path): void {
    this.ask(path);
    path.challenge?.restart();
  }

  /**
   * Makes another path the one in use; the old one can still be heard for a while.
   * @param retireAt when the old one may be forgotten.
   * @returns whether only the port changed: what was learned of the old path holds for the new one.
   */
  activate(path: Path, retireAt: number): boolean {
    const old = this.current;
    const isSameHost =
      old.port === path.port && !path.reliable && !old.isLost && this.host.isSameHost(old, path);
    this.putInUse(path);
    path.retireAt = NEVER;
    old.retireAt = retireAt;
    return isSameHost;
  }

  /** The connection behind a path broke. @returns the path, or undefined when it is none of this session. */
  lose(port: number, slot: number): Path | undefined {
    const path = this.find(port, slot);
    if (path === undefined) return undefined;
    path.isLost = true;
    path.isFull = false;
    path.challenge = path.answer = undefined;
    return path;
  }

  /** The best path to go back to: validated, alive, left last. */
  fallback(): Path | undefined {
    return this.others.findLast((path) => path.isValidated && !path.isLost && path.retireAt !== NEVER);
  }

  /** Gives up a path that is not in use. */
  abandon(path: Path): void {
    if (path === this.current || !this.others.includes(path)) return;
    this.others = this.others.filter((other) => other !== path);
    path.isKept = false;
    this.host.releasePath(path, CloseCode.normal, 'another path is in use');
    this.told?.pathReleased(path.port, path.slot);
  }

  /** Takes a PATH_CHALLENGE: it is answered on the path it came on. A later one replaces one that waits. */
  handleChallenge(path: Path, view: DataView, at: number): void {
    const data = (path.answer ??= new Uint8Array(PATH_DATA_BYTES));
    const from = at + SEGMENT_HEADER_BYTES;
    for (let i = 0; i < PATH_DATA_BYTES; i++) data[i] = view.getUint8(from + i);
    path.answerTimestamp = view.getInt32(at + TIMESTAMP_AT, true);
  }

  /** Takes a PATH_RESPONSE. @returns whether it answers what was asked on this path. */
  handleResponse(now: number, path: Path, view: DataView, at: number): boolean {
    const { challenge } = path;
    if (challenge === undefined) return false;
    const from = at + SEGMENT_HEADER_BYTES;
    for (let i = 0; i < PATH_DATA_BYTES; i++) {
      if (view.getUint8(from + i) !== challenge.data[i]) return false;
    }
    path.challenge = undefined;
    path.isValidated = true;
    path.rttMs = Math.max(0, ((now | 0) - view.getInt32(at + TIMESTAMP_AT, true)) | 0);
    return true;
  }

  /**
   * Writes challenges and answers that are due, each on its path.
   * @param instead writes what takes the place of a challenge on this path, if anything does: then it says whether the arena
   *   had room.
   * @returns true when an arena was full.
   */
  write(
    now: number,
    output: PathOutput,
    context: SegmentContext,
    instead?: (now: number, arena: PathArena, path: Path) => boolean | undefined,
  ): boolean {
    for (const path of this) {
      if (path.answer !== undefined) {
        if (!this.writeProbe(now, output, context, path, 'pathResponse', path.answer)) return true;
        path.answer = undefined;
      }
      const { challenge } = path;
      if (challenge?.isDue(now) === true) {
        const { conv, seal } = context;
        const wasWritten =
          instead?.(now, output.arenaOf(path).select(conv, seal, path), path) ??
          this.writeProbe(now, output, context, path, 'pathChallenge', challenge.data);
        if (!wasWritten) return true;
        const pto = path.rttMs < 0 ? Math.max(context.ptoMs, MIN_FIRST_PTO_MS) : context.ptoMs;
        challenge.sent(now, Math.min(pto, MAX_PTO_MS));
      }
    }
    return false;
  }

  /** Whether anything is due to be written or forgotten at `now`: cheap, for the many turns in which nothing is. */
  isDue(now: number): boolean {
    const { current } = this;
    if (current.answer !== undefined || current.challenge !== undefined) return true;
    if (this.others.length === 0) return false;
    return this.others.some(
      ({ answer, challenge, retireAt }) => answer !== undefined || challenge !== undefined || retireAt <= now,
    );
  }

  /**
   * Forgets paths that were left long ago, and finds those whose challenge nobody answered.
   * @returns one of the latter; call again for the next.
   */
  expire(now: number): Path | undefined {
    if (this.current.isValidated) {
      for (const path of this.others) if (path.retireAt <= now) this.abandon(path);
    }
    for (const path of this) {
      if (path.challenge?.isSpent(now) !== true) continue;
      path.challenge = undefined;
      return path;
    }
    return undefined;
  }

  /** When {@link write} or {@link expire} is next to be called, in ms. */
  get deadline(): number {
    let deadline = this.current.challenge?.deadline ?? NEVER;
    for (const { challenge, retireAt } of this.others) {
      if (challenge !== undefined) deadline = Math.min(deadline, challenge.deadline);
      if (this.current.isValidated) deadline = Math.min(deadline, retireAt);
    }
    return deadline;
  }

  /** Releases every path. */
  dispose(code: CloseCode, reason: string): void {
    for (const path of this) this.host.releasePath(path, code, reason);
    this.others = NONE;
    this.isDisposed = true;
  }

  /** The peer sends copies on this path: it is not forgotten before then. */
  keepUntil(path: Path, until: number): void {
    if (path.retireAt < until) path.retireAt = until;
  }

  /** The peer uses this number now. */
  noteId(path: Path, id: number): void {
    path.id = this.latestId = id;
  }

  /** The next number that none of the paths has: with that of the path in use, trying a path would move the session there. */
  private nextId(): number {
    do this.latestId = (this.latestId + 1) & 0xff;
    while (this.current.id === this.latestId || this.others.some(({ id }) => id === this.latestId));
    return this.latestId;
  }

  private putInUse(path: Path): void {
    this.others = this.others.filter((other) => other !== path);
    this.others.push(this.current);
    this.current = path;
  }

  private add(path: Path, most = MAX_OTHERS): Path {
    if (this.isDisposed) {
      // Whoever is late leaves nothing behind.
      this.host.retainPath(path);
      this.host.releasePath(path, CloseCode.normal, 'the session is over');
      return path;
    }
    if (this.others.length >= most) {
      // A path that was proved is kept before those that anybody may have made up: it may be the way back.
      const { others } = this;
      const least =
        others.find(({ isLost }) => isLost) ??
        others.find(({ isValidated }) => !isValidated) ??
        others.find(({ isCopied }) => !isCopied);
      if (least !== undefined) this.abandon(least);
    }
    if (this.others === NONE) this.others = [];
    path.traffic = this.traffic;
    path.trace = this.told;
    this.host.retainPath(path);
    this.others.push(path);
    return path;
  }

  /** @returns false when the arena was full; what the budget of a path does not allow counts as written, and is lost. */
  private writeProbe(
    now: number,
    output: PathOutput,
    { conv, seal, wnd, una, isClient }: SegmentContext,
    path: Path,
    type: 'pathChallenge' | 'pathResponse',
    data: Uint8Array,
  ): boolean {
    const arena = output.arenaOf(path).select(conv, seal, path);
    // Probes alone move no session: on the path in use a client asks for something else, too.
    const isCall = isClient && type === 'pathChallenge' && path === this.current;
    const at = arena.reserve(isCall ? PATH_PROBE_BYTES + SEGMENT_HEADER_BYTES : PATH_PROBE_BYTES);
    if (at < 0) return arena.isOverBudget;
    const ts = type === 'pathResponse' ? path.answerTimestamp : now | 0;
    let length = writePathProbe(arena, at, { type, conv, wnd, una, ts, data });
    if (isCall) {
      const ask = { type: 'windowAsk', conv, wnd, ts: now, sn: 0, una } as const;
      length += writeAcknowledgement(arena, at + length, ask);
    }
    arena.commit(length);
    return true;
  }
}

/** Shared: most sessions never have another path. */
const NONE: Path[] = [];
/** Paths beside the active one; older ones give way. */
const MAX_OTHERS = 3;
/** The same, while the handshake is under way. */
const MAX_CANDIDATES = 31;
/** How long the first answer on a path may take at least, in ms. */
const MIN_FIRST_PTO_MS = 200;
/**
 * How long any answer may take, in ms. The engine's timeout can be much longer for a while: somebody may have held back one
 * datagram with acknowledgements. Whether a path leads anywhere must be known long before the session is given up as idle.
 */
const MAX_PTO_MS = 3_000;
const TIMESTAMP_AT = 8;
