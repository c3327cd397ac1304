import { NEVER, type Clock } from '../../base/clock.ts';
import { CloseCode } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import type { HandshakeCrypto } from '../../base/handshake-crypto.ts';
import type { PacketCipher } from '../../base/packet-cipher.ts';
import {
  META_ADDRESS,
  META_LENGTH,
  META_OFFSET,
  META_STRIDE,
  type Carrier,
  type ReceiveBatch,
} from '../../carrier/carrier.ts';
import { configOfConversation, SegmentPool } from '../../kcp/index.ts';
import {
  ClientHandshake,
  Path,
  PathArena,
  Session,
  type PathOutput,
  type SessionHost,
} from '../../session/index.ts';
import { Command } from '../../wire/command.ts';
import { datagramKind } from '../../wire/datagram-kind.ts';
import { readReset } from '../../wire/reset.ts';
import { checkSegment, commandOf, conversationOf } from '../../wire/segment.ts';
import type { ClientSessionConfig } from './client-platform.ts';
import type { SessionDial, SessionEndpoint } from './session-endpoint.ts';

/** What a {@link ClearEndpoint} works with. */
export interface ClearEndpointComponents {
  readonly clock: Clock;
  /** Only for random bytes and comparisons: clear sessions have no keys. */
  readonly crypto: HandshakeCrypto;
  /** Runs something once this turn of the event loop is over; soon, and never from within the call. */
  readonly later: (run: () => void) => void;
}

/** One carrier. */
interface Port {
  readonly number: number;
  readonly carrier: Carrier;
  readonly arena: PathArena;
  readonly isReliable: boolean;
  /** Paths on it. */
  pathCount: number;
}

interface Entry {
  readonly session: Session;
  /** It is to be drained in this turn, or in the next. */
  isDirty: boolean;
  /** When it is to be drained though nothing happens. */
  deadline: number;
}

/**
 * Drives the few sessions of a client that has no cipher: those without seal, on carriers of connections.
 *
 * As in the `Endpoint` of Node, work comes in turns: a batch of datagrams, a timer, or a session that was called from outside begins one; in
 * it every touched session is drained once, and at its end everything they wrote leaves. What is not understood is dropped.
 */
export class ClearEndpoint implements SessionEndpoint, SessionHost, PathOutput {
  readonly #components: ClearEndpointComponents;
  readonly #config: ClientSessionConfig;
  readonly #pool: SegmentPool;
  readonly #ports: (Port | undefined)[] = [];
  /** Carriers that were given up and are not closed yet. */
  readonly #leaving = new Set<Promise<void>>();
  /** Ports whose last path was given up, to be closed after the turn. */
  readonly #unused: Port[] = [];
  readonly #entries = new Map<Session, Entry>();
  #nextTag = 0;
  #inTurn = false;
  #isTurnComing = false;
  #isClosed = false;
  /** When everything that had arrived was last handed to the sessions. */
  #caughtUpAt: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = NEVER;
  #whenGone: (() => void)[] = [];

  constructor(components: ClearEndpointComponents, config: ClientSessionConfig) {
    this.#components = components;
    this.#config = config;
    const slotBytes = Math.max(MIN_SLOT_BYTES, config.kcp.mtu);
    this.#pool = new SegmentPool({ slotBytes, maxBytes: config.maxMemoryBytes });
    this.#caughtUpAt = components.clock.now();
  }

  // ---- SessionEndpoint ----

  attach(carrier: Carrier, { reliable }: { readonly name: string; readonly reliable: boolean }): number {
    const free = this.#ports.indexOf(undefined);
    const number = free < 0 ? this.#ports.length : free;
    const arena = new PathArena(carrier.arena);
    const port: Port = { number, carrier, arena, isReliable: reliable, pathCount: 0 };
    this.#ports[number] = port;
    carrier.start((batch) => this.#turn(port, batch, true), {
      disconnected: (slot) => {
        this.#losePaths(number, slot);
      },
      writable: (slot) => {
        for (const { session } of this.#entries.values()) session.setPathFull(number, slot, false);
      },
    });
    return number;
  }

  detach(number: number): Promise<void> {
    const port = this.#ports[number];
    if (port === undefined) return Promise.resolve();
    this.#losePaths(number);
    this.#ports[number] = undefined;
    const left = port.carrier.close();
    const forget = (): void => void this.#leaving.delete(left);
    this.#leaving.add(left);
    left.then(forget, forget);
    return left;
  }

  dial(options: SessionDial): Session {
    const { credentials, stream, earlyData, timeoutMs } = options;
    if (credentials.seal !== 'clear') refuse();
    const now = this.#components.clock.now();
    const { conv } = credentials;
    const { idleTimeoutMs, keepAliveMs, closeTimeoutMs } = this.#config;
    const session = new Session(
      {
        role: 'client',
        peer: 'kcpgate',
        kcp: configOfConversation(this.#config.kcp, {
          conv,
          stream,
          limitUntilHeard: false,
          loggedIn: true,
        }),
        idleTimeoutMs,
        keepAliveMs,
        closeTimeoutMs,
        lingerMs: LINGER_MS,
        copyBytesPerSecond: 0,
        earlyData,
      },
      this.#pool,
      this,
      this.#nextTag++,
      now,
      {
        path: new Path(options.port, options.slot, this.#portAt(options.port).isReliable, 0, {
          validated: true,
          announcing: false,
        }),
        handshake: new ClientHandshake(
          credentials,
          { crypto: this.#components.crypto, cipher: NO_CIPHER },
          now,
          timeoutMs,
        ),
        loggedIn: true,
      },
    );
    this.#entries.set(session, { session, isDirty: false, deadline: NEVER });
    session.observer = options.observer;
    session.bind(options.bind(session));
    this.wake(session);
    return session;
  }

  tryOpening(session: Session, number: number, slot: number): Path {
    return session.tryOpening(number, slot, this.#portAt(number).isReliable);
  }

  tryPath(session: Session, number: number, slot: number): Path {
    return session.tryPath(number, slot, this.#portAt(number).isReliable);
  }

  abandonPath(session: Session, path: Path): void {
    session.abandonPath(path);
    if (!this.#inTurn) this.#detachUnused();
  }

  async gone(): Promise<void> {
    if (this.#entries.size === 0) return;
    await new Promise<void>((resolve) => this.#whenGone.push(resolve));
  }

  async close(code: CloseCode = CloseCode.normal, reason = 'closed'): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      clearTimeout(this.#timer);
      for (const entry of [...this.#entries.values()]) {
        const { session } = entry;
        try {
          while (!session.writeFarewell(this, code, reason)) this.#flush();
          session.destroy(code, reason);
        } catch (error) {
          this.#fail(entry, error);
        }
        this.#settle(entry);
      }
      this.#flush();
    }
    await Promise.all([...this.#leaving, ...this.#ports.map((port) => port?.carrier.close())]);
  }

  // ---- what sessions ask for ----

  wake(session: Session): void {
    const entry = this.#entries.get(session);
    if (entry !== undefined) this.#touch(entry);
  }

  arenaOf(path: Path): PathArena {
    const { carrier, arena } = this.#portAt(path.port);
    const { connections } = carrier;
    if (connections !== undefined && connections.queuedBytes(path.slot) > connections.highWaterBytes)
      path.isFull = true;
    carrier.arena.target = path.slot;
    return arena;
  }

  retainPath({ port: number, slot }: Path): void {
    const port = this.#portAt(number);
    port.carrier.retain(slot);
    port.pathCount++;
    port.carrier.connections?.confirm(slot);
  }

  releasePath(path: Path, code: CloseCode, reason: string): void {
    const port = this.#ports[path.port];
    if (port === undefined) return;
    if (!path.isLost) this.breakPath(path, code, reason);
    port.carrier.release(path.slot);
    if (--port.pathCount === 0) this.#unused.push(port);
  }

  breakPath({ port, slot }: Path, code: CloseCode, reason: string): void {
    this.#ports[port]?.carrier.connections?.disconnect(slot, code, reason);
  }

  /** On a carrier of one connection there is nobody else. */
  isSameHost(): boolean {
    return false;
  }

  fillRandom(bytes: Uint8Array): void {
    bytes.set(this.#components.crypto.randomBytes(bytes.length));
  }

  // ---- turns ----

  /** @param afterReading everything that had arrived before the turn was handed in. */
  #turn(port: Port | undefined, batch: ReceiveBatch | undefined, afterReading: boolean): void {
    if (this.#isClosed) return;
    const now = this.#components.clock.now();
    this.#inTurn = true;
    try {
      if (port !== undefined && batch !== undefined) this.#handleBatch(now, port, batch);
      const isCaughtUp = afterReading && batch?.moreWaiting !== true;
      this.#caughtUpAt = isCaughtUp ? now : Math.max(this.#caughtUpAt, now - MAX_BEHIND_MS);
      for (const entry of this.#entries.values()) {
        if (entry.isDirty || entry.deadline <= now) this.#drain(now, entry);
      }
    } finally {
      this.#flush();
      this.#inTurn = false;
    }
    this.#detachUnused();
    this.#planNext(now);
  }

  #handleBatch(now: number, port: Port, batch: ReceiveBatch): void {
    const { meta, count } = batch;
    for (let i = 0, at = 0; i < count; i++, at += META_STRIDE) {
      const offset = meta[at + META_OFFSET] ?? 0;
      const length = meta[at + META_LENGTH] ?? 0;
      const slot = meta[at + META_ADDRESS] ?? 0;
      const kind = datagramKind(batch.view, offset, length);
      if (kind !== 'clear' && kind !== 'handshake') continue;
      const entry = this.#find(conversationOf(batch.view, offset));
      // A sink may have closed the endpoint in the middle of a batch: then there is no session.
      if (entry === undefined) continue;
      entry.isDirty = true;
      try {
        if (kind === 'clear') handleClear(now, entry.session, port, batch, offset, length, slot);
        else entry.session.handleHelloAck(now, batch.bytes, batch.view, offset, length, port.number, slot);
      } catch (error) {
        this.#fail(entry, error);
      }
    }
  }

  #find(conv: number): Entry | undefined {
    for (const entry of this.#entries.values()) if (entry.session.conv === conv) return entry;
    return undefined;
  }

  #drain(now: number, entry: Entry): void {
    const { session } = entry;
    entry.isDirty = false;
    try {
      while (session.drain(now, this, this.#caughtUpAt)) this.#flush();
    } catch (error) {
      this.#fail(entry, error);
    }
    entry.deadline = session.nextDeadline();
    this.#settle(entry);
  }

  /** Forgets a session that is gone. */
  #settle({ session }: Entry): void {
    if (session.state !== 'gone' || !this.#entries.delete(session) || this.#entries.size > 0) return;
    for (const resolve of this.#whenGone.splice(0)) resolve();
  }

  /** Ends the session of a sink that threw. It may throw again when it is told; the session is gone all the same. */
  #fail({ session }: Entry, error: unknown): void {
    const { logger } = this.#config;
    logger.error('session failed', { conv: session.conv, err: error });
    try {
      session.destroy(CloseCode.upstreamUnavailable, 'internal error');
    } catch (again) {
      logger.error('its sink failed again', { conv: session.conv, err: again });
    }
  }

  /** The connections of a port are gone, or one of them. */
  #losePaths(number: number, slot?: number): void {
    for (const entry of [...this.#entries.values()]) {
      for (const path of [...entry.session.paths]) {
        if (path.port !== number || path.isLost || (slot ?? path.slot) !== path.slot) continue;
        try {
          entry.session.handlePathLost(number, path.slot);
        } catch (error) {
          this.#fail(entry, error);
        }
      }
      this.#touch(entry);
    }
  }

  #touch(entry: Entry): void {
    entry.isDirty = true;
    if (!this.#inTurn) this.#scheduleTurn();
  }

  #flush(): void {
    for (const port of this.#ports) port?.carrier.flush();
  }

  #detachUnused(): void {
    if (this.#unused.length === 0) return;
    for (const port of this.#unused.splice(0)) {
      if (port.pathCount === 0 && this.#ports[port.number] === port) void this.detach(port.number);
    }
  }

  #portAt(number: number): Port {
    const port = this.#ports[number];
    if (port === undefined) throw new RangeError(`there is no port ${number}`);
    return port;
  }

  // ---- when the next turn is ----

  #scheduleTurn(): void {
    if (this.#isTurnComing || this.#isClosed) return;
    this.#isTurnComing = true;
    this.#components.later(this.#runTurn);
  }

  readonly #runTurn = (): void => {
    this.#isTurnComing = false;
    this.#turn(undefined, undefined, false);
  };

  #planNext(now: number): void {
    let deadline = NEVER;
    let isAnyDirty = false;
    for (const entry of this.#entries.values()) {
      deadline = Math.min(deadline, entry.deadline);
      isAnyDirty ||= entry.isDirty;
    }
    if (isAnyDirty) this.#scheduleTurn();
    if (deadline >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    this.#timer = setTimeout(this.#runTimer, Math.min(MAX_TIMEOUT_MS, Math.max(1, deadline - now)));
  }

  /**
   * After a pause of the page timers may come before what had arrived meanwhile, and everything would be taken for lost whose ACK is waiting
   * there. So a timer's turn comes a little later.
   */
  readonly #runTimer = (): void => {
    this.#timerAt = NEVER;
    this.#components.later(this.#runAfterReading);
  };

  readonly #runAfterReading = (): void => {
    // A carrier gathers what arrives, and hands it over later, too.
    this.#components.later(this.#runTimed);
  };

  readonly #runTimed = (): void => {
    this.#turn(undefined, undefined, true);
  };
}

/** Hands a clear datagram to its session, if that is open and knows where it came from. */
function handleClear(
  now: number,
  session: Session,
  { number, isReliable }: Port,
  batch: ReceiveBatch,
  offset: number,
  length: number,
  slot: number,
): void {
  const { bytes, view } = batch;
  if (commandOf(view, offset) === Command.reset) {
    const isWhole = checkSegment(view, offset, offset + length, 0) > 0;
    const reset = isWhole ? readReset(batch, offset) : 'truncated';
    if (typeof reset !== 'string') session.handleReset(now, reset.token);
    return;
  }
  if (session.state === 'opening' || !session.hasPath(number, slot)) return;
  const { id } = session.path;
  session.handleOpened(now, bytes, view, offset, length, number, slot, isReliable, id, false, length);
}

/** What only sealed sessions ask for, and there are none. */
const NO_CIPHER: PacketCipher = {
  implementation: 'node',
  addKey: () => refuse(),
  removeKey: () => undefined,
  seal: () => refuse(),
  open: () => refuse(),
  close: () => undefined,
};

function refuse(): never {
  throw new GatewayError('internal', 'there is no cipher here');
}

const MIN_SLOT_BYTES = 1536;
/** Repeats of the gateway's FIN or KICK are answered for so long, in ms. */
const LINGER_MS = 250;
/** Losses are still found, so much later, when there is always more to read. */
const MAX_BEHIND_MS = 100;
/** Timers hold 31 bits of milliseconds. */
const MAX_TIMEOUT_MS = 0x7fffffff;
