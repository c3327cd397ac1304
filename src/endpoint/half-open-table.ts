import { NEVER } from '../base/clock.ts';
import type { HandshakeCrypto } from '../base/handshake-crypto.ts';
import type { HalfOpen } from '../session/index.ts';

/** Handshakes that were answered and not finished: few, and for a short time. */
export class HalfOpenTable {
  private readonly max: number;
  private readonly crypto: HandshakeCrypto;
  private readonly forget: (half: HalfOpen) => void;
  /** In the order in which they expire. */
  private readonly inOrder = new Set<HalfOpen>();
  private readonly byConv = new Map<number, HalfOpen[]>();

  /** @param forget told of each that is dropped. */
  constructor(max: number, crypto: HandshakeCrypto, forget: (half: HalfOpen) => void) {
    this.max = max;
    this.crypto = crypto;
    this.forget = forget;
  }

  get size(): number {
    return this.inOrder.size;
  }

  get isFull(): boolean {
    return this.inOrder.size >= this.max;
  }

  /** Those of one conversation, oldest first. */
  of(conv: number): readonly HalfOpen[] {
    return this.byConv.get(conv) ?? NONE;
  }

  /** The one that a HELLO with this client random repeats. */
  repeatedBy(conv: number, clientRandom: Uint8Array): HalfOpen | undefined {
    return this.of(conv).find((half) => this.crypto.equal(half.clientRandom, clientRandom));
  }

  /** Keeps one more. Of one conversation only a few: the oldest gives way, so that nobody can hold the place. */
  add(half: HalfOpen): void {
    const same = this.byConv.get(half.conv);
    if (same === undefined) this.byConv.set(half.conv, [half]);
    else same.push(half);
    this.inOrder.add(half);
    const oldest = same?.[0];
    if (oldest !== undefined && same !== undefined && same.length > MAX_PER_CONV) this.drop(oldest);
  }

  /** Its client said HELLO again: it stays until then, unless it did too often. @param expiresAt no earlier than that of any other. */
  renew(half: HalfOpen, expiresAt: number): void {
    if (!half.renew(expiresAt)) return;
    this.inOrder.delete(half);
    this.inOrder.add(half);
  }

  /** Takes one out that was finished; its keys go on. */
  take(half: HalfOpen): void {
    if (!this.inOrder.delete(half)) return;
    const same = this.byConv.get(half.conv)?.filter((other) => other !== half) ?? [];
    if (same.length === 0) this.byConv.delete(half.conv);
    else this.byConv.set(half.conv, same);
  }

  /** Drops those of the same conversation that came before this one. */
  dropOlder(half: HalfOpen): void {
    for (const other of this.of(half.conv)) {
      if (other === half) return;
      this.drop(other);
    }
  }

  drop(half: HalfOpen): void {
    this.take(half);
    this.forget(half);
  }

  /** Drops those whose time is over. */
  expire(now: number): void {
    for (const half of this.inOrder) {
      if (half.expiresAt > now) return;
      this.drop(half);
    }
  }

  /** When {@link expire} is next to be called, in ms. */
  get deadline(): number {
    for (const half of this.inOrder) return half.expiresAt;
    return NEVER;
  }

  clear(): void {
    for (const half of this.inOrder) this.drop(half);
  }
}

const NONE: readonly HalfOpen[] = [];
const MAX_PER_CONV = 4;
