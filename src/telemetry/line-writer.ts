import { closeSync, openSync, writeSync } from 'node:fs';

/** Most bytes that wait for a reader that does not read. */
const MAX_PENDING_BYTES = 1024 * 1024;
const RETRY_MS = 20;
/** How long {@link LineWriter.flush} waits for the reader, in all. */
const MAX_FLUSH_MS = 1000;

/** Counters of one writer, growing from zero. */
export interface LineWriterStats {
  readonly writtenLines: number;
  /** Lines lost: too many were waiting, or the system refused them (disk full, reader gone). */
  readonly droppedLines: number;
}

/**
 * Appends lines to a file or to standard output at once, so that nothing is lost when the process ends in whatever way.
 * Never throws after it was opened. What a full pipe does not take waits, within bounds; a pipe in blocking mode (as
 * between two programs of a shell) makes the process wait instead.
 */
export class LineWriter {
  readonly #fd: number;
  readonly #owned: boolean;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #writtenLines = 0;
  #droppedLines = 0;

  /**
   * @param file path of a file to append to, made when missing; or the number of an open descriptor, which stays open.
   * @throws Error with the system's code when the file cannot be opened.
   */
  constructor(file: string | number) {
    this.#owned = typeof file === 'string';
    this.#fd = typeof file === 'string' ? openSync(file, 'a', 0o640) : file;
  }

  /** @param line with the line feed at its end. */
  write(line: string): void {
    if (this.#closed) return;
    const bytes = Buffer.from(line);
    if (this.#pendingBytes + bytes.length > MAX_PENDING_BYTES) {
      this.#droppedLines += 1;
      return;
    }
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#timer === undefined) this.#drain();
  }

  /** Writes what still waits, waiting for the reader for at most a second. */
  flush(): void {
    for (let waitedMs = 0; this.#pending.length > 0 && waitedMs <= MAX_FLUSH_MS; waitedMs += RETRY_MS) {
      if (waitedMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      this.#drain();
    }
  }

  /** Flushes and releases the file; later lines are ignored. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#droppedLines += this.#pending.length;
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#owned) closeSync(this.#fd);
  }

  stats(): LineWriterStats {
    return { writtenLines: this.#writtenLines, droppedLines: this.#droppedLines };
  }

  #drain(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (;;) {
      const [first] = this.#pending;
      if (first === undefined) return;
      const written = this.#writeSome(first);
      if (written === 'later') {
        this.#timer = setTimeout(() => {
          this.#drain();
        }, RETRY_MS);
        return;
      }
      if (written === 'never') {
        this.#droppedLines += 1;
        this.#shift(first.length);
      } else if (written < first.length) {
        this.#pending[0] = first.subarray(written);
        this.#pendingBytes -= written;
      } else {
        this.#writtenLines += 1;
        this.#shift(first.length);
      }
    }
  }

  #shift(bytes: number): void {
    this.#pending.shift();
    this.#pendingBytes -= bytes;
  }

  #writeSome(bytes: Buffer): number | 'later' | 'never' {
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      return code === 'EAGAIN' || code === 'EINTR' ? 'later' : 'never';
    }
  }
}
