import type { SocketAddress } from '../../base/address.ts';
import { plainAddress } from './socket-address.ts';

const NONE = -1;
const INITIAL_SLOTS = 64;

/**
 * Gives every (address text, port) a small integer, its slot, for as long as somebody counts on it.
 *
 * Slots are counted references: `intern` adds one, `release` takes one, and the last one frees the slot for another
 * address. So the table holds what is retained and what the current batch names, however many sources there are.
 * A hit allocates nothing: hosts are found by their text, slots by (host, port) in chains of integers.
 */
export class AddressTable {
  readonly #maxSlots: number;
  #size = 0;

  /** Per slot; `#references` is 0 in free slots, whose `#next` chains the free list. */
  #references = new Int32Array(INITIAL_SLOTS);
  #hosts = new Int32Array(INITIAL_SLOTS);
  #ports = new Int32Array(INITIAL_SLOTS);
  #next = new Int32Array(INITIAL_SLOTS);
  #freeSlot = NONE;
  #usedSlots = 0;
  /** First slot of each chain, by hash. As many chains as there is room for slots. */
  #chains = new Int32Array(INITIAL_SLOTS).fill(NONE);

  readonly #hostByText = new Map<string, number>();
  /** Per host: its text ('' when free) and the number of its slots. */
  readonly #texts: string[] = [];
  readonly #hostSlots: number[] = [];
  readonly #freeHosts: number[] = [];

  /** Datagrams come in runs from one sender: the last answer is tried first. */
  #lastText = '';
  #lastPort = NONE;
  #lastSlot = NONE;

  /** @param maxSlots the most addresses held at once. Default 1,048,576. */
  constructor(maxSlots = 1_048_576) {
    this.#maxSlots = maxSlots;
  }

  /** Addresses held now. */
  get size(): number {
    return this.#size;
  }

  /** Room for slots that was ever needed at once; memory in use is proportional to it. */
  get capacity(): number {
    return this.#references.length;
  }

  /**
   * Finds or makes the slot of an address and adds a reference.
   * @param text the address as the socket writes it: a v4-mapped one keeps its `::ffff:`.
   * @returns the slot, or -1 when the table is full or the port is one nobody can be answered at (0).
   */
  intern(text: string, port: number): number {
    if (port === this.#lastPort && text === this.#lastText) {
      this.#references[this.#lastSlot]!++;
      return this.#lastSlot;
    }
    let slot = this.#find(text, port);
    if (slot === NONE) slot = this.#add(text, port);
    if (slot === NONE) return NONE;
    this.#references[slot]!++;
    this.#lastText = text;
    this.#lastPort = port;
    this.#lastSlot = slot;
    return slot;
  }

  /** Adds a reference to a slot in use; nothing for any other number. */
  retain(slot: number): void {
    if (this.has(slot)) this.#references[slot]!++;
  }

  /** Takes a reference from a slot in use, and frees it with the last; nothing for any other number. */
  release(slot: number): void {
    if (!this.has(slot)) return;
    const left = this.#references[slot]! - 1;
    this.#references[slot] = left;
    if (left === 0) this.#remove(slot);
  }

  /** Whether the slot stands for an address now. */
  has(slot: number): boolean {
    return slot >= 0 && slot < this.#usedSlots && this.#references[slot]! > 0;
  }

  /** The text of the address, as the socket writes it. The slot must be in use. */
  textOf(slot: number): string {
    return this.#texts[this.#hosts[slot]!]!;
  }

  /** The port of a slot in use. */
  portOf(slot: number): number {
    return this.#ports[slot]!;
  }

  /**
   * The address for people and policies: a v4-mapped address is plain IPv4.
   * @throws RangeError when the slot is not in use: whoever asks forgot to retain it.
   */
  addressOf(slot: number): SocketAddress {
    if (!this.has(slot)) throw new RangeError(`address slot ${slot} is not in use`);
    return plainAddress(this.textOf(slot), this.portOf(slot));
  }

  #find(text: string, port: number): number {
    const host = this.#hostByText.get(text);
    if (host === undefined) return NONE;
    let slot = this.#chains[this.#chainOf(host, port)]!;
    while (slot !== NONE && (this.#hosts[slot] !== host || this.#ports[slot] !== port)) {
      slot = this.#next[slot]!;
    }
    return slot;
  }

  #add(text: string, port: number): number {
    if (this.#size === this.#maxSlots || port <= 0 || port > 65535) return NONE;
    const slot = this.#takeSlot();
    const host = this.#hostOf(text);
    this.#hosts[slot] = host;
    this.#ports[slot] = port;
    this.#hostSlots[host]!++;
    this.#link(slot);
    this.#size++;
    return slot;
  }

  #remove(slot: number): void {
    if (slot === this.#lastSlot) this.#lastPort = NONE;
    const host = this.#hosts[slot]!;
    this.#unlink(slot);
    this.#next[slot] = this.#freeSlot;
    this.#freeSlot = slot;
    this.#size--;
    if (--this.#hostSlots[host]! > 0) return;
    this.#hostByText.delete(this.#texts[host]!);
    this.#texts[host] = '';
    this.#freeHosts.push(host);
  }

  #takeSlot(): number {
    const slot = this.#freeSlot;
    if (slot !== NONE) {
      this.#freeSlot = this.#next[slot]!;
      return slot;
    }
    if (this.#usedSlots === this.#references.length) this.#grow();
    return this.#usedSlots++;
  }

  #hostOf(text: string): number {
    const known = this.#hostByText.get(text);
    if (known !== undefined) return known;
    const host = this.#freeHosts.pop() ?? this.#texts.length;
    this.#texts[host] = text;
    this.#hostSlots[host] = 0;
    this.#hostByText.set(text, host);
    return host;
  }

  #link(slot: number): void {
    const chain = this.#chainOf(this.#hosts[slot]!, this.#ports[slot]!);
    this.#next[slot] = this.#chains[chain]!;
    this.#chains[chain] = slot;
  }

  #unlink(slot: number): void {
    const chain = this.#chainOf(this.#hosts[slot]!, this.#ports[slot]!);
    if (this.#chains[chain] === slot) {
      this.#chains[chain] = this.#next[slot]!;
      return;
    }
    let before = this.#chains[chain]!;
    while (this.#next[before] !== slot) before = this.#next[before]!;
    this.#next[before] = this.#next[slot]!;
  }

  #chainOf(host: number, port: number): number {
    const mixed = Math.imul(Math.imul(host, 0x9e3779b1) ^ port, 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) & (this.#chains.length - 1);
  }

  /** Doubles the room. Called only when every slot is in use. */
  #grow(): void {
    const capacity = this.#references.length * 2;
    this.#references = grown(this.#references, capacity);
    this.#hosts = grown(this.#hosts, capacity);
    this.#ports = grown(this.#ports, capacity);
    this.#next = grown(this.#next, capacity);
    this.#chains = new Int32Array(capacity).fill(NONE);
    for (let slot = 0; slot < this.#usedSlots; slot++) this.#link(slot);
  }
}

function grown(array: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(array);
  return larger;
}
