import { ClockRing } from '../clock-ring.ts';

/** Something that holds bytes until more arrives. */
export interface MemoryHolder {
  /** Bytes it holds; kept by the budget. */
  heldBytes: number;
  /** Gives back all that it holds; hands nothing over. */
  giveUp(): void;
}

/** Memory that everything waiting for more bytes shares. When it is full, whoever has held some for the longest time gives up. */
export class MemoryBudget {
  readonly #limit: number;
  /** In the order they began to hold something. */
  readonly #holders = new ClockRing<MemoryHolder>();
  #used = 0;

  /** @param limit in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes held by all. */
  get used(): number {
    return this.#used;
  }

  /** False when there is no room for `bytes` more, even without the others. */
  take(holder: MemoryHolder, bytes: number): boolean {
    while (this.#used + bytes > this.#limit) {
      const oldest = this.#oldestBut(holder);
      if (oldest === undefined) return false;
      oldest.giveUp();
      this.#holders.delete(oldest);
    }
    if (holder.heldBytes === 0) this.#holders.add(holder);
    holder.heldBytes += bytes;
    this.#used += bytes;
    return true;
  }

  give(holder: MemoryHolder, bytes: number): void {
    holder.heldBytes -= bytes;
    this.#used -= bytes;
    if (holder.heldBytes <= 0) this.#holders.delete(holder);
  }

  #oldestBut(holder: MemoryHolder): MemoryHolder | undefined {
    const oldest = this.#holders.next();
    if (oldest !== holder) return oldest;
    const next = this.#holders.next();
    return next === holder ? undefined : next;
  }
}
