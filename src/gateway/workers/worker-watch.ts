import type { Clock } from '../../base/clock.ts';

/** Whether a worker answered when it was asked. */
export interface WorkerAnswer {
  readonly stale: boolean;
}

/**
 * How many workers serve. A thread that hangs runs all the same, so they are asked: in the background, whenever somebody wants
 * to know, at most once a second. What is told at once is what was found last.
 */
export class WorkerWatch {
  readonly #ask: () => Promise<readonly WorkerAnswer[]>;
  readonly #clock: Clock;
  #silent = 0;
  #isAsking = false;
  #askAfter = Number.NEGATIVE_INFINITY;

  /** @param ask asks all of them, and ends in bounded time. */
  constructor(ask: () => Promise<readonly WorkerAnswer[]>, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** Workers that do not answer or do not run, by the last look. */
  silent(): number {
    if (!this.#isAsking && this.#clock.now() >= this.#askAfter) void this.#look();
    return this.#silent;
  }

  async #look(): Promise<void> {
    this.#isAsking = true;
    this.#silent = (await this.#ask()).filter(({ stale }) => stale).length;
    this.#isAsking = false;
    this.#askAfter = this.#clock.now() + PAUSE_MS;
  }
}

const PAUSE_MS = 1_000;
