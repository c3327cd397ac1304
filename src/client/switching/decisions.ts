import type { DecisionLog } from './decision-log.ts';
import type { KnownLines } from './known-lines.ts';
import type { SwitchDecision, SwitchState } from './switch-decision.ts';

/** What is decided; the rest of the record is what is known at that time. */
export interface DecisionParts extends Pick<SwitchDecision, 'action' | 'reason' | 'to'> {
  /** Default none. */
  readonly inputs?: SwitchDecision['inputs'];
  /** Default the one in which it is decided. */
  readonly state?: SwitchState | undefined;
}

/** Puts on record what is decided, with the line, the state and the scores of that time. */
export class Decisions {
  readonly #log: DecisionLog;
  readonly #lines: KnownLines;
  readonly #state: () => SwitchState;

  constructor(log: DecisionLog, lines: KnownLines, state: () => SwitchState) {
    this.#log = log;
    this.#lines = lines;
    this.#state = state;
  }

  /** @returns its id. */
  add(now: number, { action, reason, to, inputs = {}, state = this.#state() }: DecisionParts): number {
    const from = this.#lines.current.id;
    return this.#log.add({ at: now, action, reason, from, to, state, inputs, scores: this.#scores(now) });
  }

  /** Says what came of it; the first word counts. */
  settle(now: number, id: number, result: string): void {
    this.#log.settle(now, id, result);
  }

  #scores(now: number): SwitchDecision['scores'] {
    const { current } = this.#lines;
    const scores = [...this.#lines].map((line) => {
      const score = line.id === current.id ? current.score : line.score(now);
      return [line.id, roundMs(score)] as const;
    });
    return Object.fromEntries(scores);
  }
}

/** As precise as a record has to be. */
export function roundMs(ms: number): number;
export function roundMs(ms: number | null): number | null;
export function roundMs(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10;
}
