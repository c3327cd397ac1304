import { NEVER } from '../base/clock.ts';
import { CloseCode } from '../base/close-code.ts';
import { SendError, type SessionPort, type Sink } from '../base/sink.ts';
import { DatagramFault, KcpEngine, type KcpStats, type SegmentPool } from '../kcp/index.ts';
import { Command } from '../wire/command.ts';
import { PATH_DATA_BYTES } from '../wire/path-probe.ts';
import { SEGMENT_HEADER_BYTES } from '../wire/segment.ts';
import type { HandshakeAnswer } from './client-handshake.ts';
import { ClientHellos } from './client-hellos.ts';
import { Closing } from './closing.ts';
import { Delivery } from './delivery.ts';
import { DrainAnnouncement, type DrainNotice } from './drain-notice.ts';
import { Goodbyes } from './goodbyes.ts';
import { keepAliveWaitMs } from './keep-alive.ts';
import { Lifecycle, type SessionState } from './lifecycle.ts';
import { readLinkSignals, type LinkSignals } from './link-signals.ts';
import { Liveness } from './liveness.ts';
import { Moving } from './moving.ts';
import type { PathArena } from './path-arena.ts';
import { PathWriter } from './path-writer.ts';
import type { Path } from './path.ts';
import type { Seal } from './seal.ts';
import type { SessionBeginning } from './session-beginning.ts';
import type { SessionConfig } from './session-config.ts';
import { SessionCore } from './session-core.ts';
import type { SessionObserver } from './session-observer.ts';
import { SessionPaths, type PathHost, type PathOutput } from './session-paths.ts';
import type { SessionTrace } from './session-trace.ts';
import type { Traffic } from './traffic.ts';
import { UnorderedMessages } from './unordered-messages.ts';

/** Whoever drives a session. */
export interface SessionHost extends PathHost {
  /** The session was called from outside a turn and wants a {@link Session.drain}. Called at most once until then. */
  wake(session: Session): void;
}

/**
 * One session with one peer: a KCP engine, the paths to the peer, a sink for what arrives, and the ways it can end.
 *
 * Sans-I/O. Input: {@link handleDatagram}, {@link handleOpened}. Once a turn: {@link drain}, which gives what arrived to the sink, moves the
 * close on and writes what is to be sent. Then come back at {@link nextDeadline}. The sink talks back through the
 * {@link SessionPort} side, which never acts at once: it notes what is wanted and wakes the host.
 *
 * Its parts, each with a state of its own: `Delivery` (the sink), `PathWriter` (what goes out), `Moving` (on which
 * path), `Goodbyes` and `Closing` (how it ends). What they have in common is the `SessionCore`.
 */
export class Session implements SessionPort {
  /** A small number the host gives it, to find its own record again. */
  readonly tag: number;
  /** When it was opened, in the host's ms. */
  readonly startedAt: number;
  private readonly core: SessionCore;
  private readonly delivery: Delivery;
  private readonly writer: PathWriter;
  private readonly goodbyes: Goodbyes;
  private readonly closer: Closing;
  private readonly moving: Moving;
  /** Of a client that logged in. */
  private readonly hellos: ClientHellos | undefined;
  /** What the datagram being read lies in. */
  private arrivalBytes: Uint8Array = NO_BYTES;
  private messages: UnorderedMessages | undefined;
  private inDrain = false;
  private told: SessionTrace | undefined = undefined;

  constructor(
    config: SessionConfig,
    pool: SegmentPool,
    host: SessionHost,
    tag: number,
    now: number,
    { path, seal, handshake, loggedIn = false }: SessionBeginning,
  ) {
    this.tag = tag;
    this.startedAt = now;
    const paths = new SessionPaths(host, path);
    const life = new Lifecycle(handshake === undefined ? 'open' : 'opening');
    this.delivery = new Delivery(life);
    const commands = config.peer === 'kcpgate' ? this : undefined;
    const engine = new KcpEngine(config.kcp, pool, commands, this.delivery);
    if (path.reliable) engine.setReliable(true);
    if (handshake !== undefined) path.isCandidate = true;
    if (loggedIn && !path.isValidated) paths.ask(path);
    const liveness = new Liveness(now, engine.expectedSequence, keepAliveWaitMs(config, loggedIn, host));
    this.core = new SessionCore<Session>(this, { config, loggedIn, host, engine, paths, life, liveness });
    this.writer = new PathWriter(this.core, seal);
    this.goodbyes = new Goodbyes(this.core);
    this.closer = new Closing(this.core, this.delivery, this.writer, this.goodbyes);
    if (handshake !== undefined) this.hellos = new ClientHellos(handshake, this.core);
    this.moving = new Moving(this.core, this.writer, this.goodbyes, this.hellos);
  }

  /** Binds the sink; once, before the first drain. */
  bind(sink: Sink): void {
    this.delivery.bind(sink);
  }

  /** Opens a conversation towards a kcpgate peer without data, so that the peer knows it and answers. */
  open(): void {
    this.engine.sendOpening();
    this.core.wake();
  }

  /** Told of paths; set by whoever wants to know. */
  get observer(): SessionObserver | undefined {
    return this.moving.observer;
  }
  set observer(observer: SessionObserver | undefined) {
    this.moving.observer = observer;
  }

  /** Told of everything it sends and receives; set before anything is. Default: nobody. */
  set trace(trace: SessionTrace | undefined) {
    this.told = trace;
    this.core.paths.trace = trace;
    this.engine.trace = trace;
  }

  private get engine(): KcpEngine {
    return this.core.engine;
  }

  // ---- what can be seen of it ----

  get state(): SessionState {
    return this.core.life.state;
  }

  get config(): SessionConfig {
    return this.core.config;
  }

  get conv(): number {
    return this.core.conv;
  }

  /** It logged in: it may have several paths, and its peer knows every command. */
  get loggedIn(): boolean {
    return this.core.loggedIn;
  }

  /** Why it ended; only meaningful once {@link state} is not `open`. */
  get closing(): { readonly code: CloseCode; readonly reason: string; readonly retryAfterMs: number } {
    const { code, reason, retryAfterMs } = this.core.life;
    return { code, reason, retryAfterMs };
  }

  /** Whether everything queued towards the peer was acknowledged. */
  get isFlushed(): boolean {
    return this.engine.isAllAcknowledged;
  }

  /** Messages that were taken and of which the peer has not acknowledged all: known until the sink was told of the close. */
  get unacknowledgedMessages(): number {
    return this.engine.unacknowledgedMessages;
  }

  stats(): KcpStats {
    return this.engine.stats();
  }

  /** How it fares on the path in use. */
  linkSignals(): LinkSignals {
    const { engine, liveness, paths } = this.core;
    const dataAt = Math.max(this.startedAt, engine.dataAt, this.messages?.lastAt ?? this.startedAt);
    return readLinkSignals(engine, liveness, paths.traffic, dataAt);
  }

  /** What it sent and received, copies apart. */
  get traffic(): Readonly<Traffic> {
    return this.core.paths.traffic;
  }

  /** What protects its datagrams; undefined for a clear session, and for a client whose handshake is not done. */
  get seal(): Seal | undefined {
    return this.writer.seal;
  }

  /** The path in use. */
  get path(): Path {
    return this.core.paths.active;
  }

  /** All its paths, the one in use first. */
  get paths(): Iterable<Path> {
    return this.core.paths;
  }

  /** Whether it has a path there. */
  hasPath(port: number, slot: number): boolean {
    return this.core.paths.find(port, slot) !== undefined;
  }

  /** How often it went to another path. */
  get moves(): number {
    return this.moving.count;
  }

  /** Messages sent outside the order, and those that gave way or had no taker. */
  get datagramCounts(): { readonly sent: number; readonly dropped: number; readonly unwanted: number } {
    const { sent = 0, dropped = 0, unwanted = 0 } = this.messages ?? {};
    return { sent, dropped, unwanted };
  }

  // ---- SessionPort: what the sink may do ----

  send(bytes: Uint8Array, offset: number, length: number): number {
    const { life, liveness } = this.core;
    const { goodbyes } = this;
    // In a drain the end is told by the KICK: until then an echo may still have to answer.
    const ended = goodbyes.isSendEnded && (!life.isDraining || goodbyes.fin.isBegun);
    if (!life.isUsable || ended || life.isCloseWanted) return SendError.closed;
    const taken = this.engine.send(bytes, offset, length);
    if (taken >= 0 && taken < length) this.delivery.blockSend();
    liveness.touch();
    // A send from within a turn leaves in that turn.
    if (!this.inDrain) this.core.wake();
    return taken;
  }

  sendDatagram(bytes: Uint8Array, offset: number, length: number): number {
    const { life, liveness } = this.core;
    if (!life.isUsable || life.isCloseWanted || !this.loggedIn) return SendError.closed;
    if (length === 0) return SendError.empty;
    if (length > this.config.kcp.mtu - SEGMENT_HEADER_BYTES) return SendError.tooLarge;
    (this.messages ??= new UnorderedMessages()).push(bytes, offset, length);
    liveness.touch();
    if (!this.inDrain) this.core.wake();
    return length;
  }

  end(): void {
    if (!this.core.life.isUsable || this.goodbyes.isSendEnded) return;
    this.goodbyes.endSending();
    this.core.wake();
  }

  resume(): void {
    if (this.delivery.resume()) this.core.wake();
  }

  close(code: CloseCode, reason: string): void {
    this.closer.request(code, reason, true, false);
  }

  // ---- the host's side: its end ----

  /**
   * Ends the session from this side's operator: what arrived is delivered and what is queued is sent first, for at most
   * the close timeout.
   */
  kick(code: CloseCode, reason: string): void {
    this.closer.request(code, reason, true, true);
  }

  /** Tells a client that logged in that it should go elsewhere; the session goes on. */
  announceDrain(now: number, notice: DrainNotice): void {
    if (this.state !== 'open' || !this.loggedIn) return;
    this.messages ??= new UnorderedMessages();
    this.messages.announcement = new DrainAnnouncement(notice, now);
    this.core.wake();
  }

  /** What was announced does not hold any more: it is not said again. */
  withdrawDrain(): void {
    if (this.messages !== undefined) this.messages.announcement = undefined;
  }

  /** Begins the end of a session because the gateway shuts down: no new data is taken from either side. */
  beginDrain(): void {
    const { life } = this.core;
    if (life.state !== 'open') return;
    life.beginDrain();
    this.engine.refuseNewData();
    this.delivery.tellDrain();
    this.core.wake();
  }

  /**
   * Writes one last word to a peer that would otherwise wait for its timeout: KICK from a gateway, FIN from a client. For
   * a session about to be destroyed; does nothing when the end was told already.
   * @returns false when the arena was full: nothing was written.
   */
  writeFarewell(output: PathOutput, code: CloseCode, reason: string): boolean {
    if (this.state !== 'open' && this.state !== 'closing') return true;
    return this.closer.writeFarewell(this.writer.arenaOf(output), code, reason);
  }

  /** Drops the session at once, with everything in it. */
  destroy(code: CloseCode, reason: string): void {
    if (this.core.life.isGone) return;
    try {
      this.closer.destroy(code, reason);
    } finally {
      this.hellos?.handshake.dispose();
      this.told?.destroyed(this);
    }
  }

  // ---- the host's side: its paths ----

  /**
   * Client: tries another way to the gateway. {@link SessionObserver.pathValidated} or `pathFailed` follows; until
   * {@link moveTo} the session stays where it is.
   */
  tryPath(port: number, slot: number, reliable: boolean): Path {
    return this.moving.tryPath(port, slot, reliable);
  }

  /**
   * Client: says HELLO on one more path, at once and whenever it is repeated. The path of the first answer is the one in use
   * then, and the others are given up; one that breaks before is, too, with {@link SessionObserver.pathFailed}. Only when the
   * last one breaks that is told as `pathLost`, and the session waits for another until its handshake takes too long. At most
   * 32 paths: beyond that the first ones give way. Once the session is open it is as {@link tryPath}.
   */
  tryOpening(port: number, slot: number, reliable: boolean): Path {
    return this.moving.tryOpening(port, slot, reliable);
  }

  /**
   * Client: asks at once whether the peer is still there on the path in use. {@link SessionObserver.pathChecked} follows, or
   * `pathFailed` when three questions were not answered. Asked again meanwhile it begins anew.
   */
  checkPath(): void {
    this.moving.checkPath();
  }

  /** Client: goes on on another path of this session; what was not acknowledged is sent again there, at once. */
  moveTo(now: number, path: Path): void {
    this.moving.moveTo(now, path);
  }

  /**
   * Client: everything that is sent on the path in use is sent on this one, too, and the gateway is asked to do the same, until
   * this is called again, the session goes there, or the path is given up. Without a path it ends.
   * @param maxBytesPerSecond what that may cost, on the average of a few seconds; a second's worth at once. Copies beyond it are
   *   left out. Default 64 KiB.
   * @returns whether copies are sent. A clear session sends none: nothing tells the gateway that they are copies, and it would
   *   follow them. Nor does one that is not open, and none go to the path in use or one that is not this session's.
   */
  copyTo(path: Path | undefined, maxBytesPerSecond = DEFAULT_COPY_BYTES): boolean {
    const isOn = this.writer.copyTo(path, maxBytesPerSecond);
    if (isOn) this.core.wake();
    return isOn;
  }

  /** Client: gives up a path that is not in use. */
  abandonPath(path: Path): void {
    this.moving.abandonPath(path);
  }

  /** The connection behind an address slot broke. */
  handlePathLost(port: number, slot: number): void {
    this.moving.handlePathLost(port, slot);
  }

  /** The carrier of a path has enough queued for it, or has room again. */
  setPathFull(port: number, slot: number, isFull: boolean): void {
    const path = this.core.paths.find(port, slot);
    if (path === undefined || path.isFull === isFull) return;
    path.isFull = isFull;
    if (!isFull) this.core.wake();
  }

  // ---- the host's side: what arrives ----

  /**
   * Takes one clear datagram of this conversation; bytes are borrowed. What is next in order goes to the sink at once,
   * straight from these bytes, so this throws what the sink throws.
   * @returns a {@link DatagramFault}, 0 when there is none.
   */
  handleDatagram(now: number, bytes: Uint8Array, view: DataView, offset: number, length: number): number {
    const { life, liveness, paths } = this.core;
    if (life.isGone) return DatagramFault.none;
    paths.traffic.receivedBytes += length;
    liveness.heardHereAt = now;
    this.told?.received(now, view, offset, length, length, paths.active.port, paths.active.slot);
    return this.readDatagram(now, bytes, view, offset, length);
  }

  /**
   * As {@link handleDatagram}, for a session that logged in: an authentic datagram, opened, with where it came from.
   * @param port the carrier's number. @param slot the address slot there. @param reliable the path is a connection.
   * @param pathId what its header says. @param isNewest its packet number is the highest so far: it may move the session.
   * @param wireBytes its length on the wire.
   * @param isCopy the same came, or comes, on another path: it moves nothing, whatever it holds, and asks for copies here.
   */
  handleOpened(
    now: number,
    bytes: Uint8Array,
    view: DataView,
    offset: number,
    length: number,
    port: number,
    slot: number,
    reliable: boolean,
    pathId: number,
    isNewest: boolean,
    wireBytes: number,
    isCopy = false,
  ): number {
    const { life, paths } = this.core;
    const { moving } = this;
    if (life.isGone) return DatagramFault.none;
    const { traffic } = paths;
    traffic.receivedBytes += wireBytes;
    this.told?.received(now, view, offset, length, wireBytes, port, slot);
    if (isCopy) {
      traffic.copiesReceived++;
      traffic.copyBytesReceived += wireBytes;
    }
    const path = moving.arrive(now, port, slot, reliable, pathId, isNewest, wireBytes, isCopy);
    const mayMove = isNewest && !isCopy && moving.isCalledTo(path, pathId, view, offset, length);
    this.arrivalBytes = bytes;
    const fault = this.readDatagram(now, bytes, view, offset, length);
    this.arrivalBytes = NO_BYTES;
    if (mayMove && fault === DatagramFault.none) moving.follow(now, path, pathId);
    return fault;
  }

  private readDatagram(
    now: number,
    bytes: Uint8Array,
    view: DataView,
    offset: number,
    length: number,
  ): number {
    const fault = this.engine.handleDatagram(now, bytes, view, offset, length);
    if (fault === DatagramFault.none) this.core.liveness.heard(now);
    this.closer.heard();
    return fault;
  }

  /**
   * Client: takes the gateway's HELLO_ACK, opened in place; also the one that answers a clear session on another path.
   * @returns whether it was an answer this session waits for.
   */
  handleHelloAck(
    now: number,
    bytes: Uint8Array,
    view: DataView,
    offset: number,
    length: number,
    port: number,
    slot: number,
  ): boolean {
    const { life, paths } = this.core;
    const path = paths.find(port, slot);
    if (path === undefined) return false;
    const answer = this.hellos?.handleAck(bytes, view, offset, length, path);
    if (answer === undefined) return false;
    // A gateway that does not know this session offers another one.
    if (answer.isAnother) this.closer.becomeStale(now);
    else if (life.state === 'opening') this.handleOpening(now, path, answer, bytes, view, length);
    else this.moving.handleHelloAck(now, path);
    return true;
  }

  /** The handshake is done. */
  private handleOpening(
    now: number,
    path: Path,
    { seal, bodyAt, bodyLength }: HandshakeAnswer,
    bytes: Uint8Array,
    view: DataView,
    length: number,
  ): void {
    const { life, liveness, paths } = this.core;
    this.writer.seal = seal;
    life.open();
    this.hellos?.handshake.dispose();
    paths.settleOn(path);
    this.engine.setReliable(path.reliable);
    this.moving.arrival = path;
    paths.traffic.receivedBytes += length;
    liveness.moved(now);
    this.told?.received(now, view, bodyAt, bodyLength, length, path.port, path.slot);
    this.readDatagram(now, bytes, view, bodyAt, bodyLength);
    // A KICK in it is a refusal.
    if (life.isCloseWanted) return;
    // Whether early data was taken nobody says, and on a connection nothing else would send it again.
    if (this.config.earlyData) this.engine.resendAll(now);
    // The gateway connects its back end only when it heard from this side again.
    paths.ask(paths.active);
    this.delivery.tellOpened();
  }

  /**
   * Gateway: a HELLO_CLEAR of this session came from another path: a clear session moves by that alone.
   * @param wireBytes its length on the wire. @param answerBytes of the answer, which the host sends.
   */
  handleRepeatedHello(
    now: number,
    port: number,
    slot: number,
    reliable: boolean,
    wireBytes: number,
    answerBytes: number,
  ): void {
    if (this.core.life.isGone || this.seal !== undefined) return;
    this.moving.followHello(now, port, slot, reliable, wireBytes, answerBytes);
  }

  /**
   * Client: takes a RESET of a gateway that does not know this session.
   * @returns whether its token is the one that came with the login; others are ignored.
   */
  handleReset(now: number, token: Uint8Array): boolean {
    if (this.hellos?.handshake.isResetToken(token) !== true) return false;
    this.closer.becomeStale(now);
    return true;
  }

  // ---- commands within datagrams ----

  /** The engine hands over every command it does not know itself. */
  handleCommand(
    now: number,
    command: number,
    view: DataView,
    at: number,
    payloadAt: number,
    payloadLength: number,
  ): void {
    if (command === Command.fin) this.goodbyes.handleFin(view, at);
    else if (command === Command.kick && this.config.role === 'client') this.closer.handleKick(view, at);
    else if (this.loggedIn) this.handleLoggedIn(now, command, view, at, payloadAt, payloadLength);
  }

  /** Commands that only sessions that logged in use. */
  private handleLoggedIn(
    now: number,
    command: number,
    view: DataView,
    at: number,
    payloadAt: number,
    payloadLength: number,
  ): void {
    const { moving } = this;
    switch (command) {
      case Command.pathChallenge:
        if (payloadLength === PATH_DATA_BYTES) this.core.paths.handleChallenge(moving.arrival, view, at);
        return;
      case Command.pathResponse:
        if (payloadLength === PATH_DATA_BYTES) moving.handleResponse(now, view, at);
        return;
      case Command.datagram:
        this.messages ??= new UnorderedMessages();
        if (this.messages.accept(now, view, at, this.seal !== undefined))
          this.messages.deliver(this.delivery, this.arrivalBytes, payloadAt, payloadLength);
        return;
      case Command.drain:
        if (this.config.role === 'client') moving.handleDrain(view, at);
    }
  }

  // ---- a turn ----

  /**
   * One turn: delivers, moves the close on, writes what is to be sent.
   * @param caughtUpAt everything that had arrived by then was handed in; see {@link KcpEngine.pollTransmit}. Default `now`.
   * @returns true when the arena was full: flush it and call again.
   */
  drain(now: number, output: PathOutput, caughtUpAt = now): boolean {
    this.core.awake();
    this.told?.turnBegan(now);
    this.writer.beginTurn(caughtUpAt);
    this.inDrain = true;
    this.moving.leaveLostPath(now);
    const full =
      this.state === 'opening'
        ? this.drainOpening(now, output, caughtUpAt)
        : this.moving.writeProbes(now, output) || this.writeActive(now, output);
    if (!full) this.writer.askForCopies(now, output);
    this.inDrain = false;
    this.told?.turnEnded(now, this);
    return full;
  }

  /** When {@link drain} is next to be called if nothing else happens, in ms. */
  nextDeadline(): number {
    switch (this.state) {
      case 'opening':
        return this.hellos?.deadline ?? NEVER;
      case 'open':
        return this.openDeadline();
      case 'closing':
        return this.closer.deadline;
      case 'lingering':
        return this.core.life.deadline;
      case 'gone':
        return NEVER;
    }
  }

  private openDeadline(): number {
    const { paths } = this.core;
    const { closer, delivery, moving, writer } = this;
    const drainAt = this.messages?.announcementDeadline(paths.active) ?? NEVER;
    const own = Math.min(closer.checkDeadline, delivery.deadline, moving.dropDeadline, drainAt);
    return Math.min(own, writer.copyDeadline, writer.deadline, paths.deadline);
  }

  /** Repeats the HELLO until it is answered, for a bounded time, on every path that may answer it. */
  private drainOpening(now: number, output: PathOutput, caughtUpAt: number): boolean {
    const { hellos } = this;
    if (hellos === undefined) return false;
    if (this.core.life.isCloseWanted || hellos.handshake.isSpent(now)) {
      hellos.handshake.dispose();
      this.closer.endUnopened(now);
      return this.closer.drainLingering(now, this.writer.arenaOf(output));
    }
    return hellos.write(now, output, caughtUpAt);
  }

  /** Writes what goes out on the path in use. What its budget does not allow waits until more came from there. */
  private writeActive(now: number, output: PathOutput): boolean {
    const arena = this.writer.copyingArenaOf(now, output);
    const full = this.goodbyes.writeReplies(arena) || this.drainState(now, arena);
    return full && !arena.isOverBudget;
  }

  private drainState(now: number, arena: PathArena): boolean {
    switch (this.state) {
      case 'open':
        return this.drainOpen(now, arena);
      case 'closing':
        return this.closer.drainClosing(now, arena);
      case 'lingering':
        return this.closer.drainLingering(now, arena);
      case 'opening':
      case 'gone':
        return false;
    }
  }

  private drainOpen(now: number, arena: PathArena): boolean {
    const { engine, delivery, closer, writer } = this;
    const { life, paths } = this.core;
    if (engine.isHeard) delivery.tellOpened();
    delivery.deliver(engine);
    delivery.offerRoom(now, engine);
    closer.tellEnd();
    // A sink may have destroyed the session.
    if (life.state === 'open') closer.checkEnds(now);
    if (life.state !== 'open') return this.drainState(now, arena);
    this.moving.checkDrops(now);
    if (writer.isElsewhere) {
      // Whoever was told something went elsewhere: what is written here now would go where nobody is.
      this.core.wake();
      return false;
    }
    this.houseKeep(now);
    if (this.messages?.write(now, arena, paths.active, this.conv, engine) === true) return true;
    if (writer.transmit(now, arena)) return true;
    if (engine.isDead) {
      closer.begin(now, CloseCode.deadLink, 'no acknowledgement', false, true);
      return this.drainState(now, arena);
    }
    // Not while draining: then the KICK ends both directions.
    const { active } = paths;
    return !life.isDraining && !active.isLost && this.goodbyes.writeEnd(now, arena, active.reliable);
  }

  /** Gives memory back when quiet, and keeps the session alive. */
  private houseKeep(now: number): void {
    const { host, liveness, paths } = this.core;
    if (liveness.becameQuiet(now)) this.engine.trim();
    const { isMissing } = this.closer;
    if (!liveness.isKeepAliveDue(now, isMissing)) return;
    if (this.loggedIn) paths.ask(paths.active);
    else this.engine.askWindow();
    liveness.asked(now, keepAliveWaitMs(this.config, this.loggedIn, host), isMissing);
  }
}

const NO_BYTES = new Uint8Array(0);
const DEFAULT_COPY_BYTES = 64 * 1024;
