import { closeSync, openSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { GatewayError } from '../base/errors.ts';

/** Most characters that wait for a slow disk: some 7,000 keys. */
const MAX_PENDING = 1024 * 1024;
/** For its owner alone. */
const MODE = 0o600;

/** Counters of one key log, growing from zero. */
export interface KeyLogFileStats {
  readonly writtenLines: number;
  /** Lines lost: too many were waiting, or the system refused them (disk full). */
  readonly droppedLines: number;
}

/**
 * Appends the lines of a key log to a file, whole lines at a time, so that several threads and processes can share it and
 * somebody can read along. Writes in the background: whoever gives a line never waits, and never hears of a failure; what
 * the disk does not take in time is dropped and counted. Holds nothing open: there is nothing to close.
 */
export class KeyLogFile {
  readonly #path: string;
  readonly #onLoss: (reason: string) => void;
  #pending = '';
  #pendingLines = 0;
  #writing: Promise<void> | undefined;
  #writtenLines = 0;
  #droppedLines = 0;
  #isLosing = false;

  /**
   * Makes the file, readable for its owner alone, unless it is there: then it keeps its mode.
   * @param onLoss is told why when lines begin to be lost, once until some are written again.
   * @throws GatewayError `io_failed` when the file cannot be opened.
   */
  constructor(path: string, onLoss: (reason: string) => void = () => undefined) {
    this.#path = path;
    this.#onLoss = onLoss;
    try {
      closeSync(openSync(path, 'a', MODE));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new GatewayError('io_failed', `cannot open the key log: ${reason}`, { cause });
    }
  }

  /** Takes one line, without line end. */
  readonly write = (line: string): void => {
    if (this.#pending.length + line.length >= MAX_PENDING) {
      this.#lose(1, 'the disk is too slow');
      return;
    }
    this.#pending += `${line}\n`;
    this.#pendingLines += 1;
    this.#writing ??= this.#writeAll();
  };

  /** Resolves when everything given so far was written or dropped. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  stats(): KeyLogFileStats {
    return { writtenLines: this.#writtenLines, droppedLines: this.#droppedLines };
  }

  async #writeAll(): Promise<void> {
    // Keys come in pairs: what is given in this turn makes one batch.
    await Promise.resolve();
    while (this.#pendingLines > 0) {
      const [batch, lines] = [this.#pending, this.#pendingLines];
      this.#pending = '';
      this.#pendingLines = 0;
      try {
        await appendFile(this.#path, batch, { mode: MODE });
        this.#writtenLines += lines;
        this.#isLosing = false;
      } catch (error) {
        this.#lose(lines, error instanceof Error ? error.message : String(error));
      }
    }
    this.#writing = undefined;
  }

  #lose(lines: number, reason: string): void {
    this.#droppedLines += lines;
    if (this.#isLosing) return;
    this.#isLosing = true;
    this.#onLoss(reason);
  }
}
