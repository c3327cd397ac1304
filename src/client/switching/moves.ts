import type { Decisions } from './decisions.ts';
import type { HoldDown } from './hold-down.ts';
import type { KnownLines } from './known-lines.ts';
import type { Preparations } from './preparations.ts';
import type { SwitchConfig } from './switch-config.ts';
import type { CommandSink, SwitchDecision, SwitchReason, SwitchState } from './switch-decision.ts';

export interface MovesComponents {
  readonly config: SwitchConfig;
  readonly command: CommandSink;
  readonly lines: KnownLines;
  readonly decisions: Decisions;
  readonly preparations: Preparations;
  readonly holdDown: HoldDown;
}

/** Where to, and why. */
export interface MoveParts {
  readonly line: string;
  readonly reason: SwitchReason;
  readonly inputs: SwitchDecision['inputs'];
  /** Back to where the session came from. */
  readonly isRollBack: boolean;
}

/** A move that was decided. */
interface Move {
  readonly line: string;
  readonly decisionId: number;
  readonly isRollBack: boolean;
  /** Commanded; before that the line is being prepared. */
  isMoving: boolean;
  startedAt: number;
}

/** The session may go back to where it came from. */
interface Probation {
  readonly until: number;
  readonly from: string;
  /** Only once: who was sent back stays. */
  readonly mayRollBack: boolean;
}

/** The move that is under way, from the decision to what came of it, and the time of probation after it. */
export class Moves {
  readonly #config: SwitchConfig;
  readonly #command: CommandSink;
  readonly #lines: KnownLines;
  readonly #decisions: Decisions;
  readonly #preparations: Preparations;
  readonly #holdDown: HoldDown;
  #move: Move | undefined;
  #probation: Probation | undefined;

  constructor({ config, command, lines, decisions, preparations, holdDown }: MovesComponents) {
    this.#config = config;
    this.#command = command;
    this.#lines = lines;
    this.#decisions = decisions;
    this.#preparations = preparations;
    this.#holdDown = holdDown;
  }

  /** Where the session is about to go; undefined when no move was decided. */
  get goal(): string | undefined {
    return this.#move?.line;
  }

  /** The session goes there at this moment. */
  get isMoving(): boolean {
    return this.#move?.isMoving === true;
  }

  /** On probation: the line that the session came from. */
  get cameFrom(): string | undefined {
    return this.#probation?.from;
  }

  /** On probation, and the session may be sent back. */
  get mayRollBack(): boolean {
    return this.#probation?.mayRollBack === true;
  }

  /** To another line from one that works: there is time to prepare it. */
  plan(now: number, parts: MoveParts): void {
    this.#move = this.#decide(now, parts);
    this.#preparations.prepare(now, parts.line);
  }

  /** To a line that is prepared, from one that does not work. */
  go(now: number, parts: MoveParts): void {
    this.#move = this.#decide(now, parts, 'migrating');
    this.#start(now, this.#move);
  }

  /** The line is prepared: what waits for that goes there. */
  prepared(now: number, line: string): void {
    if (this.#move?.line === line && !this.#move.isMoving) this.#start(now, this.#move);
  }

  /** @param why what came of the move, for people. */
  giveUp(now: number, why: string): void {
    if (this.#move === undefined) return;
    this.#decisions.settle(now, this.#move.decisionId, why);
    this.#move = undefined;
    this.#preparations.unused(now);
  }

  /** Where a move leads to that takes too long. */
  overdue(now: number): string | undefined {
    const move = this.#move;
    const isOverdue = move?.isMoving === true && now - move.startedAt >= this.#config.moveTimeoutMs;
    return isOverdue ? move.line : undefined;
  }

  /** The session is on that line now, or on the same one over again; also when nobody here asked for it. */
  arrived(now: number, line: string): void {
    const move = this.#settle(now, line);
    const from = this.#lines.current.id;
    const { leftAt } = this.#lines.use(now, line);
    if (from === line) return;
    this.#holdDown.moved(now, leftAt);
    if (move?.isRollBack === true) this.#lines.get(from)?.veto(now);
    const until = now + this.#config.probationMs;
    this.#probation = move && { until, from, mayRollBack: !move.isRollBack };
  }

  /** Probation does not last. */
  expire(now: number): void {
    if (this.#probation !== undefined && now >= this.#probation.until) this.#probation = undefined;
  }

  /** Another network: what happened before says nothing. */
  forget(): void {
    this.#holdDown.forget();
    this.#probation = undefined;
  }

  #decide(now: number, { line, reason, inputs, isRollBack }: MoveParts, state?: SwitchState): Move {
    const action = isRollBack ? 'roll_back' : 'move';
    const decisionId = this.#decisions.add(now, { action, reason, to: line, inputs, state });
    return { line, decisionId, isRollBack, isMoving: false, startedAt: now };
  }

  #start(now: number, move: Move): void {
    move.isMoving = true;
    move.startedAt = now;
    this.#command({ type: 'move', line: move.line });
  }

  /** @returns the move that came to its end; undefined when the session was moved by somebody else. */
  #settle(now: number, line: string): Move | undefined {
    const move = this.#move;
    if (move?.line === line) {
      this.#decisions.settle(now, move.decisionId, 'done');
      this.#move = undefined;
      return move;
    }
    const id = this.#decisions.add(now, { action: 'move', reason: 'requested', to: line });
    this.#decisions.settle(now, id, 'done');
    this.giveUp(now, 'the session went elsewhere');
    return undefined;
  }
}
