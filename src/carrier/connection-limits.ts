import { sourceKey, type SocketAddress } from '../base/address.ts';

/** Bounds the connections of a carrier, all together and by source (an IPv4 address, an IPv6 /64). */
export class ConnectionLimits {
  readonly #max: number;
  readonly #maxPerSource: number;
  readonly #bySource = new Map<string, number>();
  #count = 0;

  /** @param max of all; @param maxPerSource of one source. */
  constructor(max: number, maxPerSource: number) {
    this.#max = max;
    this.#maxPerSource = maxPerSource;
  }

  /** Connections entered and not left, whether their source is known yet or not. */
  get count(): number {
    return this.#count;
  }

  /** Takes a place for a connection whose source is not known yet. False when there is none: nothing to leave then. */
  enter(): boolean {
    if (this.#count >= this.#max) return false;
    this.#count++;
    return true;
  }

  /** Takes the place of a source for a connection that has entered. False when it has as many as it may have. */
  enterSource(address: SocketAddress): boolean {
    const source = sourceKey(address);
    const count = this.#bySource.get(source) ?? 0;
    if (count >= this.#maxPerSource) return false;
    this.#bySource.set(source, count + 1);
    return true;
  }

  /** Gives a place back. @param address given when it had the place of a source too. */
  leave(address?: SocketAddress): void {
    this.#count--;
    if (address === undefined) return;
    const source = sourceKey(address);
    const count = this.#bySource.get(source) ?? 0;
    if (count > 1) this.#bySource.set(source, count - 1);
    else this.#bySource.delete(source);
  }
}
