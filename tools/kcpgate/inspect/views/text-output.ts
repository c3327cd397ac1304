import { writeSync } from 'node:fs';
import { GatewayError } from '../../../../src/base/errors.ts';

/** Takes the bytes of an output, all of them. @returns false when nobody reads any more. */
export type ByteSink = (bytes: Uint8Array) => boolean;

/** Text on its way to an output: gathered into large pieces, never more than one. */
export class TextOutput {
  readonly #sink: ByteSink;
  #text: string[] = [];
  #length = 0;
  #isClosed = false;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** Whether the reader went away; what is written from then on is dropped. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(text: string): void {
    this.#text.push(text);
    this.#length += text.length;
    if (this.#length >= PIECE_LENGTH) this.flush();
  }

  writeLine(line: string): void {
    this.write(`${line}\n`);
  }

  /** Writes bytes as they are, behind the text so far. */
  writeBytes(bytes: Uint8Array): void {
    this.flush();
    if (!this.#isClosed) this.#isClosed = !this.#sink(bytes);
  }

  /** Hands on what was gathered. Returns when it was taken: so memory does not grow behind a slow reader. */
  flush(): void {
    if (this.#length === 0) return;
    const bytes = Buffer.from(this.#text.join(''));
    this.#text = [];
    this.#length = 0;
    if (!this.#isClosed) this.#isClosed = !this.#sink(bytes);
  }
}

const PIECE_LENGTH = 64 * 1024;

/**
 * Writes to an open file, waiting while it is a pipe that is full.
 * @param name of the file, for people.
 * @throws GatewayError `io_failed` when writing fails, but for EPIPE: then nobody reads any more.
 */
export function descriptorSink(descriptor: number, name: string): ByteSink {
  return (bytes) => {
    for (let at = 0; at < bytes.length;) {
      try {
        at += writeSync(descriptor, bytes, at);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code === 'EPIPE') return false;
        if (code !== 'EAGAIN') throw new GatewayError('io_failed', `${name}: ${message}`, { cause: error });
        // Somebody else made the pipe non-blocking.
        Atomics.wait(PAUSE, 0, 0, PAUSE_MS);
      }
    }
    return true;
  };
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4));
const PAUSE_MS = 5;
