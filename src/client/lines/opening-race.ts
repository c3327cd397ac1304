import { NEVER } from '../../base/clock.ts';
import { isConnection, type LineCandidate } from './line-candidate.ts';

/** How a race begins. */
export interface OpeningRaceOptions {
  /** When it begins, in ms. */
  readonly now: number;
  /** Whether the first candidate is what worked the last time: it starts alone, the others 250 ms later. */
  readonly firstIsRemembered: boolean;
}

/**
 * When to try which line, until one has led to the gateway: happy eyeballs (RFC 8305) for lines. It does nothing itself;
 * whoever opens lines asks it what to start, and tells it what failed.
 *
 * - Datagram lines start at once, 16 of them, the others one by one every 250 ms: a try is one datagram.
 * - Connections start 200 ms later, 250 ms apart, so that where datagrams pass none is made.
 * - Lines of the next priority start 250 ms after those of the one before.
 * - What fails gives its turn to the next of its kind at once; and when nothing is under way any more, nobody waits.
 */
export class OpeningRace {
  readonly #datagrams: Waiting[] = [];
  readonly #connections: Waiting[] = [];
  readonly #underWay = new Set<LineCandidate>();
  /** Connections keep their distance from the one before. */
  #nextConnectionAt = -NEVER;
  #isDecided = false;

  /** @param candidates in the order to try them, as `orderCandidates` gives them. */
  constructor(candidates: readonly LineCandidate[], { now, firstIsRemembered }: OpeningRaceOptions) {
    const [first] = candidates;
    const others = firstIsRemembered && first !== undefined ? candidates.slice(1) : candidates;
    if (others !== candidates && first !== undefined) this.#laneOf(first).push({ candidate: first, at: now });
    const othersAt = others === candidates ? now : now + STAGGER_MS;
    const priorities = [...new Set(others.map(({ line }) => line.priority))].sort((a, b) => a - b);
    for (const candidate of others) {
      const tierAt = othersAt + STAGGER_MS * priorities.indexOf(candidate.line.priority);
      if (isConnection(candidate.line)) {
        this.#connections.push({ candidate, at: tierAt + CONNECTION_HANDICAP_MS });
      } else {
        const beyond = this.#datagrams.length + 1 - MAX_AT_ONCE;
        this.#datagrams.push({ candidate, at: Math.max(tierAt, othersAt + STAGGER_MS * beyond) });
      }
    }
    this.#skipWait(now);
  }

  /** The next candidate to start now; ask until there is none. */
  next(now: number): LineCandidate | undefined {
    if (this.#isDecided || this.nextAt() > now) return undefined;
    const isConnectionDue = this.#connectionAt() <= now && this.#connectionAt() < this.#datagramAt();
    const lane = isConnectionDue ? this.#connections : this.#datagrams;
    const candidate = lane.shift()?.candidate;
    if (candidate === undefined) return undefined;
    if (isConnectionDue) this.#nextConnectionAt = now + STAGGER_MS;
    this.#underWay.add(candidate);
    return candidate;
  }

  /** When to ask `next` again, in ms; NEVER when there is nothing left to start. */
  nextAt(): number {
    return this.#isDecided ? NEVER : Math.min(this.#datagramAt(), this.#connectionAt());
  }

  /** A candidate that was started came to nothing. */
  failed(candidate: LineCandidate, now: number): void {
    if (!this.#underWay.delete(candidate)) return;
    if (this.#underWay.size === 0) this.#skipWait(now);
    const [next] = this.#laneOf(candidate);
    if (next === undefined) return;
    if (isConnection(candidate.line)) this.#nextConnectionAt = now;
    if (this.#underWay.size > 0) next.at = Math.min(next.at, now);
  }

  /** One led to the gateway: nothing is started any more. */
  decide(): void {
    this.#isDecided = true;
  }

  /** Everything was tried, and failed. */
  get isLost(): boolean {
    return !this.#isDecided && this.#underWay.size === 0 && this.nextAt() === NEVER;
  }

  /** Nothing is under way: what waits moves up until the first of it is due, and keeps its distances. */
  #skipWait(now: number): void {
    const early = Math.min(this.#datagramAt(), this.#connectionAt()) - now;
    if (early <= 0 || early === NEVER) return;
    for (const waiting of [...this.#datagrams, ...this.#connections]) waiting.at -= early;
    this.#nextConnectionAt -= early;
  }

  #laneOf({ line }: LineCandidate): Waiting[] {
    return isConnection(line) ? this.#connections : this.#datagrams;
  }

  #datagramAt(): number {
    return this.#datagrams[0]?.at ?? NEVER;
  }

  #connectionAt(): number {
    const [first] = this.#connections;
    return first === undefined ? NEVER : Math.max(first.at, this.#nextConnectionAt);
  }
}

interface Waiting {
  readonly candidate: LineCandidate;
  at: number;
}

/** RFC 8305, section 5: the recommended distance between attempts. */
const STAGGER_MS = 250;
const CONNECTION_HANDICAP_MS = 200;
const MAX_AT_ONCE = 16;
