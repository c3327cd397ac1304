import { EventQueue } from '../relay/event-queue.ts';
import type { Step } from './script.ts';

/** What is to be done, by time. Holds no clock: times are ms since the start. */
export class Schedule {
  readonly #queue = new EventQueue<Step>();

  constructor(steps: readonly Step[]) {
    for (const step of steps) this.#queue.push(step.atMs, step);
  }

  /** When something is to be done next, or NEVER. */
  nextAtMs(): number {
    return this.#queue.nextAtMs();
  }

  /** How much is to be done. */
  get size(): number {
    return this.#queue.size;
  }

  add(step: Step): void {
    this.#queue.push(step.atMs, step);
  }

  /**
   * Takes the next thing that is due. What comes again and again is put in again; turns that were missed are left out.
   * @returns undefined when nothing is due.
   */
  takeDue(nowMs: number): Step | undefined {
    const atMs = this.#queue.nextAtMs();
    const step = this.#queue.popDue(nowMs);
    if (step?.everyMs === undefined || step.everyMs === null) return step;
    const turns = Math.max(1, Math.floor((nowMs - atMs) / step.everyMs) + 1);
    this.#queue.push(atMs + turns * step.everyMs, step);
    return step;
  }
}
