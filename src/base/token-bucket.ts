/** How fast something may happen. */
export interface RateLimit {
  /** Tokens that come back a second: 0 (never) or more, fractions allowed, finite. */
  readonly ratePerSecond: number;
  /** The most tokens a bucket holds, and what it starts with. At least 1, finite. */
  readonly burst: number;
}

/** A token bucket: `burst` at once, `ratePerSecond` in the long run. */
export class TokenBucket {
  readonly #tokensPerMs: number;
  readonly #burst: number;
  #tokens: number;
  #updatedAt = 0;

  constructor(limit: RateLimit) {
    this.#tokensPerMs = limit.ratePerSecond / 1000;
    this.#burst = limit.burst;
    this.#tokens = limit.burst;
  }

  /**
   * Takes `n` tokens, all or nothing.
   * @returns false when there are not that many: nothing was taken.
   */
  take(now: number, n = 1): boolean {
    const tokens = refilled(this.#tokens, this.#updatedAt, now, this.#tokensPerMs, this.#burst);
    const enough = tokens >= n;
    this.#tokens = enough ? tokens - n : tokens;
    this.#updatedAt = Math.max(this.#updatedAt, now);
    return enough;
  }

  /** Whether there are `n` tokens; takes none. */
  has(now: number, n = 1): boolean {
    return refilled(this.#tokens, this.#updatedAt, now, this.#tokensPerMs, this.#burst) >= n;
  }
}

/** What a {@link KeyedLimiter} allows. */
export interface KeyedLimit extends RateLimit {
  /** The most keys it remembers at once, at least 1. */
  readonly maxKeys: number;
}

/**
 * One token bucket a key, for a bounded number of keys: "new sessions per source address".
 *
 * When the table is full, a new key takes the place of the least recently used one if that one's bucket is full again
 * (a full bucket is what a forgotten key would start with, so nothing is lost). If it is not, every key of the table is
 * in use, and all keys that found no place share one overflow bucket of the same limit. So keys in the table keep what
 * they have, and however many new keys come, at most `maxKeys + 1` buckets are spent.
 */
export class KeyedLimiter {
  readonly #tokensPerMs: number;
  readonly #burst: number;
  readonly #maxKeys: number;
  readonly #overflow: TokenBucket;
  #overflowed = 0;

  readonly #slotOf = new Map<string, number>();
  // Indexed by slot. The slots form a ring in order of use, closed by slot 0, which is no key's.
  readonly #keys: string[] = [''];
  #tokens = new Float64Array(FIRST_CAPACITY);
  #usedAt = new Float64Array(FIRST_CAPACITY);
  #older = new Int32Array(FIRST_CAPACITY);
  #newer = new Int32Array(FIRST_CAPACITY);

  constructor(limit: KeyedLimit) {
    this.#tokensPerMs = limit.ratePerSecond / 1000;
    this.#burst = limit.burst;
    this.#maxKeys = limit.maxKeys;
    this.#overflow = new TokenBucket(limit);
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#slotOf.size;
  }

  /** How many times a key found no place and was held to the shared overflow bucket. */
  get overflowed(): number {
    return this.#overflowed;
  }

  /**
   * Takes `n` tokens of a key, all or nothing.
   * @returns false when there are not that many: nothing was taken.
   */
  take(key: string, now: number, n = 1): boolean {
    let slot = this.#slotOf.get(key);
    if (slot === undefined) {
      slot = this.#slotFor(key, now);
      if (slot === NO_SLOT) {
        this.#overflowed++;
        return this.#overflow.take(now, n);
      }
      this.#tokens[slot] = this.#burst;
    } else {
      this.#tokens[slot] = this.#tokensOf(slot, now);
      this.#unlink(slot);
    }
    this.#linkNewest(slot);
    this.#usedAt[slot] = Math.max(this.#usedAt[slot] ?? 0, now);
    const tokens = this.#tokens[slot] ?? 0;
    if (tokens < n) return false;
    this.#tokens[slot] = tokens - n;
    return true;
  }

  /** Whether {@link take} would give `n` tokens; takes none and remembers nothing. */
  has(key: string, now: number, n = 1): boolean {
    const slot = this.#slotOf.get(key);
    if (slot !== undefined) return this.#tokensOf(slot, now) >= n;
    return this.#hasPlace(now) ? n <= this.#burst : this.#overflow.has(now, n);
  }

  /** Whether a new key would get a slot. */
  #hasPlace(now: number): boolean {
    if (this.#slotOf.size < this.#maxKeys) return true;
    return this.#tokensOf(this.#newer[RING_END] ?? RING_END, now) >= this.#burst;
  }

  /** A slot for a new key, not linked yet: an unused one, or that of the oldest key if its bucket is full. */
  #slotFor(key: string, now: number): number {
    if (!this.#hasPlace(now)) return NO_SLOT;
    let slot = this.#keys.length;
    if (this.#slotOf.size < this.#maxKeys) {
      if (slot === this.#tokens.length) this.#grow();
      this.#keys.push(key);
    } else {
      slot = this.#newer[RING_END] ?? RING_END;
      this.#unlink(slot);
      this.#slotOf.delete(this.#keys[slot] ?? '');
      this.#keys[slot] = key;
    }
    this.#slotOf.set(key, slot);
    return slot;
  }

  #tokensOf(slot: number, now: number): number {
    const usedAt = this.#usedAt[slot] ?? 0;
    return refilled(this.#tokens[slot] ?? 0, usedAt, now, this.#tokensPerMs, this.#burst);
  }

  #linkNewest(slot: number): void {
    const newest = this.#older[RING_END] ?? RING_END;
    this.#older[slot] = newest;
    this.#newer[newest] = slot;
    this.#newer[slot] = RING_END;
    this.#older[RING_END] = slot;
  }

  #unlink(slot: number): void {
    const older = this.#older[slot] ?? RING_END;
    const newer = this.#newer[slot] ?? RING_END;
    this.#newer[older] = newer;
    this.#older[newer] = older;
  }

  #grow(): void {
    const capacity = this.#tokens.length * 2;
    const tokens = new Float64Array(capacity);
    const usedAt = new Float64Array(capacity);
    const older = new Int32Array(capacity);
    const newer = new Int32Array(capacity);
    tokens.set(this.#tokens);
    usedAt.set(this.#usedAt);
    older.set(this.#older);
    newer.set(this.#newer);
    this.#tokens = tokens;
    this.#usedAt = usedAt;
    this.#older = older;
    this.#newer = newer;
  }
}

const RING_END = 0;
const NO_SLOT = -1;
const FIRST_CAPACITY = 64;

function refilled(tokens: number, since: number, now: number, tokensPerMs: number, burst: number): number {
  return now > since ? Math.min(burst, tokens + (now - since) * tokensPerMs) : tokens;
}
