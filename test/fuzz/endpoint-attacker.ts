import type { SeededRandom } from '../../src/base/seeded-random.ts';
import { Command } from '../../src/wire/command.ts';
import { SEGMENT_FIELD, SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../../src/wire/segment.ts';

/** Real datagrams an attacker has seen and may use again. */
const MAX_SEEN = 64;
const COMMANDS = [80, 81, 81, 81, 82, 82, 83, 84, 85, 86, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95] as const;

/** Makes hostile datagrams: real ones with fields changed, made-up ones whose numbers lie near the real ones, and noise. */
export class EndpointAttacker {
  readonly #random: SeededRandom;
  readonly #seen: Uint8Array[] = [];
  #seenCount = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Remembers a datagram of somebody else. */
  see(datagram: Uint8Array): void {
    this.#seen[this.#seenCount++ % MAX_SEEN] = datagram;
  }

  /** What begins a session, if the endpoint lets it. */
  opening(conv: number): Uint8Array {
    const random = this.#random;
    const command = pick(random, [Command.push, Command.new]);
    const sn = chance(random, 0.8) ? 0 : random.nextInt(40);
    const length = pick(random, [0, 1, 100, 1000]);
    return segment({
      conv,
      command,
      frg: pick(random, [0, 0, 0, 1, 255]),
      wnd: this.#window(),
      ts: 0,
      sn,
      una: 0,
      length,
    });
  }

  /** Anything hostile for one of these conversations. */
  hostile(conversations: readonly number[]): Uint8Array {
    const roll = this.#random.nextFloat();
    if (roll < 0.4) return this.#mutated();
    if (roll < 0.9) return this.#crafted(conversations);
    return this.#noise();
  }

  /** A datagram damaged on its way: bits flipped, cut off, or fields replaced. */
  damaged(datagram: Uint8Array): Uint8Array {
    const random = this.#random;
    const copy = datagram.slice();
    const changes = 1 + random.nextInt(3);
    for (let change = 0; change < changes && copy.length > 0; change++) {
      if (chance(random, 0.6)) this.#replaceField(copy);
      else copy[random.nextInt(copy.length)]! ^= 1 << random.nextInt(8);
    }
    return chance(random, 0.1) ? copy.subarray(0, random.nextInt(copy.length + 1)) : copy;
  }

  #mutated(): Uint8Array {
    const known = this.#seen[this.#random.nextInt(MAX_SEEN)];
    if (known === undefined) return this.#noise();
    return chance(this.#random, 0.15) ? known : this.damaged(known);
  }

  /** One to five segments, mostly of one conversation, with numbers taken from what was seen. */
  #crafted(conversations: readonly number[]): Uint8Array {
    const random = this.#random;
    const conv = chance(random, 0.95)
      ? conversations[random.nextInt(conversations.length)]!
      : random.nextUint32();
    const parts = Array.from({ length: chance(random, 0.05) ? 50 : 1 + random.nextInt(5) }, () =>
      segment({
        conv: chance(random, 0.98) ? conv : random.nextUint32(),
        command: chance(random, 0.95) ? pick(random, COMMANDS) : random.nextInt(256),
        frg: pick(random, [0, 0, 0, 1, 2, 255, random.nextInt(256)]),
        wnd: this.#window(),
        ts: this.#near(SEGMENT_FIELD.ts),
        sn: pick(random, [0, 1, 1000, 3000 + random.nextInt(600), this.#near(SEGMENT_FIELD.sn)]),
        una: pick(random, [0, 0, 1, this.#near(SEGMENT_FIELD.una), this.#near(SEGMENT_FIELD.sn)]),
        length: chance(random, 0.7) ? random.nextInt(20) : random.nextInt(1400),
      }),
    );
    const whole = Uint8Array.from(Buffer.concat(parts)).subarray(0, 2040);
    return chance(random, 0.1) ? this.damaged(whole) : whole;
  }

  #noise(): Uint8Array {
    const random = this.#random;
    const bytes = Uint8Array.from({ length: random.nextInt(80) }, () => random.nextInt(256));
    if (bytes.length > 5 && chance(random, 0.5))
      bytes[4] = pick(random, [81, 0xa0, 0xa4, 0xa8, 0xb0, 0xb7, 0xf1, 0xf2, 0xf3]);
    return bytes;
  }

  #replaceField(datagram: Uint8Array): void {
    if (datagram.length < SEGMENT_HEADER_BYTES) return;
    const random = this.#random;
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
    const field = pick(random, ['cmd', 'frg', 'wnd', 'ts', 'sn', 'una', 'len'] as const);
    const at = SEGMENT_FIELD[field];
    if (field === 'cmd')
      view.setUint8(at, chance(random, 0.9) ? pick(random, COMMANDS) : random.nextInt(256));
    else if (field === 'frg') view.setUint8(at, random.nextInt(256));
    else if (field === 'wnd') view.setUint16(at, this.#window(), true);
    else view.setUint32(at, (view.getUint32(at, true) + this.#step()) >>> 0, true);
  }

  /** A number near the same field of a datagram that was seen. */
  #near(at: number): number {
    const known = this.#seen[this.#random.nextInt(MAX_SEEN)];
    if (known === undefined || known.length < SEGMENT_HEADER_BYTES) return this.#step();
    return (new DataView(known.buffer, known.byteOffset).getUint32(at, true) + this.#step()) | 0;
  }

  #step(): number {
    const random = this.#random;
    if (chance(random, 0.9)) return random.nextInt(20) - 10;
    return pick(random, [0x7fffffff, -0x80000000, 0x7ffffffe, 40, 130, 1000, random.nextUint32()]) | 0;
  }

  #window(): number {
    return pick(this.#random, [0, 1, 2, 32, 128, 128, 1024, 65_535]);
  }
}

interface SegmentFields {
  readonly conv: number;
  readonly command: number;
  readonly frg: number;
  readonly wnd: number;
  readonly ts: number;
  readonly sn: number;
  readonly una: number;
  readonly length: number;
}

function segment({ conv, command, frg, wnd, ts, sn, una, length }: SegmentFields): Uint8Array {
  const block = command === Command.new ? 20 : 0;
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES + block + length).fill(0x5a, SEGMENT_HEADER_BYTES);
  writeSegmentHeader(new DataView(bytes.buffer), 0, conv, command, frg, wnd, ts, sn, una, length);
  if (block > 0) bytes.set([1, block], SEGMENT_HEADER_BYTES);
  return bytes;
}

export const chance = (random: SeededRandom, rate: number): boolean => random.nextFloat() < rate;

export function pick<Choice>(random: SeededRandom, choices: readonly [Choice, ...Choice[]]): Choice {
  return choices[random.nextInt(choices.length)] ?? choices[0];
}
