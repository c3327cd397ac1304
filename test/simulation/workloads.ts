import type { KcpStats } from '../../src/kcp/stats.ts';
import type { Pair } from './pair.ts';
import type { Peer } from './peer.ts';

/** The byte at one position of the test stream: every position can be checked without keeping the stream. */
export function streamByte(position: number): number {
  return Math.imul(position + 1, 0x9e3779b1) >>> 24;
}

/** One direction of a byte stream between two peers, generated on one side and checked on the other. */
export class StreamTransfer {
  readonly totalBytes: number;
  readonly #from: Peer;
  readonly #piece: Uint8Array;
  #sentBytes = 0;
  #receivedBytes = 0;

  /** Takes over `from.beforeTransmit` and `to.receive`. @param pieceBytes the most given to one `send`. */
  constructor(from: Peer, to: Peer, totalBytes: number, pieceBytes = 8192) {
    this.totalBytes = totalBytes;
    this.#from = from;
    this.#piece = new Uint8Array(pieceBytes);
    from.beforeTransmit = () => {
      this.#sendWhatFits();
    };
    to.receive = (bytes, offset, length) => {
      this.#check(bytes, offset, length);
      return true;
    };
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get isDone(): boolean {
    return this.#receivedBytes === this.totalBytes;
  }

  #sendWhatFits(): void {
    const piece = this.#piece;
    while (this.#sentBytes < this.totalBytes) {
      const length = Math.min(piece.length, this.totalBytes - this.#sentBytes);
      for (let index = 0; index < length; index++) piece[index] = streamByte(this.#sentBytes + index);
      const taken = this.#from.engine.send(piece, 0, length);
      if (taken < 0) throw new Error(`send refused with ${String(taken)}`);
      this.#sentBytes += taken;
      if (taken < length) return;
    }
  }

  #check(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#receivedBytes + length > this.#sentBytes) throw new Error('more arrived than was sent');
    for (let index = 0; index < length; index++) {
      if (bytes[offset + index] !== streamByte(this.#receivedBytes + index)) {
        throw new Error(`byte ${String(this.#receivedBytes + index)} of the stream is wrong`);
      }
    }
    this.#receivedBytes += length;
  }
}

/** What one run of echoes measured, in ms. */
export interface EchoResult {
  /** Round trips in the order the echoes came back. */
  readonly roundTripsMs: readonly number[];
  readonly averageMs: number;
  readonly worstMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface EchoOptions {
  readonly count: number;
  /** At least 4: a message carries its number. */
  readonly messageBytes: number;
  readonly everyMs: number;
  /** Gives up this long after the start; what has not come back by then fails the run. */
  readonly limitMs: number;
}

/** Sends messages at a steady pace from left to right, which echoes each, and measures the round trips. */
export function runEchoes(pair: Pair, options: EchoOptions): EchoResult {
  const sentAtMs: number[] = [];
  const roundTripsMs: number[] = [];
  const message = new Uint8Array(options.messageBytes);
  const view = new DataView(message.buffer);

  pair.right.receive = (bytes, offset, length) => {
    if (pair.right.engine.send(bytes, offset, length) !== length) throw new Error('an echo was not taken');
    return true;
  };
  pair.left.receive = (bytes, offset, length) => {
    const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset);
    if (length !== options.messageBytes || number !== roundTripsMs.length) {
      throw new Error(`echo ${String(roundTripsMs.length)} came back as ${String(number)}`);
    }
    roundTripsMs.push(pair.now() - (sentAtMs[number] ?? NaN));
    return true;
  };
  for (let index = 0; index < options.count; index++) {
    pair.at(pair.startMs + index * options.everyMs, () => {
      view.setUint32(0, index);
      sentAtMs.push(pair.now());
      if (pair.left.engine.send(message, 0, message.length) !== message.length) throw new Error('queue full');
    });
  }
  if (!pair.runUntil(() => roundTripsMs.length === options.count, options.limitMs)) {
    throw new Error(`${String(roundTripsMs.length)} of ${String(options.count)} echoes came back`);
  }
  const sorted = roundTripsMs.toSorted((a, b) => a - b);
  return {
    roundTripsMs,
    averageMs: sorted.reduce((sum, rtt) => sum + rtt, 0) / sorted.length,
    worstMs: sorted.at(-1) ?? NaN,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
  };
}

/** Share of data segments that were sent again, 0 to 1. */
export function retransmitRatio(stats: KcpStats): number {
  return (stats.timeoutRetransmits + stats.fastRetransmits) / Math.max(1, stats.segmentsSent);
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}
