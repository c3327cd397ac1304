/**
 * What to acknowledge in the next drain.
 *
 * `una` covers everything in order, so only segments that arrived early need an ACK of their own; besides, the newest
 * arrival is acknowledged, whatever it was, so that the peer gets a time stamp back and a lost ACK is made good.
 *
 * What is listed is written in two drains running: an ACK that is lost is otherwise made good only when `una` passes it,
 * and until then a whole datagram of ACKs reads as lost data. An `sn` stands in the list once, so the list is never longer
 * than the receive window however many duplicates come in.
 */
export class AckList {
  /** Number of listed (early) segments. */
  count = 0;
  /** How many of them were written already. */
  written = 0;
  /** The newest arrival's ACK was written in this round. */
  newestWritten = false;
  private entries: Int32Array = NO_ENTRIES;
  /** The first so many were written once already. */
  private repeats = 0;
  /** Serial number of the first entry: they count on from 1, over the life of the list. */
  private firstSerial = 1;
  private pending = false;
  private newestSn = 0;
  private newestTs = 0;

  /** Whether anything is to be acknowledged. */
  get isPending(): boolean {
    return this.pending;
  }

  get newestSequence(): number {
    return this.newestSn;
  }
  get newestTimestamp(): number {
    return this.newestTs;
  }

  /** Something arrived that is to be acknowledged. */
  note(sn: number, ts: number): void {
    this.pending = true;
    this.newestSn = sn;
    this.newestTs = ts;
  }

  /**
   * An early segment came again.
   * @param serial what {@link list} gave when it was listed; 0 if it never was.
   * @returns whether it is in the list still; if only for a repeat, that returns the newer time stamp now.
   */
  refresh(serial: number, ts: number): boolean {
    const index = (serial - this.firstSerial) | 0;
    if (serial === 0 || index < 0 || index >= this.count) return false;
    if (index < this.repeats) this.entries[index * 2 + 1] = ts;
    return true;
  }

  /** Lists an early segment that is not in the list. @returns its serial number. */
  list(sn: number, ts: number): number {
    if (this.count * 2 === this.entries.length) {
      const larger = new Int32Array(Math.max(16, this.entries.length * 2));
      larger.set(this.entries);
      this.entries = larger;
    }
    this.entries[this.count * 2] = sn;
    this.entries[this.count * 2 + 1] = ts;
    return (this.firstSerial + this.count++) | 0;
  }

  sequenceAt(index: number): number {
    return this.entries[index * 2]!;
  }
  timestampAt(index: number): number {
    return this.entries[index * 2 + 1]!;
  }

  /** Everything was written: what was new is to be repeated, what was repeated goes. */
  clear(): void {
    this.entries.copyWithin(0, this.repeats * 2, this.count * 2);
    this.firstSerial = (this.firstSerial + this.repeats) | 0;
    this.count -= this.repeats;
    this.repeats = this.count;
    this.written = 0;
    this.pending = false;
    this.newestWritten = false;
  }

  /** Gives the memory back unless something is to be acknowledged; repeats are given up. */
  trim(): void {
    if (this.pending) return;
    this.firstSerial = (this.firstSerial + this.count) | 0;
    this.count = this.repeats = 0;
    this.entries = NO_ENTRIES;
  }
}

const NO_ENTRIES = new Int32Array(0);
