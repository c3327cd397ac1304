import { newCaptureCounters, type CaptureCounters, type CaptureNotice } from '../capture/capture-counters.ts';
import { CaptureReader } from '../capture/read-capture.ts';
import type { ByteReader } from '../capture/read-file.ts';
import type { FoundDatagramSink } from '../found-datagram.ts';
import { isQlog, QlogReader } from '../qlog/read-qlog.ts';

export interface RecordedReaderOptions {
  readonly sink: FoundDatagramSink;
  readonly notice: CaptureNotice;
}

/** Reads a file of any kind that is understood: captures and recordings of sessions (qlog), told by how they begin. */
export class RecordedReader implements ByteReader {
  readonly #options: RecordedReaderOptions;
  #reader: CaptureReader | QlogReader | null = null;
  #head = new Uint8Array(0);

  constructor(options: RecordedReaderOptions) {
    this.#options = options;
  }

  /** What was met so far. */
  get counters(): CaptureCounters {
    const reader = this.#reader;
    if (reader instanceof CaptureReader) return reader.counters;
    const counters = newCaptureCounters();
    if (reader === null) return counters;
    counters.bytes = reader.counters.bytes;
    counters.packets = reader.counters.datagrams;
    counters.datagrams = reader.counters.datagrams;
    counters.notices.capture_damaged = reader.counters.damaged;
    return counters;
  }

  push(chunk: Uint8Array): void {
    if (this.#reader !== null) return this.#reader.push(chunk);
    this.#head = Buffer.concat([this.#head, chunk]);
    if (this.#head.length >= HEAD_BYTES) this.#begin().push(this.#head);
  }

  finish(): void {
    if (this.#reader === null) {
      const head = this.#head;
      this.#begin().push(head);
    }
    this.#reader?.finish();
  }

  #begin(): CaptureReader | QlogReader {
    const { sink, notice } = this.#options;
    this.#reader = isQlog(this.#head)
      ? new QlogReader({
          sink,
          notice: (record, text) => notice('capture_damaged', record, `record: ${text}`),
        })
      : new CaptureReader({ sink, notice });
    return this.#reader;
  }
}

/** Enough to tell. */
const HEAD_BYTES = 4;
