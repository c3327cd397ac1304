import { appendFile, mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../base/logger.ts';
import type { QlogConfig } from './qlog-options.ts';

/** What became of the files. */
export interface FileCounters {
  files: number;
  bytes: number;
  /** Records that were not written, because the disk was slow or failed. */
  dropped: number;
}

/**
 * Appends text to the files of one directory, in the order it comes. What waits for the disk is bounded; the oldest files make
 * room for new ones. Never throws: a disk that fails is told once in the log.
 */
export class FileOutput {
  readonly counters: FileCounters = { files: 0, bytes: 0, dropped: 0 };
  private readonly config: QlogConfig;
  private readonly logger: Logger;
  /** Files in the directory that are recordings, the oldest first. */
  private names: string[] = [];
  private waitingBytes = 0;
  private tail: Promise<void>;
  private hasFailed = false;

  constructor(config: QlogConfig, logger: Logger) {
    this.config = config;
    this.logger = logger;
    this.tail = this.prepare();
  }

  /** Begins a file. */
  create(name: string): void {
    this.counters.files++;
    this.enqueue(async () => {
      this.names.push(name);
      const spare = this.names.splice(0, Math.max(0, this.names.length - this.config.maxFiles));
      for (const old of spare) await this.remove(old);
    });
  }

  /** @returns false when it cannot be taken: too much waits already. */
  append(name: string, text: string, records: number): boolean {
    if (this.waitingBytes + text.length > MAX_WAITING_BYTES) {
      this.counters.dropped += records;
      return false;
    }
    this.waitingBytes += text.length;
    this.counters.bytes += text.length;
    this.enqueue(async () => {
      try {
        await appendFile(join(this.config.directory, name), text, { mode: 0o600 });
      } catch (error) {
        this.counters.dropped += records;
        this.fail(error);
      } finally {
        this.waitingBytes -= text.length;
      }
    });
    return true;
  }

  /** Resolves when all that was appended is written, or will not be. */
  flushed(): Promise<void> {
    return this.tail;
  }

  private async prepare(): Promise<void> {
    try {
      await mkdir(this.config.directory, { recursive: true });
      const found = await readdir(this.config.directory);
      this.names = found.filter((name) => RECORDING.test(name)).sort();
    } catch (error) {
      this.fail(error);
    }
  }

  private async remove(name: string): Promise<void> {
    try {
      await unlink(join(this.config.directory, name));
    } catch {
      // Somebody else was faster.
    }
  }

  private enqueue(job: () => Promise<void>): void {
    this.tail = this.tail.then(job);
  }

  private fail(error: unknown): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    const { directory } = this.config;
    this.logger.warn('recordings of sessions cannot be written', { directory, err: error });
  }
}

const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** As `fileNameOf` makes them. */
const RECORDING = /^\d{8}T\d{9}Z-[0-9a-f]{8}-(client|gateway)-\d+\.sqlog$/;
