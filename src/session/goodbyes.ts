import { NEVER } from '../base/clock.ts';
import type { CloseCode } from '../base/close-code.ts';
import { FIN_BYTES, finCodeOf, finalSequenceOf, isFinAck, writeFin } from '../wire/fin.ts';
import { KICK_MAX_BYTES, writeKick } from '../wire/kick.ts';
import { SEGMENT_HEADER_BYTES } from '../wire/segment.ts';
import { utf8Length } from '../wire/utf8.ts';
import { FinExchange } from './fin-exchange.ts';
import { KickExchange } from './kick-exchange.ts';
import type { PathArena } from './path-arena.ts';
import { PeerEnd } from './peer-end.ts';
import type { SessionCore } from './session-core.ts';

/**
 * What the two sides say to each other of an end: FIN and its FIN_ACK, KICK and the FIN that answers it. Most of a session's
 * life nobody speaks of it: what keeps track of that is made when it is needed.
 */
export class Goodbyes {
  private readonly core: SessionCore;
  /** This direction was ended by the application. */
  private sendEnded = false;
  private finExchange: FinExchange | undefined;
  private kickExchange: KickExchange | undefined;
  private peerEnd: PeerEnd | undefined;
  /** The peer's KICK is to be answered by a FIN. */
  private finReplyWanted = false;
  private finReplyCode = 0;

  constructor(core: SessionCore) {
    this.core = core;
  }

  /** What this side says of its own end. */
  get fin(): FinExchange {
    return (this.finExchange ??= new FinExchange(0));
  }

  /** What a gateway says of the end of the session, and whether its client knows. */
  get kick(): KickExchange {
    return (this.kickExchange ??= new KickExchange(this.core.config.peer === 'kcpgate'));
  }

  /** What the peer said of its end, if anything. */
  get ofPeer(): PeerEnd | undefined {
    return this.peerEnd;
  }

  get isSendEnded(): boolean {
    return this.sendEnded;
  }

  /** This direction ends once everything was sent. */
  endSending(): void {
    this.sendEnded = true;
  }

  /** This side ends the whole session: a client's FIN says so by its code, even if it ended its direction before. */
  beginClose(code: CloseCode): void {
    this.finExchange = new FinExchange(code);
  }

  /** Another path is in use: a FIN that was sent over the last one is sent again. */
  renewFin(): void {
    this.finExchange?.renew();
  }

  /** Nobody answered the FIN. */
  isFinSpent(now: number): boolean {
    return this.finExchange?.isSpent(now) === true;
  }

  /** When the FIN is to be looked at again, in ms. */
  get finDeadline(): number {
    return this.finExchange?.deadline ?? NEVER;
  }

  handleFin(view: DataView, at: number): void {
    const finalSn = finalSequenceOf(view, at);
    const code = finCodeOf(view, at);
    if (isFinAck(view, at)) {
      this.fin.acknowledge(code);
      return;
    }
    const { engine } = this.core;
    const isComplete = engine.expectedSequence === finalSn;
    this.peerEnd ??= new PeerEnd();
    if (this.peerEnd.handleFin(finalSn, code, engine.mayEndAt(finalSn), isComplete))
      engine.setPeerEnd(finalSn);
    // A FIN that only ends a direction may have crossed the KICK: it is no answer.
    if (code !== 0 && this.kickExchange?.isBegun === true) this.kickExchange.answer();
  }

  /** A KICK with this code came: it is answered at once, and this side has nothing to say itself. */
  handleKick(code: number): void {
    this.finReplyWanted = true;
    this.finReplyCode = code;
    this.kick.answer();
  }

  /** Writes what is answered at once in every state, each in a datagram of its own. @returns true when the arena was full. */
  writeReplies(arena: PathArena): boolean {
    const { peerEnd } = this;
    if (peerEnd?.isAckDue === true) {
      if (!this.writeFinSegment(arena, true, peerEnd.ackSequence, peerEnd.ackFinCode)) return true;
      peerEnd.ackSent();
    }
    if (this.finReplyWanted) {
      if (!this.writeFin(arena, this.finReplyCode)) return true;
      this.finReplyWanted = false;
    }
    return false;
  }

  /** Ends this direction once everything was sent. @returns true when the arena was full. */
  writeEnd(now: number, arena: PathArena, isReliable: boolean): boolean {
    const { config, engine } = this.core;
    if (config.peer !== 'kcpgate' || !this.sendEnded || !engine.isAllSent || !this.fin.isDue(now))
      return false;
    if (!this.writeFin(arena, 0)) return true;
    const { rtoMs } = engine;
    // On a connection nothing is lost; it may take its time.
    this.fin.sent(now, isReliable ? Math.max(RELIABLE_FIN_WAIT_MS, rtoMs) : rtoMs);
    return false;
  }

  // What the budget of a path does not allow counts as written and is lost: whoever waits for it would never end.

  /** @returns false when the arena was full. */
  writeFin(arena: PathArena, code: number): boolean {
    return this.writeFinSegment(arena, false, this.core.engine.endSequence, code);
  }

  /** @returns false when the arena was full. */
  writeKick(now: number, arena: PathArena): boolean {
    const { conv, config, engine, life } = this.core;
    // A source that may be forged is not sent much more than it sent; a stock peer cannot read the reason anyway.
    const most = config.peer === 'stock' ? 0 : UNHEARD_REASON_LENGTH;
    const reason = engine.isHeard ? life.reason : life.reason.slice(0, most);
    const at = arena.reserve(Math.min(KICK_MAX_BYTES, SEGMENT_HEADER_BYTES + utf8Length(reason)));
    if (at >= 0) {
      const { wnd, una } = engine.advertised;
      const { code } = life;
      arena.commit(writeKick(arena, at, { type: 'kick', conv, wnd, una, code, retryAfterMs: 0, reason }));
    } else if (!arena.isOverBudget) {
      return false;
    }
    this.kick.sent(now, engine.rtoMs);
    return true;
  }

  private writeFinSegment(arena: PathArena, acknowledges: boolean, finalSn: number, code: number): boolean {
    const at = arena.reserve(FIN_BYTES);
    if (at < 0) return arena.isOverBudget;
    const { conv, engine } = this.core;
    const { wnd, una } = engine.advertised;
    arena.commit(writeFin(arena, at, { type: 'fin', acknowledges, conv, wnd, una, finalSn, code }));
    return true;
  }
}

/** The first wait for a FIN_ACK on a connection, at least: with the ones that follow two minutes in all. */
const RELIABLE_FIN_WAIT_MS = 1_000;
const UNHEARD_REASON_LENGTH = 32;
