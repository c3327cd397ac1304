import type { SocketAddress } from '../base/address.ts';
import type { TokenBucket } from '../base/token-bucket.ts';
import { wireMemory } from '../wire/memory.ts';
import type { ProxyHeader } from '../wire/proxy-header.ts';
import { HashChains } from './hash-chains.ts';
import { HeadStore } from './head-store.ts';
import { MappingTable } from './mapping-table.ts';
import { fillHeader, RELAY_HEADER_MAX_BYTES, writeRelayHeader } from './relay-header.ts';
import type { RelayLines } from './relay-lines.ts';
import type { RelayCounters, RelayDropReason } from './relay-stats.ts';

export interface RelayedClientsOptions {
  /** What {@link RelayedClients.ofAnswer} is about; others may use it meanwhile. */
  readonly header: ProxyHeader;
  readonly lines: RelayLines;
  readonly counters: RelayCounters;
  /** Taken from for each client that is not known yet. */
  readonly newClients: TokenBucket;
  readonly maxClients: number;
  /** After how long without a datagram, either way, a client is forgotten, in ms. */
  readonly ttlMs: number;
  readonly hashSeed: number;
}

/**
 * Clients of this gateway's lines whose sessions others own. A row is found by its place, (port, slot), when the client
 * sends, and by the header of an answer. It keeps the header that goes in front of what the client sends, and retains the slot.
 */
export class RelayedClients {
  readonly #header: ProxyHeader;
  readonly #lines: RelayLines;
  readonly #counters: RelayCounters;
  readonly #newClients: TokenBucket;
  readonly #ttlMs: number;
  readonly #seed: number;
  /** Answers name the line as source and the client as destination; rows say it in that direction. */
  readonly #answers: MappingTable;
  readonly #places = new HashChains();
  readonly #heads = new HeadStore(RELAY_HEADER_MAX_BYTES);
  readonly #scratch = wireMemory(new Uint8Array(RELAY_HEADER_MAX_BYTES));
  #ports = new Int32Array(FIRST_ROWS);
  #slots = new Int32Array(FIRST_ROWS);
  #now = Number.NEGATIVE_INFINITY;

  constructor(options: RelayedClientsOptions) {
    const { header, lines, counters, newClients, ttlMs, maxClients, hashSeed } = options;
    this.#header = header;
    this.#lines = lines;
    this.#counters = counters;
    this.#newClients = newClients;
    this.#ttlMs = ttlMs;
    this.#seed = hashSeed;
    this.#answers = new MappingTable(header, maxClients, hashSeed);
  }

  get size(): number {
    return this.#answers.size;
  }

  /** What follows happens at `now`. */
  beginAt(now: number): void {
    if (now === this.#now) return;
    this.#now = now;
    this.#answers.beginBatch(now);
    for (let i = 0; i < STALE_PER_CALL; i++) {
      const row = this.#answers.oldest;
      if (row < 0 || now - this.#answers.usedAt(row) <= this.#ttlMs) return;
      this.#forgetRow(row);
    }
  }

  /** The row of a client that sent something; -1, and counted, when it cannot be relayed. */
  ofPlace(port: number, slot: number): number {
    const row = this.#find(port, slot);
    if (row < 0) return this.#learnPlace(port, slot);
    this.#answers.use(row);
    return row;
  }

  /** The row of the client that an answer is for; -1, and counted, when it cannot be reached. */
  ofAnswer(): number {
    const row = this.#answers.find(ANYBODY);
    if (row < 0) return this.#learnAnswer();
    this.#answers.use(row);
    return row;
  }

  /** The port of a client's line. */
  portOf(row: number): number {
    return this.#ports[row]!;
  }

  slotOf(row: number): number {
    return this.#slots[row]!;
  }

  /** Length of the header that goes in front of what a client sends. */
  headBytesOf(row: number): number {
    return this.#heads.lengthOf(row);
  }

  writeHead(row: number, bytes: Uint8Array, at: number): void {
    this.#heads.copyTo(row, bytes, at);
  }

  /** Forgets a client that is gone; nothing when it is not known. */
  forget(port: number, slot: number): void {
    const row = this.#find(port, slot);
    if (row >= 0) this.#forgetRow(row);
  }

  #find(port: number, slot: number): number {
    let row = this.#places.first(this.#hash(port, slot));
    while (row >= 0 && (this.#ports[row] !== port || this.#slots[row] !== slot))
      row = this.#places.after(row);
    return row;
  }

  #learnPlace(port: number, slot: number): number {
    if (!this.#newClients.take(this.#now)) return this.#drop('relay_rate_limit');
    const client = this.#lines.clientOf(port, slot);
    if (client === undefined || !fillHeader(this.#header, client.transport, client.line, client.address)) {
      return this.#drop('relay_unknown_client');
    }
    const other = this.#answers.find(ANYBODY);
    // The same client, on another slot than before: it connected anew.
    if (other >= 0) this.#forgetRow(other);
    if (!this.#makeRoom()) return this.#drop('relay_table_full');
    this.#lines.retain(port, slot);
    return this.#add(port, slot, client.address, client.line);
  }

  #learnAnswer(): number {
    if (!this.#newClients.take(this.#now)) return this.#drop('relay_rate_limit');
    const header = this.#header;
    const line = header.sourceAddress();
    const client = header.destinationAddress();
    const port = this.#lines.portOf(line, header.transport);
    if (port < 0) return this.#drop('relay_unknown_line');
    if (!this.#makeRoom()) return this.#drop('relay_table_full');
    const slot = this.#lines.intern(port, client);
    if (slot < 0) return this.#drop('relay_unknown_client');
    this.forget(port, slot);
    return this.#add(port, slot, client, line);
  }

  #drop(reason: RelayDropReason): number {
    this.#counters.drop(reason);
    return -1;
  }

  #makeRoom(): boolean {
    if (!this.#answers.isFull) return true;
    const row = this.#answers.oldest;
    if (row < 0) return false;
    this.#forgetRow(row);
    return true;
  }

  /** Adds what the header says. The slot was retained for it. */
  #add(port: number, slot: number, client: SocketAddress, line: SocketAddress): number {
    const { transport } = this.#header;
    const row = this.#answers.add(ANYBODY);
    if (row >= this.#ports.length) this.#grow();
    this.#ports[row] = port;
    this.#slots[row] = slot;
    this.#places.link(row, this.#hash(port, slot));
    const head = { transport, source: client, destination: line, isAnswer: false };
    const length = writeRelayHeader(this.#scratch, 0, head);
    this.#heads.set(row, this.#scratch.bytes, 0, length);
    return row;
  }

  #forgetRow(row: number): void {
    this.#places.unlink(row);
    this.#answers.remove(row);
    this.#lines.release(this.#ports[row]!, this.#slots[row]!);
  }

  #hash(port: number, slot: number): number {
    const hash = Math.imul(Math.imul(slot ^ this.#seed, 0x85ebca6b) ^ port, 0xc2b2ae35);
    return hash ^ (hash >>> 15);
  }

  #grow(): void {
    const ports = new Int32Array(this.#ports.length * 2);
    const slots = new Int32Array(this.#slots.length * 2);
    ports.set(this.#ports);
    slots.set(this.#slots);
    this.#ports = ports;
    this.#slots = slots;
  }
}

const FIRST_ROWS = 64;
/** Rows are not told apart by who sent the answer. */
const ANYBODY = 0;
const STALE_PER_CALL = 64;
