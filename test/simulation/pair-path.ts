import type { LinkProfile, NetEmulator } from '../../tools/kcpgate/relay/net-emulator.ts';
import { PERFECT_LINK } from '../../tools/kcpgate/relay/net-emulator.ts';
import type { Peer } from './peer.ts';

/** One way on which the two sides of a {@link Pair} reach each other. */
export class PairPath {
  /** Paths are numbered in the order they were opened. */
  readonly index: number;
  /** From left to right. */
  readonly forward: NetEmulator;
  readonly backward: NetEmulator;
  /** What the engines are told of it. */
  readonly reliable: boolean;
  /** Called when something arrives over it, before the engine there gets it. */
  onArrival: (at: Peer) => void = () => undefined;
  readonly #cut = new Set<NetEmulator>();

  constructor(index: number, forward: NetEmulator, backward: NetEmulator, reliable: boolean) {
    this.index = index;
    this.forward = forward;
    this.backward = backward;
    this.reliable = reliable;
  }

  /** Cuts it, both ways: what is on its way is lost, and so is what is sent from now on. */
  cut(): void {
    this.#cut.add(this.forward).add(this.backward);
  }

  /** Cuts the way back only, as when a NAT forgets a mapping. */
  cutBackward(): void {
    this.#cut.add(this.backward);
  }

  isCut(link: NetEmulator): boolean {
    return this.#cut.has(link);
  }
}

/** One direction of a connection: late, perhaps slow, but complete and in order. */
export function reliableLink(delayMs: number, bytesPerSecond = Infinity): LinkProfile {
  return { ...PERFECT_LINK, delayMs, bytesPerSecond };
}
