import type { Line } from '../login-answer.ts';
import type { ProbeAnswer } from '../switching/known-line.ts';
import { StandbyLine, type ProbeOptions } from './standby-line.ts';
import type { ProbePlatform } from './survey-lines.ts';

/**
 * Sends single PROBEs on lines that are not in use, each line on a carrier of its own.
 *
 * That of a datagram line stays open for a minute after an answer, so that the next probe costs a datagram. A connection is
 * ended with its answer. What did not answer is closed, too: the next probe looks the name up anew and takes its next address.
 */
export class LineProber {
  readonly #platform: ProbePlatform;
  /** Open ones by id, the least recently used first. */
  readonly #standbys = new Map<string, StandbyLine>();
  /** Ends of what nobody uses, by the same id. */
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  /** By id: which of its addresses is taken, counted round: the next one after each probe without answer. */
  readonly #turns = new Map<string, number>();
  /** What {@link close} has to wait for. */
  readonly #works = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(platform: ProbePlatform) {
    this.#platform = platform;
  }

  /**
   * Asks once. Several probes may be under way at a time.
   * @returns undefined when no answer came in time, the line could not be opened, or this is closed. Never rejects.
   */
  async probe(line: Line, options: ProbeOptions): Promise<ProbeAnswer | undefined> {
    if (this.#isClosed) return undefined;
    const { id } = line;
    const turn = this.#turns.get(id) ?? 0;
    const standby = this.#standbys.get(id) ?? new StandbyLine(this.#platform, line, turn);
    this.#use(id, standby);
    const answer = await standby.ask(options);
    if (answer === undefined) this.#turns.set(id, turn + 1);
    if (standby.isBusy || this.#standbys.get(id) !== standby) return answer;
    if (answer === undefined || !standby.isCheap) this.#drop(id);
    else this.#dropLater(id);
    return answer;
  }

  /** Gives up what is under way. Resolves when every carrier is closed. Safe to call twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const id of [...this.#standbys.keys()]) this.#drop(id);
    await Promise.all(this.#works);
  }

  /** It is in use: the latest in order, and not to end. */
  #use(id: string, standby: StandbyLine): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.#standbys.delete(id);
    this.#standbys.set(id, standby);
    if (this.#standbys.size <= MAX_OPEN) return;
    const [idle] = [...this.#standbys].find(([, other]) => !other.isBusy && other !== standby) ?? [];
    if (idle !== undefined) this.#drop(idle);
  }

  #dropLater(id: string): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.set(
      id,
      setTimeout(() => this.#drop(id), KEEP_MS),
    );
  }

  #drop(id: string): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    const standby = this.#standbys.get(id);
    this.#standbys.delete(id);
    if (standby === undefined) return;
    const closing = standby.close().finally(() => this.#works.delete(closing));
    this.#works.add(closing);
  }
}

const KEEP_MS = 60_000;
const MAX_OPEN = 8;
