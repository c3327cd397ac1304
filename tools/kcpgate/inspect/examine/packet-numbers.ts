/** Which packet numbers were captured in one direction: the newest 4096 are told apart, as a receiver does. */
export class PacketNumbers {
  /** -1 before the first. */
  highest = -1;
  #seen: Uint8Array | null = null;

  /** Takes one number, 0 to 2^48 - 1. @returns whether it was there before, or is too old to tell. */
  take(pn: number): boolean {
    this.#seen ??= new Uint8Array(SPAN);
    const seen = this.#seen;
    if (pn > this.highest) {
      if (pn - this.highest >= SPAN) seen.fill(0);
      else for (let skipped = this.highest + 1; skipped < pn; skipped++) seen[skipped % SPAN] = 0;
      this.highest = pn;
    } else {
      if (this.highest - pn >= SPAN) return true;
      if (seen[pn % SPAN] === 1) return true;
    }
    seen[pn % SPAN] = 1;
    return false;
  }
}

const SPAN = 4096;
