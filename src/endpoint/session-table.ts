import type { Session } from '../session/index.ts';

/** What the endpoint keeps beside each session. */
export interface SessionEntry {
  /** Unique as long as the endpoint lives; names the session in logs. */
  readonly id: number;
  /** Its place in the table and its id in the timer wheel; used again after it is gone. */
  readonly index: number;
  /** Address slot of the peer, retained as long as the entry lives. */
  readonly slot: number;
  /** Key of the peer's network, for the limit per source. */
  readonly source: string;
  session: Session;
  /** It is in the list of sessions to be drained. */
  dirty: boolean;
  /** When the timer wheel will wake it. */
  wakeAt: number;
  /** It is neither lingering nor gone. */
  active: boolean;
  /** The next session of the same address. */
  sibling: SessionEntry | undefined;
}

/**
 * All sessions of an endpoint, found by (address slot, conv): an array index and, for the rare peer that runs several
 * conversations over one address, a short chain. No hashing, no allocation on a look-up.
 */
export class SessionTable {
  private readonly byIndex: (SessionEntry | undefined)[] = [];
  private readonly byAddress: (SessionEntry | undefined)[] = [];
  private readonly freeIndices: number[] = [];
  private count = 0;

  get size(): number {
    return this.count;
  }

  find(slot: number, conv: number): SessionEntry | undefined {
    let entry = this.byAddress[slot];
    while (entry !== undefined && entry.session.conv !== conv) entry = entry.sibling;
    return entry;
  }

  at(index: number): SessionEntry | undefined {
    return this.byIndex[index];
  }

  /** Adds a session made by `create`, which is given its index. */
  add(slot: number, source: string, id: number, create: (index: number) => Session): SessionEntry {
    const index = this.freeIndices.pop() ?? this.byIndex.length;
    const entry: SessionEntry = {
      id,
      index,
      slot,
      source,
      session: create(index),
      dirty: false,
      wakeAt: Number.POSITIVE_INFINITY,
      active: true,
      sibling: this.byAddress[slot],
    };
    while (this.byAddress.length <= slot) this.byAddress.push(undefined);
    this.byAddress[slot] = entry;
    this.byIndex[index] = entry;
    this.count++;
    return entry;
  }

  remove(entry: SessionEntry): void {
    if (this.byIndex[entry.index] !== entry) return;
    this.byIndex[entry.index] = undefined;
    this.freeIndices.push(entry.index);
    this.count--;
    let at = this.byAddress[entry.slot];
    if (at === entry) {
      this.byAddress[entry.slot] = entry.sibling;
    } else {
      while (at !== undefined && at.sibling !== entry) at = at.sibling;
      if (at !== undefined) at.sibling = entry.sibling;
    }
    entry.sibling = undefined;
  }

  /** Every entry, oldest place first. Entries may be removed while iterating. */
  *[Symbol.iterator](): IterableIterator<SessionEntry> {
    for (const entry of this.byIndex) if (entry !== undefined) yield entry;
  }
}
