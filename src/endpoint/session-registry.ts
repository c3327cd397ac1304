import { formatSocketAddress, type SocketAddress } from '../base/address.ts';
import { NEVER, type Clock } from '../base/clock.ts';
import { CloseCode, closeCodeName } from '../base/close-code.ts';
import type { Logger } from '../base/logger.ts';
import { TimerWheel } from '../base/timer-wheel.ts';
import type { KcpConfig } from '../kcp/index.ts';
import {
  Session,
  type HalfOpen,
  type Path,
  type PathArena,
  type PathDescriber,
  type PathOutput,
  type PeerKind,
  type SessionBeginning,
  type SessionHost,
  type SessionRole,
  type SessionTracer,
} from '../session/index.ts';
import { ADDRESS_BLOCK_BYTES } from '../wire/address-block.ts';
import { SEALED_HEADER_BYTES } from '../wire/sealed-header.ts';
import { DrainList } from './drain-list.ts';
import type { EndpointSecurity, SessionAcceptor, SessionOpening, SessionPlan } from './endpoint-config.ts';
import type { EndpointPort } from './endpoint-port.ts';
import type { PortTable } from './port-table.ts';
import { summaryOf, type SessionFilter, type SessionSummary } from './session-summary.ts';
import { SessionTable, type SessionEntry } from './session-table.ts';
import type { SubjectLimit } from './subject-index.ts';

/** What a {@link SessionRegistry} works with. */
export interface RegistryComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly acceptor: SessionAcceptor | undefined;
  readonly security: EndpointSecurity | undefined;
  readonly ports: PortTable;
  readonly subjects: SubjectLimit;
  readonly tracer: SessionTracer | undefined;
  /** A session wants a turn, and there is none. */
  readonly onWake: () => void;
}

/**
 * The sessions of an endpoint, and the books on them: which want a turn, when the others do, who they are, and what is to be
 * done when one ends. Their host, too: what a session asks for is done here.
 */
export class SessionRegistry implements SessionHost, PathOutput {
  readonly table: SessionTable;
  readonly wheel: TimerWheel;
  readonly subjects: SubjectLimit;
  /** Within a turn; whoever is woken then is drained at its end. */
  inTurn = false;
  /** Nothing more is done. */
  closed = false;
  /** Sessions that are neither lingering nor gone. */
  activeCount = 0;
  /** Of the next session. */
  nextId: number;
  /** Open sessions that logged in and have no encryption. */
  clearCount = 0;
  /** How often sessions went to another path. */
  moveCount = 0;
  /** Told when the last active session ended, and when the last of all is gone. */
  whenIdle: (() => void) | undefined;
  whenGone: (() => void)[] = [];
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly acceptor: SessionAcceptor | undefined;
  private readonly security: EndpointSecurity | undefined;
  private readonly ports: PortTable;
  private readonly tracer: SessionTracer | undefined;
  private readonly onWake: () => void;
  /** When everything that had arrived was last handed to the sessions. */
  caughtUpAt: number;
  /** Sessions to drain in this turn, and those that came up meanwhile. */
  private dirty = new DrainList();
  private spare = new DrainList();
  /** Key slots to be removed once everything written was sealed. */
  private readonly retiredKeys: number[] = [];
  private readonly describePath: PathDescriber = (number, slot) => {
    const port = this.ports.find(number);
    const address = this.addressAt(number, slot);
    return {
      carrier: port?.carrier.kind ?? '',
      local: port === undefined ? '' : formatSocketAddress(port.carrier.localAddress),
      remote: address === undefined ? '' : formatSocketAddress(address),
    };
  };
  private readonly expire = (index: number): void => {
    const entry = this.table.at(index);
    if (entry === undefined) return;
    entry.wakeAt = NEVER;
    this.markDirty(entry);
  };

  /** @param firstId of its sessions; they are counted up. */
  constructor(components: RegistryComponents, hashSeed: number, firstId: number) {
    this.clock = components.clock;
    this.logger = components.logger;
    this.acceptor = components.acceptor;
    this.security = components.security;
    this.ports = components.ports;
    this.tracer = components.tracer;
    this.onWake = components.onWake;
    this.table = new SessionTable(hashSeed);
    this.subjects = components.subjects;
    this.nextId = firstId;
    this.caughtUpAt = this.clock.now();
    this.wheel = new TimerWheel(this.caughtUpAt);
  }

  /** Sessions were woken that did not have their turn. */
  get isAnyDirty(): boolean {
    return this.dirty.count > 0;
  }

  /** Wakes those whose time has come. */
  advance(now: number): void {
    this.wheel.advance(now, this.expire);
  }

  // ---- what sessions ask for ----

  /** {@link SessionHost}: the session wants a drain. */
  wake(session: Session): void {
    const entry = this.table.at(session.tag);
    if (entry?.session === session) this.markDirty(entry);
  }

  arenaOf(path: Path): PathArena {
    const port = this.ports.at(path.port);
    const { connections } = port.carrier;
    if (
      connections !== undefined &&
      !path.isFull &&
      connections.queuedBytes(path.slot) > connections.highWaterBytes
    )
      path.isFull = true;
    return port.arenaTo(path.slot);
  }

  retainPath(path: Path): void {
    const port = this.ports.find(path.port);
    if (port === undefined) return;
    port.carrier.retain(path.slot);
    port.pathCount++;
  }

  releasePath(path: Path, code: CloseCode, reason: string): void {
    const port = this.ports.find(path.port);
    if (port === undefined) return;
    port.unbind(path.slot);
    if (!path.isLost) port.carrier.connections?.disconnect(path.slot, code, reason);
    port.carrier.release(path.slot);
    port.pathCount--;
    this.ports.markUnused(port);
  }

  breakPath({ port: number, slot }: Path, code: CloseCode, reason: string): void {
    const port = this.ports.find(number);
    port?.unbind(slot);
    port?.carrier.connections?.disconnect(slot, code, reason);
  }

  isSameHost(a: Path, b: Path): boolean {
    const { carrier } = this.ports.at(a.port);
    return carrier.addressOf(a.slot).address === carrier.addressOf(b.slot).address;
  }

  fillRandom(bytes: Uint8Array): void {
    const { crypto } = this.security ?? {};
    if (crypto !== undefined) bytes.set(crypto.randomBytes(bytes.length));
  }

  retireKeys(half: HalfOpen): void {
    if (half.seal !== undefined) this.retiredKeys.push(half.seal.sendKey, half.seal.receiveKey);
  }

  /** Seals and sends what was written on every port. */
  flush(): void {
    const cipher = this.security?.cipher;
    this.ports.flush(cipher);
    if (this.retiredKeys.length === 0) return;
    for (const key of this.retiredKeys) cipher?.removeKey(key);
    this.retiredKeys.length = 0;
  }

  // ---- turns ----

  markDirty(entry: SessionEntry): void {
    if (entry.dirty || this.closed) return;
    entry.dirty = true;
    this.dirty.add(entry);
    if (!this.inTurn) this.onWake();
  }

  /** Calls into a sink outside a drain: one that throws costs its own session only. */
  guard(entry: SessionEntry, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.fail(entry, error);
      this.markDirty(entry);
    }
  }

  /** As {@link guard}, with an answer; false when it threw. */
  call(entry: SessionEntry, call: () => boolean): boolean {
    try {
      return call();
    } catch (error) {
      this.fail(entry, error);
      return false;
    }
  }

  /** Ends the session of a sink that threw. It may throw again when it is told; the session is gone all the same. */
  fail({ id, session, group }: SessionEntry, error: unknown): void {
    group.countFailure();
    this.logger.error('session failed', { session: id, conv: session.conv, err: error });
    try {
      session.destroy(CloseCode.upstreamUnavailable, 'internal error');
    } catch (again) {
      this.logger.error('its sink failed again', { session: id, err: again });
    }
  }

  drainDirty(now: number): void {
    const list = this.dirty;
    this.dirty = this.spare;
    for (let i = 0; i < list.count; i++) {
      const entry = list.at(i);
      entry.dirty = false;
      this.drainEntry(now, entry);
    }
    list.clear();
    this.spare = list;
  }

  private drainEntry(now: number, entry: SessionEntry): void {
    const { session } = entry;
    // A session may end and be woken in one and the same drain; then it is here once more after it was removed.
    if (this.table.at(entry.index) !== entry) return;
    const { path } = session;
    try {
      while (session.drain(now, this, this.caughtUpAt)) this.flush();
    } catch (error) {
      this.fail(entry, error);
    }
    // A sink may have closed the endpoint, and the books on this session with it.
    if (this.closed) return;
    if (session.path !== path) this.bindPaths(entry);
    this.settle(entry);
    const deadline = session.nextDeadline();
    // Later counts as well: what was acknowledged in time should not wake anybody when its timeout would have come.
    if (deadline !== entry.wakeAt) {
      entry.wakeAt = deadline;
      this.wheel.schedule(entry.index, deadline);
    }
  }

  /**
   * Hands an authentic datagram to its session.
   * @param wireBytes came from its path with it. @param isCopy it was sent on another path, too.
   */
  deliver(
    now: number,
    port: EndpointPort,
    memory: { readonly bytes: Uint8Array; readonly view: DataView },
    entry: SessionEntry,
    offset: number,
    header: number,
    length: number,
    tag: number,
    slot: number,
    pathId: number,
    isNewest: boolean,
    wireBytes = length,
    isCopy = false,
  ): void {
    this.markDirty(entry);
    const { session } = entry;
    const { path } = session;
    try {
      const fault = session.handleOpened(
        now,
        memory.bytes,
        memory.view,
        offset + header,
        length - header - tag,
        port.number,
        slot,
        port.isReliable,
        pathId,
        isNewest,
        wireBytes,
        isCopy,
      );
      if (fault !== 0) port.drops.countFault(fault);
    } catch (error) {
      this.fail(entry, error);
      return;
    }
    if (header > SEALED_HEADER_BYTES) this.noteAddressBlock(port, memory, entry, offset, header, slot);
    if (session.path !== path) this.moved(entry);
    // A connection that is only tried yet is this session's, too, and may stay.
    else if (port.isConnected && port.boundTo(slot) === undefined) this.bindPaths(entry);
  }

  /** What a trusted proxy wrote into the address block of a datagram is the client's address on that path. */
  private noteAddressBlock(
    port: EndpointPort,
    memory: { readonly bytes: Uint8Array; readonly view: DataView },
    { session }: SessionEntry,
    offset: number,
    header: number,
    slot: number,
  ): void {
    const address = port.blockAddress(memory, offset + header - ADDRESS_BLOCK_BYTES, offset + header, slot);
    if (address === undefined) return;
    for (const path of session.paths) {
      if (path.port === port.number && path.slot === slot) path.clientAddress = address;
    }
  }

  moved(entry: SessionEntry): void {
    this.markDirty(entry);
    this.bindPaths(entry);
  }

  /** Connections that carry a session stay as long as it wants them. */
  private bindPaths(entry: SessionEntry): void {
    // One that is gone has let go of them.
    if (entry.session.state === 'gone') return;
    for (const { port: number, slot, isLost } of entry.session.paths) {
      if (!isLost) this.ports.find(number)?.bind(slot, entry);
    }
  }

  losePath(entry: SessionEntry, number: number, slot: number): void {
    this.guard(entry, () => {
      entry.session.handlePathLost(number, slot);
    });
  }

  add(
    parts: Pick<SessionEntry, 'key' | 'source' | 'group' | 'home' | 'hello'>,
    role: SessionRole,
    peer: PeerKind,
    kcp: KcpConfig,
    beginning: SessionBeginning,
    earlyData = false,
  ): SessionEntry {
    const { key, source, group, home, hello } = parts;
    const {
      idleTimeoutMs,
      keepAliveMs,
      closeTimeoutMs,
      lingerMs,
      copyBytesPerSecond = 0,
    } = group.config.session;
    // Written out, not spread: all have the same shape.
    const config = {
      role,
      peer,
      kcp,
      idleTimeoutMs,
      keepAliveMs,
      closeTimeoutMs,
      lingerMs,
      copyBytesPerSecond,
      earlyData,
    };
    const id = this.nextId++;
    this.activeCount++;
    group.countOpened();
    const now = this.clock.now();
    return this.table.add({ id, key, conv: kcp.conv, source, group, home, hello }, (index) => {
      const session = new Session(config, group.config.pool, this, index, now, beginning);
      if (this.tracer !== undefined) session.trace = this.tracer.begin(session, this.describePath);
      return session;
    });
  }

  /** What the acceptor says; one that throws refuses. */
  planOf(opening: SessionOpening): SessionPlan | CloseCode {
    try {
      return this.acceptor?.accept(opening) ?? CloseCode.blocked;
    } catch (error) {
      this.logger.error('the acceptor failed', { session: opening.id, err: error });
      return CloseCode.upstreamUnavailable;
    }
  }

  /** Keeps the books on a session that may have ended in this drain. */
  settle(entry: SessionEntry): void {
    const { session, group } = entry;
    const { state, moves } = session;
    this.moveCount += moves - entry.countedMoves;
    entry.countedMoves = moves;
    if (entry.active && (state === 'lingering' || state === 'gone')) {
      entry.active = false;
      this.activeCount--;
      group.countClosed(session.closing.code);
      this.reportClosed(entry);
      if (session.config.role === 'gateway') group.admission.closed(entry.source);
      if (entry.hello !== undefined) this.forgetLogin(entry, entry.hello);
      if (this.activeCount === 0) this.whenIdle?.();
      // Remembering closed sessions must not cost more than the open ones.
      if (group.lingering > group.config.admission.maxSessions) {
        session.destroy(session.closing.code, session.closing.reason);
      }
    }
    if (session.state !== 'gone') return;
    if (this.table.at(entry.index) !== entry) return;
    group.countGone();
    const { seal } = session;
    if (seal !== undefined) this.retiredKeys.push(seal.sendKey, seal.receiveKey);
    this.wheel.cancel(entry.index);
    this.table.remove(entry);
    if (this.table.size > 0) return;
    for (const resolve of this.whenGone) resolve();
    this.whenGone = [];
  }

  private forgetLogin(entry: SessionEntry, hello: HalfOpen): void {
    this.subjects.remove(hello.ticket.subject, entry);
    if (hello.seal === undefined) this.clearCount--;
  }

  private reportClosed(entry: SessionEntry): void {
    const { id, session, hello } = entry;
    const { code, reason } = session.closing;
    const address = this.addressOf(entry);
    this.logger.info('session closed', {
      session: id,
      conv: session.conv,
      ...(hello === undefined ? {} : { subject: hello.ticket.subject }),
      ...(address === undefined ? {} : { remote: formatSocketAddress(address) }),
      code,
      close: closeCodeName(code),
      reason,
      ageMs: this.clock.now() - session.startedAt,
    });
  }

  /** The client's address on the path in use, as far as it is known. */
  private addressOf({ session }: SessionEntry): SocketAddress | undefined {
    const { path } = session;
    return path.clientAddress ?? this.addressAt(path.port, path.slot);
  }

  private addressAt(number: number, slot: number): SocketAddress | undefined {
    try {
      return this.ports.find(number)?.carrier.addressOf(slot);
    } catch {
      // Released already.
      return undefined;
    }
  }

  summary(now: number, entry: SessionEntry): SessionSummary {
    return summaryOf(now, entry, this.addressOf(entry), (number) => this.ports.find(number));
  }

  /** The open sessions that are asked for, by id upwards. */
  find({ id, conv, subject, after = -1, limit = Infinity }: SessionFilter): SessionEntry[] {
    const found: SessionEntry[] = [];
    for (const entry of this.table) {
      if (!entry.active || entry.id <= after || (id !== undefined && entry.id !== id)) continue;
      if (conv !== undefined && entry.conv !== conv) continue;
      if (subject !== undefined && entry.hello?.ticket.subject !== subject) continue;
      found.push(entry);
    }
    return found.sort((a, b) => a.id - b.id).slice(0, limit);
  }
}
