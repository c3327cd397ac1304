import { NEVER } from '../base/clock.ts';
import { CloseCode } from '../base/close-code.ts';
import { kickCodeOf, readKick } from '../wire/kick.ts';
import type { Delivery } from './delivery.ts';
import type { Goodbyes } from './goodbyes.ts';
import { onGrid } from './liveness.ts';
import type { PathArena } from './path-arena.ts';
import type { PathWriter } from './path-writer.ts';
import type { SessionCore } from './session-core.ts';

/** How a session ends: why, what is done before, the goodbye, and for how long it is remembered. */
export class Closing {
  private readonly core: SessionCore;
  private readonly delivery: Delivery;
  private readonly writer: PathWriter;
  private readonly goodbyes: Goodbyes;
  /** Somebody still sends although the end was told. */
  private reminderWanted = false;

  constructor(core: SessionCore, delivery: Delivery, writer: PathWriter, goodbyes: Goodbyes) {
    this.core = core;
    this.delivery = delivery;
    this.writer = writer;
    this.goodbyes = goodbyes;
  }

  // ---- an open session: why it ends ----

  /**
   * Asks for the end, with the next turn.
   * @param flush what is queued towards the peer is sent first. @param deliver what arrived is delivered first.
   */
  request(code: CloseCode, reason: string, flush: boolean, deliver: boolean): void {
    if (this.core.life.wantClose(code, reason, flush, deliver)) this.core.wake();
  }

  /** The gateway ended the session: answer at once, give the application what arrived, report the code. */
  handleKick(view: DataView, at: number): void {
    const { life } = this.core;
    this.goodbyes.handleKick(kickCodeOf(view, at));
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const { code, reason, retryAfterMs } = readKick({ view, bytes }, at);
    life.retryAfterMs = retryAfterMs;
    if (life.state === 'open' && !life.isCloseWanted) this.request(closeCodeFrom(code), reason, false, true);
    else this.stopFlushing(closeCodeFrom(code), reason);
  }

  /** The gateway does not know this session. */
  becomeStale(now: number): void {
    const reason = 'the gateway does not know the session';
    const { state } = this.core.life;
    if (state === 'open') {
      this.goodbyes.kick.answer();
      this.begin(now, CloseCode.staleSession, reason, false, true);
      this.core.wake();
    } else if (state === 'opening') {
      this.request(CloseCode.staleSession, reason, false, true);
    } else {
      this.stopFlushing(CloseCode.staleSession, reason);
    }
  }

  /** The gateway is done with this session, which is being closed here: what it has not taken yet it never will. */
  private stopFlushing(code: CloseCode, reason: string): void {
    const { engine, life } = this.core;
    this.goodbyes.kick.answer();
    if (life.isFlushDue && !engine.isAllAcknowledged) life.because(code, reason);
    life.flushed();
    this.core.wake();
  }

  /** Everything the peer sent was delivered, and nothing follows. */
  tellEnd(): void {
    const { ofPeer } = this.goodbyes;
    if (ofPeer?.isKnown !== true || ofPeer.isDelivered) return;
    if (this.core.engine.undeliveredSequence !== ofPeer.finalSn) return;
    ofPeer.isDelivered = true;
    if (ofPeer.closeCode === 0) this.delivery.tellEnd();
  }

  /** Looks for every way in which an open session can end. */
  checkEnds(now: number): void {
    const { config, engine, liveness, life, paths } = this.core;
    const { goodbyes } = this;
    const { ofPeer } = goodbyes;
    liveness.noteProgress(now, engine.hasGap, engine.expectedSequence);
    const sent = goodbyes.isSendEnded && engine.isAllAcknowledged;
    if (life.isCloseWanted) {
      this.begin(now, life.code, life.reason, life.isFlushDue, life.isDeliveryDue);
    } else if (ofPeer !== undefined && ofPeer.closeCode !== 0) {
      goodbyes.kick.answer();
      const code = closeCodeFrom(ofPeer.closeCode);
      // The other side must not take what is cut off for an end in order.
      if (code === CloseCode.normal && ofPeer.isTruncated)
        this.begin(now, CloseCode.kicked, 'the peer gave up', false, true);
      else this.begin(now, code, 'the peer closed', false, true);
    } else if (this.writer.seal?.isSpent === true) {
      this.begin(now, CloseCode.rekeyRequired, 'the keys are used up', false, true);
    } else if (engine.isWedged || engine.isOversize) {
      const reason = 'a message is larger than can be received';
      this.begin(now, CloseCode.messageTooLarge, reason, false, false);
    } else if (life.isDraining && sent && !engine.hasMessage) {
      this.begin(now, CloseCode.drain, 'the gateway is shutting down', false, true);
    } else if (sent && config.peer === 'stock') {
      // A stock peer knows no end of stream: once everything is across there is nothing more to wait for.
      this.begin(now, CloseCode.normal, 'finished', false, true);
    } else if (sent && goodbyes.fin.isAcknowledged && ofPeer?.isDelivered === true) {
      life.because(CloseCode.normal, 'finished');
      this.linger(now);
    } else if (!life.isDraining && !paths.active.isLost && goodbyes.isFinSpent(now)) {
      this.begin(now, CloseCode.deadLink, 'no answer to the end of the stream', false, true);
    } else if (liveness.isSilent(now, config.idleTimeoutMs)) {
      this.begin(now, CloseCode.idleTimeout, 'nothing arrived', false, true);
    } else if (liveness.isStuck(now, this.gapTimeoutMs)) {
      this.begin(now, CloseCode.idleTimeout, 'what is missing never arrived', false, true);
    }
  }

  /** When {@link checkEnds} is next to be called, in ms. */
  get checkDeadline(): number {
    const { config, engine, liveness, life, paths } = this.core;
    const gapTimeoutMs = engine.hasGap ? this.gapTimeoutMs : NEVER;
    const quietAt = liveness.deadline(config.idleTimeoutMs, gapTimeoutMs, this.isMissing);
    return life.isDraining || paths.active.isLost ? quietAt : Math.min(quietAt, this.goodbyes.finDeadline);
  }

  /**
   * A client knows of something that the gateway has sent and that has not arrived. What is sent again may go where this side
   * is no more, behind a NAT that gave it another port: the gateway must hear it to know.
   */
  get isMissing(): boolean {
    const { config, engine, loggedIn, paths } = this.core;
    if (config.role !== 'client' || !loggedIn || paths.active.reliable) return false;
    const { ofPeer } = this.goodbyes;
    return engine.hasGap || (ofPeer?.isKnown === true && engine.expectedSequence !== ofPeer.finalSn);
  }

  /** How long a gap may stay open; shorter when nothing in order ever came: then it is no beginning of a session. */
  private get gapTimeoutMs(): number {
    const { config, engine } = this.core;
    const isBegun = engine.expectedSequence !== config.kcp.initialSequence;
    return isBegun ? config.idleTimeoutMs : Math.min(config.idleTimeoutMs, MAX_OPENING_GAP_MS);
  }

  // ---- closing ----

  /** The end begins: nothing new is taken, what is due is still done. */
  begin(now: number, code: CloseCode, reason: string, flush: boolean, deliver: boolean): void {
    const { config, engine, life } = this.core;
    life.beginClosing(code, reason, flush, deliver, now + config.closeTimeoutMs);
    engine.refuseNewData();
    this.goodbyes.beginClose(code);
    if (!deliver && !flush) this.releaseSink();
  }

  /** Delivers and sends what is still due, then says goodbye. @returns true when the arena was full. */
  drainClosing(now: number, arena: PathArena): boolean {
    const { config, engine, life } = this.core;
    const late = now >= life.deadline;
    if (life.isDeliveryDue) {
      this.delivery.deliver(engine);
      if (!engine.hasMessage) {
        life.delivered();
        this.releaseSink();
      } else if (late) {
        life.delivered();
        this.delivery.release(CloseCode.slowConsumer, 'its data was not taken in time');
      }
    }
    if (life.isFlushDue) {
      if (engine.isAllAcknowledged) life.flushed();
      else if (engine.isDead || late) {
        life.flushed();
        const reason = 'not everything was acknowledged';
        this.delivery.release(CloseCode.deadLink, reason);
        // A client is told by its final `sn` what was cut off, nobody tells it by a KICK.
        if (config.role === 'gateway' && life.code === CloseCode.normal)
          life.because(CloseCode.deadLink, reason);
      }
    }
    const isMoreDue = life.isFlushDue || life.isDeliveryDue;
    if (!isMoreDue) this.releaseSink();
    // The sink may have destroyed the session.
    if (life.isGone) return false;
    // Acknowledging goes on meanwhile: the peer must not think that its data was lost.
    if (isMoreDue) return this.writer.transmit(now, arena);
    return config.role === 'gateway' ? this.kickPeer(now, arena) : this.leave(now, arena);
  }

  /** When {@link drainClosing} is next to be called, in ms. */
  get deadline(): number {
    const { config, life, paths } = this.core;
    if (life.isFlushDue || life.isDeliveryDue)
      return Math.min(this.writer.deadline, life.deadline, paths.deadline);
    const { goodbyes } = this;
    return config.role === 'gateway' ? goodbyes.kick.deadline : goodbyes.fin.deadline;
  }

  /** The gateway's goodbye. */
  private kickPeer(now: number, arena: PathArena): boolean {
    const { goodbyes } = this;
    if (goodbyes.kick.isDue(now) && !goodbyes.writeKick(now, arena)) return true;
    if (!goodbyes.kick.isOver(now)) return false;
    this.linger(now);
    return this.drainLingering(now, arena);
  }

  /** The client's goodbye: FIN with the code until it is acknowledged; nothing if the gateway spoke first. */
  private leave(now: number, arena: PathArena): boolean {
    const { goodbyes } = this;
    const { fin, kick } = goodbyes;
    const answered = kick.isAnswered || fin.isAcknowledged || fin.isSpent(now);
    if (this.core.config.peer === 'kcpgate' && !answered) {
      if (!fin.isDue(now)) return false;
      if (!goodbyes.writeFin(arena, fin.code)) return true;
      fin.sent(now, this.core.engine.rtoMs);
      return false;
    }
    this.linger(now);
    return this.drainLingering(now, arena);
  }

  /** An unfinished handshake ends without a goodbye: the gateway knows nothing of this session yet, or never will. */
  endUnopened(now: number): void {
    const { life } = this.core;
    if (!life.isCloseWanted) life.because(CloseCode.deadLink, 'no answer to the handshake');
    this.linger(now);
  }

  // ---- lingering ----

  private linger(now: number): void {
    const { config, engine, life } = this.core;
    const until = now + config.lingerMs;
    life.beginLingering(config.lingerMs < 1000 ? until : onGrid(until));
    this.releaseSink();
    engine.dispose();
    engine.refuseNewData();
  }

  /** A datagram came: whoever still sends although it was kicked did not hear of it. */
  heard(): void {
    if (this.core.life.state === 'lingering') this.reminderWanted = true;
  }

  /** Answers repeats, and tells the end again where it was not heard, once a second at most. @returns as {@link drainClosing}. */
  drainLingering(now: number, arena: PathArena): boolean {
    const { life } = this.core;
    // The sink may have destroyed the session.
    if (life.isGone) return false;
    if (now >= life.deadline) {
      life.finish();
      this.disposePaths();
      return false;
    }
    // The last ACK may still be due, or was lost: the peer then repeats data that arrived long ago.
    if (this.writer.transmit(now, arena)) return true;
    const { goodbyes } = this;
    if (this.reminderWanted && goodbyes.kick.isReminderDue(now) && !goodbyes.writeKick(now, arena))
      return true;
    this.reminderWanted = false;
    return false;
  }

  // ---- at once ----

  /** One last word of a session about to be destroyed. @returns false when the arena was full: nothing was written. */
  writeFarewell(arena: PathArena, code: CloseCode, reason: string): boolean {
    const { config, life, liveness } = this.core;
    if (life.state === 'open') life.because(code, reason);
    if (config.role === 'gateway') return this.goodbyes.writeKick(liveness.heardAt, arena);
    return config.peer === 'stock' || this.goodbyes.writeFin(arena, code);
  }

  /** Ends at once, with everything that is held. */
  destroy(code: CloseCode, reason: string): void {
    const { engine, life } = this.core;
    // What was asked for in order is not done while something is held: that would be taken for done.
    const isOwed =
      (life.isFlushDue && !engine.isAllAcknowledged) || (life.isDeliveryDue && engine.hasMessage);
    if (isOwed || (life.isUsable && !life.isCloseWanted)) life.because(code, reason);
    // First: what the sink does when it is told finds the session closed.
    life.finish();
    try {
      this.releaseSink();
    } finally {
      engine.dispose();
      // A sink may do this from within a write; what follows in its datagram must not be kept.
      engine.refuseNewData();
      this.disposePaths();
    }
  }

  private releaseSink(): void {
    const { code, reason } = this.core.life;
    this.delivery.release(code, reason);
  }

  private disposePaths(): void {
    const { life, paths } = this.core;
    paths.dispose(life.code, life.reason);
  }
}

/** Codes from the wire are numbers; one that is not in the table reads as a protocol error. */
function closeCodeFrom(code: number): CloseCode {
  for (const known of Object.values(CloseCode)) if (known === code) return known;
  return CloseCode.protocolError;
}

const MAX_OPENING_GAP_MS = 5000;
