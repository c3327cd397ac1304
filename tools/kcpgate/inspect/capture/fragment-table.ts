import { FLOW_KEY_WORDS, type FlowKey } from './flow-key.ts';
import type { MemoryBudget, MemoryHolder } from './memory-budget.ts';
import type { Notices } from './notices.ts';

/** One fragment of an IP packet. The object is reused. */
export interface Fragment {
  /** Number that all fragments of a packet share. */
  id: number;
  /** As the header says it: of IPv6 the number of the header that follows. */
  protocol: number;
  /** Where in the packet it belongs, in bytes. */
  offset: number;
  /** Whether more follow it. */
  hasMore: boolean;
  bytes: Uint8Array;
  at: number;
  /** Bytes that were captured. */
  length: number;
  /** Bytes of its end that were not. */
  missing: number;
}

/** What fragments were put together to; valid until the next one. */
export interface WholePacket {
  readonly protocol: number;
  readonly bytes: Uint8Array;
  readonly length: number;
  /** Bytes of its end that were not captured. */
  readonly missing: number;
}

/**
 * Puts IP packets together, whatever order their fragments come in. What is there already stays when fragments overlap. Bounded
 * in number and memory; who waited for 30 s of the capture's time is given up.
 */
export class FragmentTable {
  readonly #budget: MemoryBudget;
  readonly #notices: Notices;
  /** In the order they began. */
  readonly #packets: PartialPacket[] = [];

  constructor(budget: MemoryBudget, notices: Notices) {
    this.#budget = budget;
    this.#notices = notices;
  }

  /**
   * Takes a fragment.
   * @param key only its addresses count.
   * @returns the packet, when it was the last that was missing.
   */
  add(key: FlowKey, fragment: Fragment, timeUs: number): WholePacket | undefined {
    this.#expire(timeUs);
    const end = fragment.offset + fragment.length + fragment.missing;
    if (end > MAX_PACKET_BYTES || (fragment.hasMore && end % 8 !== 0) || end === fragment.offset) {
      this.#notices.tell('header_damaged', 'a fragment that cannot be');
      return undefined;
    }
    const packet = this.#find(key, fragment) ?? this.#begin(key, fragment, timeUs);
    packet.lastPacket = this.#notices.packet;
    if (!packet.take(fragment, this.#budget)) {
      this.#drop(packet);
      return undefined;
    }
    if (!packet.isWhole) return undefined;
    const { protocol, bytes, length, missing } = packet;
    this.#remove(packet);
    return { protocol, bytes, length, missing };
  }

  /** The capture has ended. */
  finish(): void {
    for (const packet of [...this.#packets]) this.#drop(packet);
  }

  #find(key: FlowKey, fragment: Fragment): PartialPacket | undefined {
    for (let i = this.#packets.length - 1; i >= 0; i--) {
      const packet = this.#packets[i]!;
      if (packet.id === fragment.id && packet.protocol === fragment.protocol && packet.isBetween(key))
        return packet;
    }
    return undefined;
  }

  #begin(key: FlowKey, fragment: Fragment, timeUs: number): PartialPacket {
    const oldest = this.#packets[0];
    if (oldest !== undefined && this.#packets.length >= MAX_PACKETS) this.#drop(oldest);
    const packet = new PartialPacket(key, fragment, timeUs, (dropped) => this.#drop(dropped));
    this.#packets.push(packet);
    return packet;
  }

  #expire(nowUs: number): void {
    for (let oldest = this.#packets[0]; oldest !== undefined; oldest = this.#packets[0]) {
      if (nowUs - oldest.beganUs < TIMEOUT_US) return;
      this.#drop(oldest);
    }
  }

  #drop(packet: PartialPacket): void {
    this.#notices.tell('fragment_missing', 'fragments of a packet never came', packet.lastPacket);
    this.#remove(packet);
  }

  #remove(packet: PartialPacket): void {
    const at = this.#packets.indexOf(packet);
    if (at >= 0) this.#packets.splice(at, 1);
    this.#budget.give(packet, packet.heldBytes);
  }
}

class PartialPacket implements MemoryHolder {
  readonly id: number;
  readonly protocol: number;
  readonly beganUs: number;
  readonly giveUp: () => void;
  heldBytes = 0;
  lastPacket = 0;
  bytes = new Uint8Array(0);
  readonly #key: FlowKey;
  /** What has arrived: beginning and end in turns, apart from each other, in order. */
  #ranges: number[] = [];
  /** Known once the last fragment came. */
  #total = -1;
  /** The first byte that was not captured. */
  #hole = Infinity;

  constructor(key: FlowKey, first: Fragment, timeUs: number, drop: (packet: PartialPacket) => void) {
    this.#key = key.slice();
    this.id = first.id;
    this.protocol = first.protocol;
    this.beganUs = timeUs;
    this.giveUp = () => drop(this);
  }

  get isWhole(): boolean {
    return this.#ranges.length === 2 && this.#ranges[0] === 0 && this.#ranges[1] === this.#total;
  }

  get length(): number {
    return Math.min(this.#total, this.#hole);
  }

  get missing(): number {
    return this.#total - this.length;
  }

  isBetween(key: FlowKey): boolean {
    for (let word = 0; word < FLOW_KEY_WORDS - 1; word++) if (this.#key[word] !== key[word]) return false;
    return true;
  }

  /** False when it does not fit to the others, or into memory. */
  take(fragment: Fragment, budget: MemoryBudget): boolean {
    const end = fragment.offset + fragment.length + fragment.missing;
    const lastEnd = this.#ranges.at(-1) ?? 0;
    if (!fragment.hasMore) {
      if ((this.#total >= 0 && this.#total !== end) || lastEnd > end) return false;
      this.#total = end;
    } else if (this.#total >= 0 && end > this.#total) return false;
    if (this.#ranges.length > MAX_RANGES || !this.#makeRoom(end, budget)) return false;
    if (fragment.missing > 0) this.#hole = Math.min(this.#hole, end - fragment.missing);
    this.#cover(fragment, end);
    return true;
  }

  #makeRoom(end: number, budget: MemoryBudget): boolean {
    if (end <= this.bytes.length) return true;
    const size = Math.min(MAX_PACKET_BYTES, 2 ** Math.ceil(Math.log2(Math.max(end, 2048))));
    if (!budget.take(this, size - this.bytes.length)) return false;
    const grown = new Uint8Array(size);
    grown.set(this.bytes);
    this.bytes = grown;
    return true;
  }

  /** Copies what is new of a fragment, and joins the ranges it touches. */
  #cover(fragment: Fragment, end: number): void {
    const start = fragment.offset;
    const joined: number[] = [];
    let [from, joinedStart, joinedEnd] = [start, start, end];
    let isPlaced = false;
    for (let i = 0; i < this.#ranges.length; i += 2) {
      const [rangeStart, rangeEnd] = [this.#ranges[i]!, this.#ranges[i + 1]!];
      if (rangeEnd < start) {
        joined.push(rangeStart, rangeEnd);
      } else if (rangeStart > end) {
        if (!isPlaced) joined.push(joinedStart, joinedEnd);
        isPlaced = true;
        joined.push(rangeStart, rangeEnd);
      } else {
        this.#copy(fragment, from, Math.min(rangeStart, end));
        from = Math.max(from, rangeEnd);
        joinedStart = Math.min(joinedStart, rangeStart);
        joinedEnd = Math.max(joinedEnd, rangeEnd);
      }
    }
    this.#copy(fragment, from, end);
    if (!isPlaced) joined.push(joinedStart, joinedEnd);
    this.#ranges = joined;
  }

  #copy(fragment: Fragment, from: number, to: number): void {
    const end = Math.min(to, fragment.offset + fragment.length);
    if (from >= end) return;
    const at = fragment.at + from - fragment.offset;
    this.bytes.set(fragment.bytes.subarray(at, at + end - from), from);
  }
}

const MAX_PACKETS = 256;
/** An IP packet that was cut into smaller pieces is an attack. */
const MAX_RANGES = 512;
const MAX_PACKET_BYTES = 0xffff;
const TIMEOUT_US = 30_000_000;
