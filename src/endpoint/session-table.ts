import type { HalfOpen, Session } from '../session/index.ts';
import type { EndpointPort } from './endpoint-port.ts';
import type { SessionGroup } from './session-group.ts';

/** What the endpoint keeps beside each session. */
export interface SessionEntry {
  /** Unique as long as the endpoint lives; names the session in logs. */
  readonly id: number;
  /** Its place in the table and its id in the timer wheel; used again after it is gone. */
  readonly index: number;
  /** Where it is found, beside its `conv`: {@link pathKey} of its only path, or {@link LOGIN_KEY}. */
  readonly key: number;
  /** The session's `conv`. */
  readonly conv: number;
  /** Key of the peer's network, for the limit per source. */
  readonly source: string;
  readonly session: Session;
  /** Keeps the books on it. */
  readonly group: SessionGroup;
  /** The port it opened on. */
  readonly home: EndpointPort;
  /** Its handshake, to answer repeats of it; undefined for sessions without login. */
  readonly hello: HalfOpen | undefined;
  /** The name of its upstream, for people. */
  upstream: string;
  /** It is in the list of sessions to be drained. */
  dirty: boolean;
  /** When the timer wheel will wake it. */
  wakeAt: number;
  /** It is neither lingering nor gone. */
  active: boolean;
  /** How many of its moves are in the books. */
  countedMoves: number;
}

/** What a new entry is made of. */
export type SessionEntryParts = Pick<
  SessionEntry,
  'id' | 'key' | 'conv' | 'source' | 'group' | 'home' | 'hello'
>;

/** The key of all sessions that logged in: `conv` alone tells them apart, whatever path they take. */
export const LOGIN_KEY = -1;

/** The key of sessions that have one path for good. @param port 0 to 1023. @param slot below 2^20. */
export const pathKey = (port: number, slot: number): number => port * 2 ** 20 + slot;

/** All sessions of an endpoint, found by (key, conv). A look-up allocates nothing. */
export class SessionTable {
  private readonly seed: number;
  private readonly byIndex: (SessionEntry | undefined)[] = [];
  private readonly freeIndices: number[] = [];
  /** First index of each chain, by hash: a power of two, at least as many as entries. */
  private chains = new Int32Array(FIRST_CAPACITY).fill(NONE);
  /** Per index: the next of its chain. */
  private next = new Int32Array(FIRST_CAPACITY);
  private count = 0;

  /** @param seed any 32 bits, unknown outside: peers choose `conv`, and must not choose chains by it. */
  constructor(seed: number) {
    this.seed = seed | 0;
  }

  get size(): number {
    return this.count;
  }

  find(key: number, conv: number): SessionEntry | undefined {
    let index = this.chains[this.chainOf(key, conv)]!;
    while (index !== NONE) {
      const entry = this.byIndex[index]!;
      if (entry.conv === conv && entry.key === key) return entry;
      index = this.next[index]!;
    }
    return undefined;
  }

  at(index: number): SessionEntry | undefined {
    return this.byIndex[index];
  }

  /** Adds a session made by `create`, which is given its index. */
  add(parts: SessionEntryParts, create: (index: number) => Session): SessionEntry {
    const index = this.freeIndices.pop() ?? this.byIndex.length;
    const { id, key, conv, source, group, home, hello } = parts;
    // Written out, not spread: all have the same shape.
    const entry: SessionEntry = {
      id,
      index,
      key,
      conv,
      source,
      session: create(index),
      group,
      home,
      hello,
      upstream: '',
      dirty: false,
      wakeAt: Number.POSITIVE_INFINITY,
      active: true,
      countedMoves: 0,
    };
    this.byIndex[index] = entry;
    this.count++;
    if (index === this.next.length) this.grow();
    else this.link(entry);
    return entry;
  }

  remove(entry: SessionEntry): void {
    const { index } = entry;
    if (this.byIndex[index] !== entry) return;
    this.byIndex[index] = undefined;
    this.freeIndices.push(index);
    this.count--;
    const chain = this.chainOf(entry.key, entry.conv);
    if (this.chains[chain] === index) {
      this.chains[chain] = this.next[index]!;
      return;
    }
    let before = this.chains[chain]!;
    while (this.next[before] !== index) before = this.next[before]!;
    this.next[before] = this.next[index]!;
  }

  /** Every entry, oldest place first. Entries may be removed while iterating. */
  *[Symbol.iterator](): IterableIterator<SessionEntry> {
    for (const entry of this.byIndex) if (entry !== undefined) yield entry;
  }

  private link(entry: SessionEntry): void {
    const chain = this.chainOf(entry.key, entry.conv);
    this.next[entry.index] = this.chains[chain]!;
    this.chains[chain] = entry.index;
  }

  private chainOf(key: number, conv: number): number {
    let hash = Math.imul(conv ^ this.seed, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15) ^ key, 0xc2b2ae35);
    return (hash ^ (hash >>> 13)) & (this.chains.length - 1);
  }

  /** Doubles the room and links every entry anew. */
  private grow(): void {
    const capacity = this.next.length * 2;
    this.next = new Int32Array(capacity);
    this.chains = new Int32Array(capacity).fill(NONE);
    for (const entry of this) this.link(entry);
  }
}

const NONE = -1;
const FIRST_CAPACITY = 64;
