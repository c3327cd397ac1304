import { Command } from '../wire/command.ts';
import { AckList } from './ack-list.ts';
import type { KcpConfig } from './config.ts';
import { ReceiveBuffer, Stored, type DirectReceiver, type SegmentReceiver } from './receive-buffer.ts';
import type { SegmentPool } from './segment-pool.ts';
import type { SegmentWriter } from './segment-writer.ts';
import { ahead, isBefore } from './sequence.ts';

/** The receiving half of an engine: what arrives, its ACKs, and the window it leaves. */
export class Receiver {
  private readonly config: KcpConfig;
  private readonly pool: SegmentPool;
  private readonly buffer: ReceiveBuffer;
  private readonly direct: DirectReceiver | undefined;
  private readonly acks = new AckList();
  private refusing = false;
  /** The next segment in order is larger than a slot: it can never be taken. */
  private isStuck = false;
  /** The last `sn` that was not kept although it may still be taken. */
  private droppedSn = 0;
  private hasDrop = false;
  private tellWindow = false;
  /** When an ACK was written last. */
  private ackedAt = -Infinity;
  /** The window the last segment sent carried. */
  private toldWindow: number;

  segmentsReceived = 0;
  duplicatesReceived = 0;
  beyondWindowDrops = 0;
  memoryDrops = 0;
  oversizeDrops = 0;
  acksSent = 0;

  constructor(config: KcpConfig, pool: SegmentPool, direct: DirectReceiver | undefined) {
    this.config = config;
    this.pool = pool;
    this.direct = direct;
    const limit = config.stream || config.maxMessageBytes === 0 ? undefined : config.maxMessageBytes;
    this.buffer = new ReceiveBuffer(pool, config.receiveWindow, config.initialSequence, limit);
    this.toldWindow = config.receiveWindow;
  }

  /** First `sn` that has not arrived: the `una` of this side. */
  get expected(): number {
    return this.buffer.next;
  }
  /** First `sn` the application has not taken. */
  get undelivered(): number {
    return this.buffer.undelivered;
  }
  /** What `wnd` says. */
  get freeSegments(): number {
    return this.buffer.freeSegments;
  }
  get hasMessage(): boolean {
    return this.buffer.hasMessage;
  }
  /** Early segments are held. */
  get hasGap(): boolean {
    return this.buffer.hasGap;
  }
  /** What comes next in order can never be taken. */
  get isWedged(): boolean {
    return this.isStuck || this.buffer.isWedged;
  }

  /** The message that comes next in order is larger than allowed. */
  get isOversize(): boolean {
    return this.buffer.isOversize;
  }
  /** Something was not kept, for want of memory or because it was beyond the window, and has not come again. */
  get hasDropped(): boolean {
    return this.hasDrop && !isBefore(this.droppedSn, this.buffer.next);
  }

  /** Whether the peer may name `finalSn` as its end: not before what arrived, not beyond what may still arrive. */
  mayEndAt(finalSn: number): boolean {
    return (
      ahead(finalSn, this.buffer.next) >= 0 && ahead(finalSn, this.buffer.undelivered) <= this.buffer.window
    );
  }

  /**
   * Whether ACKs may leave. A peer that opened a session is not acknowledged before its first segment came: what comes
   * without it may belong to a session this side lost, and its sender would take it for delivered.
   */
  private get mayAcknowledge(): boolean {
    return !this.config.limitUntilHeard || this.buffer.next !== this.config.initialSequence;
  }

  /** The peer's data ends before `finalSn`, which {@link mayEndAt} allowed. */
  setEnd(finalSn: number): void {
    this.buffer.setEnd(finalSn);
  }

  /** From now on new data is neither kept nor acknowledged; what arrived before still is. */
  refuseNewData(): void {
    this.refusing = true;
  }

  /** The peer asked for the window. */
  handleWindowAsk(): void {
    this.tellWindow = true;
  }

  /** Takes one data segment. */
  handlePush(sn: number, ts: number, fragment: number, bytes: Uint8Array, at: number, length: number): void {
    if (this.refusing && !isBefore(sn, this.buffer.next)) return;
    if (length > this.pool.slotBytes) {
      this.oversizeDrops++;
      if (sn === this.buffer.next) this.isStuck = true;
      return;
    }
    if (fragment === 0 && this.direct?.takesNow === true && this.buffer.passThrough(sn, length)) {
      this.acks.note(sn, ts);
      this.segmentsReceived++;
      this.pool.lend(bytes);
      this.direct.write(bytes, at, length, true);
      return;
    }
    const stored = this.buffer.store(sn, fragment, bytes, at, length);
    if (stored >= Stored.beyondWindow) {
      this.handleUnkept(stored, sn);
      return;
    }
    this.acks.note(sn, ts);
    if (stored === Stored.inOrder) {
      this.segmentsReceived++;
      return;
    }
    if (this.buffer.isOversize) this.refusing = true;
    if (stored === Stored.early) this.segmentsReceived++;
    else this.duplicatesReceived++;
    // An early segment is acknowledged by itself, once a drain.
    if (stored === Stored.old || isBefore(sn, this.buffer.next)) return;
    if (this.acks.refresh(this.buffer.ackSerialOf(sn), ts)) return;
    this.buffer.setAckSerial(sn, this.acks.list(sn, ts));
  }

  /** Gives complete messages to the application until it says stop. @returns false when it did. */
  deliver(receiver: SegmentReceiver): boolean {
    const more = this.buffer.deliver(receiver);
    // The peer last heard of a nearly closed window: say so when it is open again, without waiting for it to ask.
    if (this.toldWindow <= this.buffer.window >> 3 && this.freeSegments >= (this.buffer.window + 1) >> 1) {
      this.tellWindow = true;
    }
    return more;
  }

  /** Whether the `una` of data that leaves now says all that ACKs would say, but for a round trip that was told lately. */
  maySpareAcks(now: number): boolean {
    const { acks } = this;
    if (!this.config.loggedIn || !acks.isPending || acks.count > 0 || !this.mayAcknowledge) return false;
    return isBefore(acks.newestSequence, this.buffer.next) && now - this.ackedAt < SPARED_FOR_MS;
  }

  /** Data went out in the place of ACKs. */
  spareAcks(): void {
    this.acks.clear();
  }

  /** Writes the ACKs that are due. @returns false when the arena was full before all were written. */
  writeAcks(writer: SegmentWriter, now: number): boolean {
    const acks = this.acks;
    if (!acks.isPending || !this.mayAcknowledge) return true;
    this.ackedAt = now;
    const expected = this.buffer.next;
    // In order of arrival, the newest last: peers take their round trip from the last ACK of a datagram.
    for (; acks.written < acks.count; acks.written++) {
      const sn = acks.sequenceAt(acks.written);
      if (isBefore(sn, expected)) continue;
      const isNewest = sn === acks.newestSequence;
      const ts = isNewest ? acks.newestTimestamp : acks.timestampAt(acks.written);
      if (!writer.writeControl(Command.ack, ts, sn)) return false;
      this.acksSent++;
      if (isNewest) acks.newestWritten = true;
    }
    if (!acks.newestWritten) {
      if (!writer.writeControl(Command.ack, acks.newestTimestamp, acks.newestSequence)) return false;
      this.acksSent++;
    }
    acks.clear();
    return true;
  }

  /** Segments were sent, all of which carried the window of now. */
  noteWindowTold(): void {
    this.toldWindow = this.freeSegments;
  }

  /** Tells the window if it was asked for or opened again. @returns false when the arena was full. */
  writeWindow(writer: SegmentWriter, now32: number): boolean {
    if (!this.tellWindow) return true;
    if (!writer.writeControl(Command.windowTell, now32, 0)) return false;
    this.tellWindow = false;
    return true;
  }

  trim(): void {
    this.buffer.trim();
    this.acks.trim();
  }

  dispose(): void {
    this.buffer.dispose();
  }

  /** What was not kept and is not here already is not acknowledged. */
  private handleUnkept(stored: number, sn: number): void {
    if (stored === Stored.oversize) {
      this.refusing = true;
      return;
    }
    if (stored === Stored.noMemory) this.memoryDrops++;
    else this.beyondWindowDrops++;
    if (!this.buffer.mayCome(sn) || (this.hasDropped && isBefore(sn, this.droppedSn))) return;
    this.droppedSn = sn;
    this.hasDrop = true;
  }
}

/** A peer is told a round trip at least so often while data flows. */
const SPARED_FOR_MS = 300;
