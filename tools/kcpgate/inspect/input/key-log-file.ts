import { closeSync, openSync, readSync } from 'node:fs';
import { KeyLog } from '../key-log.ts';
import { fileError } from './file-error.ts';

/** A key log in a file that may go on growing. */
export class KeyLogFile {
  readonly keyLog = new KeyLog();
  readonly #descriptor: number;
  readonly #decoder = new TextDecoder('utf-8');
  readonly #buffer = Buffer.alloc(READ_BYTES);

  /** Reads what there is. @throws GatewayError `config_invalid` when it cannot be read. */
  constructor(file: string) {
    try {
      this.#descriptor = openSync(file, 'r');
      this.readMore();
    } catch (error) {
      throw fileError(file, error);
    }
  }

  /** Reads what was added since. */
  readMore(): void {
    for (;;) {
      const bytes = readSync(this.#descriptor, this.#buffer, 0, READ_BYTES, null);
      if (bytes === 0) return;
      this.keyLog.push(this.#decoder.decode(this.#buffer.subarray(0, bytes), { stream: true }));
    }
  }

  close(): void {
    closeSync(this.#descriptor);
    this.keyLog.finish();
  }
}

const READ_BYTES = 64 * 1024;
