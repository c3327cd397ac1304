import { orAborted } from '../../src/client/sdk/time-limit.ts';

/** Lets so many do something at a time; the others wait their turn, in the order they came. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** @throws the reason of the signal when it is aborted before or meanwhile, as whatever `run` throws. */
  async run<Result>(signal: AbortSignal, run: () => Promise<Result>): Promise<Result> {
    await this.#turn(signal);
    try {
      return await run();
    } finally {
      this.#end();
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    let begin!: () => void;
    const turn = new Promise<void>((resolve) => (begin = resolve));
    this.#waiting.push(begin);
    try {
      await orAborted(turn, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(begin);
      // Its turn may have come in the same moment.
      if (at < 0) this.#end();
      else this.#waiting.splice(at, 1);
      throw error;
    }
  }

  #end(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
