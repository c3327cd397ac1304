import type { SwitchDecision } from './switch-decision.ts';

/** Who wants to know of decisions as they are made. Called from within the monitor: calls nothing there. */
export interface SwitchObserver {
  decided?(decision: SwitchDecision): void;
  /** What came of it is known: `outcome` is set. */
  settled?(decision: SwitchDecision): void;
}

/** The latest decisions, oldest first, with what came of them. */
export class DecisionLog {
  readonly #maxDecisions: number;
  readonly #observer: SwitchObserver;
  readonly #decisions: SwitchDecision[] = [];
  #nextId = 0;

  constructor(maxDecisions: number, observer: SwitchObserver = {}) {
    this.#maxDecisions = maxDecisions;
    this.#observer = observer;
  }

  get decisions(): readonly SwitchDecision[] {
    return [...this.#decisions];
  }

  /** @returns its id. */
  add(parts: Omit<SwitchDecision, 'id' | 'outcome'>): number {
    const decision: SwitchDecision = { id: this.#nextId++, ...parts, outcome: null };
    this.#decisions.push(decision);
    if (this.#decisions.length > this.#maxDecisions) this.#decisions.shift();
    this.#observer.decided?.(decision);
    return decision.id;
  }

  /** Says what came of a decision; the first word counts. One that was forgotten is left alone. */
  settle(now: number, id: number, result: string): void {
    const at = this.#decisions.findIndex((decision) => decision.id === id);
    const decision = this.#decisions[at];
    if (decision?.outcome !== null) return;
    const settled = { ...decision, outcome: { result, tookMs: now - decision.at } };
    this.#decisions[at] = settled;
    this.#observer.settled?.(settled);
  }
}
