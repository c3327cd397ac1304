import type { SessionEntry } from './session-table.ts';

/** Sessions to be drained, in the order they were touched. Its memory is used again: a list of the same length allocates nothing. */
export class DrainList {
  count = 0;
  private readonly entries: (SessionEntry | undefined)[] = [];

  add(entry: SessionEntry): void {
    this.entries[this.count++] = entry;
  }

  /** The entry at `index`, which is below `count`. */
  at(index: number): SessionEntry {
    return this.entries[index]!;
  }

  /** Empties it, and holds on to no session. */
  clear(): void {
    this.entries.fill(undefined, 0, this.count);
    this.count = 0;
  }
}
