import { constants } from 'node:fs';
import { mkdir, open, readdir, unlink } from 'node:fs/promises';
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

/** A file that is written. */
export interface OutputFile {
  readonly name: string;
  /** It could not be created, or somebody deleted it: nothing more is written to it. */
  isLost: boolean;
}

/**
 * Appends text to the files of one directory, in the order it comes. What waits for the disk is bounded; the oldest files make
 * room for new ones, whoever of several writers made them. Never throws: a disk that fails or is slow is told once in the log.
 */
export class FileOutput {
  readonly counters: FileCounters = { files: 0, bytes: 0, dropped: 0 };
  private readonly config: QlogConfig;
  private readonly logger: Logger;
  private waitingBytes = 0;
  /** Files begun since the directory was last looked at. */
  private begun = 0;
  private tail: Promise<void>;
  private hasFailed = false;

  constructor(config: QlogConfig, logger: Logger) {
    this.config = config;
    this.logger = logger;
    this.tail = this.prepare();
  }

  /** So much waits for the disk that nothing more is taken. */
  get isFull(): boolean {
    return this.waitingBytes >= MAX_WAITING_BYTES;
  }

  /** Begins a file; a name that exists is left alone. */
  create(name: string): OutputFile {
    const file = { name, isLost: false };
    this.counters.files++;
    this.enqueue(async () => {
      await this.write(file, '', constants.O_CREAT | constants.O_EXCL);
      // Looking takes its time: not for every file, where there may be many.
      if (++this.begun >= Math.max(1, this.config.maxFiles / FILES_UNSEEN_SHARE)) await this.makeRoom();
    });
    return file;
  }

  /** @returns false when it cannot be taken: too much waits already, or the file is lost. */
  append(file: OutputFile, text: string, records: number): boolean {
    if (this.isFull || file.isLost) {
      this.drop(records);
      return false;
    }
    this.waitingBytes += text.length;
    this.counters.bytes += text.length;
    this.enqueue(async () => {
      if (file.isLost || !(await this.write(file, text, 0))) this.counters.dropped += records;
      this.waitingBytes -= text.length;
    });
    return true;
  }

  /** Counts what is not given to {@link append}, because that would refuse it. */
  drop(records: number): void {
    if (this.isFull) this.fail('the disk is too slow');
    this.counters.dropped += records;
  }

  /** Resolves when all that was appended is written, or will not be. */
  flushed(): Promise<void> {
    return this.tail;
  }

  private async prepare(): Promise<void> {
    try {
      await mkdir(this.config.directory, { recursive: true });
    } catch (error) {
      this.fail(error);
    }
    await this.makeRoom();
  }

  /** @returns false when it failed, and the file is lost. */
  private async write(file: OutputFile, text: string, flags: number): Promise<boolean> {
    try {
      const path = join(this.config.directory, file.name);
      // A file that somebody deleted does not come back without its beginning.
      const handle = await open(path, constants.O_WRONLY | constants.O_APPEND | flags, 0o600);
      try {
        await handle.appendFile(text);
      } finally {
        await handle.close();
      }
      return true;
    } catch (error) {
      file.isLost = true;
      if (flags !== 0 || !isDeleted(error)) this.fail(error);
      return false;
    }
  }

  private async makeRoom(): Promise<void> {
    this.begun = 0;
    try {
      const names = (await readdir(this.config.directory)).filter((name) => RECORDING.test(name)).sort();
      for (const old of names.slice(0, Math.max(0, names.length - this.config.maxFiles)))
        await this.remove(old);
    } catch (error) {
      this.fail(error);
    }
  }

  private async remove(name: string): Promise<void> {
    try {
      await unlink(join(this.config.directory, name));
    } catch (error) {
      // Another writer may have been faster.
      if (!isDeleted(error)) throw error;
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

const isDeleted = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** One part of this many may be begun before the directory is looked at again. */
const FILES_UNSEEN_SHARE = 64;
/** As `fileNameOf` makes them. */
const RECORDING = /^\d{8}T\d{9}Z-[0-9a-f]{8}-(client|gateway)-\d+\.sqlog$/;
