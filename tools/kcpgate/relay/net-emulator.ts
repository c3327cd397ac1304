import type { SeededRandom } from '../../../src/base/seeded-random.ts';
import { Fate, isDropped } from './fate.ts';
import { LinkFates, type LinkCounters } from './link-fates.ts';
import type { LinkProfile } from './link-profile.ts';

// Whoever emulates a network needs them, too.
export type { LinkCounters } from './link-fates.ts';
export { PERFECT_LINK, type LinkProfile } from './link-profile.ts';

/** Called for every datagram that will arrive, with the whole millisecond it arrives at. The bytes are the callee's. */
export type Delivery = (atMs: number, datagram: Uint8Array) => void;

/** One direction of an emulated network path: all of its luck comes from the generator it is given. */
export class NetEmulator {
  readonly #fates: LinkFates;
  readonly #deliver: Delivery;

  /** @param originMs the time black holes count from: when the simulation starts. */
  constructor(profile: LinkProfile, random: SeededRandom, originMs: number, deliver: Delivery) {
    this.#fates = new LinkFates(profile, random, originMs, true);
    this.#deliver = deliver;
  }

  get counters(): LinkCounters {
    return this.#fates.counters;
  }

  /** Changes the weather; what is on its way stays on its way. */
  setProfile(profile: LinkProfile): void {
    this.#fates.setProfile(profile);
  }

  /** Takes a copy of one datagram at `nowMs` and decides its fate. */
  send(nowMs: number, bytes: Uint8Array, offset: number, length: number): void {
    const fates = this.#fates;
    const fate = fates.decide(nowMs, length);
    if (isDropped(fate)) return;
    const datagram = bytes.slice(offset, offset + length);
    fates.corrupt(datagram, 0);
    // Whoever gets the first may write to it.
    const copy = (fate & Fate.duplicated) === 0 ? null : datagram.slice();
    const copyArrivesAtMs = fates.copyArrivesAtMs;
    this.#deliver(fates.arrivesAtMs, datagram);
    if (copy !== null) this.#deliver(copyArrivesAtMs, copy);
  }
}
