/** What comes out of a {@link StreamAssembler}, in order. */
export interface AssembledSink {
  /** The next bytes; valid during the call. */
  data(bytes: Uint8Array): void;
  /** Segments that never came, from `sn` to `lastSn`; what follows them is next. */
  gap(sn: number, lastSn: number): void;
}

export interface AssemblerLimits {
  /** Bytes held for a segment that is missing, default 64 MiB; then it counts as lost. */
  readonly maxBytes?: number;
  /** Segments held, default 65,536. */
  readonly maxSegments?: number;
}

/** Puts the data segments of one direction in order, each once, as its receiver did. */
export class StreamAssembler {
  readonly #sink: AssembledSink;
  readonly #maxBytes: number;
  readonly #maxSegments: number;
  readonly #held = new Map<number, Uint8Array>();
  #heldBytes = 0;
  /** The `sn` that is next; NaN before the first segment. */
  #next = NaN;
  /** One behind the highest `sn` that came. */
  #end = 0;

  constructor(sink: AssembledSink, { maxBytes = 64 * 2 ** 20, maxSegments = 65_536 }: AssemblerLimits = {}) {
    this.#sink = sink;
    this.#maxBytes = maxBytes;
    this.#maxSegments = maxSegments;
  }

  /** Takes a segment in the order of the capture. The bytes are copied if they have to wait. */
  push(sn: number, bytes: Uint8Array): void {
    if (Number.isNaN(this.#next)) this.#begin(sn >>> 0);
    const ahead = (sn - this.#next) | 0;
    if (ahead < 0) return;
    if (((sn - this.#end) | 0) >= 0) this.#end = (sn + 1) >>> 0;
    if (ahead === 0) {
      this.#deliver(bytes);
      this.#deliverHeld();
      return;
    }
    const key = sn >>> 0;
    if (this.#held.has(key)) return;
    this.#held.set(key, bytes.slice());
    this.#heldBytes += bytes.length;
    if (this.#held.size > this.#maxSegments || this.#heldBytes > this.#maxBytes) this.#makeRoom();
  }

  /** The receiver has everything below `una`: what the capture has not got of it will not come. */
  acknowledged(una: number): void {
    if (Number.isNaN(this.#next) || ((una - this.#next) | 0) <= 0) return;
    // Beyond what was sent nothing can be acknowledged: a damaged or forged header.
    const until = ((una - this.#end) | 0) > 0 ? this.#end : una >>> 0;
    for (const sn of this.#heldInOrder()) {
      if (((sn - until) | 0) >= 0) break;
      this.#skipTo(sn);
    }
    if (((until - this.#next) | 0) > 0) this.#skipTo(until);
  }

  /** The capture ended: hands over what waited. */
  finish(): void {
    for (const sn of this.#heldInOrder()) this.#skipTo(sn);
  }

  /** A stream begins at 0; a high number shows that the capture began later. */
  #begin(sn: number): void {
    this.#next = sn < BEGINNING_SEGMENTS ? 0 : sn;
    this.#end = this.#next;
  }

  /** Gives up what is missing in front of the earlier half. */
  #makeRoom(): void {
    for (const sn of this.#heldInOrder()) {
      if (this.#held.size <= this.#maxSegments / 2 && this.#heldBytes <= this.#maxBytes / 2) break;
      this.#skipTo(sn);
    }
  }

  /** Goes on at `sn`, unless it is behind; what is missing in front of it is a gap. */
  #skipTo(sn: number): void {
    if (((sn - this.#next) | 0) < 0) return;
    if (sn !== this.#next) this.#sink.gap(this.#next, (sn - 1) >>> 0);
    this.#next = sn;
    this.#deliverHeld();
  }

  #deliver(bytes: Uint8Array): void {
    this.#next = (this.#next + 1) >>> 0;
    if (bytes.length > 0) this.#sink.data(bytes);
  }

  #deliverHeld(): void {
    for (;;) {
      const bytes = this.#held.get(this.#next);
      if (bytes === undefined) return;
      this.#held.delete(this.#next);
      this.#heldBytes -= bytes.length;
      this.#deliver(bytes);
    }
  }

  /** Those held when it is called, as they come in the stream. */
  #heldInOrder(): number[] {
    if (this.#held.size === 0) return NONE;
    return [...this.#held.keys()].sort((one, other) => ((one - this.#next) | 0) - ((other - this.#next) | 0));
  }
}

const NONE: number[] = [];

/** As many segments may be missing in front of the first one that was captured. */
const BEGINNING_SEGMENTS = 1024;
