/**
 * What to acknowledge in the next drain.
 *
 * `una` covers everything in order, so only segments that arrived early need an ACK of their own; besides, the newest
 * arrival is acknowledged, whatever it was, so that the peer gets a time stamp back and a lost ACK is made good. An `sn`
 * is listed once a round, so the list is never longer than the receive window however many duplicates come in.
 */
export class AckList {
  /** Number of listed (early) segments. */
  count = 0;
  /** How many of them were written already. */
  written = 0;
  /** Grows by one each time the list is emptied; marks segments as listed. Starts at 1: a fresh record holds 0. */
  round = 1;
  /** The newest arrival's ACK was written in this round. */
  newestWritten = false;
  private entries: Int32Array = NO_ENTRIES;
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

  /** Lists an early segment. The caller makes sure that it is not in this round yet. */
  list(sn: number, ts: number): void {
    if (this.count * 2 === this.entries.length) {
      const larger = new Int32Array(Math.max(16, this.entries.length * 2));
      larger.set(this.entries);
      this.entries = larger;
    }
    this.entries[this.count * 2] = sn;
    this.entries[this.count * 2 + 1] = ts;
    this.count++;
  }

  sequenceAt(index: number): number {
    return this.entries[index * 2]!;
  }
  timestampAt(index: number): number {
    return this.entries[index * 2 + 1]!;
  }

  /** Everything was written: the next round begins. */
  clear(): void {
    this.count = 0;
    this.written = 0;
    this.pending = false;
    this.newestWritten = false;
    this.round = (this.round + 1) | 0;
  }

  /** Gives the memory back when nothing is listed. */
  trim(): void {
    if (this.count === 0) this.entries = NO_ENTRIES;
  }
}

const NO_ENTRIES = new Int32Array(0);
