import type { Flow } from '../found-datagram.ts';

/** Which proxies put a header in front: a flow of theirs without one has lost it. */
export class ProxyWatch {
  /** By the proxy's address and the gateway's end: a packet that had a header. */
  readonly #withHeader = new Map<string, number>();

  /** A datagram from `flow.a` to `flow.b` had a header. */
  sawHeader(flow: Flow, packet: number): void {
    if (this.#withHeader.size >= MAX_PROXIES) return;
    const key = keyOf(flow);
    if (!this.#withHeader.has(key)) this.#withHeader.set(key, packet);
  }

  /** A packet of the same proxy that had a header; 0 when there is none. */
  exampleFor(flow: Flow): number {
    return this.#withHeader.get(keyOf(flow)) ?? 0;
  }

  get knowsNone(): boolean {
    return this.#withHeader.size === 0;
  }
}

const keyOf = ({ a, b }: Flow): string => `${a.address} ${b.address} ${b.port}`;

const MAX_PROXIES = 1024;
