import { NEVER } from '../base/clock.ts';
import { CloseCode } from '../base/close-code.ts';
import { readDrain } from '../wire/drain.ts';
import type { ClientHellos } from './client-hellos.ts';
import type { Goodbyes } from './goodbyes.ts';
import { isProbing } from './is-probing.ts';
import type { PathWriter } from './path-writer.ts';
import type { Path } from './path.ts';
import type { SessionCore } from './session-core.ts';
import type { SessionObserver } from './session-observer.ts';
import type { PathOutput } from './session-paths.ts';

/**
 * Which of its paths a session uses: a gateway follows its client, a client goes where it is told to, and both leave a path
 * that leads nowhere.
 */
export class Moving {
  /** Told of paths. */
  observer: SessionObserver | undefined;
  /** The path the datagram being read came on. */
  arrival: Path;
  /** How often the session went to another path. */
  count = 0;
  private readonly core: SessionCore;
  private readonly writer: PathWriter;
  private readonly goodbyes: Goodbyes;
  /** Of a client that logged in. */
  private readonly hellos: ClientHellos | undefined;
  /** Something was dropped that arrived on a connection: that is broken at this time, if it lasts. */
  private breakAt = NEVER;
  /** What was to come next then. */
  private breakSn = 0;

  constructor(core: SessionCore, writer: PathWriter, goodbyes: Goodbyes, hellos: ClientHellos | undefined) {
    this.core = core;
    this.writer = writer;
    this.goodbyes = goodbyes;
    this.hellos = hellos;
    this.arrival = core.paths.active;
  }

  // ---- following: what a datagram says of the path it came on ----

  /** An authentic datagram came; parameters as of {@link Session.handleOpened}. @returns its path. */
  arrive(
    now: number,
    port: number,
    slot: number,
    reliable: boolean,
    pathId: number,
    isNewest: boolean,
    wireBytes: number,
    isCopy: boolean,
  ): Path {
    const { config, liveness, paths } = this.core;
    const isGateway = config.role === 'gateway';
    let path = paths.active;
    if (path.port === port && path.slot === slot) liveness.heardHereAt = now;
    else if (isGateway) path = paths.arrivedOn(port, slot, reliable, pathId);
    // A client knows its paths; what comes any other way is heard all the same.
    else path = paths.find(port, slot) ?? path;
    if (!path.isValidated) {
      path.receivedBytes += wireBytes;
      paths.ask(path);
    }
    if (isCopy && isGateway) this.writer.copyBack(now, path);
    // Whatever comes from the gateway here shows that it has seen the block.
    path.isAnnouncing = false;
    if (isGateway && isNewest && path === paths.active) paths.noteId(path, pathId);
    this.arrival = path;
    return path;
  }

  /** Whether the newest datagram, which is no copy, moves the session to the path it came on. */
  isCalledTo(path: Path, pathId: number, view: DataView, offset: number, length: number): boolean {
    const { active } = this.core.paths;
    if (path === active || this.core.config.role !== 'gateway') return false;
    return pathId === active.id || !isProbing(view, offset, length);
  }

  /** Gateway: goes where a datagram came from that was read and found in order. */
  follow(now: number, path: Path, pathId: number): void {
    const { life, paths } = this.core;
    if (life.isGone) return;
    paths.noteId(path, pathId);
    this.move(now, path);
  }

  /** Gateway: goes where a HELLO_CLEAR came from; see {@link Session.handleRepeatedHello}. */
  followHello(
    now: number,
    port: number,
    slot: number,
    reliable: boolean,
    wireBytes: number,
    answerBytes: number,
  ): void {
    const { liveness, paths } = this.core;
    const path = paths.arrivedOn(port, slot, reliable, paths.active.id);
    if (!path.isValidated) {
      path.receivedBytes += wireBytes;
      path.sentBytes += answerBytes;
    }
    if (path !== paths.active) this.move(now, path);
    liveness.heardAt = now;
    this.core.wake();
  }

  // ---- a client's choice; see the methods of the same names in Session ----

  tryPath(port: number, slot: number, reliable: boolean): Path {
    const { paths } = this.core;
    const path = paths.find(port, slot) ?? paths.tryOut(port, slot, reliable);
    // One that was left is not forgotten meanwhile.
    path.retireAt = NEVER;
    paths.ask(path);
    this.core.wake();
    return path;
  }

  tryOpening(port: number, slot: number, reliable: boolean): Path {
    const { life, paths } = this.core;
    if (life.state !== 'opening') return this.tryPath(port, slot, reliable);
    const path =
      paths.find(port, slot) ?? paths.addCandidate(port, slot, reliable, this.hellos?.isClear === false);
    if (paths.active.isLost) this.leaveCandidate(paths.active);
    this.core.wake();
    return path;
  }

  checkPath(): void {
    const { life, loggedIn, paths } = this.core;
    const { active } = paths;
    if (life.state !== 'open' || !loggedIn || active.isLost) return;
    paths.askNow(active);
    this.core.wake();
  }

  moveTo(now: number, path: Path): void {
    const { life, paths } = this.core;
    if (path === paths.active || !life.isUsable) return;
    this.hellos?.handshake.hurry();
    if (life.state === 'opening') path.isCandidate = true;
    // Whether the gateway is there still matters to nobody; and a clear session would call it back by asking.
    paths.active.challenge = undefined;
    this.move(now, path);
    if (this.hellos?.isCallingBack === true) paths.ask(path);
    this.core.wake();
  }

  abandonPath(path: Path): void {
    const { paths } = this.core;
    this.comeBack();
    if (path === paths.active) this.leaveCandidate(path);
    else paths.abandon(path);
  }

  /** Gives up the path in use while others may still be answered. */
  private leaveCandidate(path: Path): void {
    const { life, paths } = this.core;
    if (life.state !== 'opening') return;
    paths.promoteCandidate();
    paths.abandon(path);
  }

  /**
   * Client of a clear session: the gateway goes wherever a HELLO_CLEAR came from, so it may be on a path that is given up; and
   * it does not hear this side at an address that a NAT changed. Only another HELLO_CLEAR on the path in use helps.
   */
  private comeBack(): void {
    const { hellos } = this;
    const { life, paths } = this.core;
    if (hellos?.isClear !== true || life.state !== 'open') return;
    hellos.isCallingBack = true;
    if (paths.active.isLost) return;
    paths.ask(paths.active);
    this.core.wake();
  }

  /** Client: the gateway asks to go elsewhere. */
  handleDrain(view: DataView, at: number): void {
    const { observer } = this;
    if (observer?.draining === undefined) return;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const { deadlineMs, jitterMs, lines } = readDrain({ view, bytes }, at);
    observer.draining({ deadlineMs, jitterMs, lines });
  }

  private move(now: number, path: Path): void {
    const { config, engine, life, liveness, paths } = this.core;
    const from = paths.active;
    const onlyPort = paths.activate(path, now + RETIRE_PTOS * engine.rtoMs);
    liveness.moved(now);
    engine.setReliable(path.reliable);
    if (onlyPort) {
      // Since when is not known: a client that is seldom heard may have been gone for several timeouts.
      engine.restartTimeouts(now);
    } else {
      engine.resetPath(path.rttMs < 0 ? undefined : path.rttMs);
      engine.resendAll(now);
    }
    if (life.state === 'open') this.goodbyes.renewFin();
    // What was acknowledged on the old path may not have arrived, and on a connection the peer does not send it again.
    if (path.reliable) engine.tellWindow();
    // A client that has nothing to send must be heard on its new path all the same: the gateway follows it there.
    if (!path.isValidated || config.role === 'client') paths.ask(path);
    this.count++;
    this.observer?.moved?.(from, path);
  }

  // ---- challenges ----

  /** Writes challenges and their answers, each on its path, after looking for those nobody answered. @returns true when an arena was full. */
  writeProbes(now: number, output: PathOutput): boolean {
    const { life, paths } = this.core;
    if (!paths.isDue(now) || life.state === 'opening' || life.isGone) return false;
    for (let failed = paths.expire(now); failed !== undefined; failed = paths.expire(now)) {
      this.handlePathFailed(now, failed);
    }
    return paths.write(now, output, this.writer.context(), this.hellos?.writeInstead);
  }

  /** A PATH_RESPONSE came. */
  handleResponse(now: number, view: DataView, at: number): void {
    const { paths } = this.core;
    const path = this.arrival;
    const wasKeepAlive = path === paths.active && path.isValidated;
    if (!paths.handleResponse(now, path, view, at)) return;
    if (wasKeepAlive) this.observer?.pathChecked?.(path, path.rttMs);
    else this.observer?.pathValidated?.(path);
  }

  /** Client of a clear session: the gateway heard this side on a path where it was asked by a HELLO_CLEAR. */
  handleHelloAck(now: number, path: Path): void {
    const { liveness, paths } = this.core;
    liveness.heardAt = now;
    if (path !== paths.active) this.observer?.pathValidated?.(path);
    else if (this.hellos !== undefined) this.hellos.isCallingBack = false;
  }

  private handlePathFailed(now: number, path: Path): void {
    const { paths } = this.core;
    this.observer?.pathFailed?.(path);
    if (path !== paths.active) {
      if (path.retireAt === NEVER) this.abandonPath(path);
      return;
    }
    // Once: what is not answered is asked again when it is time to.
    if (this.hellos?.isCallingBack !== true) this.comeBack();
    // Somebody may have sent a copy of a datagram from an address that is not the peer's.
    const back = path.isValidated ? undefined : paths.fallback();
    if (back === undefined) return;
    this.move(now, back);
    paths.abandon(path);
  }

  // ---- connections that break ----

  /** The connection behind an address slot broke. */
  handlePathLost(port: number, slot: number): void {
    const { engine, life, paths } = this.core;
    const path = paths.lose(port, slot);
    if (path === undefined) return;
    if (life.state === 'opening' && path === paths.active) paths.promoteCandidate();
    if (path !== paths.active) {
      this.observer?.pathFailed?.(path);
      this.abandonPath(path);
      return;
    }
    // Nothing can arrive: what is in flight waits for the next path, and does not count as lost meanwhile.
    engine.setReliable(true);
    this.observer?.pathLost?.(path);
    this.core.wake();
  }

  /** Gateway: the connection in use broke; the path that has copies, or was left last, may still lead to the client. */
  leaveLostPath(now: number): void {
    const { config, paths } = this.core;
    const { active: lost } = paths;
    if (!lost.isLost || config.role !== 'gateway') return;
    const back = this.writer.copiesOf(now, lost) ?? paths.fallback();
    if (back === undefined) return;
    this.move(now, back);
    paths.abandon(lost);
  }

  /** On a connection nobody sends again what was dropped here for want of memory: only the next one brings it. */
  checkDrops(now: number): void {
    const { engine, host, paths } = this.core;
    const { active } = paths;
    if (!active.reliable || active.isLost || !engine.hasDropped) {
      this.breakAt = NEVER;
    } else if (this.breakAt === NEVER || engine.expectedSequence !== this.breakSn) {
      this.breakAt = now + DROP_PATIENCE_MS;
      this.breakSn = engine.expectedSequence;
    } else if (now >= this.breakAt) {
      this.breakAt = NEVER;
      host.breakPath(active, CloseCode.overload, 'what arrived could not be kept');
      this.handlePathLost(active.port, active.slot);
    }
  }

  /** When {@link checkDrops} is next to be called although nothing happens, in ms. */
  get dropDeadline(): number {
    return this.breakAt;
  }
}

/** How long a path that was left can still be heard, in retransmission timeouts. */
const RETIRE_PTOS = 3;
/** What is dropped on a connection may come again by itself for so long: its sender may not know that it loses nothing. */
const DROP_PATIENCE_MS = 2_000;
