import type { SwitchConfig } from './switch-config.ts';

/** Keeps a session from going back and forth between lines that work. */
export class HoldDown {
  readonly #config: SwitchConfig;
  #until = -Infinity;
  #movedAt = -Infinity;
  #flaps = 0;

  constructor(config: SwitchConfig) {
    this.#config = config;
  }

  /** Returns to lines that were left lately. */
  get flaps(): number {
    return this.#flaps;
  }

  /** Until when nobody leaves a line that works. */
  get until(): number {
    return this.#until;
  }

  /** @param leftAt when the line was left that the session is on now. */
  moved(now: number, leftAt: number): void {
    const { holdDownMs, holdDownMaxMs } = this.#config;
    if (now - this.#movedAt > holdDownMaxMs) this.#flaps = 0;
    if (now - leftAt <= holdDownMaxMs) this.#flaps = Math.min(MAX_FLAPS, this.#flaps + 1);
    this.#movedAt = now;
    this.#until = now + Math.min(holdDownMaxMs, holdDownMs * 2 ** this.#flaps);
  }

  /** Another network: what happened before says nothing. */
  forget(): void {
    this.#until = this.#movedAt = -Infinity;
    this.#flaps = 0;
  }
}

const MAX_FLAPS = 16;
