import type { SocketAddress } from '../../src/base/address.ts';
import type { SeededRandom } from '../../src/base/seeded-random.ts';
import { wireMemory } from '../../src/wire/memory.ts';
import { writeAddressBlock } from '../../src/wire/address-block.ts';
import { writeProbe } from '../../src/wire/probe.ts';
import { writeReset } from '../../src/wire/reset.ts';
import { chance, EndpointAttacker, pick } from './endpoint-attacker.ts';

/** Real datagrams of one direction that an attacker has seen and may use again. */
const MAX_SEEN = 128;
/** First bytes that mean something. */
const KINDS = [80, 81, 85, 86, 87, 88, 89, 90, 91, 94, 0xa0, 0xa0, 0xa4, 0xa8, 0xac, 0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xf1] as const; // prettier-ignore

/** Makes hostile datagrams out of what was seen on the wire, without any key. */
export class LoginAttacker {
  readonly clear: EndpointAttacker;
  readonly #random: SeededRandom;
  readonly #up: Uint8Array[] = [];
  readonly #down: Uint8Array[] = [];
  #upCount = 0;
  #downCount = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.clear = new EndpointAttacker(random);
  }

  /** Remembers a datagram on its way to the gateway, or from it. */
  see(datagram: Uint8Array, isUp: boolean): void {
    if (isUp) this.#up[this.#upCount++ % MAX_SEEN] = datagram;
    else this.#down[this.#downCount++ % MAX_SEEN] = datagram;
    this.clear.see(datagram);
  }

  /** A copy of a real one on its way to the gateway, as it was; undefined when none was seen. */
  replayed(): Uint8Array | undefined {
    return this.#seen(true);
  }

  /** Anything hostile about these conversations. @param isUp for the gateway. */
  hostile(conversations: readonly number[], isUp: boolean): Uint8Array {
    const random = this.#random;
    const roll = random.nextFloat();
    // What goes the wrong way is seen too.
    const known = this.#seen(chance(random, 0.9) ? isUp : !isUp);
    if (roll < 0.2 || known === undefined) return this.clear.hostile(conversations);
    if (roll < 0.3) return known;
    if (roll < 0.34) return this.probe(pick(random, [0, conversations[0]!, random.nextUint32()]));
    if (roll < 0.38) return this.reset(pickOf(random, conversations));
    if (roll < 0.42) return this.announced(pickOf(random, conversations));
    const changed = this.#changed(known, conversations);
    return chance(random, 0.15) ? changed.slice(0, 20 + random.nextInt(40)) : changed;
  }

  /** A PROBE; also shorter and longer than it may be, and with a length that is not so. */
  probe(conv: number): Uint8Array {
    const random = this.#random;
    const paddingBytes = pick(random, [0, 39, 40, 40, 41, 1000]);
    const memory = wireMemory(new Uint8Array(24 + paddingBytes));
    const [index, number, nonce] = [random.nextInt(256), random.nextUint32(), random.nextUint32()];
    writeProbe(memory, 0, { type: 'probe', conv, index, ts: 1, number, nonce, paddingBytes });
    if (chance(random, 0.2)) memory.view.setUint32(20, random.nextInt(2000), true);
    return memory.bytes;
  }

  /** A RESET with a token that is made up. */
  reset(conv: number): Uint8Array {
    const random = this.#random;
    const memory = wireMemory(new Uint8Array(40 + pick(random, [0, 0, 0, 1, 24])));
    const token = Uint8Array.from({ length: 16 }, () => random.nextInt(256));
    writeReset(memory, 0, { type: 'reset', conv, token });
    return chance(random, 0.2) ? memory.bytes.slice(0, random.nextInt(41)) : memory.bytes;
  }

  /** A NEW whose address block names somebody else. */
  announced(conv: number): Uint8Array {
    const opening = this.clear.opening(conv);
    opening[4] = 80;
    if (opening.length < 44) return opening;
    opening.set(this.block(), 24);
    return opening;
  }

  /** An address block: filled with an address that nobody has, mostly. */
  block(): Uint8Array {
    const random = this.#random;
    const memory = wireMemory(new Uint8Array(20));
    const isFilled = chance(random, 0.8);
    writeAddressBlock(memory, 0, isFilled ? claimedAddress(random.nextInt(200)) : null);
    if (chance(random, 0.1)) memory.bytes[random.nextInt(20)] = random.nextInt(256);
    return memory.bytes;
  }

  #seen(isUp: boolean): Uint8Array | undefined {
    const seen = isUp ? this.#up : this.#down;
    return seen[this.#random.nextInt(MAX_SEEN)]?.slice();
  }

  #changed(known: Uint8Array, conversations: readonly number[]): Uint8Array {
    const random = this.#random;
    const view = new DataView(known.buffer, known.byteOffset, known.byteLength);
    if (known.length < 44) return this.clear.damaged(known);
    switch (random.nextInt(12)) {
      case 0:
        view.setUint32(0, pickOf(random, conversations), true);
        return known;
      case 1:
        known[4] = pick(random, KINDS);
        return known;
      case 2:
        known[5] = random.nextInt(256);
        return known;
      case 3:
        // The packet number, or the random of a handshake datagram.
        known[6 + random.nextInt(22)]! ^= 1 << random.nextInt(8);
        return known;
      case 4:
        view.setUint16(28, random.nextInt(1300), true);
        return known;
      case 5:
        return known.slice(0, random.nextInt(known.length + 1));
      case 6:
        return known.slice(random.nextInt(30));
      case 7:
        return Uint8Array.from(Buffer.concat([known, known])).subarray(0, 2040);
      case 8:
        return Uint8Array.from(Buffer.concat([known, new Uint8Array(1 + random.nextInt(40))])).subarray(
          0,
          2040,
        );
      case 9:
        return this.#withOtherBlock(known);
      default:
        known[random.nextInt(known.length)]! ^= 1 << random.nextInt(8);
        return known;
    }
  }

  /** What a proxy could do: fill the block. What it could not: put one in, or take it out. */
  #withOtherBlock(known: Uint8Array): Uint8Array {
    const kind = known[4]!;
    const at = kind >= 0xb0 ? 30 + known[28]! + 256 * known[29]! : 12;
    if (known.length < at + 40) return known;
    if ((kind & 4) !== 0 && chance(this.#random, 0.8)) {
      known.set(this.block(), at);
      return known;
    }
    known[4] = kind ^ 4;
    return Uint8Array.from(Buffer.concat([known.subarray(0, at), this.block(), known.subarray(at)]));
  }
}

/** Addresses that stand in address blocks and nowhere else. */
export const claimedAddress = (index: number): SocketAddress => ({
  address: `100.64.0.${String(index)}`,
  family: 4,
  port: 7000 + index,
});

export function pickOf<Item>(random: SeededRandom, items: readonly Item[]): Item {
  return items[random.nextInt(items.length)]!;
}
