import type { Direction } from './direction.ts';

/** The first packets of each direction that hold a retransmission which was not needed. */
export class SpuriousPackets {
  readonly #packets = new WeakMap<Direction, number[]>();

  add(direction: Direction, packet: number): void {
    const packets = this.#packets.get(direction);
    if (packets === undefined) this.#packets.set(direction, [packet]);
    else if (packets.length < KEPT) packets.push(packet);
  }

  of(direction: Direction): readonly number[] {
    return this.#packets.get(direction) ?? [];
  }
}

/** As many as a note names. */
const KEPT = 16;
