import type { DrainNotice } from '../session/index.ts';
import type { SwitchDecision } from './switching/switch-decision.ts';

/**
 * What was decided about the lines of one session, whichever of its connections did: numbered through, the latest kept. Its own
 * are those to leave a gateway that is drained.
 */
export class SessionDecisions {
  readonly #tell: (decision: SwitchDecision) => void;
  readonly #entries: Entry[] = [];
  #nextId = 0;
  /** Leaving, not settled yet; the latest. */
  #leaving: SwitchDecision | undefined;

  /** @param tell is told of the session's own decisions, again with their outcome. */
  constructor(tell: (decision: SwitchDecision) => void) {
    this.#tell = tell;
  }

  /** Oldest first. */
  get latest(): SwitchDecision[] {
    return this.#entries.map(({ decision }) => decision);
  }

  /**
   * A connection decided something, or knows what came of it: then it has the same id.
   * @returns the same with its number in the session.
   */
  of(connection: number, decision: SwitchDecision): SwitchDecision {
    const known = this.#entries.find((entry) => entry.connection === connection && entry.id === decision.id);
    if (known !== undefined) return (known.decision = { ...decision, id: known.decision.id });
    return this.#add(connection, decision.id, { ...decision, id: this.#nextId++ });
  }

  /** Goes to another gateway. @param from line in use. */
  leaves(now: number, from: string, inputs: SwitchDecision['inputs']): void {
    this.#leaving = this.#decide(now, 'move', from, inputs, null);
  }

  /** A connection is open there, on this line. */
  arrives(line: string): void {
    if (this.#leaving !== undefined) this.#replace((this.#leaving = { ...this.#leaving, to: line }));
  }

  /** No connection was opened there. @param why as an error code. */
  fails(now: number, why: string): void {
    if (this.#leaving?.to === null) this.settles(now, why);
  }

  /** What came of leaving. */
  settles(now: number, result: string): void {
    const leaving = this.#leaving;
    if (leaving === undefined) return;
    this.#leaving = undefined;
    const settled = { ...leaving, outcome: { result, tookMs: now - leaving.at } };
    this.#replace(settled);
    this.#tell(settled);
  }

  /** The gateway wants to be left, which cannot be. */
  stays(now: number, line: string, { deadlineMs, jitterMs }: DrainNotice, why: string): void {
    this.#decide(now, 'stay', line, { deadlineMs, jitterMs }, { result: why, tookMs: 0 });
  }

  #decide(
    now: number,
    action: 'move' | 'stay',
    from: string,
    inputs: SwitchDecision['inputs'],
    outcome: SwitchDecision['outcome'],
  ): SwitchDecision {
    const id = this.#nextId++;
    const why = { action, reason: 'gateway_draining', state: 'draining' } as const;
    const decision: SwitchDecision = { id, at: now, ...why, from, to: null, inputs, scores: {}, outcome };
    this.#add(undefined, id, decision);
    this.#tell(decision);
    return decision;
  }

  #add(connection: number | undefined, id: number, decision: SwitchDecision): SwitchDecision {
    this.#entries.push({ connection, id, decision });
    if (this.#entries.length > MAX_DECISIONS) this.#entries.shift();
    return decision;
  }

  #replace(decision: SwitchDecision): void {
    for (const entry of this.#entries) if (entry.decision.id === decision.id) entry.decision = decision;
  }
}

interface Entry {
  /** undefined: the session itself. */
  readonly connection: number | undefined;
  /** As the connection counts. */
  readonly id: number;
  decision: SwitchDecision;
}

const MAX_DECISIONS = 64;
