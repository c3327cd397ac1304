import { wireMemory, type WireMemory } from '../../../../src/wire/memory.ts';

/** The captured bytes as integers, too: made anew only when the reader hands over other memory. */
export class CapturedMemory {
  #memory: WireMemory = wireMemory(new Uint8Array(0));

  of(bytes: Uint8Array): WireMemory {
    if (this.#memory.bytes !== bytes) this.#memory = wireMemory(bytes);
    return this.#memory;
  }
}
