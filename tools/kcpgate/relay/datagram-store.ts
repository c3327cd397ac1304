/**
 * Bytes of datagrams that wait, in blocks of three sizes. A block is a number; its memory is used again when it was given back, and
 * grows by doubling, never beyond what is needed at once.
 */
export class DatagramStore {
  readonly #classes = CLASS_BYTES.map((blockBytes) => new BlockClass(blockBytes));

  /** Copies a datagram. @returns its block. */
  put(bytes: Uint8Array, offset: number, length: number): number {
    const index = classOf(length);
    const block = this.#classes[index]?.take() ?? 0;
    this.#classes[index]?.bytes.set(
      bytes.subarray(offset, offset + length),
      this.offsetOf(block * CLASSES + index),
    );
    return block * CLASSES + index;
  }

  /** The memory a block stands in; valid until the next `put`. */
  bytesOf(block: number): Uint8Array {
    return this.#classes[block % CLASSES]?.bytes ?? EMPTY;
  }

  /** Where it begins there. */
  offsetOf(block: number): number {
    return Math.floor(block / CLASSES) * (CLASS_BYTES[block % CLASSES] ?? 0);
  }

  /** Gives a block back. */
  free(block: number): void {
    this.#classes[block % CLASSES]?.give(Math.floor(block / CLASSES));
  }
}

class BlockClass {
  bytes: Uint8Array;
  readonly #blockBytes: number;
  readonly #free: number[] = [];
  #made = 0;

  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
    this.bytes = new Uint8Array(blockBytes);
  }

  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const block = this.#made++;
    if (this.#made * this.#blockBytes > this.bytes.length) {
      const grown = new Uint8Array(this.bytes.length * 2);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    return block;
  }

  give(block: number): void {
    this.#free.push(block);
  }
}

function classOf(length: number): number {
  if (length <= SMALL_BYTES) return 0;
  return length <= USUAL_BYTES ? 1 : 2;
}

/** Small messages and acknowledgements; what fits into an Ethernet frame; the largest there is. */
const SMALL_BYTES = 256;
const USUAL_BYTES = 1536;
const CLASS_BYTES = [SMALL_BYTES, USUAL_BYTES, 65_536] as const;
const CLASSES = CLASS_BYTES.length;
const EMPTY = new Uint8Array(0);
