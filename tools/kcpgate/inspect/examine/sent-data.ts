import { SegmentMark, type ExaminedSegment } from '../examined.ts';
import type { SpuriousEvidence } from './examiner-options.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { Moment } from './moment.ts';
import { RecentAcks } from './recent-acks.ts';
import { RECORD, RetransmissionRecords } from './retransmission-records.ts';
import { SentSlots, SLOT, SlotState } from './sent-slots.ts';

/** What {@link SentData} finds out later than with the segment itself. */
export interface SentDataListener {
  /** The retransmission of `sn` in `packet` was not needed. */
  onSpurious(packet: number, sn: number, evidence: SpuriousEvidence, shownBy: number): void;
  /** The peer had acknowledged data before it was sent. */
  onUnaBeyondSent(packet: number, una: number, next: number): void;
  /** A segment was sent `sent` times, and is larger than all that gets through, while smaller ones do. */
  onStuck(sn: number, sent: number, segmentBytes: number, largestThroughBytes: number): void;
}

/**
 * The ordered data of one direction, as it passed the capture: what was sent how often, and what the other side said of it.
 * `sn` and `ts` wrap.
 */
export class SentData {
  /** Whether any was seen. */
  isKnown = false;
  /** One past the highest `sn` seen. */
  next = 0;
  /** All below was acknowledged; follows `next` at most. */
  una = 0;
  readonly roundTrip = new LatencyHistogram();
  /** How far the segment taken last came behind the highest before it, when it was {@link SegmentMark.outOfOrder}. */
  depth = 0;
  /** Segments that came behind higher ones. */
  reordered = 0;
  /** Whether the segment taken last is seen for the first time. */
  isFirst = false;
  /** Whether the segment taken last is a retransmission of one that was never seen. */
  isOfUnseen = false;
  /** Numbers below `next` that were not seen. */
  unseen = 0;
  /** The largest datagram that got through since the line changed, 0 for none, and the newest time such a one was sent. */
  largestThroughBytes = 0;
  newestThroughUs = 0;
  /** When the other side last answered something short: WINS, PATH_RESPONSE. */
  answeredUs = 0;

  readonly #slots: SentSlots;
  readonly #records: RetransmissionRecords;
  readonly #acks = new RecentAcks();
  readonly #listener: SentDataListener;
  /** The shortest time in which anything was answered, and how many such times were seen. */
  #fastestUs = Infinity;
  #answers = 0;
  /** Retransmissions that were acknowledged sooner than any so far. */
  readonly #hasty: Hasty[] = [];
  #hasUna = false;
  /** `ts` of the highest `sn`, as it was seen first. */
  #highestTs = 0;
  /** Whether it was followed from `sn` 0 on. */
  #isWhole = false;
  /** An acknowledgement of more than was seen, until it shows whether that was missed or never sent. */
  #early: { readonly una: number; readonly packet: number } | null = null;

  constructor(budget: MemoryBudget, listener: SentDataListener) {
    this.#slots = new SentSlots(budget);
    this.#records = new RetransmissionRecords(budget);
    this.#listener = listener;
  }

  /** Takes a PUSH or NEW. @returns its marks. */
  transmit(moment: Moment, segment: ExaminedSegment, segmentBytes: number): number {
    const sn = segment.sn | 0;
    this.isFirst = false;
    this.isOfUnseen = false;
    if (!this.isKnown) this.#begin(sn);
    const distance = (sn - this.next) | 0;
    if (distance > MAX_JUMP || distance < -MAX_JUMP) return this.#beginAfresh(moment, segment, segmentBytes);
    if (distance >= 0) return this.#first(moment, segment, segmentBytes, distance);
    const at = this.#slots.find(sn);
    return at < 0 ? this.#late(moment, segment, segmentBytes) : this.#again(moment, segment, at);
  }

  /**
   * Takes an ACK of the other side.
   * @returns whether it said something new; {@link ExaminedSegment.roundTripUs} is filled in.
   */
  acknowledge(moment: Moment, ack: ExaminedSegment): boolean {
    const sn = ack.sn | 0;
    const ts = ack.ts | 0;
    const at = this.#slots.find(sn);
    if (at < 0) return this.#hasUna ? ((sn - this.una) | 0) >= 0 : true;
    const isNew = !this.#slots.isAcknowledged(at) && (!this.#hasUna || ((sn - this.una) | 0) >= 0);
    ack.roundTripUs = this.#answer(moment, at, sn, ts);
    this.#slots.acknowledge(at, moment.packet);
    this.#acks.add(sn, ts);
    return isNew;
  }

  /** Takes the `una` of the other side. @returns whether it said something new. */
  advance(moment: Moment, unaField: number): boolean {
    const una = unaField | 0;
    if (!this.isKnown) return false;
    const beyond = (una - this.next) | 0;
    if (beyond > 0) {
      this.#takeEarly(moment, una, beyond);
      return false;
    }
    if (!this.#hasUna) {
      this.#hasUna = true;
      this.una = (una - Math.min(this.#slots.capacity, MAX_JUMP)) | 0;
    }
    const count = (una - this.una) | 0;
    if (count <= 0) return false;
    for (let sn = (una - Math.min(count, this.#slots.capacity)) | 0; sn !== una; sn = (sn + 1) | 0) {
      const at = this.#slots.find(sn);
      if (at >= 0) this.#passed(moment, at, sn);
    }
    this.una = una;
    return true;
  }

  /** Something this side sent, data or not, was answered after so many microseconds. */
  answered(elapsedUs: number): void {
    if (!(elapsedUs >= 0)) return;
    this.#answers++;
    if (elapsedUs < this.#fastestUs) this.#fastestUs = elapsedUs;
  }

  /** The line changed: what got through on the old one says nothing of the new. */
  changeLine(): void {
    this.largestThroughBytes = 0;
    this.newestThroughUs = 0;
    this.answeredUs = 0;
  }

  /** Whether a transmission of `sn` with this `ts` was captured. */
  hasSent(sn: number, ts: number): boolean {
    const at = this.#slots.find(sn);
    return at >= 0 && this.#sentUs(at, sn, ts) >= 0;
  }

  /** Packets that sent `sn`, the first one first; at most 16. */
  packetsOf(sn: number): number[] {
    const at = this.#slots.find(sn);
    if (at < 0) return [];
    const packets: number[] = [];
    let number = this.#slots.view.getUint32(at + SLOT.record, true) - 1;
    for (let record = this.#records.find(number, sn); record >= 0 && packets.length < 15;) {
      packets.push(this.#records.view.getUint32(record + RECORD.packet, true));
      number = this.#records.previousOf(record);
      record = this.#records.find(number, sn);
    }
    packets.push(this.#slots.view.getUint32(at + SLOT.packet, true));
    return packets.reverse();
  }

  /** The capture ended: what only its whole shows. An acknowledgement of more than was ever sent stays one. */
  finish(): void {
    this.#judgeHasty();
    if (this.#early !== null && this.#isWhole && this.unseen === 0) {
      this.#listener.onUnaBeyondSent(this.#early.packet, this.#early.una, this.next);
    }
    this.#early = null;
  }

  /** Gives back all memory. */
  clear(): void {
    this.#slots.clear();
    this.#records.clear();
  }

  #begin(sn: number): void {
    this.isKnown = true;
    this.#isWhole = sn === 0;
    this.next = sn;
    this.#hasUna = false;
    this.#early = null;
  }

  /** A number that no window reaches: whoever sends began anew, or the capture has a large hole. */
  #beginAfresh(moment: Moment, segment: ExaminedSegment, segmentBytes: number): number {
    this.#slots.clear();
    this.#begin(segment.sn | 0);
    return this.#first(moment, segment, segmentBytes, 0);
  }

  #first(moment: Moment, segment: ExaminedSegment, segmentBytes: number, skipped: number): number {
    const sn = segment.sn | 0;
    this.unseen += skipped;
    if (this.#early !== null) this.#judgeEarly(this.#early, sn, skipped);
    this.#store(moment, segment, segmentBytes, false);
    this.next = (sn + 1) | 0;
    this.#highestTs = segment.ts | 0;
    this.isFirst = true;
    return 0;
  }

  /** Below `next`, and not in the ring: it was overtaken on its way to the capture, or its first transmission was not captured. */
  #late(moment: Moment, segment: ExaminedSegment, segmentBytes: number): number {
    const sn = segment.sn | 0;
    this.isFirst = true;
    if (this.unseen > 0) this.unseen--;
    const wasAcknowledged = this.#hasUna && ((sn - this.una) | 0) < 0;
    const isAgain = wasAcknowledged || this.#isYoungerThanHigher(sn, segment.ts | 0);
    this.#store(moment, segment, segmentBytes, isAgain);
    if (isAgain) {
      this.isOfUnseen = true;
      const cause = toldCause(moment, segment) ?? this.#causeOf(sn, segment.ts | 0, false);
      if (!wasAcknowledged) return SegmentMark.retransmission | cause;
      this.isFirst = false;
      this.#listener.onSpurious(moment.packet, segment.sn, 'acknowledged_before', 0);
      return SegmentMark.retransmission | SegmentMark.spurious | cause;
    }
    return this.#overtaken(sn);
  }

  #overtaken(sn: number): number {
    this.depth = (this.next - 1 - sn) | 0;
    this.reordered++;
    return SegmentMark.outOfOrder;
  }

  /** First transmissions leave in order: one whose `ts` is newer than that of a higher `sn` is none. Looks at the highest, and near it. */
  #isYoungerThanHigher(sn: number, ts: number): boolean {
    if (((ts - this.#highestTs) | 0) > 0) return true;
    for (let higher = 1; higher <= NEIGHBOURS; higher++) {
      const at = this.#slots.find((sn + higher) | 0);
      if (at >= 0 && ((ts - this.#slots.view.getInt32(at + SLOT.firstTs, true)) | 0) > 0) return true;
    }
    return false;
  }

  #store(moment: Moment, segment: ExaminedSegment, segmentBytes: number, isAgain: boolean): void {
    const at = this.#slots.claim(segment.sn | 0, moment.timeUs);
    if (at < 0) return;
    const { view } = this.#slots;
    view.setFloat64(at + SLOT.firstUs, moment.timeUs, true);
    view.setInt32(at + SLOT.firstTs, segment.ts, true);
    view.setInt32(at + SLOT.lastTs, segment.ts, true);
    view.setInt32(at + SLOT.fingerprint, fingerprintOf(moment, segment), true);
    view.setUint32(at + SLOT.packet, moment.packet, true);
    view.setUint32(at + SLOT.record, 0, true);
    view.setUint16(at + SLOT.epoch, moment.epoch, true);
    view.setUint16(at + SLOT.datagramBytes, Math.min(moment.datagramBytes, 0xffff), true);
    view.setUint16(at + SLOT.segmentBytes, Math.min(segmentBytes, 0xffff), true);
    view.setUint8(at + SLOT.sent, 1);
    this.#slots.setState(at, SlotState.copy, moment.isCopy);
    this.#slots.setState(at, SlotState.again, isAgain);
  }

  /** A segment that is remembered. With an older `ts` that is new it was overtaken by its own repetition, and may be the original. */
  #again(moment: Moment, segment: ExaminedSegment, at: number): number {
    const { view } = this.#slots;
    const ts = segment.ts | 0;
    const sn = segment.sn | 0;
    const age = (ts - view.getInt32(at + SLOT.lastTs, true)) | 0;
    if (age === 0 && this.#isDuplicate(moment, segment, at)) return SegmentMark.duplicate;
    if (age < 0 && this.#sentUs(at, sn, ts) >= 0) return SegmentMark.duplicate;
    const sameEpoch = view.getUint16(at + SLOT.epoch, true) === (moment.epoch & 0xffff);
    const cause = toldCause(moment, segment) ?? (sameEpoch ? this.#causeOf(sn, ts, true) : 0);
    let marks = SegmentMark.retransmission | cause;
    const record = this.#record(moment, at, sn, ts);
    if (age < 0 && this.#slots.hasState(at, SlotState.again) && !this.#isYoungerThanHigher(sn, ts)) {
      this.#slots.setState(at, SlotState.again, false);
      return this.#overtaken(sn);
    }
    if (age >= 0) {
      view.setInt32(at + SLOT.lastTs, ts, true);
      view.setInt32(at + SLOT.fingerprint, fingerprintOf(moment, segment), true);
      view.setUint16(at + SLOT.epoch, moment.epoch, true);
      this.#slots.setState(at, SlotState.copy, moment.isCopy);
    }
    if (this.#slots.isAcknowledged(at)) {
      marks |= SegmentMark.spurious;
      if (record >= 0) this.#records.view.setUint8(record + RECORD.isSpurious, 1);
      const shownBy = view.getUint32(at + SLOT.acknowledgedBy, true);
      this.#listener.onSpurious(moment.packet, segment.sn, 'acknowledged_before', shownBy);
    } else if (sameEpoch) {
      this.#lookWhetherStuck(at, sn);
    }
    return marks;
  }

  /** Sealed datagrams have numbers, so only a copy is the same again; clear ones are the same when their bytes are. */
  #isDuplicate(moment: Moment, segment: ExaminedSegment, at: number): boolean {
    const { view } = this.#slots;
    if (moment.isNumbered) {
      return moment.isCopy || this.#slots.hasState(at, SlotState.copy);
    }
    return view.getInt32(at + SLOT.fingerprint, true) === fingerprintOf(moment, segment);
  }

  /** When the transmission with this `ts` was captured; -1 when it is not known. */
  #sentUs(at: number, sn: number, ts: number): number {
    const { view } = this.#slots;
    if (view.getInt32(at + SLOT.firstTs, true) === ts) return view.getFloat64(at + SLOT.firstUs, true);
    const record = this.#recordWith(at, sn, ts);
    return record < 0 ? -1 : this.#records.view.getFloat64(record + RECORD.us, true);
  }

  #recordWith(at: number, sn: number, ts: number): number {
    const records = this.#records;
    let record = records.find(this.#slots.view.getUint32(at + SLOT.record, true) - 1, sn);
    while (record >= 0 && records.view.getInt32(record + RECORD.ts, true) !== ts) {
      record = records.find(records.previousOf(record), sn);
    }
    return record;
  }

  #record(moment: Moment, at: number, sn: number, ts: number): number {
    const { view } = this.#slots;
    const previous = view.getUint32(at + SLOT.record, true);
    const { timeUs, packet, datagramBytes } = moment;
    const number = this.#records.add(timeUs, sn, ts, previous, packet, datagramBytes);
    view.setUint32(at + SLOT.record, number + 1, true);
    view.setUint8(at + SLOT.sent, Math.min(255, view.getUint8(at + SLOT.sent) + 1));
    return this.#records.find(number, sn);
  }

  /** Fast, when something that was sent later than this segment was acknowledged, as far as the capture has seen. */
  #causeOf(sn: number, ts: number, isInRing: boolean): number {
    const at = isInRing ? this.#slots.find(sn) : -1;
    const sentTs = at < 0 ? ts : this.#slots.view.getInt32(at + SLOT.lastTs, true);
    const isFast = at < 0 ? this.#acks.hasHigher(sn) : this.#acks.hasLater(sn, sentTs);
    return isFast ? SegmentMark.fast : SegmentMark.timeout;
  }

  #lookWhetherStuck(at: number, sn: number): void {
    const { view } = this.#slots;
    const sent = view.getUint8(at + SLOT.sent);
    const segmentBytes = view.getUint16(at + SLOT.segmentBytes, true);
    if (sent < STUCK_SENT || this.largestThroughBytes === 0 || segmentBytes <= this.largestThroughBytes)
      return;
    const firstUs = view.getFloat64(at + SLOT.firstUs, true);
    if (this.newestThroughUs <= firstUs && this.answeredUs <= firstUs) return;
    this.#listener.onStuck(sn, sent, segmentBytes, this.largestThroughBytes);
  }

  /** An ACK of `sn` returned `ts`. @returns its round trip. */
  #answer(moment: Moment, at: number, sn: number, ts: number): number {
    const sentUs = this.#sentUs(at, sn, ts);
    if (sentUs < 0) return NaN;
    const { view } = this.#slots;
    if (view.getInt32(at + SLOT.lastTs, true) !== ts) this.#blameAfter(moment, at, sn, ts);
    this.#gotThrough(at, sn, ts, sentUs);
    if (moment.timeUs === 0) return NaN;
    const roundTripUs = moment.timeUs - sentUs;
    this.answered(roundTripUs);
    // A second ACK of the same transmission comes from a duplicate: it tells how late that was.
    if (!this.#slots.isAcknowledged(at)) this.roundTrip.add(roundTripUs);
    return roundTripUs;
  }

  /** The transmission with `ts` arrived: all retransmissions after it were not needed. */
  #blameAfter(moment: Moment, at: number, sn: number, ts: number): void {
    const records = this.#records;
    let record = records.find(this.#slots.view.getUint32(at + SLOT.record, true) - 1, sn);
    while (record >= 0 && records.view.getInt32(record + RECORD.ts, true) !== ts) {
      this.#blame(record, sn, 'echoed_ts', moment.packet);
      record = records.find(records.previousOf(record), sn);
    }
  }

  #blame(record: number, sn: number, evidence: SpuriousEvidence, shownBy: number): void {
    const { view } = this.#records;
    if (view.getUint8(record + RECORD.isSpurious) !== 0) return;
    view.setUint8(record + RECORD.isSpurious, 1);
    this.#listener.onSpurious(view.getUint32(record + RECORD.packet, true), sn >>> 0, evidence, shownBy);
  }

  #gotThrough(at: number, sn: number, ts: number, sentUs: number): void {
    const { view } = this.#slots;
    const isFirst = view.getInt32(at + SLOT.firstTs, true) === ts;
    const record = isFirst ? -1 : this.#recordWith(at, sn, ts);
    const bytes =
      record < 0
        ? view.getUint16(at + SLOT.datagramBytes, true)
        : this.#records.view.getUint16(record + RECORD.datagramBytes, true);
    this.#countThrough(bytes, sentUs);
  }

  #countThrough(bytes: number, sentUs: number): void {
    if (bytes > this.largestThroughBytes) this.largestThroughBytes = bytes;
    if (sentUs > this.newestThroughUs) this.newestThroughUs = sentUs;
  }

  /** The other side's `una` went past `sn`. */
  #passed(moment: Moment, at: number, sn: number): void {
    if (this.#slots.isAcknowledged(at)) return;
    const { view } = this.#slots;
    this.#slots.acknowledge(at, moment.packet);
    const number = view.getUint32(at + SLOT.record, true) - 1;
    if (number < 0) {
      const firstUs = view.getFloat64(at + SLOT.firstUs, true);
      this.#countThrough(view.getUint16(at + SLOT.datagramBytes, true), firstUs);
      if (moment.timeUs > 0) this.answered(moment.timeUs - firstUs);
      return;
    }
    this.#judgePassed(moment, number, sn);
  }

  /**
   * Whether the newest retransmission can have been what let `una` go on; those before it, when it cannot. The end of the capture
   * tells, because the round trips seen so far may all be long. What an ACK of the same datagram returns does not tell: of what
   * arrives in order only the highest `sn` has to have one.
   */
  #judgePassed(moment: Moment, newest: number, sn: number): void {
    if (moment.timeUs === 0) return;
    let number = newest;
    let record = this.#records.find(number, sn);
    while (record >= 0 && this.#hasty.length < MAX_HASTY) {
      const elapsedUs = moment.timeUs - this.#records.view.getFloat64(record + RECORD.us, true);
      if (elapsedUs >= SURE_SHARE * this.#fastestUs) return;
      const packet = this.#records.view.getUint32(record + RECORD.packet, true);
      this.#hasty.push({ number, sn, packet, elapsedUs, shownBy: moment.packet });
      number = this.#records.previousOf(record);
      record = this.#records.find(number, sn);
    }
  }

  #judgeHasty(): void {
    for (const { number, sn, packet, elapsedUs, shownBy } of this.#hasty) {
      if (this.#answers < SURE_ANSWERS || elapsedUs >= SURE_SHARE * this.#fastestUs) continue;
      const record = this.#records.find(number, sn);
      if (record >= 0) this.#blame(record, sn, 'acknowledged_too_soon', shownBy);
      else this.#listener.onSpurious(packet, sn >>> 0, 'acknowledged_too_soon', shownBy);
    }
    this.#hasty.length = 0;
  }

  #takeEarly(moment: Moment, una: number, beyond: number): void {
    if (beyond > MAX_JUMP) {
      if (this.#isWhole) this.#listener.onUnaBeyondSent(moment.packet, una, this.next);
      return;
    }
    if (this.#early === null || ((una - this.#early.una) | 0) > 0) {
      this.#early = { una, packet: moment.packet };
    }
  }

  /** Data goes on where it stood: what was acknowledged beyond had not been sent. With a gap, the capture missed it. */
  #judgeEarly(early: { readonly una: number; readonly packet: number }, sn: number, skipped: number): void {
    if (this.#isWhole && skipped === 0 && ((early.una - sn) | 0) > 0) {
      this.#listener.onUnaBeyondSent(early.packet, early.una, sn);
    }
    this.#early = null;
  }
}

interface Hasty {
  /** Of its record. */
  readonly number: number;
  readonly sn: number;
  readonly packet: number;
  readonly elapsedUs: number;
  readonly shownBy: number;
}

/** What the sender itself said; undefined when it did not. */
function toldCause({ causes }: Moment, { sn }: ExaminedSegment): number | undefined {
  const cause = causes.get(sn);
  return cause === undefined ? undefined : TOLD_MARKS[cause];
}

/** Two segments of the same `sn` and `ts` that differ in any of these were sent separately. */
function fingerprintOf(moment: Moment, segment: ExaminedSegment): number {
  const layout = Math.imul(segment.una | 0, 0x9e3779b1) ^ Math.imul(moment.datagramBytes, 0x85ebca77);
  return layout ^ Math.imul(((segment.at - moment.clearAt) << 16) | segment.wnd, 0xc2b2ae3d);
}

/** No window is larger. */
const MAX_JUMP = 1 << 16;
/** Higher segments that are looked at. */
const NEIGHBOURS = 16;
/** Answers that make the fastest one credible, and how much of it an answer takes at least: clocks of captures are not exact. */
const SURE_ANSWERS = 8;
const SURE_SHARE = 0.5;
/** Retransmissions that wait for the end of the capture; more are not judged by their time. */
const MAX_HASTY = 256;
/** A segment that was sent so often and not acknowledged is stuck. */
const STUCK_SENT = 4;

/** A change of the path is neither. */
const TOLD_MARKS = { timeout: SegmentMark.timeout, fast: SegmentMark.fast, path: 0 } as const;
