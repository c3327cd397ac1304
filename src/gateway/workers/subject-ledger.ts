/** A session of a worker. */
interface LedgerEntry {
  readonly worker: number;
  readonly session: number;
}

/** The sessions of each subject at all workers, oldest first; so many of one subject, and the oldest gives way. */
export class SubjectLedger {
  readonly #max: number;
  readonly #entries = new Map<string, LedgerEntry[]>();

  /** @param max sessions of one subject. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Adds a session. @returns the one that is one too many. */
  add(subject: string, worker: number, session: number): LedgerEntry | undefined {
    const same = this.#entries.get(subject) ?? [];
    same.push({ worker, session });
    this.#entries.set(subject, same);
    return same.length > this.#max ? same.shift() : undefined;
  }

  remove(subject: string, worker: number, session: number): void {
    this.#keep(subject, (entry) => entry.worker !== worker || entry.session !== session);
  }

  /** A worker died, and its sessions with it. */
  forget(worker: number): void {
    for (const subject of [...this.#entries.keys()]) {
      this.#keep(subject, (entry) => entry.worker !== worker);
    }
  }

  #keep(subject: string, isLeft: (entry: LedgerEntry) => boolean): void {
    const left = this.#entries.get(subject)?.filter(isLeft) ?? [];
    if (left.length === 0) this.#entries.delete(subject);
    else this.#entries.set(subject, left);
  }
}
