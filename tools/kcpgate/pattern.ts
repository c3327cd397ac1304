import { SeededRandom } from '../../src/base/seeded-random.ts';

/**
 * An endless byte stream made from a seed, cheap enough not to show in a measurement: a random block of about 1 MiB,
 * repeated. Its odd length keeps a repeated or missing segment from looking right.
 */
export class Pattern {
  private readonly block: Buffer;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    const words = Uint32Array.from({ length: BLOCK_WORDS }, () => random.nextUint32());
    this.block = Buffer.from(words.buffer, 0, BLOCK_WORDS * 4 - 1);
  }

  /** The memory behind {@link offsetOf}. */
  get bytes(): Uint8Array {
    return this.block;
  }

  /** Where in {@link bytes} the stream's byte `position` stands. */
  offsetOf(position: number): number {
    return position % this.block.length;
  }

  /** Bytes from `position` on that stand one after the other. */
  runAt(position: number): number {
    return this.block.length - this.offsetOf(position);
  }

  /** The number of bytes that are not those of the stream at `position`. */
  countDifferences(position: number, bytes: Uint8Array, offset: number, length: number): number {
    let differences = 0;
    for (let done = 0; done < length;) {
      const at = this.offsetOf(position + done);
      const run = Math.min(length - done, this.runAt(position + done));
      const from = offset + done;
      if (this.block.compare(bytes, from, from + run, at, at + run) !== 0) {
        for (let i = 0; i < run; i++) if (bytes[from + i] !== this.block[at + i]) differences++;
      }
      done += run;
    }
    return differences;
  }
}

const BLOCK_WORDS = 262_147;
