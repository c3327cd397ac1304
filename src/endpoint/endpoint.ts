import { formatSocketAddress, sourceKey, type SocketAddress } from '../base/address.ts';
import { NEVER, type Clock } from '../base/clock.ts';
import { CloseCode, closeCodeName } from '../base/close-code.ts';
import { GatewayError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { CIPHER_RESULT, CIPHER_STRIDE, CIPHER_TAG_BYTES, CipherResult } from '../base/packet-cipher.ts';
import type { Sink } from '../base/sink.ts';
import { TimerWheel } from '../base/timer-wheel.ts';
import {
  META_ADDRESS,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type Carrier,
  type ReceiveBatch,
} from '../carrier/carrier.ts';
import { configOfConversation, type KcpConfig } from '../kcp/index.ts';
import {
  ClientHandshake,
  openDatagram,
  Path,
  Session,
  type DrainNotice,
  type HalfOpen,
  type PathArena,
  type PathOutput,
  type PeerKind,
  type SessionBeginning,
  type SessionCredentials,
  type SessionHost,
  type SessionObserver,
  type SessionRole,
} from '../session/index.ts';
import { ADDRESS_BLOCK_BYTES } from '../wire/address-block.ts';
import { Command } from '../wire/command.ts';
import { ownerOf } from '../wire/conversation.ts';
import { datagramKind } from '../wire/datagram-kind.ts';
import { HandshakeKind, handshakeKindOf } from '../wire/hello.ts';
import { KICK_MAX_BYTES, writeKick } from '../wire/kick.ts';
import { readReset } from '../wire/reset.ts';
import { hasAddressBlock, packetNumberOf, pathIdOf, SEALED_HEADER_BYTES } from '../wire/sealed-header.ts';
import { checkSegment, commandOf, conversationOf } from '../wire/segment.ts';
import { DrainList } from './drain-list.ts';
import type { DropReason } from './drop-reason.ts';
import type {
  EndpointConfig,
  EndpointSecurity,
  PortConfig,
  SessionAcceptor,
  SessionLogin,
  SessionOpening,
  SessionPlan,
} from './endpoint-config.ts';
import { EndpointPort } from './endpoint-port.ts';
import type { EndpointStats, LoginStats } from './endpoint-stats.ts';
import { Handshakes, type HandshakeHost } from './handshakes.ts';
import { isLongEnough, OpenQueue } from './open-queue.ts';
import { openingPeer } from './opening.ts';
import type { Relay } from './relay-port.ts';
import { SessionGroup } from './session-group.ts';
import { summaryOf, type SessionSummary } from './session-summary.ts';
import { LOGIN_KEY, pathKey, SessionTable, type SessionEntry } from './session-table.ts';
import { StatelessAnswers } from './stateless-answers.ts';
import { SubjectIndex } from './subject-index.ts';

/** What an endpoint works with. */
export interface EndpointComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Decides about sessions that peers open; without it none are accepted (a client). */
  readonly acceptor?: SessionAcceptor;
  /** Present where there are sealed sessions. */
  readonly security?: EndpointSecurity;
  /** Takes datagrams of sessions that other gateways or threads own. Default: they are dropped. */
  readonly relay?: Relay;
}

/** How a client that logged in begins a session. */
export interface SessionDial {
  /** The port to begin on, and the slot of the gateway there. */
  readonly port: number;
  readonly slot: number;
  readonly credentials: SessionCredentials;
  /** Bytes as one stream (true) or messages. */
  readonly stream: boolean;
  /** How long the handshake may take, in ms. */
  readonly timeoutMs: number;
  readonly earlyData: boolean;
  readonly observer: SessionObserver;
  bind(session: Session): Sink;
}

/**
 * Joins carriers and sessions: finds the session of each datagram, lets new ones in, and drives them all. Each carrier is a
 * *port*; sessions that logged in may come by any of them.
 *
 * Work comes in turns. A turn begins with a batch of datagrams, a timer, or a session that was called from outside; in it
 * every touched session is drained once, and at its end everything they wrote leaves in one send. `now` is read once a
 * turn, and one runtime timer serves all sessions.
 */
export class Endpoint implements SessionHost, HandshakeHost, PathOutput {
  private readonly ports: (EndpointPort | undefined)[] = [];
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly acceptor: SessionAcceptor | undefined;
  private readonly config: EndpointConfig;
  private readonly table: SessionTable;
  private readonly wheel: TimerWheel;
  private readonly security: EndpointSecurity | undefined;
  private readonly relay: Relay | undefined;
  private readonly gatewayId: number;
  private readonly answers: StatelessAnswers;
  private readonly openQueue = new OpenQueue();
  /** Sessions that logged in. */
  private readonly logins: SessionGroup | undefined;
  private readonly handshakes: Handshakes | undefined;
  private readonly subjects: SubjectIndex;
  /** Key slots to be removed once everything written was sealed. */
  private readonly retiredKeys: number[] = [];
  private moveCount = 0;
  private clearCount = 0;
  private relayed = 0;
  /** Ports whose last path was given up, to be closed after the turn. */
  private readonly unusedPorts: number[] = [];
  /** Carriers that were given up and are not closed yet. */
  private readonly leaving = new Set<Promise<void>>();
  /** Sessions to drain in this turn, and those that came up meanwhile. */
  private dirty = new DrainList();
  private spare = new DrainList();
  private inTurn = false;
  private started = false;
  /** When everything that had arrived was last handed to the sessions. */
  private caughtUpAt: number;
  private immediate: NodeJS.Immediate | undefined;
  private timer: NodeJS.Timeout | undefined;
  private timerAt = NEVER;
  private activeCount = 0;
  private openedCount = 0;
  private draining = false;
  private drainTimer: NodeJS.Timeout | undefined;
  private closed = false;
  private whenIdle: (() => void) | undefined;
  private whenGone: (() => void)[] = [];
  private readonly runImmediate = (): void => {
    this.immediate = undefined;
    this.turn(undefined, undefined, false);
  };
  /**
   * Timers run before the socket is read: after a pause of the process they would take everything for lost whose ACK is
   * waiting there. So a timer's turn comes one reading later.
   */
  private readonly runTimer = (): void => {
    this.timer = undefined;
    this.timerAt = NEVER;
    const now = this.clock.now();
    if (this.nextDeadline() > now) {
      // What it was set for has been put off since.
      this.armTimer(now);
      return;
    }
    clearImmediate(this.immediate);
    this.immediate = setImmediate(this.runAfterReading);
  };
  private readonly runAfterReading = (): void => {
    // A batch that was read just now follows before the turn, and tells whether there is more.
    for (const port of this.ports) if (port !== undefined) port.moreWaiting = false;
    this.immediate = setImmediate(this.runTimed);
  };
  private readonly runTimed = (): void => {
    this.immediate = undefined;
    this.turn(undefined, undefined, true);
  };
  private readonly expire = (index: number): void => {
    const entry = this.table.at(index);
    if (entry === undefined) return;
    entry.wakeAt = NEVER;
    this.markDirty(entry);
  };

  constructor(components: EndpointComponents, config: EndpointConfig = {}) {
    this.clock = components.clock;
    this.logger = components.logger;
    this.acceptor = components.acceptor;
    this.security = components.security;
    this.relay = components.relay;
    this.config = config;
    this.gatewayId = config.gatewayId ?? 0;
    this.table = new SessionTable(config.hashSeed ?? 0);
    this.answers = new StatelessAnswers(components.security?.resetTokens);
    this.subjects = new SubjectIndex(config.login?.maxSessionsPerSubject);
    this.caughtUpAt = this.clock.now();
    this.wheel = new TimerWheel(this.caughtUpAt);
    if (config.login === undefined) return;
    this.logins = new SessionGroup(config.login);
    const { security } = components;
    if (security?.tickets === undefined || security.wallClock === undefined) return;
    const { crypto, cipher, tickets, wallClock } = security;
    this.handshakes = new Handshakes({ crypto, cipher, tickets, wallClock }, this.logins, config.login, this);
  }

  /**
   * Adds a carrier, which the endpoint owns from now on.
   * @returns the number of its port.
   */
  attach(carrier: Carrier, config: PortConfig): number {
    const free = this.ports.indexOf(undefined);
    const number = free < 0 ? this.ports.length : free;
    const port = new EndpointPort(number, carrier, config);
    this.ports[number] = port;
    if (this.started) this.startPort(port);
    return number;
  }

  /** Gives up a port that no session uses and closes its carrier. Paths that do lose it. */
  detach(number: number): Promise<void> {
    const port = this.ports[number];
    if (port === undefined) return Promise.resolve();
    for (const entry of this.table) {
      for (const path of [...entry.session.paths]) {
        if (path.port === number) this.losePath(entry, number, path.slot);
      }
    }
    this.ports[number] = undefined;
    const left = port.carrier.close();
    const forget = (): void => void this.leaving.delete(left);
    this.leaving.add(left);
    left.then(forget, forget);
    return left;
  }

  /** The carrier of a port. @throws RangeError when there is none. */
  carrierOf(number: number): Carrier {
    return this.portOf(number).carrier;
  }

  /** Starts to receive. */
  start(): void {
    this.started = true;
    for (const port of this.ports) if (port !== undefined) this.startPort(port);
  }

  private startPort(port: EndpointPort): void {
    port.carrier.start((batch) => this.turn(port, batch, true), {
      disconnected: (slot) => {
        this.handleDisconnected(port, slot);
      },
      writable: (slot) => {
        const entry = port.boundTo(slot);
        if (entry === undefined) return;
        entry.session.setPathFull(port.number, slot, false);
      },
    });
  }

  /**
   * Opens a session without login towards a peer, as the client.
   * @throws GatewayError `connect_failed` when the carrier cannot reach the address.
   */
  connect(
    remote: SocketAddress,
    kcp: KcpConfig,
    peer: PeerKind,
    bind: (session: Session) => Sink,
    number = 0,
  ): Session {
    const port = this.portOf(number);
    const slot = port.carrier.intern(remote);
    if (slot < 0) throw new GatewayError('connect_failed', `cannot reach ${formatSocketAddress(remote)}`);
    const path = new Path(number, slot, port.isReliable, 0, { validated: true, announcing: false });
    const parts = { key: pathKey(number, slot), source: '', group: port.group, home: port, hello: undefined };
    const entry = this.addSession(parts, 'client', peer, kcp, { path });
    // The session retained the slot for itself.
    port.carrier.release(slot);
    entry.session.bind(bind(entry.session));
    if (peer === 'kcpgate') entry.session.open();
    this.wake(entry.session);
    return entry.session;
  }

  /** Opens a session that logged in, as the client: begins its handshake. */
  dial(options: SessionDial): Session {
    const { credentials, stream, timeoutMs, earlyData, observer } = options;
    const { security, logins } = this;
    if (security === undefined || logins === undefined) {
      throw new GatewayError('internal', 'this endpoint is not made for sessions that log in');
    }
    const port = this.portOf(options.port);
    const { conv } = credentials;
    const handshake = new ClientHandshake(credentials, security, this.clock.now(), timeoutMs);
    const path = new Path(options.port, options.slot, port.isReliable, 0, {
      validated: true,
      announcing: credentials.seal === 'aead',
    });
    const kcp = configOfConversation(logins.config.kcp, { conv, stream, limitUntilHeard: false });
    const parts = { key: LOGIN_KEY, source: '', group: logins, home: port, hello: undefined };
    const beginning = { path, handshake, loggedIn: true };
    const entry = this.addSession(parts, 'client', 'kcpgate', kcp, beginning, earlyData);
    port.bind(options.slot, entry);
    entry.session.observer = observer;
    entry.session.bind(options.bind(entry.session));
    this.wake(entry.session);
    return entry.session;
  }

  /** Client: {@link Session.tryPath} on a port of this endpoint; a connection is this session's from now on. */
  tryPath(session: Session, number: number, slot: number): Path {
    const port = this.portOf(number);
    const entry = this.table.at(session.tag);
    if (entry?.session === session) port.bind(slot, entry);
    return session.tryPath(number, slot, port.isReliable);
  }

  /** Client: {@link Session.abandonPath}; the carrier is closed if nothing else uses it. */
  abandonPath(session: Session, path: Path): void {
    session.abandonPath(path);
    if (!this.inTurn) this.detachUnused();
  }

  /** {@link SessionHost}: the session wants a drain. */
  wake(session: Session): void {
    const entry = this.table.at(session.tag);
    if (entry?.session === session) this.markDirty(entry);
  }

  // ---- PathHost and PathOutput: the session's ways out ----

  arenaOf(path: Path): PathArena {
    const port = this.portOf(path.port);
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
    const port = this.ports[path.port];
    if (port === undefined) return;
    port.carrier.retain(path.slot);
    port.pathCount++;
  }

  releasePath(path: Path, code: CloseCode, reason: string): void {
    const port = this.ports[path.port];
    if (port === undefined) return;
    port.unbind(path.slot, undefined);
    if (!path.isLost) port.carrier.connections?.disconnect(path.slot, code, reason);
    port.carrier.release(path.slot);
    port.pathCount--;
    if (port.pathCount === 0 && port.config.closeWhenUnused === true) this.unusedPorts.push(port.number);
  }

  isSameHost(a: Path, b: Path): boolean {
    const { carrier } = this.portOf(a.port);
    return carrier.addressOf(a.slot).address === carrier.addressOf(b.slot).address;
  }

  fillRandom(bytes: Uint8Array): void {
    const { crypto } = this.security ?? {};
    if (crypto !== undefined) bytes.set(crypto.randomBytes(bytes.length));
  }

  // ---- HandshakeHost ----

  get isDraining(): boolean {
    return this.draining;
  }

  findLogin(conv: number): SessionEntry | undefined {
    return this.table.find(LOGIN_KEY, conv);
  }

  retireKeys(half: HalfOpen): void {
    if (half.seal !== undefined) this.retiredKeys.push(half.seal.sendKey, half.seal.receiveKey);
  }

  releaseSlot(number: number, slot: number): void {
    this.ports[number]?.carrier.release(slot);
  }

  moved(entry: SessionEntry): void {
    this.markDirty(entry);
    this.bindPaths(entry);
  }

  sendReset(now: number, port: EndpointPort, conv: number, length: number, slot: number): DropReason {
    return this.answers.reset(now, port, conv, length, slot);
  }

  // ---- what operators see and do ----

  /** The open sessions. */
  *sessions(): IterableIterator<SessionSummary> {
    const now = this.clock.now();
    for (const entry of this.table) if (entry.active) yield this.summary(now, entry);
  }

  /** One session by its id; undefined when it is not open. */
  session(id: number): SessionSummary | undefined {
    const entry = this.entryById(id);
    return entry === undefined ? undefined : this.summary(this.clock.now(), entry);
  }

  /** Ends a session and tells its client why. @returns whether there was one. */
  kick(id: number, code: CloseCode, reason: string): boolean {
    const entry = this.entryById(id);
    if (entry === undefined) return false;
    entry.session.kick(code, reason);
    return true;
  }

  /**
   * Asks clients that logged in to go elsewhere and lets no new session in; what is left when the deadline comes is closed.
   */
  startDraining(notice: DrainNotice): void {
    this.draining = true;
    const now = this.clock.now();
    for (const { session } of this.table) session.announceDrain(now, notice);
    clearTimeout(this.drainTimer);
    this.drainTimer = setTimeout(() => {
      for (const { session } of this.table) session.kick(CloseCode.drain, 'the gateway is being drained');
    }, notice.deadlineMs);
    this.drainTimer.unref();
  }

  /** Takes new sessions again. */
  stopDraining(): void {
    this.draining = false;
    clearTimeout(this.drainTimer);
  }

  /** What the port counted; its sessions are those without login. */
  stats(number = 0): EndpointStats {
    return this.portOf(number).stats();
  }

  /** What sessions that logged in counted; undefined where there are none. */
  loginStats(): LoginStats | undefined {
    const { logins, handshakes } = this;
    if (logins === undefined) return undefined;
    return {
      ...logins.stats(),
      halfOpen: handshakes?.halfOpen.size ?? 0,
      hellos: handshakes?.hellos ?? 0,
      refusals: handshakes?.refusals ?? {},
      clearSessions: this.clearCount,
      moves: this.moveCount,
      relayed: this.relayed,
    };
  }

  /** How busy it is, 0 to 255. */
  get load(): number {
    let load = this.logins?.load ?? 0;
    for (const port of this.ports) if (port !== undefined) load = Math.max(load, port.group.load);
    return Math.round(load * 255);
  }

  /**
   * Lets no new session in and ends the open ones once everything they hold has arrived, at the latest after `timeoutMs`.
   * @returns the number of sessions that had to be cut off.
   */
  async drain(timeoutMs: number): Promise<number> {
    this.draining = true;
    for (const entry of this.table) {
      this.guard(entry, () => {
        entry.session.beginDrain();
      });
    }
    if (this.activeCount > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.whenIdle = resolve;
        timer = setTimeout(resolve, timeoutMs);
      });
      clearTimeout(timer);
      this.whenIdle = undefined;
    }
    return this.activeCount;
  }

  /** Resolves when no session is left, not even one that lingers. */
  async gone(): Promise<void> {
    if (this.table.size === 0 || this.closed) return;
    await new Promise<void>((resolve) => this.whenGone.push(resolve));
  }

  /** Tells the peers of open sessions, destroys what is left and releases the carrier. Safe to call twice. */
  async close(code: CloseCode = CloseCode.drain, reason = 'the endpoint was closed'): Promise<void> {
    if (!this.closed) {
      this.closed = true;
      clearTimeout(this.timer);
      clearTimeout(this.drainTimer);
      clearImmediate(this.immediate);
      for (const entry of this.table) {
        while (!entry.session.writeFarewell(this, code, reason)) this.flush();
        this.guard(entry, () => {
          entry.session.destroy(code, reason);
        });
        this.settle(entry);
      }
      this.handshakes?.halfOpen.clear();
      this.flush();
    }
    await Promise.all([...this.leaving, ...this.ports.map((port) => port?.carrier.close())]);
  }

  // ---- turns ----

  /** @param afterReading the socket was read in this turn of the event loop. */
  private turn(port: EndpointPort | undefined, batch: ReceiveBatch | undefined, afterReading: boolean): void {
    if (this.closed) return;
    const now = this.clock.now();
    this.inTurn = true;
    try {
      if (port !== undefined && batch !== undefined) {
        this.handleBatch(now, port, batch);
        port.moreWaiting = batch.moreWaiting;
      }
      this.caughtUpAt =
        afterReading && !this.isMoreWaiting ? now : Math.max(this.caughtUpAt, now - MAX_BEHIND_MS);
      this.wheel.advance(now, this.expire);
      this.handshakes?.expire(now);
      this.drainDirty(now);
    } finally {
      // Whatever happened: nothing that was written may leave unsealed.
      this.flush();
      this.inTurn = false;
    }
    if (this.unusedPorts.length > 0) this.detachUnused();
    if (this.dirty.count > 0) this.scheduleTurn();
    this.armTimer(now);
  }

  /** Seals and sends what was written on every port. */
  private flush(): void {
    const cipher = this.security?.cipher;
    for (const port of this.ports) port?.flush(cipher);
    if (this.retiredKeys.length === 0) return;
    for (const key of this.retiredKeys) cipher?.removeKey(key);
    this.retiredKeys.length = 0;
  }

  private get isMoreWaiting(): boolean {
    for (const port of this.ports) if (port?.moreWaiting === true) return true;
    return false;
  }

  private handleBatch(now: number, port: EndpointPort, batch: ReceiveBatch): void {
    const { meta, count } = batch;
    for (let i = 0, at = 0; i < count; i++, at += META_STRIDE) {
      const length = meta[at + META_LENGTH]!;
      const size = meta[at + META_SEGMENT_SIZE]!;
      const slot = meta[at + META_ADDRESS]!;
      let offset = meta[at + META_OFFSET]!;
      if (size === 0 || size >= length) {
        this.handleDatagram(now, port, batch, offset, length, slot);
        continue;
      }
      for (const end = offset + length; offset < end; offset += size) {
        this.handleDatagram(now, port, batch, offset, Math.min(size, end - offset), slot);
      }
    }
    if (this.openQueue.count > 0) this.handleOpened(now, port, batch);
  }

  private handleDatagram(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    offset: number,
    length: number,
    slot: number,
  ): void {
    // A sink may close the endpoint in the middle of a batch.
    if (this.closed) return;
    const kind = datagramKind(batch.view, offset, length);
    switch (kind) {
      case 'sealed':
        return this.queueSealed(now, port, batch, offset, length, slot);
      case 'clear':
        return this.handleClear(now, port, batch, offset, length, slot);
      case 'handshake':
        return this.handleHandshake(now, port, batch, offset, length, slot);
      case 'fec':
        return port.drops.count('kind_not_accepted');
      default:
        return port.drops.count(kind);
    }
  }

  // ---- sealed datagrams ----

  /** Puts a sealed datagram in line to be opened with the rest of its batch. */
  private queueSealed(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    offset: number,
    length: number,
    slot: number,
  ): void {
    const { view } = batch;
    if (this.security === undefined) return port.drops.count('kind_not_accepted');
    if (!isLongEnough(view, offset, length)) return port.drops.count('too_short');
    const conv = conversationOf(view, offset);
    if (this.handshakes !== undefined && this.handshakes.halfOpen.size > 0) {
      if (this.finishSealed(now, port, batch, conv, offset, length, slot)) return;
    }
    const entry = this.table.find(LOGIN_KEY, conv);
    if (entry === undefined) return this.handleUnknown(now, port, batch, conv, offset, length, slot);
    const { seal } = entry.session;
    if (seal === undefined) return port.drops.count('kind_not_accepted');
    if (port.isConnected && !this.mayUseConnection(port, slot, entry))
      return port.drops.count('connection_taken');
    const pn = packetNumberOf(view, offset);
    if (!seal.replay.mayAccept(pn)) return port.drops.count('replayed');
    this.openQueue.push(entry, seal.receiveKey, pn, view, offset, length, slot);
    if (this.openQueue.isFull) this.handleOpened(now, port, batch);
  }

  /** Opens what is in line and hands it to its sessions. */
  private handleOpened(now: number, port: EndpointPort, batch: ReceiveBatch): void {
    const queue = this.openQueue;
    const { count, table } = queue;
    queue.open(this.security!.cipher, batch.bytes);
    queue.count = 0;
    for (let row = 0; row < count; row++) {
      const entry = queue.entries[row]!;
      queue.entries[row] = undefined;
      if (table[row * CIPHER_STRIDE + CIPHER_RESULT] !== CipherResult.done) {
        port.drops.count('open_failed');
        continue;
      }
      // A sink may have closed the endpoint, or ended this session, in an earlier row.
      if (this.closed || this.table.at(entry.index) !== entry) continue;
      const pn = queue.packetNumbers[row]!;
      const seal = entry.session.seal!;
      const isNewest = pn > seal.replay.highest;
      if (!seal.replay.accept(pn)) {
        port.drops.count('replayed');
        continue;
      }
      const offset = queue.offsets[row]!;
      const header = queue.headers[row]!;
      const length = queue.lengths[row]!;
      const slot = queue.slots[row]!;
      this.deliver(
        now,
        port,
        batch,
        entry,
        offset,
        header,
        length,
        CIPHER_TAG_BYTES,
        slot,
        queue.pathIds[row]!,
        isNewest,
      );
    }
  }

  /** Hands an authentic datagram to its session. */
  private deliver(
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
        length,
      );
      if (fault !== 0) port.drops.countFault(fault);
    } catch (error) {
      this.fail(entry, error);
      return;
    }
    if (header > SEALED_HEADER_BYTES) this.noteAddressBlock(port, memory, entry, offset, header, slot);
    if (session.path !== path) this.moved(entry);
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

  /** Whether the connection is free, or this session's already. */
  private mayUseConnection(port: EndpointPort, slot: number, entry: SessionEntry): boolean {
    const bound = port.boundTo(slot);
    return bound === undefined || bound === entry;
  }

  /** Connections that carry a session stay as long as it wants them. */
  private bindPaths(entry: SessionEntry): void {
    for (const { port: number, slot, isLost } of entry.session.paths) {
      if (!isLost) this.ports[number]?.bind(slot, entry);
    }
  }

  private handleUnknown(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    conv: number,
    offset: number,
    length: number,
    slot: number,
  ): void {
    if (this.forward(port, batch, conv, offset, length, slot)) return;
    port.drops.count(this.answers.reset(now, port, conv, length, slot));
  }

  /** Sends a datagram of a session that another gateway owns there. @returns whether it is another's. */
  private forward(
    port: EndpointPort,
    batch: ReceiveBatch,
    conv: number,
    offset: number,
    length: number,
    slot: number,
  ): boolean {
    const owner = ownerOf(conv);
    if (this.relay === undefined || owner === this.gatewayId || owner === 0) return false;
    if (this.relay.forward(owner, port, slot, batch.bytes, offset, length)) this.relayed++;
    else port.drops.count('relay_failed');
    return true;
  }

  // ---- handshakes ----

  private handleHandshake(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    offset: number,
    length: number,
    slot: number,
  ): void {
    const { view, bytes } = batch;
    const kind = handshakeKindOf(view, offset);
    const conv = conversationOf(view, offset);
    if (kind === HandshakeKind.helloAck || kind === HandshakeKind.helloClearAck) {
      const entry = this.table.find(LOGIN_KEY, conv);
      if (entry === undefined || this.acceptor !== undefined) return port.drops.count('hello_unexpected');
      // It opens in place: what came before it in this batch goes first.
      if (this.openQueue.count > 0) this.handleOpened(now, port, batch);
      if (
        !this.call(entry, () =>
          entry.session.handleHelloAck(now, bytes, view, offset, length, port.number, slot),
        )
      )
        port.drops.count('hello_unexpected');
      this.markDirty(entry);
      return;
    }
    if (this.handshakes === undefined) return port.drops.count('kind_not_accepted');
    if (this.forward(port, batch, conv, offset, length, slot)) return;
    if (port.isConnected && port.boundTo(slot) !== undefined && port.boundTo(slot)?.conv !== conv)
      return port.drops.count('connection_taken');
    const reason = this.handshakes.handleHello(now, port, batch, offset, length, slot);
    if (reason !== undefined) port.drops.count(reason);
  }

  /** Whether the datagram is the first one with the keys of a half-open handshake; then its session opens with it. */
  private finishSealed(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    conv: number,
    offset: number,
    length: number,
    slot: number,
  ): boolean {
    for (const half of this.handshakes!.halfOpen.of(conv)) {
      if (half.seal === undefined) continue;
      // Opening destroys what does not open, and it may yet be for another key.
      const copy = batch.bytes.slice(offset, offset + length);
      const view = new DataView(copy.buffer);
      const pn = packetNumberOf(view, 0);
      const header = SEALED_HEADER_BYTES + (hasAddressBlock(view, 0) ? ADDRESS_BLOCK_BYTES : 0);
      const { receiveKey } = half.seal;
      if (!openDatagram(this.security!.cipher, copy, 0, SEALED_HEADER_BYTES, header, length, receiveKey, pn))
        continue;
      half.seal.replay.accept(pn);
      const pathId = pathIdOf(view, 0);
      const isReachable = port.isReliable || (half.port === port.number && half.slot === slot);
      const entry = this.establish(now, port, half, slot, pathId, isReachable);
      if (entry !== undefined) {
        this.deliver(
          now,
          port,
          { bytes: copy, view },
          entry,
          0,
          header,
          length,
          CIPHER_TAG_BYTES,
          slot,
          pathId,
          true,
        );
      }
      return true;
    }
    return false;
  }

  /** Opens the session of a handshake that is finished. */
  private establish(
    now: number,
    port: EndpointPort,
    half: HalfOpen,
    slot: number,
    pathId: number,
    isReachable: boolean,
  ): SessionEntry | undefined {
    const { conv, seal, ticket } = half;
    const logins = this.logins!;
    const old = this.table.find(LOGIN_KEY, conv);
    if (old !== undefined) this.replace(old, 'the same client opened the session anew');
    const { carrier } = port;
    const address = half.clientAddress ?? carrier.addressOf(slot);
    const source = sourceKey(address);
    const login: SessionLogin = {
      subject: ticket.subject,
      claims: ticket.claims,
      isClear: seal === undefined,
    };
    const id = this.openedCount;
    const plan = this.planOf({
      id,
      conv,
      remoteAddress: address,
      peer: 'kcpgate',
      port: port.config.name,
      login,
    });
    const stream = typeof plan === 'number' || plan.stream;
    const kcp = configOfConversation(logins.config.kcp, { conv, stream, limitUntilHeard: false });
    const path = new Path(port.number, slot, port.isReliable, pathId, {
      validated: isReachable,
      announcing: false,
    });
    path.clientAddress = half.clientAddress;
    const parts = { key: LOGIN_KEY, source, group: logins, home: port, hello: half };
    const entry = this.addSession(parts, 'gateway', 'kcpgate', kcp, { path, seal, loggedIn: true });
    this.handshakes!.finish(half);
    logins.admission.opened(source);
    if (seal === undefined) this.clearCount++;
    port.bind(slot, entry);
    if (typeof plan === 'number') {
      entry.session.kick(plan, 'refused');
    } else {
      entry.upstream = plan.upstream ?? '';
      this.guard(entry, () => {
        entry.session.bind(plan.bind(entry.session));
      });
    }
    const surplus = this.subjects.add(ticket.subject, entry);
    if (surplus !== undefined) surplus.session.kick(CloseCode.replaced, 'too many sessions of this subject');
    this.logger.info('session opened', {
      session: entry.id,
      conv,
      subject: ticket.subject,
      port: port.config.name,
      remote: formatSocketAddress(address),
      ...(seal === undefined ? { insecure: true } : {}),
    });
    const { early } = half;
    if (early !== undefined) {
      const view = new DataView(early.buffer);
      this.deliver(now, port, { bytes: early, view }, entry, 0, 0, early.length, 0, slot, pathId, false);
    }
    return entry;
  }

  /** Ends a session at once because another takes its place. */
  private replace(old: SessionEntry, reason: string): void {
    while (!old.session.writeFarewell(this, CloseCode.replaced, reason)) this.flush();
    this.guard(old, () => {
      old.session.destroy(CloseCode.replaced, reason);
    });
    this.settle(old);
  }

  // ---- clear datagrams ----

  private handleClear(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    offset: number,
    length: number,
    slot: number,
  ): void {
    const { view } = batch;
    const conv = conversationOf(view, offset);
    let entry = this.table.find(pathKey(port.number, slot), conv);
    if (entry === undefined) {
      const command = commandOf(view, offset);
      if (command === Command.probe && this.acceptor !== undefined)
        return this.handleProbe(now, port, batch, conv, offset, length, slot);
      if (command === Command.reset && this.security !== undefined)
        return this.handleReset(now, port, batch, conv, offset, length);
      if (this.logins !== undefined) {
        const login = this.findClear(now, port, conv, offset, length, slot, batch);
        if (login === 'dropped') return;
        if (login !== undefined) {
          this.deliver(now, port, batch, login, offset, 0, length, 0, slot, login.session.path.id, false);
          return;
        }
      }
      entry = this.admit(now, port, batch, offset, length, slot, conv);
      if (entry === undefined) return;
    }
    this.markDirty(entry);
    try {
      const fault = entry.session.handleDatagram(now, batch.bytes, view, offset, length);
      if (fault !== 0) port.drops.countFault(fault);
    } catch (error) {
      this.fail(entry, error);
    }
  }

  /** The clear session that logged in and has this path; it opens with its first datagram after the HELLO. */
  private findClear(
    now: number,
    port: EndpointPort,
    conv: number,
    offset: number,
    length: number,
    slot: number,
    batch: ReceiveBatch,
  ): SessionEntry | 'dropped' | undefined {
    const halves = this.handshakes?.halfOpen;
    if (halves !== undefined && halves.size > 0) {
      const half = halves
        .of(conv)
        .find(({ seal, port: from, slot: by }) => seal === undefined && from === port.number && by === slot);
      if (half !== undefined) return this.establish(now, port, half, slot, 0, port.isReliable);
    }
    const entry = this.table.find(LOGIN_KEY, conv);
    if (entry === undefined) {
      // Stock peers would not understand a RESET; where clear sessions may log in, it may be one of those.
      if (this.acceptor === undefined || port.config.allowClear !== true || port.config.allowStock)
        return undefined;
      this.handleUnknown(now, port, batch, conv, offset, length, slot);
      return 'dropped';
    }
    if (entry.session.seal !== undefined || entry.session.state === 'opening') {
      port.drops.count('seal_required');
      return 'dropped';
    }
    for (const path of entry.session.paths) {
      if (path.port === port.number && path.slot === slot) return entry;
    }
    port.drops.count('path_not_allowed');
    return 'dropped';
  }

  private handleProbe(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    conv: number,
    offset: number,
    length: number,
    slot: number,
  ): void {
    if (conv !== 0 && this.forward(port, batch, conv, offset, length, slot)) return;
    const condition = {
      nodeNumber: this.config.nodeNumber ?? 0,
      epochSeconds: this.config.epochSeconds ?? 0,
      load: this.load,
      draining: this.draining,
      notReady: false,
    };
    const reason = this.answers.answerProbe(now, port, batch, offset, length, slot, condition);
    if (reason !== undefined) port.drops.count(reason);
  }

  private handleReset(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    conv: number,
    offset: number,
    length: number,
  ): void {
    const entry = this.table.find(LOGIN_KEY, conv);
    const isWhole = checkSegment(batch.view, offset, offset + length, 0) > 0;
    const reset = isWhole ? readReset(batch, offset) : 'truncated';
    if (entry === undefined || typeof reset === 'string' || !entry.session.handleReset(now, reset.token))
      port.drops.count('reset_not_believed');
  }

  private handleDisconnected(port: EndpointPort, slot: number): void {
    const entry = port.boundTo(slot);
    port.unbind(slot, undefined);
    if (entry !== undefined) this.losePath(entry, port.number, slot);
  }

  private losePath(entry: SessionEntry, number: number, slot: number): void {
    this.guard(entry, () => {
      entry.session.handlePathLost(number, slot);
    });
  }

  private drainDirty(now: number): void {
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

  /** Calls into a sink outside a drain: one that throws costs its own session only. */
  private guard(entry: SessionEntry, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.fail(entry, error);
      this.markDirty(entry);
    }
  }

  /** As {@link guard}, with an answer; false when it threw. */
  private call(entry: SessionEntry, call: () => boolean): boolean {
    try {
      return call();
    } catch (error) {
      this.fail(entry, error);
      return false;
    }
  }

  /** Ends the session of a sink that threw. It may throw again when it is told; the session is gone all the same. */
  private fail({ id, session, group }: SessionEntry, error: unknown): void {
    group.countFailure();
    this.logger.error('session failed', { session: id, conv: session.conv, err: error });
    try {
      session.destroy(CloseCode.upstreamUnavailable, 'internal error');
    } catch (again) {
      this.logger.error('its sink failed again', { session: id, err: again });
    }
  }

  private markDirty(entry: SessionEntry): void {
    if (entry.dirty || this.closed) return;
    entry.dirty = true;
    this.dirty.add(entry);
    if (!this.inTurn) this.scheduleTurn();
  }

  private nextDeadline(): number {
    return Math.min(this.wheel.nextDeadline(), this.handshakes?.halfOpen.deadline ?? NEVER);
  }

  private scheduleTurn(): void {
    this.immediate ??= setImmediate(this.runImmediate);
  }

  private armTimer(now: number): void {
    const deadline = this.nextDeadline();
    if (deadline >= this.timerAt) return;
    clearTimeout(this.timer);
    this.timerAt = deadline;
    this.timer = setTimeout(this.runTimer, Math.min(MAX_TIMEOUT_MS, Math.max(1, deadline - now)));
  }

  // ---- sessions ----

  /** A datagram of no known session: opens one without login if it may. */
  private admit(
    now: number,
    port: EndpointPort,
    batch: ReceiveBatch,
    offset: number,
    length: number,
    slot: number,
    conv: number,
  ): SessionEntry | undefined {
    if (this.acceptor === undefined) return this.drop(port, 'unknown_session');
    const { config, group, carrier } = port;
    const peer = openingPeer(batch.view, offset, length, config.kcp.receiveWindow);
    if (peer === undefined) return this.drop(port, 'not_an_opening');
    if (!config.allowStock) return this.drop(port, 'stock_not_allowed');
    if (this.draining) return this.refuse(port, slot, conv, peer, CloseCode.drain, 'draining');
    const remoteAddress = carrier.addressOf(slot);
    const source = sourceKey(remoteAddress);
    const full = group.admission.admit(now, source);
    if (full !== undefined) return this.refuse(port, slot, conv, peer, CloseCode.overload, full);
    const plan = this.planOf({
      id: this.openedCount,
      conv,
      remoteAddress,
      peer,
      port: config.name,
      login: undefined,
    });
    if (typeof plan === 'number') return this.refuse(port, slot, conv, peer, plan, 'refused');
    const own = { conv, stream: plan.stream, limitUntilHeard: true };
    const path = new Path(port.number, slot, port.isReliable, 0, { validated: true, announcing: false });
    const parts = { key: pathKey(port.number, slot), source, group, home: port, hello: undefined };
    const entry = this.addSession(parts, 'gateway', peer, configOfConversation(config.kcp, own), { path });
    entry.upstream = plan.upstream ?? '';
    group.admission.opened(source);
    port.bind(slot, entry);
    this.guard(entry, () => {
      entry.session.bind(plan.bind(entry.session));
    });
    this.logger.debug('session opened', {
      session: entry.id,
      conv,
      peer,
      remote: formatSocketAddress(remoteAddress),
    });
    return entry;
  }

  /** What the acceptor says; one that throws refuses. */
  private planOf(opening: SessionOpening): SessionPlan | CloseCode {
    try {
      return this.acceptor?.accept(opening) ?? CloseCode.blocked;
    } catch (error) {
      this.logger.error('the acceptor failed', { session: opening.id, err: error });
      return CloseCode.upstreamUnavailable;
    }
  }

  private addSession(
    parts: Pick<SessionEntry, 'key' | 'source' | 'group' | 'home' | 'hello'>,
    role: SessionRole,
    peer: PeerKind,
    kcp: KcpConfig,
    beginning: SessionBeginning,
    earlyData = false,
  ): SessionEntry {
    const { key, source, group, home, hello } = parts;
    const { idleTimeoutMs, keepAliveMs, closeTimeoutMs, lingerMs } = group.config.session;
    // Written out, not spread: all have the same shape.
    const config = { role, peer, kcp, idleTimeoutMs, keepAliveMs, closeTimeoutMs, lingerMs, earlyData };
    const id = this.openedCount++;
    this.activeCount++;
    group.countOpened();
    const now = this.clock.now();
    return this.table.add({ id, key, conv: kcp.conv, source, group, home, hello }, (index) => {
      return new Session(config, group.config.pool, this, index, now, beginning);
    });
  }

  /** Counts a refusal. A kcpgate peer is told, in less bytes than it sent; a stock peer would not understand. */
  private refuse(
    port: EndpointPort,
    slot: number,
    conv: number,
    peer: PeerKind,
    code: CloseCode,
    reason: DropReason,
  ): undefined {
    port.drops.count(reason);
    if (peer !== 'kcpgate') return undefined;
    const arena = port.arenaTo(slot).selectNone();
    const at = arena.reserveWhole(KICK_MAX_BYTES);
    if (at < 0) return undefined;
    const kick = { type: 'kick', conv, wnd: 0, una: 0, code, retryAfterMs: 0, reason: '' } as const;
    arena.commitWhole(writeKick(arena, at, kick), 0, 0, 0, 0);
    return undefined;
  }

  private drop(port: EndpointPort, reason: DropReason): undefined {
    port.drops.count(reason);
    return undefined;
  }

  /** Keeps the books on a session that may have ended in this drain. */
  private settle(entry: SessionEntry): void {
    const { session, group } = entry;
    const { state } = session;
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
    this.moveCount += session.moves;
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
    if (path.clientAddress !== undefined) return path.clientAddress;
    try {
      return this.ports[path.port]?.carrier.addressOf(path.slot);
    } catch {
      // Released already.
      return undefined;
    }
  }

  private summary(now: number, entry: SessionEntry): SessionSummary {
    return summaryOf(now, entry, this.addressOf(entry), (number) => this.ports[number]);
  }

  private entryById(id: number): SessionEntry | undefined {
    for (const entry of this.table) if (entry.id === id && entry.active) return entry;
    return undefined;
  }

  private portOf(number: number): EndpointPort {
    const port = this.ports[number];
    if (port === undefined) throw new RangeError(`there is no port ${number}`);
    return port;
  }

  private detachUnused(): void {
    for (const number of this.unusedPorts.splice(0)) {
      if (this.ports[number]?.pathCount === 0) void this.detach(number);
    }
  }
}

/** An endpoint that never catches up still finds losses, so much later. */
const MAX_BEHIND_MS = 100;
/** Node's timers hold 31 bits of milliseconds. */
const MAX_TIMEOUT_MS = 0x7fffffff;
