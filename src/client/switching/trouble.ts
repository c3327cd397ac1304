import type { LinkSignals } from '../../session/link-signals.ts';
import { badness, candidatesOf } from './candidates.ts';
import type { Decisions } from './decisions.ts';
import type { KnownLines } from './known-lines.ts';
import type { LineWatch } from './line-watch.ts';
import type { Moves } from './moves.ts';
import type { Preparations } from './preparations.ts';
import type { SwitchConfig } from './switch-config.ts';
import type { SwitchReason } from './switch-decision.ts';

export interface TroubleComponents {
  readonly config: SwitchConfig;
  /** The session has no seal: a line that is prepared draws the gateway there at once. */
  readonly isClear: boolean;
  readonly lines: KnownLines;
  readonly watch: LineWatch;
  readonly decisions: Decisions;
  readonly preparations: Preparations;
  readonly moves: Moves;
}

/** The line in use leads nowhere, or may do so. */
interface Doubt {
  readonly since: number;
  readonly reason: SwitchReason;
  /** Its connection broke: there is nothing to wait for. */
  isLost: boolean;
  /** The records of it. */
  readonly suspectId: number;
  duplicateId: number | undefined;
}

/** Getting out of a line that fails: from the first doubt until it is left, or answers after all. */
export class Trouble {
  readonly #config: SwitchConfig;
  readonly #isClear: boolean;
  readonly #lines: KnownLines;
  readonly #watch: LineWatch;
  readonly #decisions: Decisions;
  readonly #preparations: Preparations;
  readonly #moves: Moves;
  #doubt: Doubt | undefined;

  constructor({ config, isClear, lines, watch, decisions, preparations, moves }: TroubleComponents) {
    this.#config = config;
    this.#isClear = isClear;
    this.#lines = lines;
    this.#watch = watch;
    this.#decisions = decisions;
    this.#preparations = preparations;
    this.#moves = moves;
  }

  /** The line in use is in doubt. */
  get isOn(): boolean {
    return this.#doubt !== undefined;
  }

  /** Its connection broke. */
  get isLost(): boolean {
    return this.#doubt?.isLost === true;
  }

  /** The line in use is in doubt from now on. One doubt is enough. */
  begin(now: number, reason: SwitchReason): void {
    if (this.#doubt === undefined) this.#begin(now, reason, false);
  }

  /** The connection of the line in use broke. */
  connectionLost(now: number): void {
    if (this.#doubt === undefined) this.#begin(now, 'connection_lost', true);
    else this.#doubt.isLost = true;
  }

  /** Does what is to be done next to get out. */
  getOut(now: number): void {
    const doubt = this.#doubt;
    if (doubt === undefined) return;
    const { signals } = this.#watch;
    if (signals !== undefined) this.#getOut(now, signals, doubt);
    else if (doubt.isLost) this.#prepareMore(now, doubt, true);
  }

  /** The line in use answered after all: it stays, unless the session is leaving it at this moment. */
  recover(now: number): void {
    const doubt = this.#doubt;
    if (doubt === undefined || this.#moves.isMoving) return;
    this.#watch.heardAgain();
    this.end(now, 'recovered');
    if (doubt.duplicateId === undefined) return;
    const inputs = { doubtedMs: now - doubt.since };
    const id = this.#decisions.add(now, { action: 'stay', reason: 'recovered', to: null, inputs });
    this.#decisions.settle(now, id, 'done');
  }

  /** The doubt is over. @param result what came of it, for people. */
  end(now: number, result: string): void {
    const doubt = this.#doubt;
    if (doubt === undefined) return;
    this.#doubt = undefined;
    this.#preparations.endCopies();
    this.#decisions.settle(now, doubt.suspectId, result);
    if (doubt.duplicateId !== undefined) this.#decisions.settle(now, doubt.duplicateId, result);
    this.#preparations.settleDown(now);
  }

  #begin(now: number, reason: SwitchReason, isLost: boolean): void {
    // One under way is a candidate like others.
    if (!this.#moves.isMoving) this.#moves.giveUp(now, 'the line in use is in trouble');
    const suspectId = this.#decisions.add(now, {
      ...{ action: 'suspect', reason, to: null, state: 'suspect' },
      inputs: this.#watch.inputs(now),
    });
    this.#doubt = { since: now, reason, isLost, suspectId, duplicateId: undefined };
    if (!isLost && !this.#watch.isInQuestion) this.#watch.ask(now, reason);
    this.#preparations.askAgain(now);
    const { signals } = this.#watch;
    if (signals !== undefined) this.#getOut(now, signals, this.#doubt);
  }

  #getOut(now: number, signals: LinkSignals, doubt: Doubt): void {
    const isCopying = this.#preparations.copyLine !== undefined;
    if (!doubt.isLost && !isCopying && this.#isHeardAgain(signals, doubt)) {
      this.recover(now);
      return;
    }
    if (this.#moves.goal !== undefined) return;
    const isProved = doubt.isLost || this.#watch.isPatienceOver(now, signals, doubt.since, isCopying);
    const target = this.#answering(now, signals, doubt);
    if (target !== undefined && isProved) {
      this.#leaveFor(now, target, doubt);
      return;
    }
    this.#copy(now, doubt, target);
    if (!doubt.isLost && !this.#watch.isAsking) this.#watch.ask(now, doubt.reason);
    this.#prepareMore(now, doubt, isProved);
  }

  /** What was missed came after all, and can only have come here. */
  #isHeardAgain({ stalledSince, heardHereAt }: LinkSignals, { since, reason }: Doubt): boolean {
    if (reason === 'no_acknowledgement') return stalledSince > since;
    return reason === 'silence' && heardHereAt > since && stalledSince > since;
  }

  /** The best line that answered since the doubt began. */
  #answering(now: number, { heardAt, heardHereAt }: LinkSignals, { since }: Doubt): string | undefined {
    const [best] = this.#preparations
      .answeredSince(since)
      .flatMap(({ line }) => this.#lines.get(line) ?? [])
      .sort((a, b) => Number(a.isConnection) - Number(b.isConnection) || badness(now, a) - badness(now, b));
    if (best !== undefined) return best.id;
    const { copyLine, copyingSince } = this.#preparations;
    return heardAt > copyingSince && heardHereAt < copyingSince ? copyLine : undefined;
  }

  #leaveFor(now: number, line: string, { reason }: Doubt): void {
    const isRollBack = this.#moves.cameFrom === line;
    this.#moves.go(now, { line, reason, isRollBack, inputs: this.#watch.inputs(now) });
  }

  /** From now on everything goes out there, too, before anything is proved. */
  #copy(now: number, doubt: Doubt, answering: string | undefined): void {
    if (this.#isClear || !this.#config.copies || doubt.isLost) return;
    const { copyLine } = this.#preparations;
    const line = answering ?? copyLine ?? this.#preparations.latestAnswer()?.line;
    if (line === undefined || line === copyLine) return;
    this.#preparations.copyTo(now, line);
    doubt.duplicateId ??= this.#decisions.add(now, {
      ...{ action: 'duplicate', reason: doubt.reason, to: line },
      inputs: this.#watch.inputs(now),
    });
  }

  /** Has more lines prepared, as far as there is room. */
  #prepareMore(now: number, doubt: Doubt, isProved: boolean): void {
    // Preparing draws the gateway of a clear session away: not before that is wanted.
    if (this.#isClear && !isProved) return;
    const { maxPrepared, widenMs, giveWayMs } = this.#config;
    const preparations = this.#preparations;
    const doubtedMs = now - doubt.since;
    const candidates = candidatesOf(now, {
      lines: this.#lines,
      current: this.#lines.current.id,
      again: doubt.isLost ? 'first' : doubtedMs >= AGAIN_AFTER_MS ? 'last' : 'never',
    }).filter(({ id, retryAt }) => !preparations.has(id) && retryAt <= now);
    const isAnyKnown = [...this.#lines].some((line) => line.answers(now));
    const wanted = doubtedMs >= widenMs || !isAnyKnown ? maxPrepared : Math.min(2, maxPrepared);
    for (const { id } of candidates) {
      if (preparations.size >= maxPrepared) {
        const oldest = preparations.oldestUnanswered();
        if (oldest === undefined || now - oldest.startedAt < giveWayMs) return;
        preparations.release(oldest.line);
        this.#lines.failed(now, oldest.line);
      } else if (preparations.size >= wanted) {
        return;
      }
      preparations.prepare(now, id);
    }
  }
}

/** In doubt for so long, the line in use is tried over a new socket, too: only the old one may be of no use. */
const AGAIN_AFTER_MS = 1_000;
