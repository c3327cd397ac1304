import { NEVER } from '../../base/clock.ts';
import { CloseCode, closeCodeName } from '../../base/close-code.ts';
import { GatewayError } from '../../base/errors.ts';
import type { SessionPort, Sink } from '../../base/sink.ts';
import type { DrainNotice } from '../../session/index.ts';
import type { LineChoice } from '../choose-line.ts';
import type { ClientStatus, ClientStatusOf } from '../client-status.ts';
import type { CloseInfo, ConnectionStatusOf } from '../connection-status.ts';
import { explainDecisions } from '../explain-decisions.ts';
import type { KnownLines } from '../known-lines.ts';
import type { LineEvidence } from '../lines/line-report.ts';
import type { Line } from '../login-answer.ts';
import type { MessageQueue } from '../message-queue.ts';
import { openFailure } from '../open-failure.ts';
import { SessionDecisions } from '../session-decisions.ts';
import { SessionSuccession, type SuccessionCommand, type SuccessionConfig } from '../session-succession.ts';
import { StatusListeners } from '../status-listeners.ts';
import type { SwitchDecision } from '../switching/switch-decision.ts';
import type { ClientPlatform } from './client-platform.ts';
import type { ConnectionStats } from './connection.ts';
import { NextChange } from './next-change.ts';
import type { MoveOptions } from './session-lines.ts';
import type { SessionOpener, SessionTransport } from './session-transport.ts';

/** What a {@link ClientSession} counted, and where it stands. */
export interface ClientSessionStats {
  /** Of the connection in use; null while there is none. */
  readonly connection: ConnectionStats | null;
  /** The gateway in use; null while there is none. */
  readonly gatewayId: number | null;
  /** Connections that were opened so far. */
  readonly connections: number;
  /** Messages that `send` had taken and that were not acknowledged when their connection closed. */
  readonly unconfirmed: number;
}

/** One way to the gateway in use. */
export interface SessionLine {
  readonly line: Line;
  readonly inUse: boolean;
  /** What was measured last, by this session or another one of the client; null: nothing. */
  readonly evidence: LineEvidence | null;
}

/** Why the session is where it is. */
export interface Explanation {
  /** The latest decisions about lines, oldest first. */
  readonly decisions: readonly SwitchDecision[];
  /** The same for people, a line each. */
  readonly text: string;
}

/** What a {@link ClientSession} is made of. */
export interface ClientSessionParts {
  readonly platform: Pick<ClientPlatform, 'clock' | 'throwLater'>;
  readonly opener: SessionOpener;
  readonly succession: SuccessionConfig;
  /** What all sessions of the client know. */
  readonly known: KnownLines;
}

/**
 * What an application has of a client: one session with what is behind the gateways, whatever lines and connections it uses.
 *
 * Send messages (or, in stream mode, bytes) with {@link send}, take what arrives by iteration. What arrives and is not taken is
 * held up to a bound, then the peer is slowed down. In message mode it lives on after a connection closed: in a new one,
 * without loss where a gateway is drained, else as `reconnecting` tells.
 */
export class ClientSession implements AsyncIterable<Uint8Array> {
  /** Resolves when the session is over, with the reason; never rejects. */
  readonly closed: Promise<CloseInfo>;
  /** Whether bytes are one stream, rather than messages. */
  readonly isStream: boolean;
  readonly #platform: ClientSessionParts['platform'];
  readonly #opener: SessionOpener;
  readonly #succession: SessionSuccession;
  readonly #listeners: StatusListeners<ClientStatus>;
  readonly #known: KnownLines;
  readonly #members = new Map<number, Member>();
  readonly #decisions = new SessionDecisions((decision) => this.#tell({ type: 'decision', decision }));
  /** Attempts under way, and connections that are being let go of. */
  readonly #works = new Set<Promise<unknown>>();
  #count = 0;
  #opening: AbortController | undefined;
  /** An attempt that waits until the application has taken more of what arrived. */
  #held: Extract<SuccessionCommand, { type: 'open' }> | undefined;
  #lastError: GatewayError | undefined;
  /** How the last connection closed, until an attempt knows. */
  #closedWith: CloseCode | undefined;
  /** Not yet told. */
  #unconfirmed = 0;
  #unconfirmedInAll = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #takeDatagram: ((bytes: Uint8Array) => void) | undefined;
  /** `send` took less than it was given. */
  #isBlocked = false;
  /** Who took what was sent when `send` was last called. */
  #lastSender: number | undefined;
  readonly #changed = new NextChange();
  #closeInfo: CloseInfo | undefined;
  #closing: Promise<CloseInfo> | undefined;
  #markClosed!: (info: CloseInfo) => void;

  /** Use `client.connect()`. */
  constructor({ platform, opener, succession, known }: ClientSessionParts) {
    this.#known = known;
    this.isStream = !succession.succeeds;
    this.#platform = platform;
    this.#opener = opener;
    this.#succession = new SessionSuccession(succession);
    this.#listeners = new StatusListeners(platform.throwLater);
    this.closed = new Promise((resolve) => (this.#markClosed = resolve));
  }

  /** Opens the first connection. Internal. @throws GatewayError why there is none. */
  async open(): Promise<void> {
    this.#succession.start();
    this.#step();
    while (this.#count === 0 && this.#closeInfo === undefined) await this.#changed.wait();
    if (this.#count > 0) return;
    throw this.#failure();
  }

  /**
   * Calls a function with every status of a type, in the order they come about. What a listener throws is thrown once more
   * where nobody catches it: neither the session nor other listeners notice.
   * @returns ends it.
   */
  on<Type extends ClientStatus['type']>(
    type: Type,
    listener: (status: ClientStatusOf<Type>) => void,
  ): () => void {
    return this.#listeners.add(type, listener);
  }

  /** Whether it is over. */
  get isOver(): boolean {
    return this.#closeInfo !== undefined;
  }

  /** As {@link on}, of every type. @returns ends it. */
  onAny(listener: (status: ClientStatus) => void): () => void {
    return this.#listeners.addAny(listener);
  }

  /** The line in use; undefined while there is no connection. */
  get line(): Line | undefined {
    return this.#current?.transport.line;
  }

  /** The lines that lead to the gateway in use, with what is known of them; none while there is no connection. */
  lines(): SessionLine[] {
    const transport = this.#current?.transport;
    if (transport === undefined) return [];
    const used = transport.line.id;
    return transport.lines.map((line) => ({
      line,
      inUse: line.id === used,
      evidence: this.#known.of(line.id),
    }));
  }

  /**
   * Queues one message; in stream mode, bytes.
   * @returns the number of bytes taken: all; in stream mode perhaps some; 0 when the queue is full, or while there is no connection.
   *   For what was not taken wait for {@link writable} and send it again.
   * @throws GatewayError `message_empty`, `message_too_large` (more than a message may have, or more fragments than the
   *   peer's window), `session_closed` (over, or ended by {@link end}).
   */
  send(bytes: Uint8Array, offset = 0, length = bytes.length - offset): number {
    const id = this.#succession.sender;
    this.#lastSender = id;
    const member = id === undefined ? undefined : this.#members.get(id);
    if (member === undefined) {
      if (this.#succession.isDone) throw this.#closedError();
      this.#isBlocked = true;
      return 0;
    }
    let taken = 0;
    try {
      taken = member.transport.send(bytes, offset, length);
    } catch (error) {
      // It is about to close: what follows decides whether this is the end.
      if (!isClosedError(error)) throw error;
      member.isClosing = true;
    }
    if (taken < length) this.#isBlocked = true;
    return taken;
  }

  /** Resolves when it is worth trying again after {@link send} took less than it was given, or the session is over. */
  async writable(): Promise<void> {
    const member = this.#current;
    while (this.#isBlocked && !this.#succession.isDone && this.#lastSender === this.#succession.sender) {
      if (member === undefined || member.isClosing) await this.#changed.wait();
      else await this.#changed.waitOr(member.transport.writable().then(() => (this.#isBlocked = false)));
    }
    this.#isBlocked = false;
  }

  /**
   * Sends one message outside the order, once: it arrives soon or never, and never while there is no connection. When too many wait,
   * the oldest give way.
   * @param bytes one datagram at most: some 60 bytes less than the MTU of the login. Copied.
   * @throws GatewayError `message_empty`, `message_too_large`, `session_closed`.
   */
  sendDatagram(bytes: Uint8Array, offset = 0, length = bytes.length - offset): void {
    if (this.#succession.isOver) throw this.#closedError();
    try {
      this.#current?.transport.sendDatagram(bytes, offset, length);
    } catch (error) {
      if (!isClosedError(error)) throw error;
    }
  }

  /**
   * Calls a function with every message that arrives outside the order; its bytes are the function's to keep. There is one
   * such function at a time; without one those messages are dropped.
   * @returns ends it.
   */
  onDatagram(listener: (bytes: Uint8Array) => void): () => void {
    this.#takeDatagram = listener;
    return () => {
      if (this.#takeDatagram === listener) this.#takeDatagram = undefined;
    };
  }

  /** What arrives, in the order it was sent, until the peer ended or the session is over. For one reader at a time. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const message = await this.#next();
      if (message === undefined) return;
      yield message;
    }
  }

  /**
   * Gives everything that arrives to a sink from now on, instead of holding it for the iteration; once, in stream mode, where
   * there is one connection. Internal.
   */
  divert(make: (port: SessionPort, inbox: MessageQueue) => Sink): void {
    const [member] = this.#members.values();
    if (member === undefined) throw this.#closedError();
    member.transport.divert(make);
  }

  /**
   * Goes to another line, make before break: nothing is lost or repeated.
   * @param line one of {@link lines}, its id, or the choice of one.
   * @throws GatewayError `no_line`; `move_failed`: the session stays where it is; `session_closed`: over, or without connection now.
   */
  async moveTo(line: LineChoice | Line, options: MoveOptions = {}): Promise<void> {
    const member = this.#current;
    if (member === undefined) throw this.#closedError();
    await member.transport.moveTo(line, options);
  }

  stats(): ClientSessionStats {
    const transport = this.#current?.transport;
    return {
      connection: transport?.stats() ?? null,
      gatewayId: transport?.gatewayId ?? null,
      connections: this.#count,
      unconfirmed: this.#unconfirmedInAll,
    };
  }

  /** The latest decisions about lines, as data and as text. */
  explain(): Explanation {
    const decisions = this.#decisions.latest;
    return { decisions, text: explainDecisions(decisions) };
  }

  /**
   * Ends this direction after everything queued was sent; what the peer still sends arrives. No other connection is opened
   * from now on. The session is over when the peer has ended, too.
   */
  end(): void {
    this.#succession.end();
    this.#step();
  }

  /**
   * Sends what is queued, tells the peer, releases everything.
   * @returns how the session ended.
   */
  close(code: CloseCode = CloseCode.normal, reason = 'closed'): Promise<CloseInfo> {
    return this.#stop({ code, reason, mayReconnect: false }, (transport) => transport.close(code, reason));
  }

  /** Drops everything at once, tells the peer once, and resolves when nothing is left: no socket, no timer. Safe to call twice. */
  async destroy(code: CloseCode = CloseCode.normal, reason = 'destroyed'): Promise<void> {
    const destroyed = [...this.#members.values()].map(({ transport }) => transport.destroy(code, reason));
    await this.#stop({ code, reason, mayReconnect: false }, (transport) => transport.destroy(code, reason));
    await Promise.all(destroyed);
  }

  // ---- reading ----

  async #next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const id = this.#succession.reader;
      const member = id === undefined ? undefined : this.#members.get(id);
      if (id === undefined || member === undefined) {
        if (this.#succession.isReadOut) return undefined;
        await this.#changed.wait();
        continue;
      }
      const { done, value } = await member.messages.next();
      if (done !== true) {
        this.#openIfRoom();
        return value;
      }
      this.#succession.readOut(id);
      this.#step();
    }
  }

  // ---- the succession ----

  get #current(): Member | undefined {
    const id = this.#succession.current;
    return id === undefined ? undefined : this.#members.get(id);
  }

  /** Carries out what the succession wants, whatever happened. */
  #step(): void {
    for (;;) {
      const commands = this.#succession.takeCommands();
      if (commands.length === 0) break;
      for (const command of commands) this.#carryOut(command);
    }
    this.#schedule();
    this.#forget();
    this.#changed.tell();
  }

  #carryOut(command: SuccessionCommand): void {
    // Whoever was told of the one before may have ended it all.
    if (this.#closing !== undefined && command.type !== 'abort') return;
    switch (command.type) {
      case 'open':
        this.#held = command;
        return this.#openIfRoom();
      case 'abort':
        this.#held = undefined;
        this.#decisions.fails(this.#platform.clock.now(), 'given_up');
        return this.#opening?.abort();
      case 'end':
        return this.#members.get(command.id)?.transport.end();
      case 'drop':
        return this.#drop(command.id);
      case 'left':
        return this.#tellLeft(command.from, command.complete);
      case 'reconnecting': {
        const { attempt, waitMs, cause } = command;
        // What was to be left is gone.
        this.#decisions.fails(this.#platform.clock.now(), 'closed');
        const { code, reason } = cause;
        return this.#tell({
          type: 'reconnecting',
          attempt,
          waitMs,
          code,
          reason,
          unconfirmed: this.#takeUnconfirmed(),
        });
      }
      case 'reconnected': {
        const transport = this.#members.get(command.id)?.transport;
        if (transport === undefined) return;
        const { line, gatewayId } = transport;
        return this.#tell({
          type: 'reconnected',
          line: line.id,
          gatewayId,
          attempt: command.attempt,
          resumed: false,
        });
      }
      case 'over': {
        const { type: _type, ...info } = command;
        return this.#finish(info);
      }
    }
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const { deadline } = this.#succession;
    if (deadline === NEVER) return;
    const { clock } = this.#platform;
    this.#timer = setTimeout(
      () => {
        this.#succession.advance(clock.now(), (id) => (this.#members.get(id)?.transport.heldBytes ?? 0) > 0);
        this.#step();
      },
      Math.max(0, Math.min(deadline - clock.now(), MAX_TIMER_MS)),
    );
  }

  /** What closed connections left behind has to be read first: it is held without end otherwise. */
  #openIfRoom(): void {
    const command = this.#held;
    if (command === undefined) return;
    let unread = 0;
    for (const { transport, isClosed } of this.#members.values()) if (isClosed) unread += transport.heldBytes;
    if (unread > MAX_UNREAD_BYTES) return;
    this.#held = undefined;
    this.#track(this.#open(command));
  }

  async #open({ reason, attempt }: Extract<SuccessionCommand, { type: 'open' }>): Promise<void> {
    const { clock } = this.#platform;
    const own = new AbortController();
    const { signal } = own;
    this.#opening = own;
    this.#tell({ type: 'connecting', attempt });
    const left = reason === 'handover' ? this.#current : undefined;
    const leave = left?.transport.gatewayId;
    const { lines: prefer = [], deadlineMs = null, jitterMs = null } = left?.drain ?? {};
    if (left !== undefined) {
      const inputs = { gatewayId: left.transport.gatewayId, attempt, deadlineMs, jitterMs };
      this.#decisions.leaves(clock.now(), left.transport.line.id, inputs);
    }
    // What follows from it is done with the first attempt.
    const closedWith = this.#closedWith;
    this.#closedWith = undefined;
    const report = (status: ClientStatus): void => {
      if (!signal.aborted) this.#tell(status);
    };
    try {
      const transport = await this.#opener.open({ reason, leave, prefer, closedWith, signal, report });
      if (signal.aborted) {
        await transport.destroy();
        return;
      }
      this.#decisions.arrives(transport.line.id);
      this.#add(transport);
    } catch (error) {
      if (signal.aborted) return;
      this.#lastError = GatewayError.from(error);
      this.#decisions.fails(clock.now(), this.#lastError.code);
      this.#succession.openFailed(clock.now(), openFailure(error));
    }
    this.#opening = undefined;
    this.#step();
  }

  #add(transport: SessionTransport): void {
    const { clock } = this.#platform;
    const id = ++this.#count;
    const messages = transport[Symbol.asyncIterator]();
    this.#members.set(id, { transport, messages, drain: undefined, isClosed: false, isClosing: false });
    const whileCurrent = (tell: () => void): void => {
      if (this.#succession.current === id) tell();
    };
    const handleClose = (info: CloseInfo): void => this.#handleClose(id, info);
    transport.on('moved', (status) => whileCurrent(() => this.#tell(status)));
    transport.on('pathlost', (status) => whileCurrent(() => this.#tell(status)));
    transport.on('suspect', (status) => whileCurrent(() => this.#tell(status)));
    transport.on('decision', (status) => {
      const decision = this.#decisions.of(id, status.decision);
      whileCurrent(() => this.#tell({ ...status, decision }));
    });
    transport.on('surveyed', (status) => {
      this.#known.learn(status.report);
      whileCurrent(() => this.#tell(status));
    });
    transport.on('draining', (status) => {
      whileCurrent(() => this.#handleDrain(id, status));
      this.#succession.draining(clock.now(), id, status.jitterMs);
      this.#step();
    });
    transport.on('close', ({ type: _type, ...info }) => handleClose(info));
    // It may have closed before anybody listened.
    void transport.closed.then(handleClose);
    transport.onDatagram((bytes) => this.#handleDatagram(bytes));
    this.#succession.opened(clock.now(), id);
    const { line, gatewayId } = transport;
    this.#tell({ type: 'open', line: line.id, transport: line.transport, gatewayId });
  }

  #handleClose(id: number, info: CloseInfo): void {
    const member = this.#members.get(id);
    if (member === undefined || member.isClosed) return;
    member.isClosed = true;
    this.#unconfirmed += member.transport.unconfirmed;
    this.#unconfirmedInAll += member.transport.unconfirmed;
    // How one ends that is left says nothing of the login of its successor.
    if (this.#succession.current === id) this.#closedWith = info.code;
    this.#succession.closed(this.#platform.clock.now(), id, info);
    this.#step();
  }

  #handleDrain(id: number, status: ConnectionStatusOf<'draining'>): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    const { gatewayId, line } = member.transport;
    member.drain = status;
    this.#tell({ ...status, gatewayId });
    if (this.isStream) this.#decisions.stays(this.#platform.clock.now(), line.id, status, 'stream');
  }

  #handleDatagram(bytes: Uint8Array): void {
    try {
      this.#takeDatagram?.(bytes);
    } catch (error) {
      this.#platform.throwLater(error);
    }
  }

  #drop(id: number): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    this.#track(member.transport.destroy(CloseCode.drain, 'it did not finish in time'));
  }

  #tellLeft(id: number, complete: boolean): void {
    this.#decisions.settles(this.#platform.clock.now(), complete ? 'done' : 'cut_off');
    const member = this.#members.get(id);
    const to = this.#current?.transport.gatewayId;
    if (member === undefined || to === undefined) return;
    const from = member.transport.gatewayId;
    this.#tell({ type: 'left', from, to, lost: complete ? 0 : null, unconfirmed: this.#takeUnconfirmed() });
  }

  /** Lets go of connections that are closed and read out. */
  #forget(): void {
    for (const [id, { isClosed }] of this.#members) {
      if (isClosed && !this.#succession.has(id)) this.#members.delete(id);
    }
  }

  // ---- the end ----

  /** @param end ends one connection. */
  #stop(info: CloseInfo, end: (transport: SessionTransport) => Promise<unknown>): Promise<CloseInfo> {
    this.#closing ??= this.#endAll(info, end);
    return this.#closing;
  }

  async #endAll(
    asked: CloseInfo,
    end: (transport: SessionTransport) => Promise<unknown>,
  ): Promise<CloseInfo> {
    const current = this.#current;
    this.#succession.stop();
    this.#step();
    const open = [...this.#members.values()];
    await Promise.all(open.map(({ transport }) => end(transport)));
    await Promise.allSettled([...this.#works]);
    this.#finish(current === undefined ? asked : await current.transport.closed);
    return this.closed;
  }

  #finish(info: CloseInfo): void {
    if (this.#closeInfo !== undefined) return;
    this.#closeInfo = info;
    clearTimeout(this.#timer);
    this.#opener.release();
    this.#tell({ type: 'close', ...info, unconfirmed: this.#takeUnconfirmed() });
    this.#markClosed(info);
    this.#step();
  }

  /** Why no connection was opened. */
  #failure(): GatewayError {
    const cause = this.#lastError;
    if (cause === undefined) return this.#closedError();
    if (openFailure(cause).isFinal) return cause;
    return new GatewayError('retries_exhausted', `no connection: ${cause.message}`, { cause });
  }

  #closedError(): GatewayError {
    const info = this.#closeInfo;
    if (info === undefined) return new GatewayError('session_closed');
    const { code, reason } = info;
    const message = `the session was closed: ${closeCodeName(code)}${reason === '' ? '' : `, ${reason}`}`;
    return new GatewayError('session_closed', message, { details: { ...info } });
  }

  // ---- small things ----

  #tell(status: ClientStatus): void {
    // The close is the last one.
    if (this.#closeInfo !== undefined && status.type !== 'close') return;
    this.#listeners.tell(status);
  }

  #takeUnconfirmed(): number {
    const count = this.#unconfirmed;
    this.#unconfirmed = 0;
    return count;
  }

  #track(work: Promise<unknown>): void {
    this.#works.add(work);
    const done = (): void => void this.#works.delete(work);
    work.then(done, done);
  }
}

interface Member {
  readonly transport: SessionTransport;
  readonly messages: AsyncIterator<Uint8Array, void>;
  /** Its gateway asked to go elsewhere. */
  drain: DrainNotice | undefined;
  isClosed: boolean;
  /** It takes nothing more and is about to close. */
  isClosing: boolean;
}

function isClosedError(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'session_closed';
}

/** What connections that are closed may leave to be read before another one is opened. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** Longer waits are taken in pieces: timers count 32 bits. */
const MAX_TIMER_MS = 0x7fff_ffff;
