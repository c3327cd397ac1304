import { ahead, isBefore } from './sequence.ts';
import type { SegmentPool } from './segment-pool.ts';

/**
 * Everything this side has still to get across, in one ring indexed by `sn`:
 *
 *     una ........ next ........ end
 *      in flight    waiting
 *
 * In flight: sent, not yet acknowledged (the reference's snd_buf); waiting: cut into segments, not yet sent (snd_queue).
 * A segment gets its `sn` when it is queued, so sending one moves nothing. An ACK is O(1), and so is each step of `una`.
 *
 * Segments in flight are also linked in the order they were last sent; loss detection walks that list from its oldest end
 * and stops early.
 */
export class SendBuffer {
  /** Lowest `sn` not acknowledged. */
  una: number;
  /** The next `sn` to be sent for the first time. */
  next: number;
  /** One past the last queued `sn`. */
  end: number;
  /** Payload bytes held, in flight and waiting. */
  bytes = 0;
  /** Segments in flight that are not acknowledged. */
  flightCount = 0;
  /** Segments whose fast-ack count reached the threshold and that were not sent again since. */
  lostCount = 0;
  private readonly pool: SegmentPool;
  private ring: Int32Array = NO_RING;
  private mask = -1;
  /** Ends of the list of segments in flight, as `sn`; meaningless while `flightCount` is 0. */
  private oldest = 0;
  private newest = 0;

  constructor(pool: SegmentPool, initialSequence: number) {
    this.pool = pool;
    this.una = this.next = this.end = initialSequence | 0;
  }

  /** Segments between `una` and `next`, acknowledged holes included: what the windows limit. */
  get inFlight(): number {
    return ahead(this.next, this.una);
  }

  /** Segments between `una` and `end`. */
  get heldCount(): number {
    return ahead(this.end, this.una);
  }

  /** Segments queued but never sent. */
  get waitingCount(): number {
    return ahead(this.end, this.next);
  }

  /** Messages of which not all is acknowledged. Walks over everything held: for the end of a session, not for a turn. */
  get unacknowledgedMessages(): number {
    let count = 0;
    let isWhole = true;
    for (let sn = this.una; sn !== this.end; sn = (sn + 1) | 0) {
      const at = this.recordOf(sn);
      if (this.ring[at + LENGTH] !== ACKNOWLEDGED) isWhole = false;
      if (this.ring[at + FRAGMENT] !== 0) continue;
      if (!isWhole) count++;
      isWhole = true;
    }
    return count;
  }

  /** Queues one segment whose payload lies in `slot` (-1 when it has none). */
  append(slot: number, length: number, fragment: number): void {
    if (ahead(this.end, this.una) > this.mask) this.grow();
    const at = this.recordOf(this.end);
    const ring = this.ring;
    ring[at + SLOT] = slot;
    ring[at + LENGTH] = length;
    ring[at + FRAGMENT] = fragment;
    ring[at + TRANSMITS] = 0;
    ring[at + FAST_ACKS] = 0;
    this.end = (this.end + 1) | 0;
    this.bytes += length;
  }

  /** The `sn` of the last segment if it was never sent and has payload memory: a byte stream may still fill it up. */
  hasOpenTail(): boolean {
    return this.end !== this.next && this.ring[this.recordOf((this.end - 1) | 0) + SLOT]! >= 0;
  }

  /** Bytes the last segment holds. Only with {@link hasOpenTail}. */
  get tailLength(): number {
    return this.ring[this.recordOf((this.end - 1) | 0) + LENGTH]!;
  }

  /** Adds bytes to the last segment. Only with {@link hasOpenTail}; they must fit the slot. */
  extendTail(source: Uint8Array, offset: number, length: number): void {
    const at = this.recordOf((this.end - 1) | 0);
    const held = this.ring[at + LENGTH]!;
    this.pool.storeSent(this.ring[at + SLOT]!, held, source, offset, length);
    this.ring[at + LENGTH] = held + length;
    this.bytes += length;
  }

  slotOf(sn: number): number {
    return this.ring[this.recordOf(sn) + SLOT]!;
  }
  lengthOf(sn: number): number {
    return this.ring[this.recordOf(sn) + LENGTH]!;
  }
  fragmentOf(sn: number): number {
    return this.ring[this.recordOf(sn) + FRAGMENT]!;
  }
  /** How often it was sent. */
  transmitsOf(sn: number): number {
    return this.ring[this.recordOf(sn) + TRANSMITS]!;
  }
  /** The time of its last transmission, as on the wire. */
  timestampOf(sn: number): number {
    return this.ring[this.recordOf(sn) + TIMESTAMP]!;
  }
  /** When it counts as lost. */
  resendAtOf(sn: number): number {
    return this.ring[this.recordOf(sn) + RESEND_AT]!;
  }
  rtoOf(sn: number): number {
    return this.ring[this.recordOf(sn) + RTO]!;
  }
  fastAcksOf(sn: number): number {
    return this.ring[this.recordOf(sn) + FAST_ACKS]!;
  }
  /** Whether `sn` was sent and not acknowledged. */
  isInFlight(sn: number): boolean {
    return (
      ahead(sn, this.una) >= 0 &&
      isBefore(sn, this.next) &&
      this.ring[this.recordOf(sn) + LENGTH] !== ACKNOWLEDGED
    );
  }

  /** The oldest transmission in flight. Only while `flightCount` > 0. */
  get oldestInFlight(): number {
    return this.oldest;
  }
  /** The one sent next after `sn`. Only while `sn` is not {@link newestInFlight}. */
  sentAfter(sn: number): number {
    return this.ring[this.recordOf(sn) + LATER]!;
  }
  get newestInFlight(): number {
    return this.newest;
  }

  /** Records the first transmission of `next` and moves `next` on. */
  markFirstSend(now: number, resendAt: number, rto: number): void {
    const sn = this.next;
    this.next = (sn + 1) | 0;
    this.stamp(sn, now, resendAt, rto);
    this.link(sn);
  }

  /** Records a retransmission. */
  markResend(sn: number, now: number, resendAt: number, rto: number): void {
    const at = this.recordOf(sn);
    if (this.ring[at + LOST] !== 0) this.lostCount--;
    this.ring[at + FAST_ACKS] = 0;
    this.unlink(sn);
    this.stamp(sn, now, resendAt, rto);
    this.link(sn);
  }

  /** Records a transmission on another path: it counts as the first one. */
  markRestart(sn: number, now: number, resendAt: number, rto: number): void {
    this.ring[this.recordOf(sn) + TRANSMITS] = 0;
    this.markResend(sn, now, resendAt, rto);
  }

  /** Changes nothing but when `sn` counts as lost. */
  setDeadline(sn: number, resendAt: number, rto: number): void {
    const at = this.recordOf(sn);
    this.ring[at + RESEND_AT] = resendAt;
    this.ring[at + RTO] = rto;
  }

  /** Of one that was sent again and again: it counts as sent again once, and as lost when its last transmission is `rto` old. */
  restartTimeout(sn: number, rto: number): void {
    const at = this.recordOf(sn);
    this.ring[at + TRANSMITS] = 2;
    this.setDeadline(sn, (this.ring[at + TIMESTAMP]! + rto) | 0, rto);
  }

  /** Takes the ACK of one `sn`. @returns false when it is not in flight. */
  acknowledge(sn: number): boolean {
    if (!this.isInFlight(sn)) return false;
    this.drop(sn);
    if (sn === this.una) this.skipAcknowledged();
    return true;
  }

  /** Takes `una`: everything below it arrived. It must lie within [una, next]. @returns the segments it freed. */
  acknowledgeBelow(una: number): number {
    const before = this.flightCount;
    while (this.una !== una) {
      if (this.ring[this.recordOf(this.una) + LENGTH] !== ACKNOWLEDGED) this.drop(this.una);
      this.una = (this.una + 1) | 0;
    }
    this.skipAcknowledged();
    return before - this.flightCount;
  }

  /**
   * One datagram acknowledged `newestSn`, whose transmission was stamped `timestamp`: everything sent no later and with a
   * lower `sn` was overtaken once more. The time test keeps a retransmission from being blamed on ACKs of older packets:
   * it must have been sent strictly before the one that overtook it (a first transmission may share its millisecond).
   */
  countFastAck(newestSn: number, timestamp: number, threshold: number): void {
    const ring = this.ring;
    let sn = this.oldest;
    for (let left = this.flightCount; left > 0; left--) {
      const at = this.recordOf(sn);
      const age = ahead(timestamp, ring[at + TIMESTAMP]!);
      if (age < 0) return;
      const first = ring[at + TRANSMITS] === 1;
      if (isBefore(sn, newestSn)) {
        if (first || age > 0) {
          const count = ++ring[at + FAST_ACKS]!;
          if (count >= threshold && ring[at + LOST] === 0) {
            ring[at + LOST] = 1;
            this.lostCount++;
          }
        }
      } else if (first) {
        // First transmissions leave in order of sn: all later ones are beyond the acknowledged segment, too.
        return;
      }
      sn = ring[at + LATER]!;
    }
  }

  /** Whether its fast-ack count reached the threshold. */
  isLost(sn: number): boolean {
    return this.ring[this.recordOf(sn) + LOST] !== 0;
  }
  /** Gives up on the fast retransmission of `sn`; its timeout stays. */
  forgiveLost(sn: number): void {
    const at = this.recordOf(sn);
    if (this.ring[at + LOST] === 0) return;
    this.ring[at + LOST] = 0;
    this.lostCount--;
  }

  /** Gives the ring back when nothing is held: an idle session keeps no memory here. */
  trim(): void {
    if (this.una !== this.end) return;
    this.ring = NO_RING;
    this.mask = -1;
  }

  /** Releases every slot. The buffer is unusable afterwards. */
  dispose(): void {
    for (let sn = this.una; sn !== this.end; sn = (sn + 1) | 0) {
      const at = this.recordOf(sn);
      if (this.ring[at + LENGTH] !== ACKNOWLEDGED && this.ring[at + SLOT]! >= 0)
        this.pool.release(this.ring[at + SLOT]!);
    }
    this.una = this.next = this.end;
    this.flightCount = this.lostCount = this.bytes = 0;
    this.trim();
  }

  private recordOf(sn: number): number {
    return (sn & this.mask) * RECORD_INTS;
  }

  private stamp(sn: number, now: number, resendAt: number, rto: number): void {
    const ring = this.ring;
    const at = this.recordOf(sn);
    ring[at + TIMESTAMP] = now;
    ring[at + RESEND_AT] = resendAt;
    ring[at + RTO] = rto;
    ring[at + TRANSMITS]!++;
    ring[at + LOST] = 0;
  }

  /** Frees an unacknowledged segment in flight; the record stays, marked. */
  private drop(sn: number): void {
    const ring = this.ring;
    const at = this.recordOf(sn);
    if (ring[at + LOST] !== 0) this.lostCount--;
    this.bytes -= ring[at + LENGTH]!;
    if (ring[at + SLOT]! >= 0) this.pool.release(ring[at + SLOT]!);
    this.unlink(sn);
    ring[at + LENGTH] = ACKNOWLEDGED;
    ring[at + LOST] = 0;
  }

  private skipAcknowledged(): void {
    while (this.una !== this.next && this.ring[this.recordOf(this.una) + LENGTH] === ACKNOWLEDGED) {
      this.una = (this.una + 1) | 0;
    }
  }

  private link(sn: number): void {
    const ring = this.ring;
    if (this.flightCount++ === 0) {
      this.oldest = sn;
    } else {
      ring[this.recordOf(this.newest) + LATER] = sn;
      ring[this.recordOf(sn) + EARLIER] = this.newest;
    }
    this.newest = sn;
  }

  private unlink(sn: number): void {
    const ring = this.ring;
    const at = this.recordOf(sn);
    this.flightCount--;
    if (sn === this.oldest) {
      this.oldest = ring[at + LATER]!;
      if (sn === this.newest) this.newest = this.oldest;
      return;
    }
    const earlier = ring[at + EARLIER]!;
    if (sn === this.newest) {
      this.newest = earlier;
      return;
    }
    const later = ring[at + LATER]!;
    ring[this.recordOf(earlier) + LATER] = later;
    ring[this.recordOf(later) + EARLIER] = earlier;
  }

  private grow(): void {
    const capacity = Math.max(FIRST_CAPACITY, (this.mask + 1) * 2);
    const larger = new Int32Array(capacity * RECORD_INTS);
    for (let sn = this.una; sn !== this.end; sn = (sn + 1) | 0) {
      const from = this.recordOf(sn);
      const to = (sn & (capacity - 1)) * RECORD_INTS;
      for (let field = 0; field < RECORD_INTS; field++) larger[to + field] = this.ring[from + field]!;
    }
    this.ring = larger;
    this.mask = capacity - 1;
  }
}

/** In the length field: arrived at the peer, nothing held any more. */
const ACKNOWLEDGED = -1;
const FIRST_CAPACITY = 8;
const NO_RING = new Int32Array(0);

const SLOT = 0;
const LENGTH = 1;
const FRAGMENT = 2;
const TIMESTAMP = 3;
const RESEND_AT = 4;
const RTO = 5;
const TRANSMITS = 6;
const FAST_ACKS = 7;
/** 1 when enough later ACKs came that it is to be sent again at once. */
const LOST = 8;
const EARLIER = 9;
const LATER = 10;
const RECORD_INTS = 11;
