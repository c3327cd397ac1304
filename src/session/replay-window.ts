/**
 * Which packet numbers of one direction were seen, so that no sealed datagram counts twice. The newest
 * {@link REPLAY_WINDOW} numbers are told apart; older ones count as seen (as in RFC 4303, section 3.4.3).
 */
export class ReplayWindow {
  private readonly bits = new Uint32Array(REPLAY_WINDOW / 32);
  /** The highest number seen, -1 before the first. */
  highest = -1;

  /** Whether a datagram with this number may be new; asked before it is opened. */
  mayAccept(pn: number): boolean {
    if (pn > this.highest) return true;
    return this.highest - pn < REPLAY_WINDOW && !this.isSet(pn);
  }

  /**
   * Takes the number of an authentic datagram.
   * @returns false when it was seen before, or is too old to tell.
   */
  accept(pn: number): boolean {
    if (pn > this.highest) {
      this.advance(pn);
    } else if (this.highest - pn >= REPLAY_WINDOW || this.isSet(pn)) {
      return false;
    }
    const index = pn & INDEX_MASK;
    this.bits[index >>> 5]! |= 1 << (index & 31);
    return true;
  }

  private isSet(pn: number): boolean {
    const index = pn & INDEX_MASK;
    return (this.bits[index >>> 5]! & (1 << (index & 31))) !== 0;
  }

  /** The window moves up to `pn`: what it skips was not seen. */
  private advance(pn: number): void {
    if (pn - this.highest >= REPLAY_WINDOW) {
      this.bits.fill(0);
    } else {
      for (let skipped = this.highest + 1; skipped < pn; skipped++) this.clear(skipped);
      this.clear(pn);
    }
    this.highest = pn;
  }

  private clear(pn: number): void {
    const index = pn & INDEX_MASK;
    this.bits[index >>> 5]! &= ~(1 << (index & 31));
  }
}

/** Numbers that are told apart; a power of two. */
export const REPLAY_WINDOW = 4096;
const INDEX_MASK = REPLAY_WINDOW - 1;
