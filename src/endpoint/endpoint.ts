import { formatSocketAddress, sourceKey, type SocketAddress } from '../base/address.ts';
import { NEVER, type Clock } from '../base/clock.ts';
import { CloseCode, closeCodeName } from '../base/close-code.ts';
import { GatewayError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
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
import { configOfConversation, type KcpConfig, type KcpStats } from '../kcp/index.ts';
import { Session, type PeerKind, type SessionHost, type SessionRole } from '../session/index.ts';
import { datagramKind } from '../wire/datagram-kind.ts';
import { KICK_MAX_BYTES, writeKick } from '../wire/kick.ts';
import { conversationOf } from '../wire/segment.ts';
import { Admission } from './admission.ts';
import { DrainList } from './drain-list.ts';
import { DropCounters, type DropReason } from './drop-reason.ts';
import type { EndpointConfig, SessionAcceptor, SessionOpening, SessionPlan } from './endpoint-config.ts';
import type { EndpointStats } from './endpoint-stats.ts';
import { openingPeer } from './opening.ts';
import { SessionTable, type SessionEntry } from './session-table.ts';

/** What an endpoint works with. */
export interface EndpointComponents {
  readonly carrier: Carrier;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Decides about sessions that peers open; without it none are accepted (a client). */
  readonly acceptor?: SessionAcceptor;
}

/** One open session as the endpoint shows it. */
export interface SessionSummary {
  readonly id: number;
  readonly conv: number;
  readonly peer: PeerKind;
  readonly remoteAddress: SocketAddress;
  readonly ageMs: number;
  readonly kcp: KcpStats;
}

/**
 * Joins a carrier and its sessions: finds the session of each datagram, lets new ones in, and drives them all.
 *
 * Work comes in turns. A turn begins with a batch of datagrams, a timer, or a session that was called from outside; in it
 * every touched session is drained once, and at its end everything they wrote leaves in one send. `now` is read once a
 * turn, and one runtime timer serves all sessions.
 */
export class Endpoint implements SessionHost {
  readonly carrier: Carrier;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly acceptor: SessionAcceptor | undefined;
  private readonly config: EndpointConfig;
  private readonly table: SessionTable;
  private readonly admission: Admission;
  private readonly wheel: TimerWheel;
  private readonly drops = new DropCounters();
  private readonly closedByCode = new Map<number, number>();
  /** Sessions to drain in this turn, and those that came up meanwhile. */
  private dirty = new DrainList();
  private spare = new DrainList();
  private inTurn = false;
  /** The last batch was not all that had arrived. */
  private moreWaiting = false;
  /** When everything that had arrived was last handed to the sessions. */
  private caughtUpAt: number;
  private immediate: NodeJS.Immediate | undefined;
  private timer: NodeJS.Timeout | undefined;
  private timerAt = NEVER;
  private activeCount = 0;
  private openedCount = 0;
  private sinkFailures = 0;
  private draining = false;
  private closed = false;
  private whenIdle: (() => void) | undefined;
  private whenGone: (() => void)[] = [];
  private readonly runImmediate = (): void => {
    this.immediate = undefined;
    this.turn(undefined, false);
  };
  /**
   * Timers run before the socket is read: after a pause of the process they would take everything for lost whose ACK is
   * waiting there. So a timer's turn comes one reading later.
   */
  private readonly runTimer = (): void => {
    this.timer = undefined;
    this.timerAt = NEVER;
    const now = this.clock.now();
    if (this.wheel.nextDeadline() > now) {
      // What it was set for has been put off since.
      this.armTimer(now);
      return;
    }
    clearImmediate(this.immediate);
    this.immediate = setImmediate(this.runAfterReading);
  };
  private readonly runAfterReading = (): void => {
    // A batch that was read just now follows before the turn, and tells whether there is more.
    this.moreWaiting = false;
    this.immediate = setImmediate(this.runTimed);
  };
  private readonly runTimed = (): void => {
    this.immediate = undefined;
    this.turn(undefined, true);
  };
  private readonly expire = (index: number): void => {
    const entry = this.table.at(index);
    if (entry === undefined) return;
    entry.wakeAt = NEVER;
    this.markDirty(entry);
  };

  constructor(components: EndpointComponents, config: EndpointConfig) {
    this.carrier = components.carrier;
    this.clock = components.clock;
    this.logger = components.logger;
    this.acceptor = components.acceptor;
    this.config = config;
    this.table = new SessionTable(config.hashSeed ?? 0);
    this.admission = new Admission(config.admission);
    this.caughtUpAt = this.clock.now();
    this.wheel = new TimerWheel(this.caughtUpAt);
  }

  /** Starts to receive. */
  start(): void {
    this.carrier.start((batch) => {
      this.turn(batch, true);
    });
  }

  /**
   * Opens a session towards a peer, as the client.
   * @throws GatewayError `connect_failed` when the carrier cannot reach the address.
   */
  connect(remote: SocketAddress, kcp: KcpConfig, peer: PeerKind, bind: (session: Session) => Sink): Session {
    const slot = this.carrier.intern(remote);
    if (slot < 0) throw new GatewayError('connect_failed', `cannot reach ${formatSocketAddress(remote)}`);
    // `intern` retained the slot for the entry.
    const entry = this.addSession(slot, '', 'client', peer, kcp);
    entry.session.bind(bind(entry.session));
    if (peer === 'kcpgate') entry.session.open();
    this.wake(entry.session);
    return entry.session;
  }

  /** {@link SessionHost}: the session wants a drain. */
  wake(session: Session): void {
    const entry = this.table.at(session.tag);
    if (entry?.session === session) this.markDirty(entry);
  }

  /** The open sessions. */
  *sessions(): IterableIterator<SessionSummary> {
    const now = this.clock.now();
    for (const { id, session, slot, active } of this.table) {
      if (!active) continue;
      yield {
        id,
        conv: session.conv,
        peer: session.config.peer,
        remoteAddress: this.carrier.addressOf(slot),
        ageMs: now - session.startedAt,
        kcp: session.stats(),
      };
    }
  }

  stats(): EndpointStats {
    const { pool } = this.config;
    return {
      openSessions: this.activeCount,
      lingeringSessions: this.table.size - this.activeCount,
      openedSessions: this.openedCount,
      closedSessions: Object.fromEntries([...this.closedByCode].map(([code, n]) => [closeCodeName(code), n])),
      drops: this.drops.snapshot(),
      sinkFailures: this.sinkFailures,
      poolUsedBytes: pool.usedSlots * pool.slotBytes,
      poolHeldBytes: pool.heldBytes,
      carrier: this.carrier.stats(),
    };
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
      clearImmediate(this.immediate);
      for (const entry of this.table) {
        this.carrier.arena.target = entry.slot;
        while (!entry.session.writeFarewell(this.carrier.arena, code, reason)) this.carrier.flush();
        this.guard(entry, () => {
          entry.session.destroy(code, reason);
        });
        this.settle(entry);
      }
      this.carrier.flush();
    }
    await this.carrier.close();
  }

  // ---- turns ----

  /** @param afterReading the socket was read in this turn of the event loop. */
  private turn(batch: ReceiveBatch | undefined, afterReading: boolean): void {
    if (this.closed) return;
    const now = this.clock.now();
    this.inTurn = true;
    if (batch !== undefined) {
      this.handleBatch(now, batch);
      this.moreWaiting = batch.moreWaiting;
    }
    this.caughtUpAt =
      afterReading && !this.moreWaiting ? now : Math.max(this.caughtUpAt, now - MAX_BEHIND_MS);
    this.wheel.advance(now, this.expire);
    this.drainDirty(now);
    this.carrier.flush();
    this.inTurn = false;
    if (this.dirty.count > 0) this.scheduleTurn();
    this.armTimer(now);
  }

  private handleBatch(now: number, batch: ReceiveBatch): void {
    const { meta, count } = batch;
    for (let i = 0, at = 0; i < count; i++, at += META_STRIDE) {
      const length = meta[at + META_LENGTH]!;
      const size = meta[at + META_SEGMENT_SIZE]!;
      const slot = meta[at + META_ADDRESS]!;
      let offset = meta[at + META_OFFSET]!;
      if (size === 0 || size >= length) {
        this.handleDatagram(now, batch, offset, length, slot);
        continue;
      }
      for (const end = offset + length; offset < end; offset += size) {
        this.handleDatagram(now, batch, offset, Math.min(size, end - offset), slot);
      }
    }
  }

  private handleDatagram(
    now: number,
    batch: ReceiveBatch,
    offset: number,
    length: number,
    slot: number,
  ): void {
    // A sink may close the endpoint in the middle of a batch.
    if (this.closed) return;
    const { view } = batch;
    const kind = datagramKind(view, offset, length);
    if (kind !== 'clear') {
      this.drops.count(
        kind === 'too_short' || kind === 'empty' || kind === 'unknown_kind' ? kind : 'kind_not_accepted',
      );
      return;
    }
    const conv = conversationOf(view, offset);
    const entry = this.table.find(slot, conv) ?? this.admit(now, batch, offset, length, slot, conv);
    if (entry === undefined) return;
    this.markDirty(entry);
    try {
      const fault = entry.session.handleDatagram(now, batch.bytes, view, offset, length);
      if (fault !== 0) this.drops.countFault(fault);
    } catch (error) {
      this.fail(entry, error);
    }
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
    try {
      this.carrier.arena.target = entry.slot;
      while (session.drain(now, this.carrier.arena, this.caughtUpAt)) this.carrier.flush();
    } catch (error) {
      this.fail(entry, error);
    }
    // A sink may have closed the endpoint, and the books on this session with it.
    if (this.closed) return;
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

  /** Ends the session of a sink that threw. It may throw again when it is told; the session is gone all the same. */
  private fail({ id, session }: SessionEntry, error: unknown): void {
    this.sinkFailures++;
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

  private scheduleTurn(): void {
    this.immediate ??= setImmediate(this.runImmediate);
  }

  private armTimer(now: number): void {
    const deadline = this.wheel.nextDeadline();
    if (deadline >= this.timerAt) return;
    clearTimeout(this.timer);
    this.timerAt = deadline;
    this.timer = setTimeout(this.runTimer, Math.min(MAX_TIMEOUT_MS, Math.max(1, deadline - now)));
  }

  // ---- sessions ----

  /** A datagram of no known session: opens one if it may. */
  private admit(
    now: number,
    batch: ReceiveBatch,
    offset: number,
    length: number,
    slot: number,
    conv: number,
  ): SessionEntry | undefined {
    if (this.acceptor === undefined) return this.drop('unknown_session');
    const peer = openingPeer(batch.view, offset, length, this.config.kcp.receiveWindow);
    if (peer === undefined) return this.drop('not_an_opening');
    if (!this.config.allowStock) return this.drop('stock_not_allowed');
    if (this.draining) return this.refuse(slot, conv, peer, CloseCode.drain, 'draining');
    const remoteAddress = this.carrier.addressOf(slot);
    const source = sourceKey(remoteAddress);
    const full = this.admission.admit(now, source);
    if (full !== undefined) return this.refuse(slot, conv, peer, CloseCode.overload, full);
    const plan = this.planOf({ id: this.openedCount, conv, remoteAddress, peer });
    if (typeof plan === 'number') return this.refuse(slot, conv, peer, plan, 'refused');
    this.carrier.retain(slot);
    const own = { conv, stream: plan.stream, limitUntilHeard: true };
    const entry = this.addSession(slot, source, 'gateway', peer, configOfConversation(this.config.kcp, own));
    this.admission.opened(source);
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
      this.sinkFailures++;
      this.logger.error('the acceptor failed', { session: opening.id, err: error });
      return CloseCode.upstreamUnavailable;
    }
  }

  private addSession(
    slot: number,
    source: string,
    role: SessionRole,
    peer: PeerKind,
    kcp: KcpConfig,
  ): SessionEntry {
    const { idleTimeoutMs, keepAliveMs, closeTimeoutMs, lingerMs } = this.config.session;
    // Written out, not spread: all have the same shape.
    const config = { role, peer, kcp, idleTimeoutMs, keepAliveMs, closeTimeoutMs, lingerMs };
    const id = this.openedCount++;
    this.activeCount++;
    const now = this.clock.now();
    const create = (index: number): Session => new Session(config, this.config.pool, this, index, now);
    return this.table.add(slot, source, kcp.conv, id, create);
  }

  /** Counts a refusal. A kcpgate peer is told, in less bytes than it sent; a stock peer would not understand. */
  private refuse(slot: number, conv: number, peer: PeerKind, code: CloseCode, reason: DropReason): undefined {
    this.drops.count(reason);
    if (peer !== 'kcpgate') return undefined;
    const { arena } = this.carrier;
    arena.target = slot;
    const at = arena.reserve(KICK_MAX_BYTES);
    if (at < 0) return undefined;
    arena.commit(
      writeKick(arena, at, { type: 'kick', conv, wnd: 0, una: 0, code, retryAfterMs: 0, reason: '' }),
    );
    return undefined;
  }

  private drop(reason: DropReason): undefined {
    this.drops.count(reason);
    return undefined;
  }

  /** Keeps the books on a session that may have ended in this drain. */
  private settle(entry: SessionEntry): void {
    const { session } = entry;
    const { state } = session;
    if (entry.active && (state === 'lingering' || state === 'gone')) {
      entry.active = false;
      this.activeCount--;
      this.reportClosed(entry);
      if (session.config.role === 'gateway') this.admission.closed(entry.source);
      if (this.activeCount === 0) this.whenIdle?.();
      // Remembering closed sessions must not cost more than the open ones.
      if (this.table.size - this.activeCount > this.config.admission.maxSessions) {
        session.destroy(session.closing.code, session.closing.reason);
      }
    }
    if (session.state !== 'gone') return;
    this.wheel.cancel(entry.index);
    this.table.remove(entry);
    this.carrier.release(entry.slot);
    if (this.table.size > 0) return;
    for (const resolve of this.whenGone) resolve();
    this.whenGone = [];
  }

  private reportClosed({ id, session, slot }: SessionEntry): void {
    const { code, reason } = session.closing;
    this.closedByCode.set(code, (this.closedByCode.get(code) ?? 0) + 1);
    this.logger.info('session closed', {
      session: id,
      conv: session.conv,
      remote: formatSocketAddress(this.carrier.addressOf(slot)),
      code,
      close: closeCodeName(code),
      reason,
      ageMs: this.clock.now() - session.startedAt,
    });
  }
}

/** An endpoint that never catches up still finds losses, so much later. */
const MAX_BEHIND_MS = 100;
/** Node's timers hold 31 bits of milliseconds. */
const MAX_TIMEOUT_MS = 0x7fffffff;
