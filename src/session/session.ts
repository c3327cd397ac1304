import { NEVER } from '../base/clock.ts';
import { CloseCode } from '../base/close-code.ts';
import { SendError, type SessionPort, type Sink } from '../base/sink.ts';
import {
  DatagramFault,
  KcpEngine,
  type DirectReceiver,
  type KcpStats,
  type SegmentPool,
} from '../kcp/index.ts';
import { writeAcknowledgement } from '../wire/acknowledgement.ts';
import { Command } from '../wire/command.ts';
import { readDrain } from '../wire/drain.ts';
import { FIN_BYTES, finCodeOf, finalSequenceOf, isFinAck, writeFin } from '../wire/fin.ts';
import { KICK_MAX_BYTES, kickCodeOf, readKick, writeKick } from '../wire/kick.ts';
import { PATH_DATA_BYTES } from '../wire/path-probe.ts';
import { SEGMENT_HEADER_BYTES } from '../wire/segment.ts';
import { utf8Length } from '../wire/utf8.ts';
import type { ClientHandshake } from './client-handshake.ts';
import { ClientHellos } from './client-hellos.ts';
import { Copier } from './copier.ts';
import { DrainAnnouncement, type DrainNotice } from './drain-notice.ts';
import { FinExchange } from './fin-exchange.ts';
import { isProbing } from './is-probing.ts';
import { KickExchange } from './kick-exchange.ts';
import type { LinkSignals } from './link-signals.ts';
import { Liveness, onGrid } from './liveness.ts';
import type { PathArena } from './path-arena.ts';
import type { Path } from './path.ts';
import { PeerEnd } from './peer-end.ts';
import type { Seal } from './seal.ts';
import type { SessionConfig } from './session-config.ts';
import type { SessionObserver } from './session-observer.ts';
import { SessionPaths, type PathHost, type PathOutput, type SegmentContext } from './session-paths.ts';
import type { Traffic } from './traffic.ts';
import { UnorderedMessages } from './unordered-messages.ts';

/** Whoever drives a session. */
export interface SessionHost extends PathHost {
  /** The session was called from outside a turn and wants a {@link Session.drain}. Called at most once until then. */
  wake(session: Session): void;
}

/** What a session begins with, beside its configuration. */
export interface SessionBeginning {
  /** Where its first datagram came from, or goes to. */
  readonly path: Path;
  /** Of a session whose handshake is done; clear sessions have none. */
  readonly seal?: Seal | undefined;
  /** Client: the handshake to begin with. */
  readonly handshake?: ClientHandshake | undefined;
  /** It logged in: it may have several paths, and its peer knows every command. */
  readonly loggedIn?: boolean;
}

/**
 * - `opening`: a client that logged in waits for the gateway's HELLO_ACK; what it is given to send is kept.
 * - `open`: data flows; either direction may have ended.
 * - `closing`: the reason is fixed; what is due is still delivered or sent, for a bounded time.
 * - `lingering`: the sink is gone; only repeats are answered.
 * - `gone`: forget it.
 */
export type SessionState = 'opening' | 'open' | 'closing' | 'lingering' | 'gone';

/**
 * One session with one peer: a KCP engine, the paths to the peer, a sink for what arrives, and the ways it can end.
 *
 * Sans-I/O. Input: {@link handleDatagram}, {@link handleOpened}. Once a turn: {@link drain}, which gives what arrived to the sink, moves the
 * close on and writes what is to be sent. Then come back at {@link nextDeadline}. The sink talks back through the
 * {@link SessionPort} side, which never acts at once: it notes what is wanted and wakes the host.
 */
export class Session implements SessionPort, DirectReceiver {
  /** A small number the host gives it, to find its own record again. */
  readonly tag: number;
  readonly config: SessionConfig;
  /** It logged in: it may have several paths, and its peer knows every command. */
  readonly loggedIn: boolean;
  /** Told of paths; set by whoever wants to know. */
  observer: SessionObserver | undefined;
  private readonly engine: KcpEngine;
  private readonly host: SessionHost;
  private readonly ways: SessionPaths;
  private currentSeal: Seal | undefined;
  /** Of a client that logged in. */
  private readonly hellos: ClientHellos | undefined;
  private sink: Sink | undefined;
  private currentState: SessionState = 'open';
  /** The path the datagram being read came on. */
  private arrival: Path;
  /** The path that is written to in this drain. */
  private target: Path;
  private arrivalBytes: Uint8Array = NO_BYTES;
  private messages: UnorderedMessages | undefined;
  /** What is written goes out on another path, too. */
  private copier: Copier | undefined;
  private drainAnnouncement: DrainAnnouncement | undefined;
  private moveCount = 0;
  /** When it was opened, in the host's ms. */
  readonly startedAt: number;
  private readonly liveness: Liveness;
  private wakePending = false;
  private inDrain = false;
  /** How far this drain is behind what has arrived. */
  private caughtUpAt = 0;
  private openedTold = false;

  /** The sink said stop. */
  private deliveryPaused = false;
  /** The sink was written to and not flushed. */
  private written = false;
  /** `send` took less than it was given. */
  private sendBlocked = false;
  /** Payload memory was short: try again at this time although nothing else happens. */
  private retryAt = NEVER;
  /** Something was dropped that arrived on a connection: that is broken at this time, if it lasts. */
  private breakAt = NEVER;
  /** What was to come next then. */
  private breakSn = 0;

  /** This direction was ended by the application. */
  private sendEnded = false;
  private finExchange: FinExchange | undefined;
  private peerEnd: PeerEnd | undefined;

  private closeCode: CloseCode = CloseCode.normal;
  private closeReason = '';
  /** The KICK said so: when its client may come back; 0: nothing. */
  private retryAfterMs = 0;
  private closeWanted = false;
  /** The gateway is shutting down: the session ends as soon as nothing is held any more. */
  private draining = false;
  private flushWanted = false;
  private deliverWanted = false;
  private closeDeadline = NEVER;
  private kickExchange: KickExchange | undefined;
  /** The peer's KICK is to be answered by a FIN. */
  private finReplyWanted = false;
  private finReplyCode = 0;
  private reminderWanted = false;
  private lingerUntil = NEVER;

  constructor(
    config: SessionConfig,
    pool: SegmentPool,
    host: SessionHost,
    tag: number,
    now: number,
    { path, seal, handshake, loggedIn = false }: SessionBeginning,
  ) {
    this.config = config;
    this.tag = tag;
    this.host = host;
    this.loggedIn = loggedIn;
    this.currentSeal = seal;
    this.ways = new SessionPaths(host, path);
    this.arrival = this.target = path;
    this.engine = new KcpEngine(config.kcp, pool, config.peer === 'kcpgate' ? this : undefined, this);
    if (path.reliable) this.engine.setReliable(true);
    if (handshake !== undefined) {
      this.currentState = 'opening';
      path.isCandidate = true;
      this.hellos = new ClientHellos(handshake, this.engine, this.ways, config.earlyData);
    }
    if (loggedIn && !path.isValidated) this.ways.ask(path);
    this.startedAt = now;
    const keepAliveWaitMs = config.keepAliveMs > 0 ? this.keepAliveWaitMs() : NEVER;
    this.liveness = new Liveness(now, this.engine.expectedSequence, keepAliveWaitMs);
  }

  /** Binds the sink; once, before the first drain. */
  bind(sink: Sink): void {
    this.sink = sink;
    this.openedTold = sink.opened === undefined;
  }

  /** Opens a conversation towards a kcpgate peer without data, so that the peer knows it and answers. */
  open(): void {
    this.engine.sendOpening();
    this.wake();
  }

  get state(): SessionState {
    return this.currentState;
  }

  get conv(): number {
    return this.config.kcp.conv;
  }

  /** Why it ended; only meaningful once {@link state} is not `open`. */
  get closing(): { readonly code: CloseCode; readonly reason: string; readonly retryAfterMs: number } {
    return { code: this.closeCode, reason: this.closeReason, retryAfterMs: this.retryAfterMs };
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
    const { engine, startedAt } = this;
    const { heardAt, heardHereAt, pathSince } = this.liveness;
    const { srttMs, rttvarMs, rtoMs, segmentsSent, timeoutRetransmits, fastRetransmits } = engine.stats();
    const { stalledSince } = engine;
    const { sentBytes, receivedBytes } = this.ways.traffic;
    return {
      ...{ srttMs, rttvarMs, rtoMs, segmentsSent, timeoutRetransmits, fastRetransmits },
      heardAt,
      heardHereAt,
      // What waits since before the last move says nothing of the path that is in use now.
      stalledSince: stalledSince === NEVER ? NEVER : Math.max(stalledSince, pathSince),
      activeAt: Math.max(startedAt, engine.dataAt, this.messages?.lastAt ?? startedAt),
      sentBytes,
      receivedBytes,
    };
  }

  /** What it sent and received, copies apart. */
  get traffic(): Readonly<Traffic> {
    return this.ways.traffic;
  }

  /** What protects its datagrams; undefined for a clear session, and for a client whose handshake is not done. */
  get seal(): Seal | undefined {
    return this.currentSeal;
  }

  /** The path in use. */
  get path(): Path {
    return this.ways.active;
  }

  /** All its paths, the one in use first. */
  get paths(): Iterable<Path> {
    return this.ways;
  }

  /** Whether it has a path there. */
  hasPath(port: number, slot: number): boolean {
    return this.ways.find(port, slot) !== undefined;
  }

  /** How often it went to another path. */
  get moves(): number {
    return this.moveCount;
  }

  /** Messages sent outside the order, and those that gave way or had no taker. */
  get datagramCounts(): { readonly sent: number; readonly dropped: number; readonly unwanted: number } {
    const { sent = 0, dropped = 0, unwanted = 0 } = this.messages ?? {};
    return { sent, dropped, unwanted };
  }

  // ---- SessionPort: what the sink may do ----

  send(bytes: Uint8Array, offset: number, length: number): number {
    // In a drain the end is told by the KICK: until then an echo may still have to answer.
    const ended = this.sendEnded && (!this.draining || this.fin.isBegun);
    if (!this.isUsable || ended || this.closeWanted) return SendError.closed;
    const taken = this.engine.send(bytes, offset, length);
    if (taken >= 0 && taken < length) this.sendBlocked = true;
    this.liveness.touch();
    // A send from within a turn leaves in that turn.
    if (!this.inDrain) this.wake();
    return taken;
  }

  sendDatagram(bytes: Uint8Array, offset: number, length: number): number {
    if (!this.isUsable || this.closeWanted || !this.loggedIn) return SendError.closed;
    if (length === 0) return SendError.empty;
    if (length > this.config.kcp.mtu - SEGMENT_HEADER_BYTES) return SendError.tooLarge;
    (this.messages ??= new UnorderedMessages()).push(bytes, offset, length);
    this.liveness.touch();
    if (!this.inDrain) this.wake();
    return length;
  }

  end(): void {
    if (!this.isUsable || this.sendEnded) return;
    this.sendEnded = true;
    this.wake();
  }

  resume(): void {
    if (!this.deliveryPaused) return;
    this.deliveryPaused = false;
    this.wake();
  }

  close(code: CloseCode, reason: string): void {
    this.requestClose(code, reason, true, false);
  }

  // ---- the host's side ----

  /**
   * Ends the session from this side's operator: what arrived is delivered and what is queued is sent first, for at most
   * the close timeout.
   */
  kick(code: CloseCode, reason: string): void {
    this.requestClose(code, reason, true, true);
  }

  /** Tells a client that logged in that it should go elsewhere; the session goes on. */
  announceDrain(now: number, notice: DrainNotice): void {
    if (this.currentState !== 'open' || !this.loggedIn) return;
    this.drainAnnouncement = new DrainAnnouncement(notice, now);
    this.wake();
  }

  /** What was announced does not hold any more: it is not said again. */
  withdrawDrain(): void {
    this.drainAnnouncement = undefined;
  }

  // ---- paths ----

  /**
   * Client: tries another way to the gateway. {@link SessionObserver.pathValidated} or `pathFailed` follows; until
   * {@link moveTo} the session stays where it is.
   */
  tryPath(port: number, slot: number, reliable: boolean): Path {
    const path = this.ways.find(port, slot) ?? this.ways.tryOut(port, slot, reliable);
    // One that was left is not forgotten meanwhile.
    path.retireAt = NEVER;
    this.ways.ask(path);
    this.wake();
    return path;
  }

  /**
   * Client: says HELLO on one more path, at once and whenever it is repeated. The path of the first answer is the one in use
   * then, and the others are given up; one that breaks before is, too, with {@link SessionObserver.pathFailed}. Only when the
   * last one breaks that is told as `pathLost`, and the session waits for another until its handshake takes too long. At most
   * 32 paths: beyond that the first ones give way. Once the session is open it is as {@link tryPath}.
   */
  tryOpening(port: number, slot: number, reliable: boolean): Path {
    if (this.currentState !== 'opening') return this.tryPath(port, slot, reliable);
    const { ways } = this;
    const path =
      ways.find(port, slot) ?? ways.addCandidate(port, slot, reliable, this.hellos?.isClear === false);
    if (ways.active.isLost) this.leaveCandidate(ways.active);
    this.wake();
    return path;
  }

  /**
   * Client: asks at once whether the peer is still there on the path in use. {@link SessionObserver.pathChecked} follows, or
   * `pathFailed` when three questions were not answered. Asked again meanwhile it begins anew.
   */
  checkPath(): void {
    const { active } = this.ways;
    if (this.currentState !== 'open' || !this.loggedIn || active.isLost) return;
    this.ways.askNow(active);
    this.wake();
  }

  /** Client: goes on on another path of this session; what was not acknowledged is sent again there, at once. */
  moveTo(now: number, path: Path): void {
    if (path === this.ways.active || !this.isUsable) return;
    this.hellos?.handshake.hurry();
    if (this.currentState === 'opening') path.isCandidate = true;
    // Whether the gateway is there still matters to nobody; and a clear session would call it back by asking.
    this.ways.active.challenge = undefined;
    this.move(now, path);
    if (this.hellos?.isCallingBack === true) this.ways.ask(path);
    this.wake();
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
    const { active } = this.ways;
    const isOpen = this.currentState === 'open' || this.currentState === 'closing';
    const isPossible = this.currentSeal !== undefined && isOpen && this.config.role === 'client';
    if (path === undefined || !isPossible || path === active || path.isLost || !this.ways.has(path)) {
      this.copier?.stop();
      return false;
    }
    const copier = (this.copier ??= new Copier(maxBytesPerSecond));
    copier.limit(maxBytesPerSecond);
    // One that was left is not forgotten meanwhile.
    path.retireAt = NEVER;
    copier.begin(path, NEVER);
    copier.keepAsking();
    this.wake();
    return true;
  }

  /** Client: gives up a path that is not in use. */
  abandonPath(path: Path): void {
    this.comeBack();
    if (path === this.ways.active) this.leaveCandidate(path);
    else this.ways.abandon(path);
  }

  /** Gives up the path in use while others may still be answered. */
  private leaveCandidate(path: Path): void {
    if (this.currentState !== 'opening') return;
    this.ways.promoteCandidate();
    this.ways.abandon(path);
  }

  /** The connection behind an address slot broke. */
  handlePathLost(port: number, slot: number): void {
    const path = this.ways.lose(port, slot);
    if (path === undefined) return;
    if (this.currentState === 'opening' && path === this.ways.active) this.ways.promoteCandidate();
    if (path !== this.ways.active) {
      this.observer?.pathFailed?.(path);
      this.abandonPath(path);
      return;
    }
    // Nothing can arrive: what is in flight waits for the next path, and does not count as lost meanwhile.
    this.engine.setReliable(true);
    this.observer?.pathLost?.(path);
    this.wake();
  }

  /** The carrier of a path has enough queued for it, or has room again. */
  setPathFull(port: number, slot: number, isFull: boolean): void {
    const path = this.ways.find(port, slot);
    if (path === undefined || path.isFull === isFull) return;
    path.isFull = isFull;
    if (!isFull) this.wake();
  }

  /** Begins the end of a session because the gateway shuts down: no new data is taken from either side. */
  beginDrain(): void {
    if (this.currentState !== 'open') return;
    this.draining = true;
    this.engine.refuseNewData();
    this.sink?.drain();
    this.wake();
  }

  /**
   * Writes one last word to a peer that would otherwise wait for its timeout: KICK from a gateway, FIN from a client. For
   * a session about to be destroyed; does nothing when the end was told already.
   * @returns false when the arena was full: nothing was written.
   */
  writeFarewell(output: PathOutput, code: CloseCode, reason: string): boolean {
    if (this.currentState !== 'open' && this.currentState !== 'closing') return true;
    if (this.currentState === 'open') this.setClose(code, reason);
    const arena = this.activeArena(output);
    if (this.config.role === 'gateway') return this.writeKickSegment(this.liveness.heardAt, arena);
    return this.config.peer === 'stock' || this.writeFinSegment(arena, false, this.engine.endSequence, code);
  }

  /** Drops the session at once, with everything in it. */
  destroy(code: CloseCode, reason: string): void {
    const state = this.currentState;
    if (state === 'gone') return;
    // What was asked for in order is not done while something is held: that would be taken for done.
    const isOwed =
      (this.flushWanted && !this.engine.isAllAcknowledged) || (this.deliverWanted && this.engine.hasMessage);
    const isOpen = state === 'open' || state === 'opening';
    if (isOwed || (isOpen && !this.closeWanted)) this.setClose(code, reason);
    // First: what the sink does when it is told finds the session closed.
    this.currentState = 'gone';
    try {
      this.releaseSink();
    } finally {
      this.engine.dispose();
      // A sink may do this from within a write; what follows in its datagram must not be kept.
      this.engine.refuseNewData();
      this.hellos?.handshake.dispose();
      this.disposePaths();
    }
  }

  /**
   * Takes one clear datagram of this conversation; bytes are borrowed. What is next in order goes to the sink at once,
   * straight from these bytes, so this throws what the sink throws.
   * @returns a {@link DatagramFault}, 0 when there is none.
   */
  handleDatagram(now: number, bytes: Uint8Array, view: DataView, offset: number, length: number): number {
    if (this.currentState === 'gone') return DatagramFault.none;
    this.ways.traffic.receivedBytes += length;
    this.liveness.heardHereAt = now;
    return this.readDatagram(now, bytes, view, offset, length);
  }

  private readDatagram(
    now: number,
    bytes: Uint8Array,
    view: DataView,
    offset: number,
    length: number,
  ): number {
    const fault = this.engine.handleDatagram(now, bytes, view, offset, length);
    if (fault === DatagramFault.none) {
      this.liveness.heard(now);
    }
    if (this.currentState === 'lingering') this.reminderWanted = true;
    return fault;
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
    if (this.currentState === 'gone') return DatagramFault.none;
    const { traffic } = this.ways;
    traffic.receivedBytes += wireBytes;
    if (isCopy) {
      traffic.copiesReceived++;
      traffic.copyBytesReceived += wireBytes;
    }
    let path = this.ways.active;
    let mayMove = false;
    if (path.port !== port || path.slot !== slot) {
      // A client knows its paths; what comes any other way is heard all the same.
      if (this.config.role === 'gateway') {
        mayMove = isNewest && !isCopy && (pathId === path.id || !isProbing(view, offset, length));
        path = this.ways.arrivedOn(port, slot, reliable, pathId);
      } else {
        path = this.ways.find(port, slot) ?? path;
      }
    } else {
      this.liveness.heardHereAt = now;
    }
    if (!path.isValidated) {
      path.receivedBytes += wireBytes;
      this.ways.ask(path);
    }
    if (isCopy && this.config.role === 'gateway') this.noteCopy(now, path);
    // Whatever comes from the gateway here shows that it has seen the block.
    path.isAnnouncing = false;
    if (this.config.role === 'gateway' && isNewest && path === this.ways.active)
      this.ways.noteId(path, pathId);
    this.arrival = path;
    this.arrivalBytes = bytes;
    const fault = this.readDatagram(now, bytes, view, offset, length);
    this.arrivalBytes = NO_BYTES;
    if (mayMove && fault === DatagramFault.none && !this.isGone) {
      this.ways.noteId(path, pathId);
      this.move(now, path);
    }
    return fault;
  }

  /** Gateway: the client sends copies on this path, and is sent some as long as it does. */
  private noteCopy(now: number, path: Path): void {
    const { copyBytesPerSecond } = this.config;
    if (path === this.ways.active || !path.isValidated || copyBytesPerSecond === 0) return;
    this.ways.keepUntil(path, now + COPY_HOLD_MS);
    (this.copier ??= new Copier(copyBytesPerSecond)).begin(path, now + COPY_HOLD_MS);
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
    const { hellos, ways } = this;
    const path = ways.find(port, slot);
    if (hellos === undefined || path === undefined) return false;
    const isFirst = this.currentState === 'opening';
    if (!isFirst && !hellos.isAskedOn(path)) return false;
    const { handshake } = hellos;
    const answer = handshake.handleAck(bytes, view, offset, length);
    if (answer === undefined) return false;
    if (answer.isAnother) {
      // A gateway that does not know this session offers another one.
      this.becomeStale(now);
      return true;
    }
    path.isAnnouncing = false;
    path.challenge = undefined;
    if (!isFirst) {
      this.liveness.heardAt = now;
      if (path === ways.active) hellos.isCallingBack = false;
      else this.observer?.pathValidated?.(path);
      return true;
    }
    this.currentSeal = answer.seal;
    this.currentState = 'open';
    handshake.dispose();
    ways.settleOn(path);
    this.engine.setReliable(path.reliable);
    this.arrival = path;
    this.ways.traffic.receivedBytes += length;
    this.liveness.moved(now);
    this.readDatagram(now, bytes, view, answer.bodyAt, answer.bodyLength);
    // A KICK in it is a refusal.
    if (this.closeWanted) return true;
    // Whether early data was taken nobody says, and on a connection nothing else would send it again.
    if (this.config.earlyData) this.engine.resendAll(now);
    // The gateway connects its back end only when it heard from this side again.
    ways.ask(ways.active);
    this.tellOpened();
    return true;
  }

  private becomeStale(now: number): void {
    const reason = 'the gateway does not know the session';
    if (this.currentState === 'open') {
      this.kicking.answer();
      this.enterClosing(now, CloseCode.staleSession, reason, false, true);
      this.wake();
    } else if (this.currentState === 'opening') {
      this.requestClose(CloseCode.staleSession, reason, false, true);
    } else {
      this.stopFlushing(CloseCode.staleSession, reason);
    }
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
    if (this.isGone || this.currentSeal !== undefined) return;
    const path = this.ways.arrivedOn(port, slot, reliable, this.ways.active.id);
    if (!path.isValidated) {
      path.receivedBytes += wireBytes;
      path.sentBytes += answerBytes;
    }
    if (path !== this.ways.active) this.move(now, path);
    this.liveness.heardAt = now;
    this.wake();
  }

  /**
   * Client: takes a RESET of a gateway that does not know this session.
   * @returns whether its token is the one that came with the login; others are ignored.
   */
  handleReset(now: number, token: Uint8Array): boolean {
    if (this.hellos?.handshake.isResetToken(token) !== true) return false;
    this.becomeStale(now);
    return true;
  }

  /** {@link DirectReceiver}: nothing is in the way of data that has just arrived. */
  get takesNow(): boolean {
    return (
      this.sink !== undefined &&
      this.currentState === 'open' &&
      this.openedTold &&
      !this.deliveryPaused &&
      !this.closeWanted
    );
  }

  /** {@link DirectReceiver}: the engine hands over what is next in order. */
  write(bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean): boolean {
    // First: a sink that destroys the session from within is flushed, too.
    this.written = true;
    const goesOn = this.sink?.write(bytes, offset, length, endOfMessage) ?? false;
    if (!goesOn) this.deliveryPaused = true;
    return goesOn && !this.isDone;
  }

  /** The engine hands over every command it does not know itself. */
  handleCommand(
    now: number,
    command: number,
    view: DataView,
    at: number,
    payloadAt: number,
    payloadLength: number,
  ): void {
    if (command === Command.fin) this.handleFin(view, at);
    else if (command === Command.kick && this.config.role === 'client') this.handleKick(view, at);
    else if (this.loggedIn) this.handlePathCommand(now, command, view, at, payloadAt, payloadLength);
  }

  /**
   * One turn: delivers, moves the close on, writes what is to be sent.
   * @param caughtUpAt everything that had arrived by then was handed in; see {@link KcpEngine.pollTransmit}. Default `now`.
   * @returns true when the arena was full: flush it and call again.
   */
  drain(now: number, output: PathOutput, caughtUpAt = now): boolean {
    this.caughtUpAt = caughtUpAt;
    this.wakePending = false;
    this.inDrain = true;
    const { active } = this.ways;
    if (active.isLost && this.config.role === 'gateway') this.leaveLostPath(now, active);
    const full =
      this.currentState === 'opening'
        ? this.drainOpening(now, output)
        : this.writeProbes(now, output) || this.writeActive(now, output) || this.askForCopies(now, output);
    this.inDrain = false;
    return full;
  }

  /** Writes what goes out on the path in use. What its budget does not allow waits until more came from there. */
  private writeActive(now: number, output: PathOutput): boolean {
    const arena = this.copyingArena(now, output);
    const full = this.writeReplies(arena) || this.drainState(now, arena);
    return full && !arena.isOverBudget;
  }

  /** The arena of the path in use; what is written to it is written to another one as well while copies are wanted. */
  private copyingArena(now: number, output: PathOutput): PathArena {
    const arena = this.activeArena(output);
    const { copier, currentSeal } = this;
    const { active } = this.ways;
    if (copier === undefined || currentSeal === undefined || !copier.isOn(now, active)) return arena;
    return arena.select(
      this.conv,
      currentSeal,
      active,
      copier.beginRun(now, output, this.conv, currentSeal, active),
    );
  }

  /** Client: nothing was copied for a while; without a copy the gateway would stop sending its own. */
  private askForCopies(now: number, output: PathOutput): boolean {
    const { copier } = this;
    if (copier === undefined || copier.deadline > now || this.currentState !== 'open') return false;
    if (!copier.isOn(now, this.ways.active) || !copier.isAskDue(now)) return false;
    const path = copier.target;
    if (path?.isReady !== true) return false;
    const arena = output.arenaOf(path).selectCopies(this.conv, this.currentSeal, path);
    const at = arena.reserve(SEGMENT_HEADER_BYTES);
    if (at < 0) return false;
    const { wnd, una } = this.engine.advertised;
    arena.commit(
      writeAcknowledgement(arena, at, { type: 'windowTell', conv: this.conv, wnd, ts: now, sn: 0, una }),
    );
    return false;
  }

  /** When {@link drain} is next to be called if nothing else happens, in ms. */
  nextDeadline(): number {
    switch (this.currentState) {
      case 'opening':
        return this.hellos?.deadline ?? NEVER;
      case 'open': {
        const gapTimeoutMs = this.engine.hasGap ? this.gapTimeoutMs : NEVER;
        const quiet = this.liveness.deadline(this.config.idleTimeoutMs, gapTimeoutMs);
        const { isLost } = this.ways.active;
        const finAt = this.draining || isLost ? NEVER : (this.finExchange?.deadline ?? NEVER);
        const drainAt = this.ways.active.isReady ? (this.drainAnnouncement?.deadline ?? NEVER) : NEVER;
        const copyAt = this.copier?.deadline ?? NEVER;
        const own = Math.min(quiet, finAt, this.retryAt, this.breakAt, drainAt, copyAt);
        return Math.min(own, this.engineDeadline(), this.ways.deadline);
      }
      case 'closing':
        if (this.flushWanted || this.deliverWanted)
          return Math.min(this.engineDeadline(), this.closeDeadline, this.ways.deadline);
        return this.config.role === 'gateway' ? this.kicking.deadline : this.fin.deadline;
      case 'lingering':
        return this.lingerUntil;
      case 'gone':
        return NEVER;
    }
  }

  private drainState(now: number, arena: PathArena): boolean {
    switch (this.currentState) {
      case 'opening':
        return false;
      case 'open':
        return this.drainOpen(now, arena);
      case 'closing':
        return this.drainClosing(now, arena);
      case 'lingering':
        return this.drainLingering(now, arena);
      case 'gone':
        return false;
    }
  }

  // ---- opening ----

  /** Repeats the HELLO until it is answered, for a bounded time, on every path that may answer it. */
  private drainOpening(now: number, output: PathOutput): boolean {
    const { hellos } = this;
    if (hellos === undefined) return false;
    if (this.closeWanted || hellos.handshake.isSpent(now)) {
      // The gateway knows nothing of this session yet, or never will: there is nobody to say goodbye to.
      if (!this.closeWanted) this.setClose(CloseCode.deadLink, 'no answer to the handshake');
      hellos.handshake.dispose();
      this.linger(now);
      return this.drainLingering(now, this.activeArena(output));
    }
    return hellos.write(now, output, this.conv, this.caughtUpAt);
  }

  // ---- open ----

  private drainOpen(now: number, arena: PathArena): boolean {
    if (this.engine.isHeard) this.tellOpened();
    this.deliver();
    this.offerRoom(now);
    this.tellEnd();
    // A sink may have destroyed the session.
    if (this.currentState === 'open') this.checkEnds(now);
    if (this.currentState !== 'open') return this.drainState(now, arena);
    this.checkDrops(now);
    if (this.ways.active !== this.target) {
      // Whoever was told something went elsewhere: what is written here now would go where nobody is.
      this.wake();
      return false;
    }
    this.houseKeep(now);
    if (this.writeUnordered(now, arena) || this.transmit(now, arena)) return true;
    if (this.engine.isDead) {
      this.enterClosing(now, CloseCode.deadLink, 'no acknowledgement', false, true);
      return this.drainState(now, arena);
    }
    return this.writeFin(now, arena);
  }

  private tellOpened(): void {
    if (this.openedTold) return;
    this.openedTold = true;
    this.sink?.opened?.();
  }

  /** Writes what the engine has to send, on the path in use. @returns true when that was not all. */
  private transmit(now: number, arena: PathArena): boolean {
    const path = this.ways.active;
    if (path.isFull) return false;
    if (path.isValidated) return this.engine.pollTransmit(now, arena, this.caughtUpAt);
    for (;;) {
      const { sentBytes } = path;
      const room = arena.budgetOf(path);
      if (room < SEGMENT_HEADER_BYTES) return false;
      if (!this.engine.pollTransmit(now, arena, this.caughtUpAt, room)) return false;
      // Each datagram leaves less for the next, which may then be shorter.
      if (path.sentBytes === sentBytes) return !arena.isOverBudget;
      arena.isOverBudget = false;
    }
  }

  /** Messages outside the order, and what the gateway announces. @returns true when the arena was full. */
  private writeUnordered(now: number, arena: PathArena): boolean {
    const { messages, drainAnnouncement } = this;
    if (messages === undefined && drainAnnouncement === undefined) return false;
    const { active } = this.ways;
    if (active.isFull) return false;
    const { wnd, una } = this.engine.advertised;
    if (active.isReady && drainAnnouncement?.isDue(now) === true) {
      if (!drainAnnouncement.write(now, arena, this.conv, wnd, una, this.engine.rtoMs)) return true;
    }
    return messages?.write(now, arena, this.conv, wnd, una) ?? false;
  }

  private deliver(): void {
    const takes = this.sink !== undefined && !this.deliveryPaused && !this.isDone;
    if (takes && this.engine.hasMessage) this.engine.receive(this);
    this.flushSink();
  }

  /** The application asked for the close: nothing more is for it. */
  private get isDone(): boolean {
    return this.closeWanted && !this.deliverWanted;
  }

  private flushSink(): void {
    if (!this.written) return;
    this.written = false;
    this.sink?.flush();
  }

  /** How long a gap may stay open; shorter when nothing in order ever came: then it is no beginning of a session. */
  private get gapTimeoutMs(): number {
    const { idleTimeoutMs, kcp } = this.config;
    const isBegun = this.engine.expectedSequence !== kcp.initialSequence;
    return isBegun ? idleTimeoutMs : Math.min(idleTimeoutMs, MAX_OPENING_GAP_MS);
  }

  /** Everything the peer sent was delivered, and nothing follows. */
  private tellEnd(): void {
    const { peerEnd } = this;
    if (peerEnd?.isKnown !== true || peerEnd.isDelivered) return;
    if (this.engine.undeliveredSequence !== peerEnd.finalSn) return;
    peerEnd.isDelivered = true;
    if (peerEnd.closeCode === 0) this.sink?.end();
  }

  /** Looks for every way in which an open session can end. */
  private checkEnds(now: number): void {
    const { engine, peerEnd } = this;
    this.liveness.noteProgress(now, engine.hasGap, engine.expectedSequence);
    const sent = this.sendEnded && engine.isAllAcknowledged;
    if (this.closeWanted) {
      this.enterClosing(now, this.closeCode, this.closeReason, this.flushWanted, this.deliverWanted);
    } else if (peerEnd !== undefined && peerEnd.closeCode !== 0) {
      this.kicking.answer();
      const code = closeCodeFrom(peerEnd.closeCode);
      // The other side must not take what is cut off for an end in order.
      if (code === CloseCode.normal && peerEnd.isTruncated)
        this.enterClosing(now, CloseCode.kicked, 'the peer gave up', false, true);
      else this.enterClosing(now, code, 'the peer closed', false, true);
    } else if (this.currentSeal?.isSpent === true) {
      this.enterClosing(now, CloseCode.rekeyRequired, 'the keys are used up', false, true);
    } else if (engine.isWedged || engine.isOversize) {
      const reason = 'a message is larger than can be received';
      this.enterClosing(now, CloseCode.messageTooLarge, reason, false, false);
    } else if (this.draining && sent && !engine.hasMessage) {
      this.enterClosing(now, CloseCode.drain, 'the gateway is shutting down', false, true);
    } else if (sent && this.config.peer === 'stock') {
      // A stock peer knows no end of stream: once everything is across there is nothing more to wait for.
      this.enterClosing(now, CloseCode.normal, 'finished', false, true);
    } else if (sent && this.fin.isAcknowledged && peerEnd?.isDelivered === true) {
      this.setClose(CloseCode.normal, 'finished');
      this.linger(now);
    } else if (!this.draining && !this.ways.active.isLost && this.finExchange?.isSpent(now) === true) {
      this.enterClosing(now, CloseCode.deadLink, 'no answer to the end of the stream', false, true);
    } else if (this.liveness.isSilent(now, this.config.idleTimeoutMs)) {
      this.enterClosing(now, CloseCode.idleTimeout, 'nothing arrived', false, true);
    } else if (this.liveness.isStuck(now, this.gapTimeoutMs)) {
      this.enterClosing(now, CloseCode.idleTimeout, 'what is missing never arrived', false, true);
    }
  }

  /** Tells a blocked sink that there is room again. */
  private offerRoom(now: number): void {
    this.retryAt = NEVER;
    if (!this.sendBlocked || !this.engine.hasRoom) return;
    this.sendBlocked = false;
    this.sink?.writable();
    // Refused again although there was room: payload memory may be short, and nothing here announces that it is back.
    if (this.isSendBlocked()) this.retryAt = now + MEMORY_RETRY_MS;
  }

  /** On a connection nobody sends again what was dropped here for want of memory: only the next one brings it. */
  private checkDrops(now: number): void {
    const { active } = this.ways;
    if (!active.reliable || active.isLost || !this.engine.hasDropped) {
      this.breakAt = NEVER;
    } else if (this.breakAt === NEVER || this.engine.expectedSequence !== this.breakSn) {
      this.breakAt = now + DROP_PATIENCE_MS;
      this.breakSn = this.engine.expectedSequence;
    } else if (now >= this.breakAt) {
      this.breakAt = NEVER;
      this.host.breakPath(active, CloseCode.overload, 'what arrived could not be kept');
      this.handlePathLost(active.port, active.slot);
    }
  }

  /** Gives memory back when quiet, and keeps the session alive. */
  private houseKeep(now: number): void {
    const { liveness } = this;
    if (liveness.becameQuiet(now)) this.engine.trim();
    if (!liveness.isKeepAliveDue(now)) return;
    if (this.loggedIn) this.ways.ask(this.ways.active);
    else this.engine.askWindow();
    liveness.asked(now, this.keepAliveWaitMs());
  }

  /** With jitter for sessions that logged in, so that thousands of clients do not ask in step. */
  private keepAliveWaitMs(): number {
    const { keepAliveMs } = this.config;
    if (!this.loggedIn) return keepAliveMs;
    const random = new Uint8Array(1);
    this.host.fillRandom(random);
    return Math.round(
      keepAliveMs * (1 - KEEP_ALIVE_JITTER + (2 * KEEP_ALIVE_JITTER * (random[0] ?? 0)) / 255),
    );
  }

  /** Ends this direction once everything was sent. Not while draining: then the KICK ends both. */
  private writeFin(now: number, arena: PathArena): boolean {
    const { active } = this.ways;
    if (this.config.peer !== 'kcpgate' || this.draining || active.isLost) return false;
    if (!this.sendEnded || !this.engine.isAllSent || !this.fin.isDue(now)) return false;
    if (!this.writeFinSegment(arena, false, this.engine.endSequence, 0)) return true;
    // On a connection nothing is lost; it may take its time.
    this.fin.sent(
      now,
      active.reliable ? Math.max(RELIABLE_FIN_WAIT_MS, this.engine.rtoMs) : this.engine.rtoMs,
    );
    return false;
  }

  /** What is answered at once in every state, each in a datagram of its own. */
  private writeReplies(arena: PathArena): boolean {
    const { peerEnd } = this;
    if (peerEnd?.isAckDue === true) {
      if (!this.writeFinSegment(arena, true, peerEnd.ackSequence, peerEnd.ackFinCode)) return true;
      peerEnd.ackSent();
    }
    if (this.finReplyWanted) {
      if (!this.writeFinSegment(arena, false, this.engine.endSequence, this.finReplyCode)) return true;
      this.finReplyWanted = false;
    }
    return false;
  }

  // ---- closing ----

  // Most of a session's life nobody speaks of its end: what keeps track of that is made when it is needed.

  private get fin(): FinExchange {
    return (this.finExchange ??= new FinExchange(0));
  }

  private get kicking(): KickExchange {
    return (this.kickExchange ??= new KickExchange(this.config.peer === 'kcpgate'));
  }

  private requestClose(code: CloseCode, reason: string, flush: boolean, deliver: boolean): void {
    if (!this.isUsable || this.closeWanted) return;
    this.setClose(code, reason);
    this.closeWanted = true;
    this.flushWanted = flush;
    this.deliverWanted = deliver;
    this.wake();
  }

  private setClose(code: CloseCode, reason: string): void {
    this.closeCode = code;
    this.closeReason = reason;
  }

  private enterClosing(now: number, code: CloseCode, reason: string, flush: boolean, deliver: boolean): void {
    this.setClose(code, reason);
    this.flushWanted = flush;
    this.deliverWanted = deliver;
    this.currentState = 'closing';
    this.closeDeadline = now + this.config.closeTimeoutMs;
    this.engine.refuseNewData();
    // A client's goodbye is a FIN with the code, even if it ended its direction before.
    this.finExchange = new FinExchange(code);
    if (!deliver && !flush) this.releaseSink();
  }

  /** Delivers and sends what is still due, then says goodbye. */
  private drainClosing(now: number, arena: PathArena): boolean {
    const late = now >= this.closeDeadline;
    if (this.deliverWanted) {
      this.deliver();
      if (!this.engine.hasMessage) {
        this.deliverWanted = false;
        this.releaseSink();
      } else if (late) {
        this.deliverWanted = false;
        this.releaseSink(CloseCode.slowConsumer, 'its data was not taken in time');
      }
    }
    if (this.flushWanted) {
      if (this.engine.isAllAcknowledged) this.flushWanted = false;
      else if (this.engine.isDead || late) {
        this.flushWanted = false;
        const reason = 'not everything was acknowledged';
        this.releaseSink(CloseCode.deadLink, reason);
        // A client is told by its final `sn` what was cut off, nobody tells it by a KICK.
        if (this.config.role === 'gateway' && this.closeCode === CloseCode.normal)
          this.setClose(CloseCode.deadLink, reason);
      }
    }
    if (!this.flushWanted && !this.deliverWanted) this.releaseSink();
    // The sink may have destroyed the session.
    if (this.isGone) return false;
    // Acknowledging goes on meanwhile: the peer must not think that its data was lost.
    if (this.flushWanted || this.deliverWanted) return this.transmit(now, arena);
    this.closeDeadline = NEVER;
    return this.config.role === 'gateway' ? this.kickPeer(now, arena) : this.leave(now, arena);
  }

  /** The gateway's goodbye. */
  private kickPeer(now: number, arena: PathArena): boolean {
    if (this.kicking.isDue(now) && !this.writeKickSegment(now, arena)) return true;
    if (!this.kicking.isOver(now)) return false;
    this.linger(now);
    return this.drainLingering(now, arena);
  }

  /** The client's goodbye: FIN with the code until it is acknowledged; nothing if the gateway spoke first. */
  private leave(now: number, arena: PathArena): boolean {
    const answered = this.kicking.isAnswered || this.fin.isAcknowledged || this.fin.isSpent(now);
    if (this.config.peer === 'kcpgate' && !answered) {
      if (!this.fin.isDue(now)) return false;
      if (!this.writeFinSegment(arena, false, this.engine.endSequence, this.fin.code)) return true;
      this.fin.sent(now, this.engine.rtoMs);
      return false;
    }
    this.linger(now);
    return this.drainLingering(now, arena);
  }

  private linger(now: number): void {
    this.currentState = 'lingering';
    this.releaseSink();
    this.engine.dispose();
    this.engine.refuseNewData();
    const until = now + this.config.lingerMs;
    this.lingerUntil = this.config.lingerMs < 1000 ? until : onGrid(until);
  }

  /** Whoever still sends although it was kicked did not hear of it: tells it again, once a second at most. */
  private drainLingering(now: number, arena: PathArena): boolean {
    // The sink may have destroyed the session.
    if (this.isGone) return false;
    if (now >= this.lingerUntil) {
      this.currentState = 'gone';
      this.disposePaths();
      return false;
    }
    // The last ACK may still be due, or was lost: the peer then repeats data that arrived long ago.
    if (this.transmit(now, arena)) return true;
    if (this.reminderWanted && this.kicking.isReminderDue(now) && !this.writeKickSegment(now, arena))
      return true;
    this.reminderWanted = false;
    return false;
  }

  private releaseSink(code: CloseCode = this.closeCode, reason = this.closeReason): void {
    const sink = this.sink;
    if (sink === undefined) return;
    try {
      this.flushSink();
    } finally {
      this.sink = undefined;
      sink.close(code, reason);
    }
  }

  // ---- commands ----

  private handleFin(view: DataView, at: number): void {
    const finalSn = finalSequenceOf(view, at);
    const code = finCodeOf(view, at);
    if (isFinAck(view, at)) {
      this.fin.acknowledge(code);
      return;
    }
    const { engine } = this;
    const isComplete = engine.expectedSequence === finalSn;
    this.peerEnd ??= new PeerEnd();
    if (this.peerEnd.handleFin(finalSn, code, engine.mayEndAt(finalSn), isComplete))
      engine.setPeerEnd(finalSn);
    // A FIN that only ends a direction may have crossed the KICK: it is no answer.
    if (code !== 0 && this.kickExchange?.isBegun === true) this.kickExchange.answer();
  }

  /** The gateway ended the session: answer at once, give the application what arrived, report the code. */
  private handleKick(view: DataView, at: number): void {
    this.finReplyWanted = true;
    this.finReplyCode = kickCodeOf(view, at);
    this.kicking.answer();
    const { code, reason, retryAfterMs } = readKick(
      { view, bytes: new Uint8Array(view.buffer, view.byteOffset, view.byteLength) },
      at,
    );
    this.retryAfterMs = retryAfterMs;
    if (this.currentState === 'open' && !this.closeWanted)
      this.requestClose(closeCodeFrom(code), reason, false, true);
    else this.stopFlushing(closeCodeFrom(code), reason);
  }

  /** The gateway is done with this session, which is being closed here: what it has not taken yet it never will. */
  private stopFlushing(code: CloseCode, reason: string): void {
    this.kicking.answer();
    if (this.flushWanted && !this.engine.isAllAcknowledged) this.setClose(code, reason);
    this.flushWanted = false;
    this.wake();
  }

  /** Commands that only sessions that logged in use. */
  private handlePathCommand(
    now: number,
    command: number,
    view: DataView,
    at: number,
    payloadAt: number,
    payloadLength: number,
  ): void {
    switch (command) {
      case Command.pathChallenge:
        if (payloadLength === PATH_DATA_BYTES) this.ways.handleChallenge(this.arrival, view, at);
        return;
      case Command.pathResponse:
        if (payloadLength === PATH_DATA_BYTES) this.handlePathResponse(now, view, at);
        return;
      case Command.datagram:
        this.handleMessage(now, view, at, payloadAt, payloadLength);
        return;
      case Command.drain:
        if (this.config.role === 'client') this.handleDrain(view, at);
    }
  }

  private handleMessage(
    now: number,
    view: DataView,
    at: number,
    payloadAt: number,
    payloadLength: number,
  ): void {
    const messages = (this.messages ??= new UnorderedMessages());
    if (!messages.accept(now, view, at, this.currentSeal !== undefined)) return;
    if (!this.takesNow || this.sink?.datagram === undefined) messages.unwanted++;
    else this.sink.datagram(this.arrivalBytes, payloadAt, payloadLength);
  }

  private handlePathResponse(now: number, view: DataView, at: number): void {
    const path = this.arrival;
    const wasKeepAlive = path === this.ways.active && path.isValidated;
    if (!this.ways.handleResponse(now, path, view, at)) return;
    if (wasKeepAlive) this.observer?.pathChecked?.(path, path.rttMs);
    else this.observer?.pathValidated?.(path);
  }

  private handleDrain(view: DataView, at: number): void {
    const { observer } = this;
    if (observer?.draining === undefined) return;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const { deadlineMs, jitterMs, lines } = readDrain({ view, bytes }, at);
    observer.draining({ deadlineMs, jitterMs, lines });
  }

  // ---- paths ----

  private move(now: number, path: Path): void {
    const { engine, ways } = this;
    const from = ways.active;
    const onlyPort = ways.activate(path, now + RETIRE_PTOS * engine.rtoMs);
    this.liveness.moved(now);
    engine.setReliable(path.reliable);
    if (!onlyPort) {
      engine.resetPath(path.rttMs < 0 ? undefined : path.rttMs);
      engine.resendAll(now);
    }
    if (!onlyPort && this.currentState === 'open') this.finExchange?.renew();
    // What was acknowledged on the old path may not have arrived, and on a connection the peer does not send it again.
    if (path.reliable) engine.tellWindow();
    // A client that has nothing to send must be heard on its new path all the same: the gateway follows it there.
    if (!path.isValidated || this.config.role === 'client') ways.ask(path);
    this.moveCount++;
    this.observer?.moved?.(from, path);
  }

  /** Challenges and their answers, each on its path; what became of those nobody answered. */
  private writeProbes(now: number, output: PathOutput): boolean {
    const { ways } = this;
    if (!ways.isDue(now) || this.currentState === 'opening' || this.isGone) return false;
    for (let failed = ways.expire(now); failed !== undefined; failed = ways.expire(now)) {
      this.handlePathFailed(now, failed);
    }
    return ways.write(now, output, this.context(), this.hellos?.writeInstead);
  }

  private handlePathFailed(now: number, path: Path): void {
    const { ways } = this;
    this.observer?.pathFailed?.(path);
    if (path !== ways.active) {
      if (path.retireAt === NEVER) this.abandonPath(path);
      return;
    }
    // Once: what is not answered is asked again when it is time to.
    if (this.hellos?.isCallingBack !== true) this.comeBack();
    // Somebody may have sent a copy of a datagram from an address that is not the peer's.
    const back = path.isValidated ? undefined : ways.fallback();
    if (back === undefined) return;
    this.move(now, back);
    ways.abandon(path);
  }

  /**
   * Client of a clear session: the gateway goes wherever a HELLO_CLEAR came from, so it may be on a path that is given up; and
   * it does not hear this side at an address that a NAT changed. Only another HELLO_CLEAR on the path in use helps.
   */
  private comeBack(): void {
    const { hellos } = this;
    if (hellos?.isClear !== true || this.currentState !== 'open') return;
    hellos.isCallingBack = true;
    if (this.ways.active.isLost) return;
    this.ways.ask(this.ways.active);
    this.wake();
  }

  /** Gateway: the connection in use broke; the path that has copies, or was left last, may still lead to the client. */
  private leaveLostPath(now: number, lost: Path): void {
    const copied = this.copier?.isOn(now, lost) === true ? this.copier.target : undefined;
    const back = copied ?? this.ways.fallback();
    if (back === undefined) return;
    this.move(now, back);
    this.ways.abandon(lost);
  }

  private disposePaths(): void {
    this.ways.dispose(this.closeCode, this.closeReason);
  }

  private activeArena(output: PathOutput): PathArena {
    const path = (this.target = this.ways.active);
    return output.arenaOf(path).select(this.conv, this.currentSeal, path);
  }

  private context(): SegmentContext {
    const { wnd, una } = this.engine.advertised;
    const isClient = this.config.role === 'client';
    return { conv: this.conv, seal: this.currentSeal, wnd, una, ptoMs: this.engine.rtoMs, isClient };
  }

  /** A path that is not validated is not worth waking up for: its budget grows by what arrives. */
  private engineDeadline(): number {
    const { isValidated, isFull } = this.ways.active;
    return isValidated && !isFull ? this.engine.nextDeadline() : NEVER;
  }

  // ---- segments of our own ----

  // What the budget of a path does not allow counts as written and is lost: whoever waits for it would never end.

  private writeFinSegment(arena: PathArena, acknowledges: boolean, finalSn: number, code: number): boolean {
    const at = arena.reserve(FIN_BYTES);
    if (at < 0) return arena.isOverBudget;
    const { wnd, una } = this.engine.advertised;
    arena.commit(
      writeFin(arena, at, { type: 'fin', acknowledges, conv: this.conv, wnd, una, finalSn, code }),
    );
    return true;
  }

  private writeKickSegment(now: number, arena: PathArena): boolean {
    const { closeCode: code } = this;
    // A source that may be forged is not sent much more than it sent; a stock peer cannot read the reason anyway.
    const most = this.config.peer === 'stock' ? 0 : UNHEARD_REASON_LENGTH;
    const reason = this.engine.isHeard ? this.closeReason : this.closeReason.slice(0, most);
    const at = arena.reserve(Math.min(KICK_MAX_BYTES, SEGMENT_HEADER_BYTES + utf8Length(reason)));
    if (at >= 0) {
      const { wnd, una } = this.engine.advertised;
      arena.commit(
        writeKick(arena, at, { type: 'kick', conv: this.conv, wnd, una, code, retryAfterMs: 0, reason }),
      );
    } else if (!arena.isOverBudget) {
      return false;
    }
    this.kicking.sent(now, this.engine.rtoMs);
    return true;
  }

  // ---- small things ----

  private wake(): void {
    if (this.wakePending || this.currentState === 'gone') return;
    this.wakePending = true;
    this.host.wake(this);
  }

  /** Neither closing nor closed. */
  private get isUsable(): boolean {
    return this.currentState === 'open' || this.currentState === 'opening';
  }

  /** Read anew after a call out, which may have changed it. */
  private get isGone(): boolean {
    return this.currentState === 'gone';
  }

  /** Read anew after a call out, which may have set it. */
  private isSendBlocked(): boolean {
    return this.sendBlocked;
  }
}

/** Codes from the wire are numbers; one that is not in the table reads as a protocol error. */
function closeCodeFrom(code: number): CloseCode {
  for (const known of Object.values(CloseCode)) if (known === code) return known;
  return CloseCode.protocolError;
}

const NO_BYTES = new Uint8Array(0);
const DEFAULT_COPY_BYTES = 64 * 1024;
/** A gateway goes on sending copies for so long after the last one came. */
const COPY_HOLD_MS = 2_000;
const KEEP_ALIVE_JITTER = 0.2;
/** The first wait for a FIN_ACK on a connection, at least: with the ones that follow two minutes in all. */
const RELIABLE_FIN_WAIT_MS = 1_000;
/** How long a path that was left can still be heard, in retransmission timeouts. */
const RETIRE_PTOS = 3;
const MAX_OPENING_GAP_MS = 5000;
const UNHEARD_REASON_LENGTH = 32;
const MEMORY_RETRY_MS = 50;
/** What is dropped on a connection may come again by itself for so long: its sender may not know that it loses nothing. */
const DROP_PATIENCE_MS = 2_000;
