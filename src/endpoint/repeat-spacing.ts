import { NEVER } from '../base/clock.ts';

/**
 * Spaces out equal answers to one who does not hear them: the second follows the first after 250 ms, each further one after
 * twice as long, 4 s at most. Who was not answered for 30 s begins anew.
 *
 * It remembers 4096 of those who were answered. Two that fall on the same place forget each other, and are answered more often.
 */
export class RepeatSpacing {
  private readonly keys = new Int32Array(PLACES);
  private readonly answeredAt = new Float64Array(PLACES).fill(-NEVER);
  private readonly waits = new Int16Array(PLACES);

  /** @param key whom and what it is about, as a hash. @param now in ms. */
  isDue(key: number, now: number): boolean {
    const place = key & (PLACES - 1);
    if (this.keys[place] !== key) return true;
    return now - this.answeredAt[place]! >= this.waits[place]!;
  }

  /** There is an answer now. */
  answered(key: number, now: number): void {
    const place = key & (PLACES - 1);
    const isRepeated = this.keys[place] === key && now - this.answeredAt[place]! < FORGET_MS;
    this.waits[place] = isRepeated ? Math.min(LONGEST_WAIT_MS, 2 * this.waits[place]!) : FIRST_WAIT_MS;
    this.keys[place] = key;
    this.answeredAt[place] = now;
  }
}

const PLACES = 4096;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4_000;
const FORGET_MS = 30_000;
