import type { ExaminedSegment } from '../examined.ts';
import { SegmentMark } from '../examined.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { Moment } from './moment.ts';
import { PacketNumbers } from './packet-numbers.ts';
import { SentData, type SentDataListener } from './sent-data.ts';
import type { DirectionReport, RetransmissionCounts, RoundTripReport } from './session-report.ts';
import { WindowTracker } from './window-tracker.ts';

/** One side of a session: what it sent, and what is counted of it. */
export class Direction implements DirectionReport {
  packets = 0;
  bytes = 0;
  segments = 0;
  pushes = 0;
  payloadBytes = 0;
  messages = 0;
  fragments = 0;
  readonly retransmissions = new Retransmissions();
  duplicateSegments = 0;
  duplicatePackets = 0;
  copies = 0;
  reorderedSegments = 0;
  maxReorderDepth = 0;
  acks = 0;
  duplicateAcks = 0;
  datagrams = 0;
  keepalives = 0;
  probes = 0;
  firstUs = 0;
  lastUs = 0;
  readonly window = new WindowTracker();
  readonly packetNumbers = new PacketNumbers();
  readonly sent: SentData;
  /** Whether it is over: FIN or KICK of this side, or a RESET. */
  hasEnded = false;
  /** The largest `una` it told, to know a late window; meaningful once `window.max` is known. */
  newestUna = 0;
  lastPacket = 0;
  /** Datagrams in a row since the other side was last heard, that want an answer. */
  unanswered = 0;
  unansweredSinceUs = 0;
  unansweredPacket = 0;
  /** Segments that do not get through although smaller ones do, since the line changed. */
  stuckCount = 0;
  /** The first piece of a message that is larger than the window told so far, until that shows to be all there is. */
  largeMessage: { readonly frg: number; readonly sn: number; readonly packet: number } | null = null;
  isLargeMessageTold = false;
  /** Whether the silence that goes on was told. */
  isSilenceTold = false;
  #firstDataUs = NaN;
  #lastDataUs = NaN;

  constructor(budget: MemoryBudget, listener: SentDataListener) {
    this.sent = new SentData(budget, listener);
  }

  get goodputBytesPerSecond(): number {
    const seconds = (this.#lastDataUs - this.#firstDataUs) / 1e6;
    return seconds > 0 ? this.payloadBytes / seconds : NaN;
  }

  get missingNumbers(): number {
    return this.packetNumbers.missing;
  }

  get roundTrip(): RoundTripReport {
    return this.sent.roundTrip;
  }

  /** Counts a datagram. */
  takeDatagram(moment: Moment): void {
    if (this.packets === 0) this.firstUs = moment.timeUs;
    this.packets++;
    this.bytes += moment.datagramBytes;
    this.lastUs = moment.timeUs;
    this.lastPacket = moment.packet;
    if (moment.isCopy) this.copies++;
  }

  /** Takes a PUSH or NEW of this side, without and with analysis. */
  takeData(moment: Moment, segment: ExaminedSegment, segmentBytes: number, analysis: boolean): void {
    const marks = analysis ? this.sent.transmit(moment, segment, segmentBytes) : 0;
    segment.marks |= marks;
    if ((marks & SegmentMark.duplicate) !== 0) {
      this.duplicateSegments++;
      return;
    }
    this.pushes++;
    if ((marks & SegmentMark.outOfOrder) !== 0) {
      this.reorderedSegments++;
      this.maxReorderDepth = Math.max(this.maxReorderDepth, this.sent.depth);
    }
    if ((marks & SegmentMark.retransmission) !== 0) this.retransmissions.count(marks, this.sent.isOfUnseen);
    if (!analysis || this.sent.isFirst) this.#takeFirst(moment, segment);
  }

  #takeFirst(moment: Moment, segment: ExaminedSegment): void {
    this.payloadBytes += segment.length;
    if (segment.frg === 0) this.messages++;
    if (segment.frg > 0 || this.#isInMessage) this.fragments++;
    this.#isInMessage = segment.frg > 0;
    if (Number.isNaN(this.#firstDataUs)) this.#firstDataUs = moment.timeUs;
    this.#lastDataUs = moment.timeUs;
  }

  /** Whether the segment before had pieces behind it. */
  #isInMessage = false;
}

/** Counts by cause. */
class Retransmissions implements RetransmissionCounts {
  total = 0;
  fast = 0;
  lineChange = 0;
  timeout = 0;
  ofUnseen = 0;
  spurious = 0;

  count(marks: number, isOfUnseen: boolean): void {
    this.total++;
    if ((marks & SegmentMark.fast) !== 0) this.fast++;
    else if ((marks & SegmentMark.timeout) !== 0) this.timeout++;
    else this.lineChange++;
    if (isOfUnseen) this.ofUnseen++;
  }
}
