import type { SocketAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { parseProxyHeader, ProxyHeader } from '../wire/proxy-header.ts';
import { SPP_BYTES } from '../wire/spp.ts';
import {
  META_ADDRESS,
  META_ECN,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type Carrier,
  type CarrierArena,
  type CarrierCapabilities,
  type CarrierEvents,
  type CarrierKind,
  type CarrierStats,
  type ReceiveBatch,
} from './carrier.ts';
import { HeadStore } from './head-store.ts';
import { HeadedArena, type HeadedSlots } from './headed-arena.ts';
import { MappingTable } from './mapping-table.ts';
import { faultOf, ProxyCounters, type ProxyStats } from './proxied-stats.ts';
import { RowBatch } from './row-batch.ts';

export interface ProxiedOptions {
  /**
   * - `proxy`: PROXY protocol version 1 or 2. A header counts for the datagram it is in front of and those that follow from
   *   the same peer address without one, until the next; proxies that send it only once are understood, and those that
   *   send it every time.
   * - `spp`: Simple Proxy Protocol: a header counts for its own datagram.
   */
  readonly mode: 'proxy' | 'spp';
  /** Whether the headers of a peer at that IP address are believed. Datagrams with a header from elsewhere are dropped. */
  isTrusted(address: string): boolean;
  readonly clock: Clock;
  /** `spp`: what is sent to a client begins with the header that its datagrams came with. Default false. */
  readonly echoSpp?: boolean;
  /** The most clients known at once, 1 to 524,288; those that are retained stay. Default 65,536. */
  readonly maxMappings?: number;
  /**
   * After how long without a datagram a client that nobody retains is forgotten, in ms. Longer than the proxy keeps its own
   * state, because it may not tell a second time. Default 11 minutes: nginx keeps it for 10.
   */
  readonly ttlMs?: number;
  /** 32 random bits: clients choose their addresses, and must not choose where these are kept. Default 0: for tests. */
  readonly hashSeed?: number;
}

/** A carrier of datagrams behind proxies that say who the client is. */
export interface ProxiedCarrier extends Carrier {
  proxyOf(slot: number): SocketAddress | undefined;
  proxyStats(): ProxyStats;
}

/**
 * Puts a carrier of datagrams behind proxies: headers are taken off, and `addressOf` answers who the client is. Closing it
 * closes `inner`, which nobody else uses from now on.
 *
 * A client has a slot of its own: another client that the proxy names behind the same address and port (it uses ports
 * again) has another slot. In mode `proxy` the one named before cannot be reached any more; what is sent to it is dropped
 * and counted. Datagrams without header have the slot of their sender as `inner` gives it, and cost next to nothing.
 *
 * `inner` must not know more than 524,288 peers at once (`maxAddresses`): datagrams of any beyond are dropped and counted.
 *
 * Whether a header is there is seen from its first bytes, which no `conv` that a gateway gives out begins with.
 *
 * A proxy that puts a header in front of the first datagram only passes on all others as they come: then a client can send
 * a header itself later, and choose what its address is taken for. It gains nothing else by it.
 */
export function proxiedCarrier(inner: Carrier, options: ProxiedOptions): ProxiedCarrier {
  return new HeaderReadingCarrier(inner, options);
}

class HeaderReadingCarrier implements ProxiedCarrier, HeadedSlots {
  readonly arena: CarrierArena;

  readonly #inner: Carrier;
  readonly #options: ProxiedOptions;
  readonly #mode: 'proxy' | 'spp';
  readonly #ttlMs: number;
  /** The first two bytes of headers; there are two kinds in mode `proxy`, and twice the same in mode `spp`. */
  readonly #firstBytes: number;
  readonly #otherFirstBytes: number;
  readonly #header = new ProxyHeader();
  /** Clients that headers told of, by the slot of their proxy on `inner`, which each row retains. */
  readonly #clients: MappingTable;
  /** Mode `proxy`, per slot of `inner`: whom its last header named; NONE when it named nobody. */
  #current = new Int32Array(FIRST_SLOTS).fill(NONE);
  /** Mode `proxy`: clients that are not the current one of their proxy any more, to be forgotten after the batch. */
  readonly #superseded: number[] = [];
  /** Headers as they came, of `echoSpp`. */
  readonly #heads: HeadStore | undefined;
  readonly #rows: RowBatch;
  readonly #counters = new ProxyCounters();
  #onBatch: (batch: ReceiveBatch) => void = () => undefined;
  #isDelivering = false;
  #now = 0;
  /** A slot whose peer is not trusted, as this batch found out. */
  #untrustedSlot = NONE;
  #innerCapabilities: CarrierCapabilities | undefined;
  #capabilities: CarrierCapabilities | undefined;

  constructor(inner: Carrier, options: ProxiedOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#mode = options.mode;
    this.#ttlMs = options.ttlMs ?? DEFAULT_TTL_MS;
    this.#firstBytes = options.mode === 'proxy' ? PROXY_V1_FIRST_BYTES : SPP_FIRST_BYTES;
    this.#otherFirstBytes = options.mode === 'proxy' ? PROXY_V2_FIRST_BYTES : SPP_FIRST_BYTES;
    const maxMappings = Math.min(options.maxMappings ?? 65_536, FIRST_CLIENT_SLOT);
    this.#clients = new MappingTable(this.#header, maxMappings, options.hashSeed ?? 0);
    this.#heads = options.mode === 'spp' && options.echoSpp === true ? new HeadStore(SPP_BYTES) : undefined;
    this.#rows = new RowBatch(inner.capabilities.maxBatch);
    this.arena = new HeadedArena(inner.arena, this);
  }

  get kind(): CarrierKind {
    return this.#inner.kind;
  }

  get localAddress(): SocketAddress {
    return this.#inner.localAddress;
  }

  get capabilities(): CarrierCapabilities {
    const inner = this.#inner.capabilities;
    if (this.#heads === undefined) return inner;
    if (this.#capabilities === undefined || this.#innerCapabilities !== inner) {
      this.#innerCapabilities = inner;
      this.#capabilities = { ...inner, maxDatagramBytes: inner.maxDatagramBytes - SPP_BYTES };
    }
    return this.#capabilities;
  }

  start(onBatch: (batch: ReceiveBatch) => void, events?: CarrierEvents): void {
    this.#onBatch = onBatch;
    this.#inner.start((batch) => {
      this.#receive(batch);
    }, events);
  }

  flush(): void {
    this.#inner.flush();
  }

  intern(address: SocketAddress): number {
    return this.#inner.intern(address);
  }

  retain(slot: number): void {
    if (slot < FIRST_CLIENT_SLOT) this.#inner.retain(slot);
    else this.#clients.retain(slot - FIRST_CLIENT_SLOT);
  }

  release(slot: number): void {
    if (slot < FIRST_CLIENT_SLOT) return this.#inner.release(slot);
    const row = slot - FIRST_CLIENT_SLOT;
    if (!this.#clients.release(row) || !this.#isSuperseded(row)) return;
    this.#superseded.push(row);
    if (!this.#isDelivering) this.#forgetSuperseded();
  }

  addressOf(slot: number): SocketAddress {
    if (slot < FIRST_CLIENT_SLOT) return this.#inner.addressOf(slot);
    const row = slot - FIRST_CLIENT_SLOT;
    if (!this.#clients.has(row)) throw new RangeError(`address slot ${slot} is not in use`);
    return this.#clients.sourceOf(row);
  }

  proxyOf(slot: number): SocketAddress | undefined {
    const row = slot - FIRST_CLIENT_SLOT;
    return this.#clients.has(row) ? this.#inner.addressOf(this.#clients.peerOf(row)) : undefined;
  }

  stats(): CarrierStats {
    return this.#inner.stats();
  }

  proxyStats(): ProxyStats {
    return this.#counters.snapshot(this.#clients.size);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  // ---- HeadedSlots ----

  headBytesOf(slot: number): number {
    return this.#heads !== undefined && slot >= FIRST_CLIENT_SLOT ? SPP_BYTES : 0;
  }

  writeHead(slot: number, bytes: Uint8Array, at: number): void {
    const row = slot - FIRST_CLIENT_SLOT;
    if (this.#clients.has(row)) this.#heads?.copyTo(row, bytes, at);
  }

  peerSlotOf(slot: number): number {
    if (slot < FIRST_CLIENT_SLOT) return slot;
    const row = slot - FIRST_CLIENT_SLOT;
    return this.#clients.has(row) && !this.#isSuperseded(row) ? this.#clients.peerOf(row) : NONE;
  }

  // ---- receiving ----

  #receive(batch: ReceiveBatch): void {
    this.#now = this.#options.clock.now();
    this.#clients.beginBatch(this.#now);
    this.#untrustedSlot = NONE;
    this.#forgetStale();
    this.#isDelivering = true;
    try {
      const plain = this.#countPlain(batch);
      if (plain === batch.count) this.#onBatch(batch);
      else this.#rewrite(batch, plain);
    } finally {
      this.#isDelivering = false;
      this.#rows.count = 0;
      this.#forgetSuperseded();
    }
  }

  /** How many rows from the first on can stay as they are. */
  #countPlain(batch: ReceiveBatch): number {
    const { meta, count } = batch;
    for (let row = 0, at = 0; row < count; row++, at += META_STRIDE) {
      const slot = meta[at + META_ADDRESS]!;
      if (slot >= FIRST_CLIENT_SLOT || this.#currentOf(slot) !== NONE) return row;
      if (this.#hasHeaders(batch, at)) return row;
    }
    return count;
  }

  /** Whether a row, or any of the datagrams glued together in it, begins like a header. */
  #hasHeaders({ bytes, meta }: ReceiveBatch, at: number): boolean {
    let offset = meta[at + META_OFFSET]!;
    const length = meta[at + META_LENGTH]!;
    const size = meta[at + META_SEGMENT_SIZE]!;
    if (size === 0) return this.#mayBeHeader(bytes, offset, length);
    for (const end = offset + length; offset < end; offset += size) {
      if (this.#mayBeHeader(bytes, offset, end - offset)) return true;
    }
    return false;
  }

  #mayBeHeader(bytes: Uint8Array, offset: number, length: number): boolean {
    if (length < 2) return false;
    const first = (bytes[offset]! << 8) | bytes[offset + 1]!;
    return first === this.#firstBytes || first === this.#otherFirstBytes;
  }

  #rewrite(batch: ReceiveBatch, plain: number): void {
    const rows = this.#rows;
    const { bytes, meta, count } = batch;
    rows.over(batch);
    for (let row = 0, at = 0; row < count; row++, at += META_STRIDE) {
      let offset = meta[at + META_OFFSET]!;
      const length = meta[at + META_LENGTH]!;
      const size = meta[at + META_SEGMENT_SIZE]!;
      const slot = meta[at + META_ADDRESS]!;
      const ecn = meta[at + META_ECN]!;
      if (slot >= FIRST_CLIENT_SLOT) {
        this.#counters.drop('proxy_table_full');
      } else if (row < plain || !this.#hasHeaders(batch, at)) {
        this.#add(offset, length, size, this.#slotOfSender(slot), ecn);
      } else if (size === 0) {
        this.#takeHeader(batch, offset, length, slot, ecn);
      } else {
        for (const end = offset + length; offset < end; offset += size) {
          const own = Math.min(size, end - offset);
          if (this.#mayBeHeader(bytes, offset, own)) this.#takeHeader(batch, offset, own, slot, ecn);
          else this.#add(offset, own, 0, this.#slotOfSender(slot), ecn);
        }
      }
    }
    rows.moreWaiting = batch.moreWaiting;
    if (rows.count > 0) this.#onBatch(rows);
  }

  /** Takes a datagram that may begin with a header. */
  #takeHeader(batch: ReceiveBatch, offset: number, length: number, slot: number, ecn: number): void {
    const header = this.#header;
    const parse = parseProxyHeader(batch, offset, length, this.#mode, header);
    if (parse === 'none') return this.#add(offset, length, 0, this.#slotOfSender(slot), ecn);
    if (parse !== 'ok') return this.#counters.drop(faultOf(parse));
    const isProxied = header.kind === 'proxied';
    // Version 1 says "stream" of UDP too.
    header.transport = 'datagram';
    const client = isProxied ? this.#clientOf(batch, offset, slot) : this.#nobody(slot);
    if (client === DROPPED) return;
    this.#counters.headers++;
    const rest = length - header.length;
    if (rest === 0) this.#counters.headersAlone++;
    else this.#add(offset + header.length, rest, 0, client === NONE ? slot : client + FIRST_CLIENT_SLOT, ecn);
  }

  /** The row of the client that the header names; DROPPED, and counted, when it is not believed or there is no room. */
  #clientOf(batch: ReceiveBatch, offset: number, slot: number): number {
    const clients = this.#clients;
    const current = this.#currentOf(slot);
    if (current !== NONE && clients.says(current)) {
      clients.use(current);
      return current;
    }
    let row = clients.find(slot);
    if (row !== NONE) {
      clients.use(row);
    } else {
      if (!this.#isTrustedPeer(slot)) return this.#drop('proxy_untrusted');
      if (clients.isFull && !this.#forgetOldest()) return this.#drop('proxy_table_full');
      row = clients.add(slot);
      this.#inner.retain(slot);
      this.#heads?.set(row, batch.bytes, offset, SPP_BYTES);
    }
    if (this.#mode === 'proxy') this.#setCurrent(slot, row);
    return row;
  }

  /** The proxy speaks for itself, or does not know for whom: then nobody else is behind it until the next header. */
  #nobody(slot: number): number {
    if (!this.#isTrustedPeer(slot)) return this.#drop('proxy_untrusted');
    this.#setCurrent(slot, NONE);
    return NONE;
  }

  #drop(reason: 'proxy_untrusted' | 'proxy_table_full'): number {
    this.#counters.drop(reason);
    return DROPPED;
  }

  /** The slot of a datagram without header: that of the client named before. */
  #slotOfSender(slot: number): number {
    const row = this.#currentOf(slot);
    if (row === NONE) return slot;
    if (!this.#clients.isRetained(row) && this.#isStale(row)) {
      this.#counters.clientsForgotten++;
      this.#forget(row);
      return slot;
    }
    this.#clients.use(row);
    return row + FIRST_CLIENT_SLOT;
  }

  #isTrustedPeer(slot: number): boolean {
    if (this.#currentOf(slot) !== NONE) return true;
    if (slot === this.#untrustedSlot) return false;
    if (this.#options.isTrusted(this.#inner.addressOf(slot).address)) return true;
    this.#untrustedSlot = slot;
    return false;
  }

  #add(offset: number, length: number, segmentSize: number, slot: number, ecn: number): void {
    const rows = this.#rows;
    if (rows.isFull) {
      // More datagrams were glued together than a batch may hold.
      rows.moreWaiting = true;
      this.#onBatch(rows);
      rows.count = 0;
    }
    rows.add(offset, length, segmentSize, slot, ecn);
  }

  // ---- whom proxies named ----

  #currentOf(slot: number): number {
    return slot < this.#current.length ? this.#current[slot]! : NONE;
  }

  #setCurrent(slot: number, row: number): void {
    const before = this.#currentOf(slot);
    if (before === row) return;
    if (slot >= this.#current.length) this.#growCurrent(slot);
    this.#current[slot] = row;
    if (before !== NONE && !this.#clients.isRetained(before)) this.#superseded.push(before);
  }

  #isSuperseded(row: number): boolean {
    return this.#mode === 'proxy' && this.#currentOf(this.#clients.peerOf(row)) !== row;
  }

  #forgetSuperseded(): void {
    const rows = this.#superseded;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      // It may have been named again since, or retained, or forgotten already.
      if (this.#clients.has(row) && !this.#clients.isRetained(row) && this.#isSuperseded(row))
        this.#forget(row);
    }
    rows.length = 0;
  }

  /** @returns whether there was a client that could be forgotten. */
  #forgetOldest(): boolean {
    const row = this.#clients.oldest;
    if (row === NONE) return false;
    this.#counters.clientsForgotten++;
    this.#forget(row);
    return true;
  }

  #isStale(row: number): boolean {
    return this.#now - this.#clients.usedAt(row) > this.#ttlMs;
  }

  /** Some each time, so that many at once hold up nobody. */
  #forgetStale(): void {
    for (let i = 0; i < STALE_PER_BATCH; i++) {
      const row = this.#clients.oldest;
      if (row === NONE || !this.#isStale(row)) return;
      this.#forgetOldest();
    }
  }

  #forget(row: number): void {
    const slot = this.#clients.peerOf(row);
    if (this.#currentOf(slot) === row) this.#current[slot] = NONE;
    this.#clients.remove(row);
    this.#inner.release(slot);
  }

  #growCurrent(slot: number): void {
    let capacity = this.#current.length;
    while (capacity <= slot) capacity *= 2;
    const larger = new Int32Array(capacity).fill(NONE);
    larger.set(this.#current);
    this.#current = larger;
  }
}

const NONE = -1;
/** What stands for "no row, and no datagram either". */
const DROPPED = -2;
const FIRST_SLOTS = 64;
/** Slots of clients begin here; what is below is a slot of the inner carrier. All stay below 2^20. */
const FIRST_CLIENT_SLOT = 2 ** 19;
const DEFAULT_TTL_MS = 660_000;
const STALE_PER_BATCH = 64;
/** PR, CR LF, and 56 EC. */
const PROXY_V1_FIRST_BYTES = 0x5052;
const PROXY_V2_FIRST_BYTES = 0x0d0a;
const SPP_FIRST_BYTES = 0x56ec;
