import { NEVER } from '../base/clock.ts';
import type { SendArena } from '../base/send-arena.ts';
import { SendError } from '../base/sink.ts';
import { ADDRESS_BLOCK_BYTES, writeAddressBlock } from '../wire/address-block.ts';
import { Command } from '../wire/command.ts';
import {
  SEGMENT_HEADER_BYTES,
  checkSegment,
  commandOf,
  conversationOf,
  fragmentOf,
  payloadLengthOf,
  sequenceOf,
  timestampOf,
  unacknowledgedOf,
  windowOf,
  writeSegmentHeader,
} from '../wire/segment.ts';
import { AckList } from './ack-list.ts';
import type { KcpConfig } from './config.ts';
import { NoCongestionControl, type CongestionController } from './congestion-controller.ts';
import { DatagramWriter } from './datagram-writer.ts';
import { DatagramFault } from './datagram-fault.ts';
import { ReceiveBuffer, Stored, type SegmentReceiver } from './receive-buffer.ts';
import { RenoCongestionControl } from './reno.ts';
import { MAX_RTO_MS, RttEstimator } from './rtt-estimator.ts';
import type { SegmentPool } from './segment-pool.ts';
import { SendBuffer } from './send-buffer.ts';
import { ahead, isBefore } from './sequence.ts';
import type { KcpStats } from './stats.ts';
import { WindowProbe } from './window-probe.ts';

/** Takes the commands that are not the engine's: everything but 80 to 84. */
export interface CommandHandler {
  /** One well-formed segment, its header at `at` of `view`, its payload at `payloadAt`. Bytes are borrowed. */
  handleCommand(
    now: number,
    command: number,
    view: DataView,
    at: number,
    payloadAt: number,
    payloadLength: number,
  ): void;
}

/**
 * One KCP conversation: reliable, ordered delivery over datagrams, byte-compatible with the C reference and kcp-go.
 *
 * Sans-I/O. Feed it with {@link handleDatagram} and {@link send}; then, once a turn and in this order, take what arrived
 * with {@link receive}, write what is to be sent with {@link pollTransmit}, and come back at {@link nextDeadline}.
 * `now` is in whole milliseconds from a monotonic source; inside, and on the wire, it is cut to 32 bits.
 *
 * Unlike the reference there is no flush tick: ACKs and data leave in the drain of the turn they came up in. Where
 * behaviour differs on purpose is listed in docs/protocol.md.
 */
export class KcpEngine {
  readonly config: KcpConfig;
  private readonly pool: SegmentPool;
  private readonly commands: CommandHandler | undefined;
  private readonly sending: SendBuffer;
  private readonly receiving: ReceiveBuffer;
  private readonly acks = new AckList();
  private readonly rtt: RttEstimator;
  private readonly congestion: CongestionController;
  private readonly probe = new WindowProbe();
  private readonly writer = new DatagramWriter();
  /** The peer's window: what the reference assumes until the first datagram tells. */
  private peerWindow = ASSUMED_PEER_WINDOW;
  /** The largest window the peer ever told: what a message must fit into. */
  private peerWindowSeen = 0;
  /** It told its window while it held nothing of ours. */
  private peerWindowExact = false;
  private mtu: number;
  private segmentBytes: number;
  private announcing: boolean;
  private tellWindow = false;
  /** The window in the last segment sent. */
  private toldWindow: number;
  /** Lower bound of all retransmission deadlines in flight; exact after each scan. Wrapped ms. */
  private resendBound = 0;
  private hasResendBound = false;
  private dead = false;
  private heard = false;
  private refusing = false;
  private askPending = false;
  /** Segments held at most, so that tiny messages cannot take a slot each without end. */
  private readonly maxSegments: number;
  /** The latest `now`, to turn wrapped times back into whole ones. */
  private latestNow = 0;

  private segmentsSent = 0;
  private segmentsReceived = 0;
  private timeoutRetransmits = 0;
  private fastRetransmits = 0;
  private duplicatesReceived = 0;
  private beyondWindowDrops = 0;
  private memoryDrops = 0;
  private oversizeDrops = 0;
  private acksSent = 0;
  private acksReceived = 0;
  private windowProbesSent = 0;
  private unknownCommands = 0;

  /**
   * @param pool payload memory, shared by the engines of one endpoint.
   * @param commands takes the other commands; without it they are counted and skipped.
   */
  constructor(config: KcpConfig, pool: SegmentPool, commands?: CommandHandler) {
    this.config = config;
    this.pool = pool;
    this.commands = commands;
    this.announcing = config.announce;
    this.mtu = config.mtu;
    this.segmentBytes = this.largestPayload(config.mtu);
    this.sending = new SendBuffer(pool, config.initialSequence);
    this.receiving = new ReceiveBuffer(pool, config.receiveWindow, config.initialSequence);
    this.maxSegments = Math.max(config.sendWindow, Math.ceil(config.maxQueueBytes / this.segmentBytes));
    this.toldWindow = config.receiveWindow;
    this.rtt = new RttEstimator(config.nodelay ? MIN_RTO_NODELAY_MS : MIN_RTO_MS, config.intervalMs);
    this.congestion =
      config.congestion === 'none'
        ? new NoCongestionControl()
        : new RenoCongestionControl(config.congestion, this.segmentBytes);
  }

  // ---- the application's side ----

  /**
   * Queues bytes: in stream mode a piece of the stream, else one message. Copies them.
   * @returns the bytes taken: all, some (stream mode), or 0 when the queue or the payload memory is full; or a negative
   *   {@link SendError}: an empty message, or one with more fragments than the peer's window or 255.
   */
  send(bytes: Uint8Array, offset: number, length: number): number {
    if (length <= 0) return SendError.empty;
    return this.config.stream
      ? this.sendStream(bytes, offset, length)
      : this.sendMessage(bytes, offset, length);
  }

  /** Queues an empty segment: it opens a conversation without sending data. A receiver sees an empty message. */
  sendOpening(): void {
    this.sending.append(-1, 0, 0);
  }

  /**
   * Gives complete messages, in order, to the receiver until it says stop.
   * @returns false when it did.
   */
  receive(receiver: SegmentReceiver): boolean {
    const more = this.receiving.deliver(receiver);
    // The peer last heard of a nearly closed window: say so when it is open again, without waiting for it to ask.
    if (
      this.toldWindow <= this.receiving.window >> 3 &&
      this.receiving.freeSegments >= (this.receiving.window + 1) >> 1
    ) {
      this.tellWindow = true;
    }
    return more;
  }

  /** Whether {@link receive} has a complete message to give. */
  get hasMessage(): boolean {
    return this.receiving.hasMessage;
  }

  /** Whether everything given to {@link send} was acknowledged. */
  get isAllAcknowledged(): boolean {
    return this.sending.una === this.sending.end;
  }

  /** Whether everything given to {@link send} was sent at least once. */
  get isAllSent(): boolean {
    return this.sending.next === this.sending.end;
  }

  /** Whether the send queue is at most half full: a sender that was refused should try again. */
  get hasRoom(): boolean {
    return (
      this.sending.bytes * 2 <= this.config.maxQueueBytes && this.sending.heldCount * 2 <= this.maxSegments
    );
  }

  /** Whether the peer may name `finalSn` as its end: not before what arrived, not beyond what may still arrive. */
  mayEndAt(finalSn: number): boolean {
    return (
      ahead(finalSn, this.receiving.next) >= 0 &&
      ahead(finalSn, this.receiving.undelivered) <= this.receiving.window
    );
  }

  /** The window and `una` that segments of this side carry now. */
  get advertised(): { wnd: number; una: number } {
    return { wnd: this.receiving.freeSegments, una: this.receiving.next };
  }

  /** From now on new data is neither kept nor acknowledged; what arrived before still is. */
  refuseNewData(): void {
    this.refusing = true;
  }

  /** Sends a window request in the next drain: any KCP peer answers it, which proves that it is there. */
  askWindow(): void {
    this.askPending = true;
  }

  /** Payload bytes held towards the peer, in flight or waiting. */
  get queueBytes(): number {
    return this.sending.bytes;
  }

  /** One past the last `sn` given to a segment: the final sn of this direction when nothing more is sent. */
  get endSequence(): number {
    return this.sending.end;
  }

  /** First `sn` the application has not taken. */
  get undeliveredSequence(): number {
    return this.receiving.undelivered;
  }

  /** A segment was sent too often without an ACK. */
  get isDead(): boolean {
    return this.dead;
  }

  /** The peer sent a message with more fragments than the receive window holds: it can never be completed. */
  get isWedged(): boolean {
    return this.receiving.isWedged;
  }

  /** The peer acknowledged something. */
  get isHeard(): boolean {
    return this.heard;
  }

  /** The current retransmission timeout in ms. */
  get rtoMs(): number {
    return this.rtt.rtoMs;
  }

  /** First unacknowledged and next unsent `sn` of this side, next expected `sn` of the other, as unsigned integers. */
  get sequences(): { una: number; next: number; expected: number } {
    return {
      una: this.sending.una >>> 0,
      next: this.sending.next >>> 0,
      expected: this.receiving.next >>> 0,
    };
  }

  /** Changes the MTU. Segments already cut keep their size. @throws RangeError below the minimum. */
  setMtu(mtu: number): void {
    if (this.largestPayload(mtu) < 1) throw new RangeError(`mtu ${String(mtu)} leaves no room for data`);
    this.mtu = mtu;
    this.segmentBytes = this.largestPayload(mtu);
  }

  // ---- the network's side ----

  /**
   * Takes one datagram of clear segments: `length` bytes at `offset` of `bytes`, `view` being the same memory. Borrowed.
   * @returns 0, or the {@link DatagramFault} that stopped it; segments before the fault were applied, as in the reference.
   */
  handleDatagram(now: number, bytes: Uint8Array, view: DataView, offset: number, length: number): number {
    this.moveClock(now);
    const end = offset + length;
    if (length < SEGMENT_HEADER_BYTES) return DatagramFault.tooShort;
    const unaBefore = this.sending.una;
    let newestAckSn = 0;
    let newestAckTs = 0;
    let sawAck = false;
    let fault: number = DatagramFault.none;
    let at = offset;
    while (end - at >= SEGMENT_HEADER_BYTES) {
      if (conversationOf(view, at) !== this.config.conv) {
        fault = DatagramFault.otherConversation;
        break;
      }
      const command = commandOf(view, at);
      const block = command === Command.new ? ADDRESS_BLOCK_BYTES : 0;
      const total = checkSegment(view, at, end, block);
      if (total === 0) {
        fault = DatagramFault.truncated;
        break;
      }
      if (command < Command.new || command > Command.windowTell) {
        this.handleOther(now, command, view, at, total);
        at += total;
        continue;
      }
      const una = unacknowledgedOf(view, at);
      if (ahead(una, this.sending.next) > 0) {
        fault = DatagramFault.unaBeyondSent;
        break;
      }
      this.peerWindow = windowOf(view, at);
      if (this.peerWindow > this.peerWindowSeen) this.peerWindowSeen = this.peerWindow;
      if (una === this.config.initialSequence) this.peerWindowExact = true;
      if (ahead(una, this.sending.una) > 0) this.sending.acknowledgeBelow(una);

      const sn = sequenceOf(view, at);
      const ts = timestampOf(view, at);
      if (command === Command.ack) {
        this.acksReceived++;
        this.sending.acknowledge(sn);
        if (isBefore(sn, this.sending.next)) {
          if (!sawAck || ahead(ts, newestAckTs) > 0) newestAckTs = ts;
          if (!sawAck || ahead(sn, newestAckSn) > 0) newestAckSn = sn;
          sawAck = true;
        }
      } else if (command === Command.push || command === Command.new) {
        this.handlePush(
          sn,
          ts,
          fragmentOf(view, at),
          bytes,
          at + SEGMENT_HEADER_BYTES + block,
          payloadLengthOf(view, at),
        );
      } else if (command === Command.windowAsk) {
        this.tellWindow = true;
      }
      at += total;
    }
    if (sawAck) {
      this.announcing = false;
      this.heard = true;
      this.rtt.sample(ahead(now | 0, newestAckTs));
      if (this.config.fastResend > 0 && this.sending.flightCount > 0) {
        this.sending.countFastAck(newestAckSn, newestAckTs, this.config.fastResend);
      }
    }
    if (this.sending.una !== unaBefore) {
      this.announcing = false;
      this.heard = true;
      this.congestion.onProgress(ahead(this.sending.una, unaBefore), this.peerWindow);
    }
    return fault;
  }

  /**
   * Writes everything that is to be sent now into the arena: ACKs, window announcements, lost segments, new segments.
   * @param caughtUpAt everything that had arrived by then was handed in; what times out later may be acknowledged already by
   *   datagrams nobody has read, and is not sent again yet. Default `now`.
   * @returns true when the arena was full before all was written: flush it and call again.
   */
  pollTransmit(now: number, arena: SendArena, caughtUpAt = now): boolean {
    this.moveClock(now);
    const now32 = now | 0;
    this.writer.begin(arena, this.mtu);
    const done =
      this.writeAcks() &&
      this.writeWindowSegments(now32) &&
      this.writeLost(now32, caughtUpAt | 0) &&
      this.writeNew(now32);
    this.writer.end();
    return !done;
  }

  /** When {@link pollTransmit} is next to be called if nothing else happens, in ms; `NEVER` when there is nothing to do. */
  nextDeadline(): number {
    const now32 = this.latestNow | 0;
    let wait = NEVER;
    if (this.hasResendBound) wait = ahead(this.resendBound, now32);
    if (this.probe.isArmed) wait = Math.min(wait, ahead(this.probe.dueAt, now32));
    return wait === NEVER ? NEVER : this.latestNow + Math.max(0, wait);
  }

  stats(): KcpStats {
    return {
      srttMs: this.rtt.srttMs,
      rttvarMs: this.rtt.rttvarMs,
      rtoMs: this.rtt.rtoMs,
      inFlight: this.sending.flightCount,
      waiting: this.sending.waitingCount,
      queueBytes: this.sending.bytes,
      peerWindow: this.peerWindow,
      congestionWindow: this.congestion.windowSegments,
      segmentsSent: this.segmentsSent,
      segmentsReceived: this.segmentsReceived,
      timeoutRetransmits: this.timeoutRetransmits,
      fastRetransmits: this.fastRetransmits,
      duplicatesReceived: this.duplicatesReceived,
      beyondWindowDrops: this.beyondWindowDrops,
      memoryDrops: this.memoryDrops,
      oversizeDrops: this.oversizeDrops,
      acksSent: this.acksSent,
      acksReceived: this.acksReceived,
      windowProbesSent: this.windowProbesSent,
      unknownCommands: this.unknownCommands,
    };
  }

  /** Gives back memory that only a busy conversation needs. Call it when the session has been quiet for a while. */
  trim(): void {
    this.sending.trim();
    this.receiving.trim();
    this.acks.trim();
  }

  /** Releases all payload memory. The engine is unusable afterwards. */
  dispose(): void {
    this.sending.dispose();
    this.receiving.dispose();
    this.hasResendBound = false;
    this.probe.disarm();
  }

  // ---- sending ----

  private sendStream(bytes: Uint8Array, offset: number, length: number): number {
    const size = this.segmentBytes;
    const allowed = Math.min(length, this.config.maxQueueBytes - this.sending.bytes);
    let taken = 0;
    if (allowed > 0 && this.sending.hasOpenTail()) {
      const part = Math.min(allowed, size - this.sending.tailLength);
      if (part > 0) {
        this.sending.extendTail(bytes, offset, part);
        taken = part;
      }
    }
    while (taken < allowed && this.sending.heldCount < this.maxSegments) {
      const slot = this.pool.acquire();
      if (slot < 0) break;
      const part = Math.min(allowed - taken, size);
      this.pool.storeSent(slot, 0, bytes, offset + taken, part);
      this.sending.append(slot, part, 0);
      taken += part;
    }
    return taken;
  }

  private sendMessage(bytes: Uint8Array, offset: number, length: number): number {
    const size = this.segmentBytes;
    const count = Math.ceil(length / size);
    if (count > MAX_FRAGMENTS) return SendError.tooLarge;
    // While something is under way the peer may yet tell a larger window.
    if (count > this.largestMessage) return this.isAllAcknowledged ? SendError.tooLarge : 0;
    const queued = this.sending.bytes;
    if (queued > 0 && queued + length > this.config.maxQueueBytes) return 0;
    if (queued > 0 && this.sending.heldCount + count > this.maxSegments) return 0;
    if (count > this.pool.availableSlots) return 0;
    for (let i = 0; i < count; i++) {
      const part = Math.min(size, length - i * size);
      const slot = this.pool.acquire();
      this.pool.storeSent(slot, 0, bytes, offset + i * size, part);
      this.sending.append(slot, part, count - 1 - i);
    }
    return length;
  }

  /**
   * Fragments the peer can hold: the largest window it ever told. What it tells is what is free, so unless it told while
   * it held nothing, no less than the smallest default of any implementation.
   */
  private get largestMessage(): number {
    if (this.peerWindowSeen === 0) return ASSUMED_PEER_WINDOW;
    return this.peerWindowExact ? this.peerWindowSeen : Math.max(this.peerWindowSeen, SMALLEST_PEER_WINDOW);
  }

  private writeAcks(): boolean {
    const acks = this.acks;
    if (!acks.isPending) return true;
    const expected = this.receiving.next;
    // In order of arrival, the newest last: peers take their round trip from the last ACK of a datagram.
    for (; acks.written < acks.count; acks.written++) {
      const sn = acks.sequenceAt(acks.written);
      if (isBefore(sn, expected)) continue;
      if (!this.writeControl(Command.ack, acks.timestampAt(acks.written), sn)) return false;
      this.acksSent++;
      if (sn === acks.newestSequence) acks.newestWritten = true;
    }
    if (!acks.newestWritten) {
      if (!this.writeControl(Command.ack, acks.newestTimestamp, acks.newestSequence)) return false;
      this.acksSent++;
    }
    acks.clear();
    return true;
  }

  private writeWindowSegments(now32: number): boolean {
    if (this.peerWindow === 0 && this.sending.waitingCount > 0) {
      this.probe.arm(now32);
      if (this.probe.isDue(now32)) {
        if (!this.writeControl(Command.windowAsk, now32, 0)) return false;
        this.probe.sent(now32);
        this.windowProbesSent++;
      }
    } else {
      this.probe.disarm();
    }
    if (this.askPending) {
      if (!this.writeControl(Command.windowAsk, now32, 0)) return false;
      this.askPending = false;
    }
    if (this.tellWindow) {
      if (!this.writeControl(Command.windowTell, now32, 0)) return false;
      this.tellWindow = false;
    }
    return true;
  }

  /** Sends again what is lost: overtaken often enough, or timed out. */
  private writeLost(now32: number, caughtUp32: number): boolean {
    const sending = this.sending;
    const due = this.hasResendBound && ahead(caughtUp32, this.resendBound) >= 0;
    if (!due && sending.lostCount === 0) return true;
    const inFlight = sending.inFlight;
    let fast = 0;
    let timeouts = 0;
    let complete = true;
    let sn = sending.oldestInFlight;
    for (let left = sending.flightCount; left > 0; left--) {
      if (!due && sending.lostCount === 0) break;
      const following = left > 1 ? sending.sentAfter(sn) : sn;
      const timedOut = due && ahead(caughtUp32, sending.resendAtOf(sn)) >= 0;
      if (timedOut || sending.isLost(sn)) {
        if (!timedOut && sending.transmitsOf(sn) > MAX_FAST_TRANSMITS) {
          sending.forgiveLost(sn);
        } else {
          if (!this.writeData(sn, now32)) {
            complete = false;
            break;
          }
          const grown = Math.max(sending.rtoOf(sn), this.rtt.rtoMs);
          const rto = timedOut ? Math.min(MAX_RTO_MS, grown + (grown >> 1)) : grown;
          const resendAt = (now32 + rto) | 0;
          sending.markResend(sn, now32, resendAt, rto);
          if (isBefore(resendAt, this.resendBound)) this.resendBound = resendAt;
          if (timedOut) timeouts++;
          else fast++;
          if (sending.transmitsOf(sn) >= this.transmitLimit) this.dead = true;
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

  private writeNew(now32: number): boolean {
    const sending = this.sending;
    if (sending.waitingCount === 0) return true;
    const allowed = Math.min(this.config.sendWindow, this.peerWindow, this.congestion.windowSegments);
    const window = this.isLimited ? Math.min(allowed, UNHEARD_WINDOW) : allowed;
    const rto = this.rtt.rtoMs;
    const slack = this.config.nodelay ? 0 : rto >> 3;
    const resendAt = (now32 + rto + slack) | 0;
    while (sending.waitingCount > 0 && sending.inFlight < window) {
      if (!this.writeData(sending.next, now32)) return false;
      sending.markFirstSend(now32, resendAt, rto);
      if (!this.hasResendBound || isBefore(resendAt, this.resendBound)) {
        this.resendBound = resendAt;
        this.hasResendBound = true;
      }
    }
    return true;
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
    const sending = this.sending;
    this.hasResendBound = sending.flightCount > 0;
    let sn = sending.oldestInFlight;
    for (let left = sending.flightCount; left > 0; left--) {
      const at = sending.resendAtOf(sn);
      if (left === sending.flightCount || isBefore(at, this.resendBound)) this.resendBound = at;
      if (left > 1) sn = sending.sentAfter(sn);
    }
  }

  private writeData(sn: number, now32: number): boolean {
    const sending = this.sending;
    const length = sending.lengthOf(sn);
    const block = this.announcing ? ADDRESS_BLOCK_BYTES : 0;
    const at = this.writer.room(SEGMENT_HEADER_BYTES + block + length);
    if (at < 0) return false;
    const arena = this.writer.memory;
    const command = this.announcing ? Command.new : Command.push;
    this.writeHeader(arena.view, at, command, sending.fragmentOf(sn), now32, sn, length);
    if (block > 0) writeAddressBlock(arena, at + SEGMENT_HEADER_BYTES, null);
    if (length > 0)
      this.pool.load(sending.slotOf(sn), length, arena.bytes, at + SEGMENT_HEADER_BYTES + block);
    this.segmentsSent++;
    return true;
  }

  private writeControl(command: number, ts: number, sn: number): boolean {
    const at = this.writer.room(SEGMENT_HEADER_BYTES);
    if (at < 0) return false;
    this.writeHeader(this.writer.memory.view, at, command, 0, ts, sn, 0);
    return true;
  }

  private writeHeader(
    view: DataView,
    at: number,
    command: number,
    fragment: number,
    ts: number,
    sn: number,
    length: number,
  ): void {
    const window = this.receiving.freeSegments;
    this.toldWindow = window;
    writeSegmentHeader(
      view,
      at,
      this.config.conv,
      command,
      fragment,
      window,
      ts,
      sn,
      this.receiving.next,
      length,
    );
  }

  // ---- receiving ----

  private handlePush(
    sn: number,
    ts: number,
    fragment: number,
    bytes: Uint8Array,
    payloadAt: number,
    length: number,
  ): void {
    if (this.refusing && !isBefore(sn, this.receiving.next)) return;
    if (length > this.pool.slotBytes) {
      this.oversizeDrops++;
      return;
    }
    const stored = this.receiving.store(sn, fragment, bytes, payloadAt, length);
    if (stored === Stored.beyondWindow) {
      this.beyondWindowDrops++;
      return;
    }
    if (stored === Stored.noMemory) {
      this.memoryDrops++;
      return;
    }
    this.acks.note(sn, ts);
    if (stored === Stored.inOrder) {
      this.segmentsReceived++;
      return;
    }
    if (stored === Stored.early) this.segmentsReceived++;
    else this.duplicatesReceived++;
    // An early segment is acknowledged by itself, once a round.
    if (stored === Stored.old || isBefore(sn, this.receiving.next)) return;
    if (this.receiving.roundOf(sn) === this.acks.round) return;
    this.receiving.setRound(sn, this.acks.round);
    this.acks.list(sn, ts);
  }

  private handleOther(now: number, command: number, view: DataView, at: number, total: number): void {
    if (this.commands === undefined || command < Command.new || command > Command.padding) {
      this.unknownCommands++;
      return;
    }
    this.commands.handleCommand(
      now,
      command,
      view,
      at,
      at + SEGMENT_HEADER_BYTES,
      total - SEGMENT_HEADER_BYTES,
    );
  }

  /** After a jump of days a wrapped deadline says nothing any more: everything in flight is overdue. */
  private moveClock(now: number): void {
    if (now - this.latestNow >= CLOCK_JUMP_MS) this.resendBound = now | 0;
    this.latestNow = now;
  }

  private largestPayload(mtu: number): number {
    const payload = mtu - SEGMENT_HEADER_BYTES - (this.config.announce ? ADDRESS_BLOCK_BYTES : 0);
    return Math.min(payload, this.pool.slotBytes);
  }
}

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
/** Fast retransmissions of one segment stop here; its timeout goes on (as in the reference). */
const MAX_FAST_TRANSMITS = 5;
const CLOCK_JUMP_MS = 2 ** 30;
const MIN_RTO_MS = 100;
const MIN_RTO_NODELAY_MS = 30;
