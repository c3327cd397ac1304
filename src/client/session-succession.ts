import { NEVER } from '../base/clock.ts';
import { CloseCode } from '../base/close-code.ts';
import type { CloseInfo } from './connection-status.ts';
import { fullJitterMs } from './full-jitter.ts';

/** How one connection of a client may follow another. */
export interface SuccessionConfig {
  /** Whether another connection may take the place of one: only messages can be continued elsewhere. */
  readonly succeeds: boolean;
  /** Whether a close that allows it is followed by a new connection. */
  readonly reconnect: boolean;
  /** Attempts in a row to open a connection, the first included. */
  readonly rounds: number;
  /** The wait before an attempt is anything from 0 to this, doubled with each attempt. */
  readonly firstWaitMs: number;
  readonly maxWaitMs: number;
  /** How long a connection that was left may take to finish in order. */
  readonly handOverTimeoutMs: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** Why a connection is opened: the first one, elsewhere because the gateway is drained, or anew after one was closed. */
export type OpenReason = 'first' | 'handover' | 'reconnect';

/** What is to be done. Whoever does it reports what became of it. */
export type SuccessionCommand =
  /** Open a connection: {@link SessionSuccession.opened} or `openFailed` follows. */
  | { readonly type: 'open'; readonly reason: OpenReason; readonly attempt: number }
  /** Give up the opening that is under way; nothing of it is reported any more. */
  | { readonly type: 'abort' }
  /** End this side's direction of a connection. */
  | { readonly type: 'end'; readonly id: number }
  /** Drop a connection: it did not finish in time. */
  | { readonly type: 'drop'; readonly id: number }
  /** To be told: the next attempt comes after a wait. */
  | {
      readonly type: 'reconnecting';
      readonly attempt: number;
      readonly waitMs: number;
      readonly cause: CloseInfo;
    }
  /** To be told: a new connection goes on where one was closed. */
  | { readonly type: 'reconnected'; readonly id: number; readonly attempt: number }
  /** To be told: a connection that was left is finished. */
  | { readonly type: 'left'; readonly from: number; readonly complete: boolean }
  /** To be told: no connection follows any more. The last one. */
  | ({ readonly type: 'over' } & CloseInfo);

/** What a failed attempt to open a connection means. */
export interface OpenFailure {
  /** No other attempt can do better. */
  readonly isFinal: boolean;
  /** How a session reads that ends because of it. */
  readonly close: CloseInfo;
}

/**
 * Which of a client's connections takes what is sent and whose messages are delivered, one connection after the other.
 *
 * A connection that is left because its gateway is drained sends what is queued, ends, and is heard to its end; what its
 * successor receives waits until then. So the messages of all connections are one sequence: those of the peer in the order
 * they were sent, none lost or twice, unless a connection is cut off; and that is told.
 *
 * Sans-I/O: every method may add commands, which {@link takeCommands} gives; {@link advance} has to be called at
 * {@link deadline}.
 */
export class SessionSuccession {
  readonly #config: SuccessionConfig;
  /** The oldest first. Gone are those that are closed and read out. */
  readonly #members: Member[] = [];
  #opening: Opening | undefined;
  #commands: SuccessionCommand[] = [];
  /** Attempts since a connection last held for a while. */
  #attempt = 0;
  /** This side will send nothing more. */
  #hasEnded = false;
  /** The peer will send nothing more. */
  #hasPeerEnded = false;
  /** How it ends, once what is being left has finished. */
  #end: CloseInfo | undefined;
  #isOver = false;

  constructor(config: SuccessionConfig) {
    this.#config = config;
  }

  takeCommands(): SuccessionCommand[] {
    const commands = this.#commands;
    this.#commands = [];
    return commands;
  }

  /** The connection that takes what is sent; undefined while there is none, and once this side has ended. */
  get sender(): number | undefined {
    return this.#hasEnded ? undefined : this.current;
  }

  /** The connection in use; undefined while there is none. */
  get current(): number | undefined {
    const current = this.#current;
    return current?.state === 'open' ? current.id : undefined;
  }

  /** The connection whose messages are delivered now; undefined while there is none. */
  get reader(): number | undefined {
    return this.#members.find(({ isReadOut }) => !isReadOut)?.id;
  }

  /** Whether no message will ever come any more, except from {@link reader}. */
  get isReadOut(): boolean {
    return this.#isOver || this.#end !== undefined || this.#hasPeerEnded;
  }

  /** Whether nothing can be sent any more. */
  get isDone(): boolean {
    return this.#isOver || this.#end !== undefined || this.#hasEnded;
  }

  /** Whether a connection is open, or still to be read. */
  has(id: number): boolean {
    return this.#find(id) !== undefined;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** When {@link advance} is to be called next, in ms. */
  get deadline(): number {
    if (this.#isOver) return NEVER;
    const openAt = this.#opening === undefined ? this.#leaveAt : this.#opening.retryAt;
    return this.#members.reduce((first, { finishBy }) => Math.min(first, finishBy), openAt);
  }

  /** Opens the first connection. */
  start(): void {
    this.#opening = newOpening('first');
    this.#try(this.#opening);
  }

  /**
   * Does what is due.
   * @param isBehind whether the application has not taken all that arrived on a connection: then that cannot finish, and more
   *   time is given, as long as its gateway gives it.
   */
  advance(now: number, isBehind: (id: number) => boolean = () => false): void {
    if (this.#isOver) return;
    for (const member of [...this.#members]) {
      if (now < member.finishBy) continue;
      if (isBehind(member.id)) {
        member.finishBy = now + this.#config.handOverTimeoutMs;
        continue;
      }
      this.#push({ type: 'drop', id: member.id });
      this.#leave(member, false);
    }
    const opening = this.#opening;
    if (opening !== undefined) {
      if (now >= opening.retryAt) this.#try(opening);
    } else if (now >= this.#leaveAt) {
      this.#opening = newOpening('handover');
      this.#try(this.#opening);
    }
  }

  /** What was to be opened is there. */
  opened(now: number, id: number): void {
    const opening = this.#opening;
    const left = this.#current;
    this.#opening = undefined;
    this.#members.push(newMember(id, now));
    if (left?.state === 'open') {
      left.state = 'finishing';
      left.leaveAt = NEVER;
      left.finishBy = now + this.#config.handOverTimeoutMs;
      this.#push({ type: 'end', id: left.id });
    }
    if (opening?.reason === 'reconnect') this.#push({ type: 'reconnected', id, attempt: this.#attempt });
    else this.#attempt = 0;
  }

  /** What was to be opened could not be. */
  openFailed(now: number, { isFinal, close }: OpenFailure): void {
    const opening = this.#opening;
    if (opening === undefined || this.#isOver) return;
    const isSpent = this.#attempt >= this.#config.rounds;
    // That there is no way elsewhere says nothing of the gateway that was to be left.
    const isHopeless = isFinal && !opening.wasElsewhere;
    const waitMs = this.#nextWaitMs(close);
    const current = this.#current;
    if (opening.reason === 'handover' && current !== undefined) {
      // All goes on where it is, until the gateway ends that.
      this.#opening = undefined;
      current.leaveAt = isFinal || isSpent ? NEVER : now + waitMs;
    } else if (isHopeless || isSpent) {
      this.#opening = undefined;
      this.#finish(isHopeless ? close : exhausted(close.reason));
    } else {
      this.#wait(now, opening, waitMs, close);
    }
  }

  /** The gateway of a connection asks to go elsewhere, at a random time within so many ms. */
  draining(now: number, id: number, jitterMs: number): void {
    const current = this.#current;
    if (!this.#config.succeeds || current?.id !== id || current.state !== 'open') return;
    if (this.#hasEnded || this.#hasPeerEnded || current.leaveAt !== NEVER) return;
    this.#attempt = 0;
    current.leaveAt = now + Math.floor(this.#config.random() * jitterMs);
  }

  /** All messages of a connection were delivered, and it gives no more. */
  readOut(id: number): void {
    const member = this.#find(id);
    if (member === undefined) return;
    member.isReadOut = true;
    if (member.state === 'open') {
      this.#hasPeerEnded = true;
      this.#stay();
    }
    this.#forget();
  }

  /** A connection was closed. */
  closed(now: number, id: number, info: CloseInfo): void {
    const member = this.#find(id);
    if (member === undefined || member.state === 'closed') return;
    if (member.state === 'finishing' && !this.#isOver) {
      this.#leave(member, info.code === CloseCode.normal);
      return;
    }
    member.state = 'closed';
    member.leaveAt = member.finishBy = NEVER;
    this.#forget();
    if (this.#isOver) return;
    if (now - member.openedAt >= LASTING_MS) this.#attempt = 0;
    if (!this.#mayFollow(info)) {
      this.#finish(info);
    } else if (this.#opening !== undefined) {
      // It is on its way elsewhere already.
      this.#opening.wasElsewhere ||= this.#opening.reason === 'handover';
      this.#opening.reason = 'reconnect';
      this.#push({ type: 'reconnecting', attempt: this.#attempt, waitMs: 0, cause: info });
    } else if (this.#attempt >= this.#config.rounds) {
      this.#finish(exhausted(info.reason));
    } else {
      this.#opening = newOpening('reconnect');
      this.#wait(now, this.#opening, this.#nextWaitMs(info), info);
    }
  }

  /** This side will send nothing more. */
  end(): void {
    if (this.#hasEnded || this.#isOver) return;
    const sender = this.#current;
    this.#hasEnded = true;
    this.#stay();
    if (sender?.state === 'open') this.#push({ type: 'end', id: sender.id });
    else if (this.#end === undefined) this.#finish(CLOSED);
  }

  /** The application wants no more of it: nothing is opened, and nothing more is told. */
  stop(): void {
    this.#abort();
    this.#isOver = true;
  }

  // ---- opening ----

  #try(opening: Opening): void {
    opening.retryAt = NEVER;
    opening.wasElsewhere = false;
    this.#attempt++;
    this.#push({ type: 'open', reason: opening.reason, attempt: this.#attempt });
  }

  #wait(now: number, opening: Opening, waitMs: number, cause: CloseInfo): void {
    opening.retryAt = now + waitMs;
    this.#push({ type: 'reconnecting', attempt: this.#attempt + 1, waitMs, cause });
  }

  /** Those who are told the same time to come back do not come back at the same time. */
  #nextWaitMs({ retryAfterMs = 0 }: CloseInfo): number {
    const { random, firstWaitMs, maxWaitMs } = this.#config;
    const saidMs = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
    return saidMs + fullJitterMs(Math.max(0, this.#attempt - 1), random(), firstWaitMs, maxWaitMs);
  }

  /** Nothing is to be opened any more: the one there is will do. */
  #stay(): void {
    this.#abort();
    const current = this.#current;
    if (current !== undefined) current.leaveAt = NEVER;
  }

  #abort(): void {
    if (this.#opening === undefined) return;
    if (this.#opening.retryAt === NEVER) this.#push({ type: 'abort' });
    this.#opening = undefined;
  }

  #mayFollow({ mayReconnect }: CloseInfo): boolean {
    const { succeeds, reconnect } = this.#config;
    return succeeds && reconnect && mayReconnect && !this.#hasEnded && !this.#hasPeerEnded;
  }

  // ---- leaving ----

  /** When to go elsewhere: one hand-over at a time, or what waits to be delivered would grow. */
  get #leaveAt(): number {
    const isLeaving = this.#members.some(({ state }) => state === 'finishing');
    return isLeaving ? NEVER : (this.#current?.leaveAt ?? NEVER);
  }

  /** A connection that was left is closed. */
  #leave(member: Member, complete: boolean): void {
    member.state = 'closed';
    member.finishBy = NEVER;
    this.#push({ type: 'left', from: member.id, complete });
    this.#forget();
    if (this.#end !== undefined) this.#finish(this.#end);
  }

  // ---- the end ----

  #finish(info: CloseInfo): void {
    this.#end = info;
    this.#abort();
    // What is being left still has something to deliver.
    if (this.#members.some(({ state }) => state === 'finishing')) return;
    this.#isOver = true;
    this.#push({ type: 'over', ...info });
  }

  // ---- small things ----

  get #current(): Member | undefined {
    return this.#members.at(-1);
  }

  #find(id: number): Member | undefined {
    return this.#members.find((member) => member.id === id);
  }

  /** Lets go of what is neither open nor to be read. */
  #forget(): void {
    const rest = this.#members.filter(({ state, isReadOut }) => state !== 'closed' || !isReadOut);
    this.#members.splice(0, this.#members.length, ...rest);
  }

  #push(command: SuccessionCommand): void {
    this.#commands.push(command);
  }
}

interface Member {
  readonly id: number;
  readonly openedAt: number;
  state: 'open' | 'finishing' | 'closed';
  /** When to go elsewhere. */
  leaveAt: number;
  /** When one that is left has to be finished. */
  finishBy: number;
  isReadOut: boolean;
}

function newMember(id: number, now: number): Member {
  return { id, openedAt: now, state: 'open', leaveAt: NEVER, finishBy: NEVER, isReadOut: false };
}

interface Opening {
  reason: OpenReason;
  /** When the next attempt begins; NEVER while one is under way. */
  retryAt: number;
  /** The attempt began as a hand-over: it looks for other gateways only. */
  wasElsewhere: boolean;
}

function newOpening(reason: OpenReason): Opening {
  return { reason, retryAt: NEVER, wasElsewhere: false };
}

function exhausted(reason: string): CloseInfo {
  return { code: CloseCode.retriesExhausted, reason, mayReconnect: false };
}

const CLOSED: CloseInfo = { code: CloseCode.normal, reason: 'closed', mayReconnect: false };
/** A connection that held for so long worked: attempts are counted anew after it. */
const LASTING_MS = 30_000;
/** No gateway keeps its clients away for longer. */
const MAX_RETRY_AFTER_MS = 3_600_000;
