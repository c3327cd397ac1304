import type { SessionEntry } from './session-table.ts';

/** Holds subjects to so many sessions. */
export interface SubjectLimit {
  /** A session opened. @returns the one that is one too many. */
  add(subject: string, entry: SessionEntry): SessionEntry | undefined;
  /** A session ended. */
  remove(subject: string, entry: SessionEntry): void;
}

/** The sessions of each subject, oldest first; so many of one subject, and the oldest gives way. */
export class SubjectIndex implements SubjectLimit {
  private readonly max: number;
  private readonly entries = new Map<string, SessionEntry[]>();

  /** @param max sessions of one subject. Default: no limit, and then nothing is kept. */
  constructor(max = Number.POSITIVE_INFINITY) {
    this.max = max;
  }

  /** Adds a session. @returns the one that is one too many. */
  add(subject: string, entry: SessionEntry): SessionEntry | undefined {
    if (this.max === Number.POSITIVE_INFINITY || subject === '') return undefined;
    const same = this.entries.get(subject);
    if (same === undefined) {
      this.entries.set(subject, [entry]);
      return undefined;
    }
    same.push(entry);
    return same.length > this.max ? same.shift() : undefined;
  }

  remove(subject: string, entry: SessionEntry): void {
    const same = this.entries.get(subject);
    if (same === undefined) return;
    const left = same.filter((other) => other !== entry);
    if (left.length === 0) this.entries.delete(subject);
    else this.entries.set(subject, left);
  }
}
