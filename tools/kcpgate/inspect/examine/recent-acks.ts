/** The newest 64 segments that were acknowledged one by one, to tell what was overtaken. */
export class RecentAcks {
  #acks: DataView | null = null;
  #count = 0;

  add(sn: number, ts: number): void {
    this.#acks ??= new DataView(new ArrayBuffer(8 * KEPT));
    const at = 8 * (this.#count++ % KEPT);
    this.#acks.setInt32(at, sn);
    this.#acks.setInt32(at + 4, ts);
  }

  /** Whether a higher segment was acknowledged that was sent at `ts` or later. */
  hasLater(sn: number, ts: number): boolean {
    const acks = this.#acks;
    if (acks === null) return false;
    for (let at = 0; at < 8 * Math.min(this.#count, KEPT); at += 8) {
      if (((acks.getInt32(at) - sn) | 0) > 0 && ((acks.getInt32(at + 4) - ts) | 0) >= 0) return true;
    }
    return false;
  }

  /** Whether a higher segment was acknowledged, whenever it was sent. */
  hasHigher(sn: number): boolean {
    const acks = this.#acks;
    if (acks === null) return false;
    for (let at = 0; at < 8 * Math.min(this.#count, KEPT); at += 8) {
      if (((acks.getInt32(at) - sn) | 0) > 0) return true;
    }
    return false;
  }
}

const KEPT = 64;
