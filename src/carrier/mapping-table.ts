import { IP_BYTES, type SocketAddress } from '../base/address.ts';
import { ProxyHeader } from '../wire/proxy-header.ts';
import { HashChains } from './hash-chains.ts';
import { UseOrder } from './use-order.ts';

const NONE = -1;
const FIRST_CAPACITY = 64;
/** Source and destination IP of a header, as 32-bit integers. */
const ADDRESS_WORDS = (2 * IP_BYTES) / 4;

/**
 * What headers said of clients that are behind somebody else. A row stands for a client as one peer names it: (peer,
 * source, destination, transport). A number of rows at most; the ones nobody retains give way, the least recently used first.
 *
 * A look-up allocates nothing: headers are parsed into {@link header}, and rows compared with that as integers. What a row
 * says never changes.
 *
 * Rows used in a batch stay until the next one begins, so that what names them stays true.
 */
export class MappingTable {
  /** What `find`, `add` and `says` are about; only what is `proxied` makes a row. */
  readonly header: ProxyHeader;

  readonly #maxRows: number;
  readonly #seed: number;
  /** The addresses of `header`. */
  readonly #words: Int32Array;
  readonly #chains = new HashChains();
  readonly #order = new UseOrder();
  readonly #freeRows: number[] = [];
  #usedRows = 0;
  #size = 0;
  /** Number of the batch, and when it began. */
  #batch = 0;
  #now = 0;

  /** Per row: who said it; -1 in free rows. */
  #peers = new Int32Array(FIRST_CAPACITY).fill(NONE);
  #references = new Int32Array(FIRST_CAPACITY);
  #usedInBatch = new Int32Array(FIRST_CAPACITY);
  #usedAt = new Float64Array(FIRST_CAPACITY);
  #addresses = new Int32Array(FIRST_CAPACITY * ADDRESS_WORDS);
  /** Source port in the high half, destination port in the low one. */
  #ports = new Int32Array(FIRST_CAPACITY);
  /** 1: the client came by a stream. */
  #streams = new Uint8Array(FIRST_CAPACITY);

  /**
   * @param header what headers are parsed into; other tables may share it.
   * @param maxRows at least 1.
   * @param seed any 32 bits, unknown outside: clients choose their addresses, and must not choose chains by it.
   */
  constructor(header: ProxyHeader, maxRows: number, seed: number) {
    this.header = header;
    this.#words = new Int32Array(header.addresses.buffer, header.addresses.byteOffset, ADDRESS_WORDS);
    this.#maxRows = maxRows;
    this.#seed = seed | 0;
  }

  /** Rows in use. */
  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size === this.#maxRows;
  }

  /** Rows used before may give way from now on. */
  beginBatch(now: number): void {
    this.#batch = (this.#batch + 1) | 0;
    this.#now = now;
  }

  /** The row of what the header says, as this peer's; -1 when it is not known. */
  find(peer: number): number {
    const { header } = this;
    for (let row = this.#chains.first(this.#hash(peer)); row >= 0; row = this.#chains.after(row)) {
      if (this.#peers[row] === peer && this.says(row) && this.#streams[row] === streamOf(header)) return row;
    }
    return NONE;
  }

  /** Whether the header names the client of this row, the transport left aside. */
  says(row: number): boolean {
    if (this.#ports[row] !== portsOf(this.header)) return false;
    const from = row * ADDRESS_WORDS;
    for (let i = 0; i < ADDRESS_WORDS; i++) if (this.#addresses[from + i] !== this.#words[i]) return false;
    return true;
  }

  /** A row for what the header says, used now and retained by nobody. It must not be known yet, nor the table full. */
  add(peer: number): number {
    const row = this.#freeRows.pop() ?? this.#usedRows++;
    if (row === this.#peers.length) this.#grow();
    this.#peers[row] = peer;
    this.#addresses.set(this.#words, row * ADDRESS_WORDS);
    this.#ports[row] = portsOf(this.header);
    this.#streams[row] = streamOf(this.header);
    this.#references[row] = 0;
    this.#usedInBatch[row] = this.#batch;
    this.#usedAt[row] = this.#now;
    this.#chains.link(row, this.#hash(peer));
    this.#order.add(row);
    this.#size++;
    return row;
  }

  /** The row was named by a datagram of this batch. */
  use(row: number): void {
    if (this.#usedInBatch[row] === this.#batch) return;
    this.#usedInBatch[row] = this.#batch;
    this.#usedAt[row] = this.#now;
    if (this.#references[row]! > 0) return;
    this.#order.remove(row);
    this.#order.add(row);
  }

  /** Whether the row stands for a client now. */
  has(row: number): boolean {
    return row >= 0 && row < this.#usedRows && this.#peers[row] !== NONE;
  }

  /** Keeps a row in use; nothing for any other number. */
  retain(row: number): void {
    if (!this.has(row)) return;
    if (this.#references[row]!++ === 0) this.#order.remove(row);
  }

  /**
   * Gives back one `retain`; nothing for any other number.
   * @returns whether it was the last: the row may give way.
   */
  release(row: number): boolean {
    if (!this.has(row) || this.#references[row] === 0) return false;
    if (--this.#references[row]! > 0) return false;
    this.#order.add(row);
    return true;
  }

  isRetained(row: number): boolean {
    return this.#references[row]! > 0;
  }

  /** The row that should give way: retained by nobody, not used in this batch. -1 when there is none. */
  get oldest(): number {
    const row = this.#order.oldest;
    return row >= 0 && this.#usedInBatch[row] !== this.#batch ? row : NONE;
  }

  /** When the row was last used, in ms. */
  usedAt(row: number): number {
    return this.#usedAt[row]!;
  }

  /** Forgets a row in use that nobody retains. */
  remove(row: number): void {
    this.#chains.unlink(row);
    this.#order.remove(row);
    this.#peers[row] = NONE;
    this.#freeRows.push(row);
    this.#size--;
  }

  /** Who named the client of a row in use. */
  peerOf(row: number): number {
    return this.#peers[row]!;
  }

  /** What the header said of where the client is. */
  sourceOf(row: number): SocketAddress {
    return this.#headerOf(row).sourceAddress();
  }

  /** What it said of where the client sent to. */
  destinationOf(row: number): SocketAddress {
    return this.#headerOf(row).destinationAddress();
  }

  transportOf(row: number): ProxyHeader['transport'] {
    return this.#streams[row] === 1 ? 'stream' : 'datagram';
  }

  #headerOf(row: number): ProxyHeader {
    const header = new ProxyHeader();
    const from = row * ADDRESS_WORDS;
    new Int32Array(header.addresses.buffer).set(this.#addresses.subarray(from, from + ADDRESS_WORDS));
    header.sourcePort = this.#ports[row]! >>> 16;
    header.destinationPort = this.#ports[row]! & 0xffff;
    return header;
  }

  #hash(peer: number): number {
    let hash = Math.imul(portsOf(this.header) ^ this.#seed, 0x85ebca6b) ^ peer;
    for (let i = 0; i < ADDRESS_WORDS; i++) {
      hash = Math.imul(hash ^ this.#words[i]!, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    return hash ^ (hash >>> 13);
  }

  #grow(): void {
    const capacity = Math.min(this.#maxRows, this.#peers.length * 2);
    this.#peers = copied(this.#peers, new Int32Array(capacity).fill(NONE));
    this.#references = copied(this.#references, new Int32Array(capacity));
    this.#usedInBatch = copied(this.#usedInBatch, new Int32Array(capacity));
    this.#usedAt = copied(this.#usedAt, new Float64Array(capacity));
    this.#addresses = copied(this.#addresses, new Int32Array(capacity * ADDRESS_WORDS));
    this.#ports = copied(this.#ports, new Int32Array(capacity));
    this.#streams = copied(this.#streams, new Uint8Array(capacity));
  }
}

const portsOf = ({ sourcePort, destinationPort }: ProxyHeader): number =>
  (sourcePort << 16) | destinationPort;

const streamOf = ({ transport }: ProxyHeader): number => (transport === 'stream' ? 1 : 0);

function copied<Values extends Int32Array | Float64Array | Uint8Array>(from: Values, into: Values): Values {
  into.set(from);
  return into;
}
