import type { Logger } from '../../base/logger.ts';

/** Counts and logs what receive callbacks throw. */
export class BatchErrors {
  count = 0;
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(error: unknown): void {
    this.count++;
    // Powers of two: a callback that always throws must not flood the log.
    if ((this.count & (this.count - 1)) === 0) {
      this.#logger.error('a receive callback threw', { error, batchErrors: this.count });
    }
  }
}
