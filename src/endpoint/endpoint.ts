import { formatSocketAddress, type SocketAddress } from '../base/address.ts';
import { NEVER, type Clock } from '../base/clock.ts';
import { CloseCode } from '../base/close-code.ts';
import { GatewayError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Sink } from '../base/sink.ts';
import {
  META_ADDRESS,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type Carrier,
  type ReceiveBatch,
} from '../carrier/carrier.ts';
import type { RelayLines } from '../carrier/relay-lines.ts';
import { configOfConversation, type KcpConfig } from '../kcp/index.ts';
import {
  ClientHandshake,
  Path,
  type DrainNotice,
  type HalfOpen,
  type PeerKind,
  type Session,
  type SessionCredentials,
  type SessionObserver,
  type SessionTracer,
} from '../session/index.ts';
import { datagramKind } from '../wire/datagram-kind.ts';
import { HandshakeKind, handshakeKindOf } from '../wire/hello.ts';
import { conversationOf } from '../wire/segment.ts';
import { ClearReceiver } from './clear-receiver.ts';
import type { DropReason } from './drop-reason.ts';
import type { EndpointConfig, EndpointSecurity, PortConfig, SessionAcceptor } from './endpoint-config.ts';
import { EndpointLines } from './endpoint-lines.ts';
import type { EndpointPort } from './endpoint-port.ts';
import type { EndpointStats, LoginStats } from './endpoint-stats.ts';
import { FLOOD_REST_MS, FloodGuard } from './flood-guard.ts';
import { Handshakes, type HandshakeHost } from './handshakes.ts';
import { LoginOpener } from './login-opener.ts';
import { PortTable } from './port-table.ts';
import type { Relay } from './relay-port.ts';
import { SealedReceiver } from './sealed-receiver.ts';
import { SessionGroup } from './session-group.ts';
import { SessionRegistry } from './session-registry.ts';
import type { SessionFilter, SessionSummary } from './session-summary.ts';
import { LOGIN_KEY, pathKey, type SessionEntry } from './session-table.ts';
import { SourceNames } from './source-names.ts';
import { StatelessAnswers } from './stateless-answers.ts';
import { Strangers, type EndpointCondition } from './strangers.ts';
import { SubjectIndex, type SubjectLimit } from './subject-index.ts';

/** What an endpoint works with. */
export interface EndpointComponents {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Decides about sessions that peers open; without it none are accepted (a client). */
  readonly acceptor?: SessionAcceptor;
  /** Present where there are sealed sessions. */
  readonly security?: EndpointSecurity;
  /** Lets the thread sleep for so many ms, when there is nothing but a flood of junk to read. Default: it goes on reading. */
  readonly rest?: (ms: number) => void;
  /** Whether another gateway does not answer any more; asked where `ownersAreRouted`. Default: it does not. */
  readonly isOwnerGone?: (gatewayId: number) => boolean;
  /** Looks into sessions. Default: nobody. */
  readonly tracer?: SessionTracer;
  /** Holds subjects to so many sessions. Default: the endpoint itself does, to `login.maxSessionsPerSubject`. */
  readonly subjects?: SubjectLimit;
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
export class Endpoint implements HandshakeHost, EndpointCondition {
  /** Its ports as a relay between gateways uses them. */
  readonly lines: RelayLines;
  private readonly ports = new PortTable();
  private readonly clock: Clock;
  private readonly isGateway: boolean;
  private readonly security: EndpointSecurity | undefined;
  private readonly registry: SessionRegistry;
  private readonly strangers: Strangers;
  private readonly sources = new SourceNames();
  private readonly floodGuard = new FloodGuard();
  private readonly rest: ((ms: number) => void) | undefined;
  /** Sessions that logged in. */
  private readonly logins: SessionGroup | undefined;
  private readonly handshakes: Handshakes | undefined;
  private readonly sealed: SealedReceiver | undefined;
  private readonly clear: ClearReceiver;
  private started = false;
  private immediate: NodeJS.Immediate | undefined;
  private timer: NodeJS.Timeout | undefined;
  private timerAt = NEVER;
  private draining = false;
  private drainTimer: NodeJS.Timeout | undefined;
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
    for (const port of this.ports) port.moreWaiting = false;
    this.immediate = setImmediate(this.runTimed);
  };
  private readonly runTimed = (): void => {
    this.immediate = undefined;
    this.turn(undefined, undefined, true);
  };

  constructor(components: EndpointComponents, config: EndpointConfig = {}) {
    const { clock, logger, acceptor, security, tracer, isOwnerGone = () => true } = components;
    this.clock = clock;
    this.isGateway = acceptor !== undefined;
    this.security = security;
    this.rest = components.rest;
    const onWake = (): void => {
      this.scheduleTurn();
    };
    const { ports } = this;
    const {
      login,
      hashSeed = 0,
      gatewayId = 0,
      ownersAreRouted = false,
      nodeNumber = 0,
      epochSeconds = 0,
      firstSessionId = 0,
    } = config;
    const subjects = components.subjects ?? new SubjectIndex(login?.maxSessionsPerSubject);
    const registry = new SessionRegistry(
      { clock, logger, acceptor, security, ports, subjects, tracer, onWake },
      hashSeed,
      firstSessionId,
    );
    this.registry = registry;
    const identity = { gatewayId, ownersAreRouted, isOwnerGone, nodeNumber, epochSeconds };
    const answers = new StatelessAnswers(security?.resetTokens, this.sources, hashSeed);
    const flush = (): void => registry.flush();
    this.strangers = new Strangers(answers, identity, this, flush);
    this.lines = new EndpointLines(ports, flush);
    let opener: LoginOpener | undefined;
    if (login !== undefined) {
      this.logins = new SessionGroup(login);
      if (security?.tickets !== undefined && security.wallClock !== undefined) {
        const { crypto, cipher, tickets, wallClock } = security;
        const tools = { crypto, cipher, tickets, wallClock };
        this.handshakes = new Handshakes(tools, this.logins, login, this);
        opener = new LoginOpener(registry, this.handshakes, this.logins, this, logger);
      }
    }
    if (security !== undefined)
      this.sealed = new SealedReceiver(registry, this.strangers, security.cipher, opener);
    const rules = { isGateway: this.isGateway, hasLogins: login !== undefined };
    this.clear = new ClearReceiver(registry, this.strangers, opener, this, logger, rules);
  }

  /**
   * Adds a carrier, which the endpoint owns from now on.
   * @returns the number of its port.
   */
  attach(carrier: Carrier, config: PortConfig): number {
    const port = this.ports.add(carrier, config);
    if (this.started) this.startPort(port);
    return port.number;
  }

  /** Gives up a port that no session uses and closes its carrier. Paths that do lose it. */
  detach(number: number): Promise<void> {
    const port = this.ports.find(number);
    if (port === undefined) return Promise.resolve();
    for (const entry of this.registry.table) {
      for (const path of [...entry.session.paths]) {
        if (path.port === number) this.registry.losePath(entry, number, path.slot);
      }
    }
    return this.ports.remove(port);
  }

  /** The carrier of a port. @throws RangeError when there is none. */
  carrierOf(number: number): Carrier {
    return this.ports.at(number).carrier;
  }

  /** Datagrams of sessions that other gateways own go there from now on. Default: they are dropped. */
  useRelay(relay: Relay): void {
    this.strangers.relay = relay;
  }

  /** Starts to receive. */
  start(): void {
    this.started = true;
    for (const port of this.ports) this.startPort(port);
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
    const port = this.ports.at(number);
    const slot = port.carrier.intern(remote);
    if (slot < 0) throw new GatewayError('connect_failed', `cannot reach ${formatSocketAddress(remote)}`);
    const path = new Path(number, slot, port.isReliable, 0, { validated: true, announcing: false });
    const parts = { key: pathKey(number, slot), source: '', group: port.group, home: port, hello: undefined };
    const entry = this.registry.add(parts, 'client', peer, kcp, { path });
    // The session retained the slot for itself.
    port.carrier.release(slot);
    entry.session.bind(bind(entry.session));
    if (peer === 'kcpgate') entry.session.open();
    this.registry.wake(entry.session);
    return entry.session;
  }

  /** Opens a session that logged in, as the client: begins its handshake. */
  dial(options: SessionDial): Session {
    const { credentials, stream, timeoutMs, earlyData, observer } = options;
    const { security, logins } = this;
    if (security === undefined || logins === undefined) {
      throw new GatewayError('internal', 'this endpoint is not made for sessions that log in');
    }
    const port = this.ports.at(options.port);
    const { conv } = credentials;
    const handshake = new ClientHandshake(credentials, security, this.clock.now(), timeoutMs);
    const path = new Path(options.port, options.slot, port.isReliable, 0, {
      validated: true,
      announcing: credentials.seal === 'aead',
    });
    const kcp = configOfConversation(logins.config.kcp, {
      conv,
      stream,
      limitUntilHeard: false,
      loggedIn: true,
    });
    const parts = { key: LOGIN_KEY, source: '', group: logins, home: port, hello: undefined };
    const beginning = { path, handshake, loggedIn: true };
    const entry = this.registry.add(parts, 'client', 'kcpgate', kcp, beginning, earlyData);
    port.bind(options.slot, entry);
    entry.session.observer = observer;
    entry.session.bind(options.bind(entry.session));
    this.registry.wake(entry.session);
    return entry.session;
  }

  /** Client: {@link Session.tryOpening} on a port of this endpoint; a connection is this session's from now on. */
  tryOpening(session: Session, number: number, slot: number): Path {
    const port = this.ports.at(number);
    const entry = this.registry.table.at(session.tag);
    if (entry?.session === session) port.bind(slot, entry);
    return session.tryOpening(number, slot, port.isReliable);
  }

  /** Client: {@link Session.tryPath} on a port of this endpoint; a connection is this session's from now on. */
  tryPath(session: Session, number: number, slot: number): Path {
    const port = this.ports.at(number);
    const entry = this.registry.table.at(session.tag);
    if (entry?.session === session) port.bind(slot, entry);
    return session.tryPath(number, slot, port.isReliable);
  }

  /** Client: {@link Session.abandonPath}; the carrier is closed if nothing else uses it. */
  abandonPath(session: Session, path: Path): void {
    session.abandonPath(path);
    if (!this.registry.inTurn) this.detachUnused();
  }

  // ---- what handshakes ask for ----

  get isDraining(): boolean {
    return this.draining;
  }

  findLogin(conv: number): SessionEntry | undefined {
    return this.registry.table.find(LOGIN_KEY, conv);
  }

  retireKeys(half: HalfOpen): void {
    this.registry.retireKeys(half);
  }

  sourceOf(port: EndpointPort, slot: number): string {
    return this.sources.keyOf(port, slot);
  }

  releaseSlot(number: number, slot: number): void {
    this.ports.find(number)?.carrier.release(slot);
  }

  moved(entry: SessionEntry): void {
    this.registry.moved(entry);
  }

  sendReset(now: number, port: EndpointPort, conv: number, length: number, slot: number): DropReason {
    return this.strangers.reset(now, port, conv, length, slot);
  }

  // ---- what operators see and do ----

  /** The open sessions. */
  *sessions(): IterableIterator<SessionSummary> {
    const now = this.clock.now();
    for (const entry of this.registry.table) if (entry.active) yield this.registry.summary(now, entry);
  }

  /** The open sessions that are asked for, by id upwards. Only those are looked at closely. */
  findSessions(filter: SessionFilter): SessionSummary[] {
    const now = this.clock.now();
    return this.registry.find(filter).map((entry) => this.registry.summary(now, entry));
  }

  /** Ends the sessions that are asked for and tells their clients why. @returns how many there were. */
  kick(filter: SessionFilter, code: CloseCode, reason: string): number {
    const found = this.registry.find(filter);
    for (const { session } of found) session.kick(code, reason);
    return found.length;
  }

  /**
   * Asks clients that logged in to go elsewhere and lets no new session in; what is left when the deadline comes is closed.
   */
  startDraining(notice: DrainNotice): void {
    this.draining = true;
    const now = this.clock.now();
    for (const { session } of this.registry.table) session.announceDrain(now, notice);
    clearTimeout(this.drainTimer);
    this.drainTimer = setTimeout(() => {
      for (const { session } of this.registry.table)
        session.kick(CloseCode.drain, 'the gateway is being drained');
    }, notice.deadlineMs);
    this.drainTimer.unref();
  }

  /** Takes new sessions again. */
  stopDraining(): void {
    this.draining = false;
    clearTimeout(this.drainTimer);
    for (const { session } of this.registry.table) session.withdrawDrain();
  }

  /** What the port counted; its sessions are those without login. */
  stats(number = 0): EndpointStats {
    return this.ports.at(number).stats();
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
      clearSessions: this.registry.clearCount,
      moves: this.registry.moveCount,
      relayed: this.strangers.relayed,
    };
  }

  /** How busy it is, 0 to 255. */
  get load(): number {
    let load = this.logins?.load ?? 0;
    for (const port of this.ports) load = Math.max(load, port.group.load);
    return Math.round(load * 255);
  }

  /**
   * Lets no new session in and ends the open ones once everything they hold has arrived, at the latest after `timeoutMs`.
   * @returns the number of sessions that had to be cut off.
   */
  async drain(timeoutMs: number): Promise<number> {
    this.draining = true;
    for (const entry of this.registry.table) {
      this.registry.guard(entry, () => {
        entry.session.beginDrain();
      });
    }
    if (this.registry.activeCount > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.registry.whenIdle = resolve;
        timer = setTimeout(resolve, timeoutMs);
      });
      clearTimeout(timer);
      this.registry.whenIdle = undefined;
    }
    return this.registry.activeCount;
  }

  /** Resolves when no session is left, not even one that lingers. */
  async gone(): Promise<void> {
    if (this.registry.table.size === 0 || this.registry.closed) return;
    await new Promise<void>((resolve) => this.registry.whenGone.push(resolve));
  }

  /** Tells the peers of open sessions, destroys what is left and releases the carrier. Safe to call twice. */
  async close(code: CloseCode = CloseCode.drain, reason = 'the endpoint was closed'): Promise<void> {
    if (!this.registry.closed) {
      this.registry.closed = true;
      clearTimeout(this.timer);
      clearTimeout(this.drainTimer);
      clearImmediate(this.immediate);
      for (const entry of this.registry.table) {
        while (!entry.session.writeFarewell(this.registry, code, reason)) this.registry.flush();
        this.registry.guard(entry, () => {
          entry.session.destroy(code, reason);
        });
        this.registry.settle(entry);
      }
      this.handshakes?.halfOpen.clear();
      this.registry.flush();
    }
    await this.ports.close();
  }

  // ---- turns ----

  /** @param afterReading the socket was read in this turn of the event loop. */
  private turn(port: EndpointPort | undefined, batch: ReceiveBatch | undefined, afterReading: boolean): void {
    if (this.registry.closed) return;
    const now = this.clock.now();
    let mayRest = false;
    this.registry.inTurn = true;
    try {
      if (port !== undefined && batch !== undefined) {
        const { total } = port.drops;
        const datagrams = this.handleBatch(now, port, batch);
        port.moreWaiting = batch.moreWaiting;
        mayRest = this.floodGuard.afterBatch(now, datagrams, port.drops.total - total) && !batch.moreWaiting;
      }
      this.registry.caughtUpAt =
        afterReading && !this.ports.isMoreWaiting
          ? now
          : Math.max(this.registry.caughtUpAt, now - MAX_BEHIND_MS);
      this.registry.advance(now);
      this.handshakes?.expire(now);
      this.registry.drainDirty(now);
    } finally {
      // Whatever happened: nothing that was written may leave unsealed.
      this.registry.flush();
      this.registry.inTurn = false;
    }
    this.detachUnused();
    if (this.registry.isAnyDirty) this.scheduleTurn();
    else if (mayRest) this.rest?.(FLOOD_REST_MS);
    this.armTimer(now);
  }

  /** @returns how many datagrams it was. */
  private handleBatch(now: number, port: EndpointPort, batch: ReceiveBatch): number {
    const { meta, count } = batch;
    let datagrams = 0;
    this.sources.forget();
    for (let i = 0, at = 0; i < count; i++, at += META_STRIDE) {
      const length = meta[at + META_LENGTH]!;
      const size = meta[at + META_SEGMENT_SIZE]!;
      const slot = meta[at + META_ADDRESS]!;
      let offset = meta[at + META_OFFSET]!;
      if (size === 0 || size >= length) {
        datagrams++;
        this.handleDatagram(now, port, batch, offset, length, slot);
        continue;
      }
      for (const end = offset + length; offset < end; offset += size) {
        datagrams++;
        this.handleDatagram(now, port, batch, offset, Math.min(size, end - offset), slot);
      }
    }
    this.sealed?.flush(now, port, batch);
    return datagrams;
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
    if (this.registry.closed) return;
    const kind = datagramKind(batch.view, offset, length);
    switch (kind) {
      case 'sealed':
        if (this.sealed === undefined) return port.drops.count('kind_not_accepted');
        return this.sealed.handleDatagram(now, port, batch, offset, length, slot);
      case 'clear':
        return this.clear.handleDatagram(now, port, batch, offset, length, slot);
      case 'handshake':
        return this.handleHandshake(now, port, batch, offset, length, slot);
      case 'fec':
        return port.drops.count('kind_not_accepted');
      default:
        return port.drops.count(kind);
    }
  }

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
      const entry = this.registry.table.find(LOGIN_KEY, conv);
      if (entry === undefined || this.isGateway) return port.drops.count('hello_unexpected');
      // It opens in place: what came before it in this batch goes first.
      this.sealed?.flush(now, port, batch);
      if (
        !this.registry.call(entry, () =>
          entry.session.handleHelloAck(now, bytes, view, offset, length, port.number, slot),
        )
      )
        port.drops.count('hello_unexpected');
      this.registry.markDirty(entry);
      return;
    }
    if (this.handshakes === undefined) return port.drops.count('kind_not_accepted');
    if (this.strangers.forward(port, batch, conv, offset, length, slot)) return;
    if (this.strangers.isAstray(port, conv, slot))
      return port.drops.count(this.strangers.reset(now, port, conv, length, slot));
    if (port.isConnected && port.boundTo(slot) !== undefined && port.boundTo(slot)?.conv !== conv)
      return port.drops.count('connection_taken');
    const reason = this.handshakes.handleHello(now, port, batch, offset, length, slot);
    if (reason !== undefined) port.drops.count(reason);
  }

  private handleDisconnected(port: EndpointPort, slot: number): void {
    this.strangers.relay?.forget(port, slot);
    const user = port.boundTo(slot);
    port.unbind(slot);
    const entry = user === undefined ? undefined : this.registry.table.at(user.session.tag);
    if (entry !== undefined) this.registry.losePath(entry, port.number, slot);
  }

  private nextDeadline(): number {
    return Math.min(this.registry.wheel.nextDeadline(), this.handshakes?.halfOpen.deadline ?? NEVER);
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

  private detachUnused(): void {
    for (const port of this.ports.takeUnused()) void this.detach(port.number);
  }
}

/** An endpoint that never catches up still finds losses, so much later. */
const MAX_BEHIND_MS = 100;
/** Node's timers hold 31 bits of milliseconds. */
const MAX_TIMEOUT_MS = 0x7fffffff;
