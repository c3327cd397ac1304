import { KCP_EVENT_SCHEMA } from '../../../../src/qlog/index.ts';
import type { FoundDatagramSink } from '../found-datagram.ts';
import { DatagramBuilder } from './datagram-builder.ts';
import { readEvent, readHeader, type QlogEvent } from './qlog-record.ts';

/** What a {@link QlogReader} hands over. */
export interface QlogReaderOptions {
  /** Takes every datagram, rebuilt: headers as they were, payload as zeros, since a recording keeps none. */
  readonly sink: FoundDatagramSink;
  /** Told of records that cannot be read; `record` counts from 1. */
  readonly notice?: (record: number, text: string) => void;
  /** Told of everything that is no datagram. */
  readonly event?: (event: QlogEvent) => void;
}

/** What was met in a recording. */
export interface QlogCounters {
  bytes: number;
  records: number;
  datagrams: number;
  /** Records that are damaged or not of our schema. */
  damaged: number;
}

/**
 * Reads a recording of one session: a JSON text sequence of our schema, see docs/qlog.md. Any chunking; never throws; memory is
 * bounded by the longest record that is looked at, 1 MiB.
 */
export class QlogReader {
  readonly counters: QlogCounters = { bytes: 0, records: 0, datagrams: 0, damaged: 0 };
  readonly #options: QlogReaderOptions;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #builder: DatagramBuilder | undefined;
  #rest = '';
  #isSkipping = false;

  constructor(options: QlogReaderOptions) {
    this.#options = options;
  }

  push(chunk: Uint8Array): void {
    this.counters.bytes += chunk.length;
    this.#take(this.#decoder.decode(chunk, { stream: true }));
  }

  finish(): void {
    this.#take(this.#decoder.decode());
    this.#line(this.#rest);
    this.#rest = '';
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (this.#isSkipping) this.#isSkipping = false;
      else this.#line(line);
    }
    if (this.#rest.length <= MAX_RECORD_CHARACTERS) return;
    if (!this.#isSkipping) this.#damaged('the record is too long');
    this.#isSkipping = true;
    this.#rest = '';
  }

  #line(line: string): void {
    const text = line.startsWith(RECORD_SEPARATOR) ? line.slice(1) : line;
    if (text.trim() === '') return;
    this.counters.records++;
    let record: unknown;
    try {
      record = JSON.parse(text);
    } catch {
      this.#damaged('not JSON');
      return;
    }
    if (this.#builder === undefined) this.#begin(record);
    else this.#event(this.#builder, record);
  }

  #begin(record: unknown): void {
    const header = readHeader(record);
    if (header === undefined) {
      this.#damaged(`the first record does not say that events are of ${KCP_EVENT_SCHEMA}`);
      return;
    }
    this.#builder = new DatagramBuilder(header);
  }

  #event(builder: DatagramBuilder, record: unknown): void {
    const event = readEvent(record);
    if (event === undefined) {
      this.#damaged('not an event of our schema');
      return;
    }
    const found = builder.take(event, this.counters.datagrams + 1);
    if (found === undefined) {
      this.#options.event?.(event);
      return;
    }
    this.counters.datagrams++;
    this.#options.sink(found);
  }

  #damaged(text: string): void {
    this.counters.damaged++;
    this.#options.notice?.(this.counters.records, text);
  }
}

/** Whether a file that begins so is a recording, of whatever schema. */
export function isQlog(head: Uint8Array): boolean {
  return head[0] === RECORD_SEPARATOR.charCodeAt(0) && head[1] === '{'.charCodeAt(0);
}

const RECORD_SEPARATOR = '\u001e';
const MAX_RECORD_CHARACTERS = 1024 * 1024;
