/** Which packet numbers were captured in one direction: the newest 4096 are told apart, as a receiver does. */
export class PacketNumbers {
  /** -1 before the first. */
  highest = -1;
  /** Numbers between the lowest and the highest captured that were not. */
  missing = 0;
  #lowest = -1;
  #seen: Uint8Array | null = null;

  /** Takes one number, 0 to 2^48 - 1. @returns whether it was there before, or is too old to tell. */
  take(pn: number): boolean {
    this.#seen ??= new Uint8Array(SPAN);
    const seen = this.#seen;
    if (pn > this.highest) {
      this.#rise(seen, pn);
    } else {
      if (this.highest - pn >= SPAN) return true;
      if (seen[pn % SPAN] === 1) return true;
      this.#fill(pn);
    }
    seen[pn % SPAN] = 1;
    return false;
  }

  #rise(seen: Uint8Array, pn: number): void {
    if (this.highest < 0) this.#lowest = pn;
    else if (pn - this.highest <= MAX_GAP) this.missing += pn - this.highest - 1;
    if (pn - this.highest >= SPAN) seen.fill(0);
    else for (let skipped = this.highest + 1; skipped < pn; skipped++) seen[skipped % SPAN] = 0;
    this.highest = pn;
  }

  /** One that came late: it was missing until now, or nothing below it was known. */
  #fill(pn: number): void {
    if (pn > this.#lowest) {
      if (this.missing > 0) this.missing--;
      return;
    }
    this.missing += this.#lowest - pn - 1;
    this.#lowest = pn;
  }
}

const SPAN = 4096;
/** A larger one is no gap of a capture: the number is not authentic. */
const MAX_GAP = 1 << 20;
