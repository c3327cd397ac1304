import { NEVER } from '../base/clock.ts';
import type { SendArena } from '../base/send-arena.ts';
import { Command } from '../wire/command.ts';
import { addressBlockBytesOf } from '../wire/data-segment.ts';
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
} from '../wire/segment.ts';
import type { KcpConfig } from './config.ts';
import { DatagramFault } from './datagram-fault.ts';
import type { DirectReceiver, SegmentReceiver } from './receive-buffer.ts';
import { Receiver } from './receiver.ts';
import type { RetransmissionTrace } from './retransmission-trace.ts';
import type { SegmentPool } from './segment-pool.ts';
import { SegmentWriter } from './segment-writer.ts';
import { Sender } from './sender.ts';
import type { KcpStats } from './stats.ts';

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
  private readonly commands: CommandHandler | undefined;
  private readonly sender: Sender;
  private readonly receiver: Receiver;
  private readonly writer: SegmentWriter;
  private mtu: number;
  /** The latest `now`, to turn wrapped times back into whole ones. */
  private latestNow = 0;
  private unknownCommands = 0;
  private stalledFrom = NEVER;
  private dataMovedAt = 0;

  /**
   * @param pool payload memory, shared by the engines of one endpoint.
   * @param commands takes the other commands; without it they are counted and skipped.
   * @param direct takes a message that is next in order while its datagram is read, without a copy in between; what it does
   *   not take then waits for {@link receive}.
   */
  constructor(config: KcpConfig, pool: SegmentPool, commands?: CommandHandler, direct?: DirectReceiver) {
    this.config = config;
    this.commands = commands;
    this.mtu = config.mtu;
    this.sender = new Sender(config, pool);
    this.receiver = new Receiver(config, pool, direct);
    this.writer = new SegmentWriter(config.conv, pool);
  }

  // ---- the application's side ----

  /**
   * Queues bytes: in stream mode a piece of the stream, else one message. Copies them.
   * @returns the bytes taken: all, some (stream mode), or 0 when the queue or the payload memory is full; or a negative
   *   {@link SendError}: an empty message, or one larger than `maxMessageBytes` or with more fragments than the peer's window
   *   or 255.
   */
  send(bytes: Uint8Array, offset: number, length: number): number {
    return this.sender.send(bytes, offset, length);
  }

  /** Queues an empty segment: it opens a conversation without sending data. A receiver sees an empty message. */
  sendOpening(): void {
    this.sender.sendOpening();
  }

  /**
   * Gives complete messages, in order, to the receiver until it says stop.
   * @returns false when it did.
   */
  receive(receiver: SegmentReceiver): boolean {
    return this.receiver.deliver(receiver);
  }

  /** Whether {@link receive} has a complete message to give. */
  get hasMessage(): boolean {
    return this.receiver.hasMessage;
  }

  /** Whether everything given to {@link send} was acknowledged. */
  get isAllAcknowledged(): boolean {
    return this.sender.isAllAcknowledged;
  }

  /** Messages that were taken and of which the peer has not acknowledged all; in stream mode segments. Costs as much as is held. */
  get unacknowledgedMessages(): number {
    return this.sender.unacknowledgedMessages;
  }

  /** Whether everything given to {@link send} was sent at least once. */
  get isAllSent(): boolean {
    return this.sender.waiting === 0;
  }

  /** Whether the send queue is at most half full: a sender that was refused should try again. */
  get hasRoom(): boolean {
    return this.sender.hasRoom;
  }

  /** Whether the peer may name `finalSn` as its end: not before what arrived, not beyond what may still arrive. */
  mayEndAt(finalSn: number): boolean {
    return this.receiver.mayEndAt(finalSn);
  }

  /** The peer's data ends before `finalSn`, which {@link mayEndAt} allowed: nothing from there on is taken. */
  setPeerEnd(finalSn: number): void {
    this.receiver.setEnd(finalSn);
  }

  /** The window and `una` that segments of this side carry now. */
  get advertised(): { wnd: number; una: number } {
    return { wnd: this.receiver.freeSegments, una: this.receiver.expected };
  }

  /** From now on new data is neither kept nor acknowledged; what arrived before still is. */
  refuseNewData(): void {
    this.receiver.refuseNewData();
  }

  /** Sends a window request in the next drain: any KCP peer answers it, which proves that it is there. */
  askWindow(): void {
    this.sender.askWindow();
  }

  /** Tells the peer in the next drain what has arrived and what room there is, although it did not ask. */
  tellWindow(): void {
    this.receiver.handleWindowAsk();
  }

  /** Payload bytes held towards the peer, in flight or waiting. */
  get queueBytes(): number {
    return this.sender.queueBytes;
  }

  /** One past the last `sn` given to a segment: the final sn of this direction when nothing more is sent. */
  get endSequence(): number {
    return this.sender.end;
  }

  /** Something arrived that cannot be delivered because something before it is missing. */
  get hasGap(): boolean {
    return this.receiver.hasGap;
  }

  /** First `sn` that has not arrived. */
  get expectedSequence(): number {
    return this.receiver.expected;
  }

  /** First `sn` the application has not taken. */
  get undeliveredSequence(): number {
    return this.receiver.undelivered;
  }

  /** A segment was sent too often without an ACK. */
  get isDead(): boolean {
    return this.sender.isDead;
  }

  /** The peer sent a message with more fragments than the receive window holds, or a segment larger than a slot. */
  get isWedged(): boolean {
    return this.receiver.isWedged;
  }

  /**
   * The peer sent a message of more than `maxMessageBytes`. Nothing of it is delivered, and nothing that follows is kept or
   * acknowledged; messages before it are delivered as usual.
   */
  get isOversize(): boolean {
    return this.receiver.isOversize;
  }

  /**
   * Data was dropped, for want of memory or because it was beyond the window, and has not come again. On a lossy path it
   * will. On a reliable one nobody sends it again: if this lasts, break the connection.
   */
  get hasDropped(): boolean {
    return this.receiver.hasDropped;
  }

  /** Something was larger than the last {@link pollTransmit} was allowed to write: call it again when more is allowed. */
  get isHeldBack(): boolean {
    return this.writer.isOverLimit;
  }

  /** The peer acknowledged something. */
  get isHeard(): boolean {
    return this.sender.isHeard;
  }

  /** Since when something is in flight and nothing of it was acknowledged, in ms; `NEVER` while nothing is in flight. */
  get stalledSince(): number {
    return this.stalledFrom;
  }

  /** When data was last sent for the first time, or new data came, in ms; 0 before. */
  get dataAt(): number {
    return this.dataMovedAt;
  }

  /** The current retransmission timeout in ms. */
  get rtoMs(): number {
    return this.sender.rtt.rtoMs;
  }

  /** First unacknowledged and next unsent `sn` of this side, next expected `sn` of the other, as unsigned integers. */
  get sequences(): { una: number; next: number; expected: number } {
    const { sender, receiver } = this;
    return { una: sender.una >>> 0, next: sender.next >>> 0, expected: receiver.expected >>> 0 };
  }

  /** Told of every segment that is sent again. Default: nobody. */
  set trace(trace: RetransmissionTrace | undefined) {
    this.sender.trace = trace;
  }

  /** Changes the MTU. Segments already cut keep their size. @throws RangeError below the minimum. */
  setMtu(mtu: number): void {
    this.sender.setMtu(mtu);
    this.mtu = mtu;
  }

  // ---- the path ----
  // Whoever changes it calls pollTransmit afterwards, as after `send`.

  /**
   * Whether the path delivers all that is sent, in order, as long as it lives (TCP, WebSocket). While it does, nothing is
   * sent again, nothing counts as lost, no link is dead and no retransmission deadline wakes anybody; acknowledgements and
   * window probes go on. What is in flight when it begins is not sent again either, see {@link resendAll}; what is in flight
   * when it ends gets a fresh deadline. Default false.
   */
  setReliable(reliable: boolean): void {
    this.sender.setReliable(reliable);
  }

  /**
   * The path changed, and what was sent over the old one may be lost: the next {@link pollTransmit} sends everything in
   * flight again, once, in order and before new data. It is not loss: retransmission timeout and congestion control learn
   * nothing, each segment counts as sent for the first time. What is acknowledged until then is left out. Windows are not
   * asked, except that on a reliable path what the peer has no room for waits until it has. On a lossy one 64 segments go at
   * once, and two more for each that is acknowledged. Called again before all was sent it starts over.
   */
  resendAll(now: number): void {
    this.moveClock(now);
    this.sender.resendAll();
  }

  /**
   * The peer has another address at the end of the same path, and may have had it for some time: retransmission timeouts that
   * had grown start over, counted from the last transmission, and so does the count towards a dead link. What is overdue
   * then is sent by the next {@link pollTransmit}; however often the address changes, each segment once a timeout at most.
   */
  restartTimeouts(now: number): void {
    this.moveClock(now);
    this.sender.restartTimeouts();
  }

  /**
   * Another path: round-trip time and congestion control begin afresh, and acknowledgements of what was sent before tell
   * nothing about it. What is known of the peer stays. An engine that announces does so again.
   * @param seedRttMs a round trip measured on the new path, in whole ms. Default: none.
   */
  resetPath(seedRttMs?: number): void {
    this.sender.resetPath(seedRttMs);
  }

  // ---- the network's side ----

  /**
   * Takes one datagram of clear segments: `length` bytes at `offset` of `bytes`, `view` being the same memory. Borrowed.
   * @returns 0, or the {@link DatagramFault} that stopped it; segments before the fault were applied, as in the reference.
   */
  handleDatagram(now: number, bytes: Uint8Array, view: DataView, offset: number, length: number): number {
    this.moveClock(now);
    if (length < SEGMENT_HEADER_BYTES) return DatagramFault.tooShort;
    const { sender, receiver } = this;
    const { inFlight } = sender;
    const { segmentsReceived } = receiver;
    sender.beginDatagram();
    const fault = this.readSegments(now, bytes, view, offset, offset + length);
    sender.endDatagram(now | 0);
    if (receiver.segmentsReceived !== segmentsReceived) this.dataMovedAt = now;
    if (sender.inFlight !== inFlight) this.stalledFrom = sender.inFlight > 0 ? now : NEVER;
    return fault;
  }

  /**
   * Writes everything that is to be sent now into the arena: ACKs, window announcements, what is to be sent again, new
   * segments.
   * @param caughtUpAt everything that had arrived by then was handed in; what times out later may be acknowledged already by
   *   datagrams nobody has read, and is not sent again yet. Default `now`.
   * @param maxDatagramBytes the largest datagram to write. A segment that does not fit waits, with all behind it, and wakes
   *   nobody: see {@link isHeldBack}. Default: the MTU, or more for segments cut when it was larger.
   * @returns true when the arena was full before all was written: flush it and call again.
   */
  pollTransmit(now: number, arena: SendArena, caughtUpAt = now, maxDatagramBytes = NO_LIMIT): boolean {
    this.moveClock(now);
    const now32 = now | 0;
    const { sender, receiver, writer } = this;
    const { next } = sender;
    writer.begin(arena, this.mtu, maxDatagramBytes, receiver.freeSegments, receiver.expected);
    const spares = receiver.maySpareAcks(now);
    let done =
      (spares || receiver.writeAcks(writer, now)) &&
      sender.writeWindowAsk(writer, now32) &&
      receiver.writeWindow(writer, now32) &&
      sender.writeSegments(writer, now32, caughtUpAt | 0);
    if (spares && writer.hasWritten) receiver.spareAcks();
    else if (spares) done = receiver.writeAcks(writer, now) && done;
    writer.end();
    if (writer.hasWritten) receiver.noteWindowTold();
    if (sender.next !== next) {
      this.dataMovedAt = now;
      if (this.stalledFrom === NEVER) this.stalledFrom = now;
    }
    return !done && !writer.isOverLimit;
  }

  /** When {@link pollTransmit} is next to be called if nothing else happens, in ms; `NEVER` when there is nothing to do. */
  nextDeadline(): number {
    if (this.writer.isOverLimit && !this.writer.takesControl) return NEVER;
    const wait = this.sender.waitMs(this.latestNow | 0);
    return wait === NEVER ? NEVER : this.latestNow + Math.max(0, wait);
  }

  stats(): KcpStats {
    const { sender, receiver } = this;
    return {
      srttMs: sender.rtt.srttMs,
      rttvarMs: sender.rtt.rttvarMs,
      rtoMs: sender.rtt.rtoMs,
      inFlight: sender.inFlight,
      waiting: sender.waiting,
      queueBytes: sender.queueBytes,
      peerWindow: sender.window,
      congestionWindow: sender.congestion.windowSegments,
      segmentsSent: sender.segmentsSent,
      segmentsReceived: receiver.segmentsReceived,
      timeoutRetransmits: sender.timeoutRetransmits,
      fastRetransmits: sender.fastRetransmits,
      pathRetransmits: sender.pathRetransmits,
      duplicatesReceived: receiver.duplicatesReceived,
      beyondWindowDrops: receiver.beyondWindowDrops,
      memoryDrops: receiver.memoryDrops,
      oversizeDrops: receiver.oversizeDrops,
      acksSent: receiver.acksSent,
      acksReceived: sender.acksReceived,
      windowProbesSent: sender.windowProbesSent,
      unknownCommands: this.unknownCommands,
    };
  }

  /** Gives back memory that only a busy conversation needs. Call it when the session has been quiet for a while. */
  trim(): void {
    this.sender.trim();
    this.receiver.trim();
  }

  /** Releases all payload memory. Afterwards the engine only acknowledges repeats. */
  dispose(): void {
    this.sender.dispose();
    this.receiver.dispose();
  }

  /** Walks over the segments of a datagram. @returns the fault that stopped it, or 0. */
  private readSegments(now: number, bytes: Uint8Array, view: DataView, offset: number, end: number): number {
    const { sender, receiver } = this;
    const { conv } = this.config;
    // A tail shorter than a header is ignored, as in the reference.
    for (let at = offset; end - at >= SEGMENT_HEADER_BYTES;) {
      if (conversationOf(view, at) !== conv) return DatagramFault.otherConversation;
      const command = commandOf(view, at);
      const block = addressBlockBytesOf(command);
      const total = checkSegment(view, at, end, block);
      if (total === 0) return DatagramFault.truncated;
      if (command < Command.new || command > Command.windowTell) {
        this.handleOther(now, command, view, at, total);
        at += total;
        continue;
      }
      if (!sender.handleHeader(unacknowledgedOf(view, at), windowOf(view, at)))
        return DatagramFault.unaBeyondSent;
      const sn = sequenceOf(view, at);
      const ts = timestampOf(view, at);
      if (command === Command.ack) {
        sender.handleAck(sn, ts);
      } else if (command === Command.push || command === Command.new) {
        const payloadAt = at + SEGMENT_HEADER_BYTES + block;
        receiver.handlePush(sn, ts, fragmentOf(view, at), bytes, payloadAt, payloadLengthOf(view, at));
      } else if (command === Command.windowAsk) {
        receiver.handleWindowAsk();
      }
      at += total;
    }
    return DatagramFault.none;
  }

  private handleOther(now: number, command: number, view: DataView, at: number, total: number): void {
    if (this.commands === undefined || command < Command.new || command > Command.padding) {
      this.unknownCommands++;
      return;
    }
    const payloadAt = at + SEGMENT_HEADER_BYTES;
    this.commands.handleCommand(now, command, view, at, payloadAt, total - SEGMENT_HEADER_BYTES);
  }

  private moveClock(now: number): void {
    if (now - this.latestNow >= CLOCK_JUMP_MS) this.sender.handleClockJump(now | 0);
    this.latestNow = now;
  }
}

const NO_LIMIT = 0x7fffffff;

/** Wrapped times are only comparable within half of this. */
const CLOCK_JUMP_MS = 2 ** 30;
