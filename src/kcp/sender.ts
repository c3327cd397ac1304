import { NEVER } from '../base/clock.ts';
import { SendError } from '../base/sink.ts';
import { ADDRESS_BLOCK_BYTES } from '../wire/address-block.ts';
import { Command } from '../wire/command.ts';
import { SEGMENT_HEADER_BYTES } from '../wire/segment.ts';
import type { KcpConfig } from './config.ts';
import { NO_CONGESTION_CONTROL, type CongestionController } from './congestion-controller.ts';
import { RenoCongestionControl } from './reno.ts';
import type { RetransmissionTrace } from './retransmission-trace.ts';
import { MAX_RTO_MS, RttEstimator } from './rtt-estimator.ts';
import type { SegmentPool } from './segment-pool.ts';
import type { SegmentWriter } from './segment-writer.ts';
import { SendBuffer } from './send-buffer.ts';
import { ahead, isBefore } from './sequence.ts';
import { WindowProbe } from './window-probe.ts';

/**
 * The sending half of an engine: what is queued and in flight, when it counts as lost, and how much may be under way.
 * Times are 32-bit wrapped ms.
 */
export class Sender {
  rtt: RttEstimator;
  congestion: CongestionController;
  /** Told of what is sent again. */
  trace: RetransmissionTrace | undefined = undefined;
  private readonly config: KcpConfig;
  private readonly pool: SegmentPool;
  private readonly buffer: SendBuffer;
  private readonly probe = new WindowProbe();
  /** The peer's window: what the reference assumes until the first datagram tells. */
  private peerWindow = ASSUMED_PEER_WINDOW;
  /** The largest window the peer ever told: what a message must fit into. */
  private peerWindowSeen = 0;
  /** It told its window while it held nothing of ours. */
  private peerWindowExact = false;
  /**
   * The peer takes everything before this `sn`. A late datagram may tell a larger window than there is: what is sent into it
   * is dropped, which on a reliable path nobody makes good.
   */
  private peerEdge: number;
  /** The `una` of the last header. */
  private toldUna: number;
  private segmentBytes: number;
  /** Segments held at most, so that tiny messages cannot take a slot each without end. */
  private readonly maxSegments: number;
  private readonly maxMessageBytes: number;
  private announcing: boolean;
  private askPending = false;
  private heard = false;
  private dead = false;
  /** Lower bound of all retransmission deadlines in flight; exact after each scan. */
  private resendBound = 0;
  private hasResendBound = false;

  /** The path loses nothing: nothing is sent again but on {@link resendAll}. */
  private reliable = false;
  /** What is in flight gets fresh deadlines in the next drain. */
  private rearmPending = false;
  /** What is to be sent again because the path changed: from `resendNext` up to `resendEnd` while that is pending. */
  private resendPending = false;
  private resendNext = 0;
  private resendEnd = 0;
  /**
   * Segments that may go out on a path nobody knows yet, beside what is lost; NO_CREDIT_LIMIT on one that is known. What
   * filled the old path may be a flood on the new one: each acknowledged segment lets two more go, so that the rate doubles
   * each round trip, as in a slow start (RFC 5681, section 3.1).
   */
  private restartCredit = NO_CREDIT_LIMIT;
  private flightBefore = 0;
  /** What is to be sent again is larger than the last drain's limit. */
  private heldBack = false;
  /** The time stamp of the last data segment. */
  private lastDataAt = 0;
  /** ACKs of transmissions up to this time tell nothing about the path of now. */
  private staleUntil = 0;
  private hasStale = false;

  // What the datagram being read acknowledged so far.
  private sawAck = false;
  private newestAckSn = 0;
  private newestAckTs = 0;
  private unaBefore = 0;

  segmentsSent = 0;
  timeoutRetransmits = 0;
  fastRetransmits = 0;
  pathRetransmits = 0;
  acksReceived = 0;
  windowProbesSent = 0;

  constructor(config: KcpConfig, pool: SegmentPool) {
    this.config = config;
    this.pool = pool;
    this.maxMessageBytes = config.maxMessageBytes === 0 ? MAX_MESSAGE_BYTES : config.maxMessageBytes;
    this.announcing = config.announce;
    this.segmentBytes = this.largestPayload(config.mtu);
    this.maxSegments = Math.max(config.sendWindow, Math.ceil(config.maxQueueBytes / this.segmentBytes));
    this.buffer = new SendBuffer(pool, config.initialSequence);
    // Any peer takes one segment.
    this.peerEdge = (config.initialSequence + 1) | 0;
    this.toldUna = (config.initialSequence - 1) | 0;
    this.rtt = makeEstimator(config);
    this.congestion = makeCongestionControl(config, this.segmentBytes);
  }

  get una(): number {
    return this.buffer.una;
  }
  get next(): number {
    return this.buffer.next;
  }
  get end(): number {
    return this.buffer.end;
  }
  get queueBytes(): number {
    return this.buffer.bytes;
  }
  get inFlight(): number {
    return this.buffer.flightCount;
  }
  get waiting(): number {
    return this.buffer.waitingCount;
  }
  get window(): number {
    return this.peerWindow;
  }
  /** The peer acknowledged something. */
  get isHeard(): boolean {
    return this.heard;
  }
  /** A segment was sent too often without an ACK. */
  get isDead(): boolean {
    return this.dead;
  }
  get isAllAcknowledged(): boolean {
    return this.buffer.una === this.buffer.end;
  }
  /** See `KcpEngine.unacknowledgedMessages`. */
  get unacknowledgedMessages(): number {
    return this.buffer.unacknowledgedMessages;
  }
  /** Whether the queue is at most half full: a sender that was refused should try again. */
  get hasRoom(): boolean {
    return (
      this.buffer.bytes * 2 <= this.config.maxQueueBytes && this.buffer.heldCount * 2 <= this.maxSegments
    );
  }

  /** Segments cut from now on fit this MTU. @throws RangeError when it leaves no room for data. */
  setMtu(mtu: number): void {
    const segmentBytes = this.largestPayload(mtu);
    if (segmentBytes < 1) throw new RangeError(`mtu ${String(mtu)} leaves no room for data`);
    this.segmentBytes = segmentBytes;
  }

  // ---- the application's side ----

  /** See `KcpEngine.send`. */
  send(bytes: Uint8Array, offset: number, length: number): number {
    if (length <= 0) return SendError.empty;
    return this.config.stream
      ? this.sendStream(bytes, offset, length)
      : this.sendMessage(bytes, offset, length);
  }

  sendOpening(): void {
    this.buffer.append(-1, 0, 0);
  }

  askWindow(): void {
    this.askPending = true;
  }

  // ---- the path ----

  /** See `KcpEngine.setReliable`. */
  setReliable(reliable: boolean): void {
    if (reliable === this.reliable) return;
    this.reliable = reliable;
    this.rearmPending = !reliable;
    this.dead = false;
  }

  /** See `KcpEngine.resendAll`. */
  resendAll(): void {
    this.resendPending = this.buffer.flightCount > 0;
    this.resendNext = this.buffer.una;
    this.resendEnd = this.buffer.next;
    this.dead = false;
    this.restartCredit = this.reliable ? NO_CREDIT_LIMIT : RESTART_SEGMENTS;
    // What waits for its turn is not lost meanwhile.
    if (this.resendPending && !this.reliable) this.rearmPending = true;
  }

  /** See `KcpEngine.restartTimeouts`. */
  restartTimeouts(): void {
    this.dead = false;
    if (this.reliable || this.buffer.flightCount === 0) return;
    const { buffer } = this;
    const { rtoMs } = this.rtt;
    let sn = buffer.oldestInFlight;
    for (let left = buffer.flightCount; left > 0; left--) {
      if (buffer.transmitsOf(sn) > 1) buffer.restartTimeout(sn, rtoMs);
      if (left > 1) sn = buffer.sentAfter(sn);
    }
    this.findResendBound();
  }

  /** See `KcpEngine.resetPath`. */
  resetPath(seedRttMs: number | undefined): void {
    this.rtt = makeEstimator(this.config);
    if (seedRttMs !== undefined) this.rtt.sample(seedRttMs);
    this.congestion = makeCongestionControl(this.config, this.segmentBytes);
    this.staleUntil = this.lastDataAt;
    this.hasStale = true;
    this.announcing = this.config.announce;
  }

  // ---- what the peer says ----

  /** A datagram begins: what its segments acknowledge is judged together, at its end. */
  beginDatagram(): void {
    this.sawAck = false;
    this.unaBefore = this.buffer.una;
    this.flightBefore = this.buffer.flightCount;
  }

  /**
   * Takes `una` and the window, which every segment carries.
   * @returns false when `una` acknowledges what was never sent: nothing was taken.
   */
  handleHeader(una: number, window: number): boolean {
    // Most headers of a one-way transfer say what the one before said.
    if (una === this.toldUna && window === this.peerWindow) return true;
    if (ahead(una, this.buffer.next) > 0) return false;
    this.toldUna = una;
    if (window > this.peerWindowSeen) this.peerWindowSeen = window;
    if (una === this.config.initialSequence) this.peerWindowExact = true;
    const progress = ahead(una, this.buffer.una);
    // What is late tells of room that has been filled since; sessions whose datagrams take two ways see that often. Stock peers
    // are believed as the reference does.
    if (progress >= 0 || !this.config.loggedIn) this.peerWindow = window;
    if (progress >= 0) {
      const edge = (una + window) | 0;
      if (isBefore(this.peerEdge, edge)) this.peerEdge = edge;
      if (progress > 0) this.buffer.acknowledgeBelow(una);
    }
    return true;
  }

  /** Takes the ACK of one `sn`. */
  handleAck(sn: number, ts: number): void {
    this.acksReceived++;
    this.buffer.acknowledge(sn);
    if (!isBefore(sn, this.buffer.next)) return;
    if (!this.sawAck || ahead(ts, this.newestAckTs) > 0) this.newestAckTs = ts;
    if (!this.sawAck || ahead(sn, this.newestAckSn) > 0) this.newestAckSn = sn;
    this.sawAck = true;
  }

  /** The datagram ends: one round-trip sample, one count for what it overtook, one step of the congestion window. */
  endDatagram(now32: number): void {
    // It brought data only.
    if (!this.sawAck && this.buffer.una === this.unaBefore) return;
    if (this.sawAck) {
      if (!this.hasStale || this.isFresh(this.newestAckTs, now32))
        this.rtt.sample(ahead(now32, this.newestAckTs));
      if (this.config.fastResend > 0 && this.buffer.flightCount > 0 && !this.reliable) {
        const overtakers = this.isThin ? 1 : this.config.fastResend;
        this.buffer.countFastAck(this.newestAckSn, this.newestAckTs, overtakers);
      }
    }
    if (this.buffer.flightCount === 0) this.hasResendBound = false;
    if (this.restartCredit !== NO_CREDIT_LIMIT) this.earnCredit();
    const progress = ahead(this.buffer.una, this.unaBefore);
    if (progress > 0) this.congestion.onProgress(progress, this.peerWindow);
    if (progress > 0 || this.sawAck) {
      this.announcing = false;
      this.heard = true;
    }
  }

  /** What was acknowledged on a new path lets twice as much go. */
  private earnCredit(): void {
    const acknowledged = this.flightBefore - this.buffer.flightCount;
    this.restartCredit += 2 * acknowledged;
    if (this.restartCredit >= this.config.sendWindow) this.restartCredit = NO_CREDIT_LIMIT;
  }

  private spendCredit(segments: number): void {
    if (this.restartCredit !== NO_CREDIT_LIMIT) this.restartCredit -= segments;
  }

  /** After a jump of days a wrapped deadline says nothing any more: everything in flight is overdue. */
  handleClockJump(now32: number): void {
    this.resendBound = now32;
    this.hasStale = false;
  }

  // ---- sending ----

  /** Asks for the window if that is due. @returns false when the arena was full. */
  writeWindowAsk(writer: SegmentWriter, now32: number): boolean {
    if ((this.buffer.waitingCount > 0 || this.resendPending) && this.isWindowClosed) {
      this.probe.arm(now32);
      if (this.probe.isDue(now32)) {
        if (!writer.writeControl(Command.windowAsk, now32, 0)) return false;
        this.probe.sent(now32);
        this.windowProbesSent++;
      }
    } else {
      this.probe.disarm();
    }
    if (this.askPending) {
      if (!writer.writeControl(Command.windowAsk, now32, 0)) return false;
      this.askPending = false;
    }
    return true;
  }

  /**
   * Writes what is to be sent again, then what is new, as far as the windows allow.
   * @param caughtUp32 what times out later than this may be acknowledged by datagrams nobody has read yet.
   * @returns false when the writer's run ended before all was written.
   */
  writeSegments(writer: SegmentWriter, now32: number, caughtUp32: number): boolean {
    if (this.rearmPending) this.rearm(now32);
    const before = this.segmentsSent;
    const again =
      (!this.resendPending || this.writeInFlight(writer, now32)) &&
      (this.reliable || this.writeLost(writer, now32, caughtUp32));
    this.heldBack = !again && writer.isOverLimit;
    const done = again && (this.restartCredit <= 0 || this.writeNew(writer, now32));
    if (this.segmentsSent !== before) this.lastDataAt = now32;
    return done;
  }

  /** How long until something is to be done although nothing arrives, in ms; `NEVER` when nothing is. May be negative. */
  waitMs(now32: number): number {
    let wait = NEVER;
    if (this.rearmPending) wait = 0;
    else if (this.hasResendBound && !this.reliable && !this.heldBack) wait = ahead(this.resendBound, now32);
    if (this.probe.isArmed) wait = Math.min(wait, ahead(this.probe.dueAt, now32));
    return wait;
  }

  trim(): void {
    this.buffer.trim();
  }

  dispose(): void {
    this.buffer.dispose();
    this.hasResendBound = this.resendPending = this.rearmPending = false;
    this.probe.disarm();
  }

  private sendStream(bytes: Uint8Array, offset: number, length: number): number {
    const size = this.segmentBytes;
    const allowed = Math.min(length, this.config.maxQueueBytes - this.buffer.bytes);
    let taken = 0;
    if (allowed > 0 && this.buffer.hasOpenTail()) {
      const part = Math.min(allowed, size - this.buffer.tailLength);
      if (part > 0) {
        this.buffer.extendTail(bytes, offset, part);
        taken = part;
      }
    }
    const room = this.maxSegments - this.buffer.heldCount;
    return taken + this.append(bytes, offset + taken, allowed - taken, room, 0);
  }

  private sendMessage(bytes: Uint8Array, offset: number, length: number): number {
    if (length > this.maxMessageBytes) return SendError.tooLarge;
    const size = this.segmentBytes;
    const count = Math.ceil(length / size);
    if (count > MAX_FRAGMENTS || count > this.pool.maxSlots) return SendError.tooLarge;
    // While something is under way the peer may yet tell a larger window.
    if (count > this.largestMessage) return this.isAllAcknowledged ? SendError.tooLarge : 0;
    const queued = this.buffer.bytes;
    if (queued > 0 && queued + length > this.config.maxQueueBytes) return 0;
    if (queued > 0 && this.buffer.heldCount + count > this.maxSegments) return 0;
    if (count > this.pool.availableSlots) return 0;
    return this.append(bytes, offset, length, count, count - 1);
  }

  /**
   * Cuts bytes into segments and queues them, at most `room` and as far as the payload memory goes.
   * @param fragment of the first segment; each that follows has one less, and never below 0.
   * @returns the bytes taken.
   */
  private append(bytes: Uint8Array, offset: number, length: number, room: number, fragment: number): number {
    const { pool, buffer, segmentBytes: size } = this;
    let left = room;
    let next = fragment;
    let taken = 0;
    while (taken < length) {
      const isLast = length - taken <= size;
      const staged = isLast ? length - taken : pool.stage(bytes, offset + taken, length - taken, size);
      for (let index = 0, from = 0; from < staged; index++, from += size) {
        const slot = left > 0 ? pool.acquire() : -1;
        if (slot < 0) return taken;
        const part = Math.min(size, staged - from);
        if (isLast) pool.storeSent(slot, 0, bytes, offset + taken, part);
        else pool.storeStaged(slot, index, from, part);
        buffer.append(slot, part, next);
        taken += part;
        left--;
        if (next > 0) next--;
      }
    }
    return taken;
  }

  /**
   * Fragments the peer can hold: the largest window it ever told. What it tells is what is free, so unless it told while
   * it held nothing, no less than the smallest default of any implementation.
   */
  private get largestMessage(): number {
    if (this.peerWindowSeen === 0) return ASSUMED_PEER_WINDOW;
    return this.peerWindowExact ? this.peerWindowSeen : Math.max(this.peerWindowSeen, SMALLEST_PEER_WINDOW);
  }

  /** Whether a transmission of that time went over the path of now. */
  private isFresh(ts: number, now32: number): boolean {
    // Later than a round trip can last there is nothing to tell apart any more, and wrapped times must not be compared.
    const age = ahead(now32, this.staleUntil);
    if (age < 0 || age > MAX_RTO_MS) this.hasStale = false;
    return !this.hasStale || isBefore(this.staleUntil, ts);
  }

  /** The deadline of a first transmission. */
  private firstDeadline(now32: number): number {
    const rto = this.rtt.rtoMs;
    return (now32 + rto + (this.config.nodelay ? 0 : rto >> 3)) | 0;
  }

  /** Gives everything in flight a fresh deadline. */
  private rearm(now32: number): void {
    const { buffer } = this;
    this.rearmPending = false;
    this.hasResendBound = buffer.flightCount > 0;
    this.resendBound = this.firstDeadline(now32);
    let sn = buffer.oldestInFlight;
    for (let left = buffer.flightCount; left > 0; left--) {
      buffer.setDeadline(sn, this.resendBound, this.rtt.rtoMs);
      if (left > 1) sn = buffer.sentAfter(sn);
    }
  }

  /** Sends everything again that was in flight on the old path. */
  private writeInFlight(writer: SegmentWriter, now32: number): boolean {
    const { buffer } = this;
    const resendAt = this.firstDeadline(now32);
    for (; this.resendNext !== this.resendEnd; this.resendNext = (this.resendNext + 1) | 0) {
      const sn = this.resendNext;
      if (!buffer.isInFlight(sn)) continue;
      // Sent into a window that a late datagram told: it waits for the edge to move.
      if (this.reliable && !isBefore(sn, this.peerEdge)) return true;
      if (this.restartCredit <= 0) return true;
      if (!this.writeData(writer, sn, now32)) return false;
      this.spendCredit(1);
      buffer.markRestart(sn, now32, resendAt, this.rtt.rtoMs);
      this.noteDeadline(resendAt);
      this.pathRetransmits++;
      this.trace?.retransmitted(sn, 'path');
    }
    this.resendPending = false;
    this.findResendBound();
    return true;
  }

  private noteDeadline(resendAt: number): void {
    if (this.hasResendBound && !isBefore(resendAt, this.resendBound)) return;
    this.resendBound = resendAt;
    this.hasResendBound = true;
  }

  /** Sends again what is lost: overtaken often enough, or timed out. */
  private writeLost(writer: SegmentWriter, now32: number, caughtUp32: number): boolean {
    const { buffer } = this;
    const due = this.hasResendBound && ahead(caughtUp32, this.resendBound) >= 0;
    if (!due && buffer.lostCount === 0) return true;
    const inFlight = buffer.inFlight;
    const isThin = this.isThin;
    let fast = 0;
    let timeouts = 0;
    let complete = true;
    let sn = buffer.oldestInFlight;
    for (let left = buffer.flightCount; left > 0; left--) {
      if (!due && buffer.lostCount === 0) break;
      const following = left > 1 ? buffer.sentAfter(sn) : sn;
      const timedOut = due && ahead(caughtUp32, buffer.resendAtOf(sn)) >= 0;
      if (timedOut && this.resendPending && this.awaitsItsTurn(sn)) {
        buffer.setDeadline(sn, this.firstDeadline(now32), this.rtt.rtoMs);
      } else if (timedOut || buffer.isLost(sn)) {
        if (!timedOut && buffer.transmitsOf(sn) > MAX_FAST_TRANSMITS) {
          buffer.forgiveLost(sn);
        } else {
          if (!this.writeData(writer, sn, now32)) {
            complete = false;
            break;
          }
          const rto = this.nextTimeout(sn, timedOut, isThin);
          const resendAt = (now32 + rto) | 0;
          buffer.markResend(sn, now32, resendAt, rto);
          if (isBefore(resendAt, this.resendBound)) this.resendBound = resendAt;
          if (timedOut) timeouts++;
          else fast++;
          this.trace?.retransmitted(sn, timedOut ? 'timeout' : 'fast');
          if (buffer.transmitsOf(sn) >= this.transmitLimit) this.dead = true;
        }
      }
      sn = following;
    }
    if (due && complete) this.findResendBound();
    this.fastRetransmits += fast;
    this.timeoutRetransmits += timeouts;
    if (fast > 0) this.congestion.onFastRetransmit(inFlight, this.config.fastResend);
    if (timeouts > 0) this.congestion.onTimeout(inFlight);
    return complete;
  }

  /** How long a segment that is sent again waits for its ACK, in ms. */
  private nextTimeout(sn: number, timedOut: boolean, isThin: boolean): number {
    if (timedOut && isThin && this.buffer.transmitsOf(sn) <= STEADY_TIMEOUTS) return this.rtt.rtoMs;
    const last = Math.max(this.buffer.rtoOf(sn), this.rtt.rtoMs);
    return timedOut ? Math.min(MAX_RTO_MS, last + (last >> 1)) : last;
  }

  /**
   * So little is in flight that each loss is felt, few ACKs tell of it, and sending again costs next to nothing: the thin
   * streams of games and voice, and the end of any transfer. What is lost is repeated sooner then.
   */
  private get isThin(): boolean {
    return this.config.nodelay && this.heard && this.buffer.flightCount <= THIN_SEGMENTS;
  }

  /** It was in flight on the old path and was not sent on the new one yet. */
  private awaitsItsTurn(sn: number): boolean {
    return !isBefore(sn, this.resendNext) && isBefore(sn, this.resendEnd);
  }

  private writeNew(writer: SegmentWriter, now32: number): boolean {
    const { buffer } = this;
    if (buffer.waitingCount === 0) return true;
    const allowed = Math.min(this.config.sendWindow, this.peerWindow, this.congestion.windowSegments);
    const safe = this.reliable ? Math.min(allowed, ahead(this.peerEdge, buffer.una)) : allowed;
    const window = this.isLimited ? Math.min(safe, UNHEARD_WINDOW) : safe;
    const rto = this.rtt.rtoMs;
    const resendAt = this.firstDeadline(now32);
    const first = buffer.next;
    let complete = true;
    while (buffer.waitingCount > 0 && buffer.inFlight < window) {
      if (ahead(buffer.next, first) >= this.restartCredit) break;
      if (!this.writeData(writer, buffer.next, now32)) {
        complete = false;
        break;
      }
      buffer.markFirstSend(now32, resendAt, rto);
      this.noteDeadline(resendAt);
    }
    this.spendCredit(ahead(buffer.next, first));
    return complete;
  }

  /** The peer takes nothing new now. */
  private get isWindowClosed(): boolean {
    return this.peerWindow === 0 || (this.reliable && ahead(this.peerEdge, this.buffer.una) <= 0);
  }

  /** The peer has proved nothing yet. */
  private get isLimited(): boolean {
    return this.config.limitUntilHeard && !this.heard;
  }

  private get transmitLimit(): number {
    return this.isLimited ? Math.min(this.config.deadLink, UNHEARD_TRANSMITS) : this.config.deadLink;
  }

  /** The earliest deadline in flight, exactly. */
  private findResendBound(): void {
    const { buffer } = this;
    this.hasResendBound = buffer.flightCount > 0;
    let sn = buffer.oldestInFlight;
    for (let left = buffer.flightCount; left > 0; left--) {
      const at = buffer.resendAtOf(sn);
      if (left === buffer.flightCount || isBefore(at, this.resendBound)) this.resendBound = at;
      if (left > 1) sn = buffer.sentAfter(sn);
    }
  }

  private writeData(writer: SegmentWriter, sn: number, now32: number): boolean {
    const { buffer } = this;
    const slot = buffer.slotOf(sn);
    const length = buffer.lengthOf(sn);
    if (!writer.writeData(buffer.fragmentOf(sn), now32, sn, slot, length, this.announcing)) return false;
    this.segmentsSent++;
    return true;
  }

  /** Room for payload in a segment: the MTU less the header, and less the address block it may have to carry. */
  private largestPayload(mtu: number): number {
    const payload = mtu - SEGMENT_HEADER_BYTES - (this.config.announce ? ADDRESS_BLOCK_BYTES : 0);
    return Math.min(payload, this.pool.slotBytes);
  }
}

function makeEstimator(config: KcpConfig): RttEstimator {
  const slackMs = config.loggedIn ? config.intervalMs >> 1 : config.intervalMs;
  return new RttEstimator(config.nodelay ? MIN_RTO_NODELAY_MS : MIN_RTO_MS, slackMs);
}

function makeCongestionControl(config: KcpConfig, segmentBytes: number): CongestionController {
  return config.congestion === 'none'
    ? NO_CONGESTION_CONTROL
    : new RenoCongestionControl(config.congestion, segmentBytes);
}

/** More than 255 fragments can hold. */
const MAX_MESSAGE_BYTES = 0x7fffffff;
/** No window is so large. */
const NO_CREDIT_LIMIT = 0x3fffffff;
/** Segments sent at once on a path nobody knows: what a small receive buffer (212,992 bytes on Linux) surely holds. */
const RESTART_SEGMENTS = 64;
/** What the C reference assumes of its peer before the first datagram (its smallest receive window). */
const ASSUMED_PEER_WINDOW = 128;
/** kcp-go's default receive window. */
const SMALLEST_PEER_WINDOW = 32;
/** `frg` has 8 bits; 256 fragments would start at 255. kcp-go's reader overflows there, so one less. */
const MAX_FRAGMENTS = 255;
/** Segments in flight before a peer that may be forged was heard: the initial window of TCP (RFC 6928). */
const UNHEARD_WINDOW = 10;
/** Transmissions of one segment before the peer was heard. */
const UNHEARD_TRANSMITS = 6;
/** As much in flight or less is a thin stream: 30 messages a second over 250 ms. */
const THIN_SEGMENTS = 8;
/** Timeouts of a segment of a thin stream that do not grow. */
const STEADY_TIMEOUTS = 3;
/** Fast retransmissions of one segment stop here; its timeout goes on (as in the reference). */
const MAX_FAST_TRANSMITS = 5;
const MIN_RTO_MS = 100;
const MIN_RTO_NODELAY_MS = 30;
