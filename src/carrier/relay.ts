import { formatSocketAddress, type SocketAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { GatewayError } from '../base/errors.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { wireMemory } from '../wire/memory.ts';
import { ownerOf } from '../wire/conversation.ts';
import { parseProxyHeader, ProxyHeader } from '../wire/proxy-header.ts';
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
  type CarrierKind,
  type CarrierStats,
  type ReceiveBatch,
} from './carrier.ts';
import { HeadStore } from './head-store.ts';
import { HeadedArena, type HeadedSlots } from './headed-arena.ts';
import { MappingTable } from './mapping-table.ts';
import { isRelayAnswer, RELAY_HEADER_MAX_BYTES, writeRelayHeader } from './relay-header.ts';
import type { RelayLines } from './relay-lines.ts';
import { RelayCounters, type RelayDropReason, type RelayStats } from './relay-stats.ts';
import { RelayedClients } from './relayed-clients.ts';
import { RowBatch } from './row-batch.ts';

/** Another gateway. */
export interface RelayPeer {
  /** Sessions whose `conv` begins with it are its own. 1 to 255. */
  readonly gatewayId: number;
  /** Of its relay port: datagrams go to it, and come from it. */
  readonly address: SocketAddress;
}

export interface RelayOptions {
  /** Of this gateway: what is relayed here must be for a session of it. */
  readonly gatewayId: number;
  readonly peers: readonly RelayPeer[];
  /** This gateway's own lines, which answers leave by. */
  readonly lines: RelayLines;
  readonly clock: Clock;
  /** The most clients known at once, in each of the two directions; those that are retained stay. Default 65,536. */
  readonly maxClients?: number;
  /** After how long without a datagram a client that nobody retains is forgotten, in ms. Default 2 minutes. */
  readonly ttlMs?: number;
  /** Datagrams of clients sent on to other gateways a second; bursts of one second's worth. Default 200,000. */
  readonly datagramsPerSecond?: number;
  /** Clients not known yet a second, in each of the two directions; bursts of one second's worth. Default 10,000. */
  readonly newClientsPerSecond?: number;
  /** 32 random bits: clients choose their addresses, and must not choose where these are kept. Default 0: for tests. */
  readonly hashSeed?: number;
}

/**
 * The relay port of a gateway: a carrier of datagrams between gateways, with a PROXY version 2 header in front of each
 * (relay-header.ts). Closing it closes `inner`, which nobody else uses from now on. What comes from anybody but the peers is
 * dropped and counted.
 *
 * - *For sessions of this gateway* it is a carrier like others. A slot is a client on a line of another gateway; its
 *   address is the client's, and what is sent to it goes to that gateway, which sends it out by the line the client used.
 * - *For sessions of others* {@link forward} sends on what clients sent to the lines here, and answers go to those lines
 *   by themselves.
 *
 * Nothing is relayed twice: what came from a gateway is taken only for sessions of this one, and an answer only goes to
 * a line. A datagram leaves with as many bytes as it came with, but for the header.
 *
 * Who can forge the address of a peer can pretend that any client sent anything: the network between gateways is theirs
 * alone, or filtered.
 */
export class RelayCarrier implements Carrier, HeadedSlots {
  readonly arena: CarrierArena;

  readonly #inner: Carrier;
  readonly #options: RelayOptions;
  readonly #ttlMs: number;
  readonly #header = new ProxyHeader();
  /** Clients on lines of other gateways, by the slot of the gateway. */
  readonly #clients: MappingTable;
  /** What goes in front of answers to them. */
  readonly #heads = new HeadStore(RELAY_HEADER_MAX_BYTES);
  readonly #scratch = wireMemory(new Uint8Array(RELAY_HEADER_MAX_BYTES));
  /** Clients on lines here. */
  readonly #relayed: RelayedClients;
  readonly #forwards: TokenBucket;
  readonly #newClients: TokenBucket;
  /** Slot on `inner` of each gateway, retained for good; NONE where there is none. */
  readonly #slotOfGateway = new Int32Array(GATEWAY_IDS).fill(NONE);
  /** Per slot of `inner`: the gateway; NONE for strangers. */
  #gatewayOfSlot = new Int32Array(0);
  readonly #counters = new RelayCounters();
  readonly #rows: RowBatch;
  #onBatch: (batch: ReceiveBatch) => void = () => undefined;
  #isFull = false;
  #innerCapabilities: CarrierCapabilities | undefined;
  #capabilities: CarrierCapabilities | undefined;

  /** @throws GatewayError `connect_failed` when `inner` cannot reach the address of a peer; `inner` stays open. */
  constructor(inner: Carrier, options: RelayOptions) {
    const { maxClients = 65_536, hashSeed = 0, lines } = options;
    const perSecond = options.newClientsPerSecond ?? 10_000;
    const newClients = { ratePerSecond: perSecond, burst: perSecond };
    const forwards = options.datagramsPerSecond ?? 200_000;
    this.#inner = inner;
    this.#options = options;
    this.#ttlMs = options.ttlMs ?? DEFAULT_TTL_MS;
    this.#clients = new MappingTable(this.#header, maxClients, hashSeed);
    this.#relayed = new RelayedClients({
      header: this.#header,
      lines,
      counters: this.#counters,
      newClients: new TokenBucket(newClients),
      maxClients,
      ttlMs: this.#ttlMs,
      hashSeed,
    });
    this.#newClients = new TokenBucket(newClients);
    this.#forwards = new TokenBucket({ ratePerSecond: forwards, burst: forwards });
    this.#rows = new RowBatch(inner.capabilities.maxBatch);
    this.arena = new HeadedArena(inner.arena, this);
    for (const peer of options.peers) this.#addPeer(peer);
  }

  get kind(): CarrierKind {
    return this.#inner.kind;
  }

  get localAddress(): SocketAddress {
    return this.#inner.localAddress;
  }

  get capabilities(): CarrierCapabilities {
    const inner = this.#inner.capabilities;
    if (this.#capabilities === undefined || this.#innerCapabilities !== inner) {
      const maxDatagramBytes = inner.maxDatagramBytes - RELAY_HEADER_MAX_BYTES;
      this.#innerCapabilities = inner;
      this.#capabilities = { ...inner, maxDatagramBytes, reliable: false, ordered: false };
    }
    return this.#capabilities;
  }

  start(onBatch: (batch: ReceiveBatch) => void): void {
    this.#onBatch = onBatch;
    this.#inner.start((batch) => {
      this.#receive(batch);
    });
  }

  flush(): void {
    this.#inner.flush();
  }

  /** Clients are only reached by the gateway they use: -1 always. */
  intern(_address: SocketAddress): number {
    return NONE;
  }

  retain(slot: number): void {
    this.#clients.retain(slot);
  }

  release(slot: number): void {
    this.#clients.release(slot);
  }

  addressOf(slot: number): SocketAddress {
    return this.#clients.sourceOf(this.#inUse(slot));
  }

  /** The gateway whose line the client of a slot uses. */
  gatewayOf(slot: number): number {
    return this.#gatewayOf(this.#clients.peerOf(this.#inUse(slot)));
  }

  /** The line the client of a slot uses. */
  lineOf(slot: number): SocketAddress {
    return this.#clients.destinationOf(this.#inUse(slot));
  }

  /** Counters of the datagrams between the gateways, headers included. */
  stats(): CarrierStats {
    return this.#inner.stats();
  }

  relayStats(): RelayStats {
    return this.#counters.snapshot(this.#clients.size, this.#relayed.size);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  // ---- for sessions of others ----

  /** Whether the gateway with that id is a peer. */
  knows(owner: number): boolean {
    return (this.#slotOfGateway[owner] ?? NONE) !== NONE;
  }

  /**
   * Sends a datagram on to the gateway that owns its session. It leaves with the next flush of this carrier.
   * @param port the line it came in on, by its number in `lines`. @param slot its sender there, which is valid now.
   * @returns false when it was not taken: there is no room until the next flush ({@link isFull}), or it was dropped and
   *   counted.
   */
  forward(
    owner: number,
    port: { readonly number: number },
    slot: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): boolean {
    this.#isFull = false;
    const gateway = this.#slotOfGateway[owner] ?? NONE;
    if (gateway === NONE) return this.#refuse('relay_unknown_owner');
    const now = this.#options.clock.now();
    this.#relayed.beginAt(now);
    const row = this.#relayed.ofPlace(port.number, slot);
    if (row === NONE) return false;
    const headBytes = this.#relayed.headBytesOf(row);
    if (headBytes + length > this.#inner.capabilities.maxDatagramBytes) return this.#refuse('relay_oversize');
    const { arena } = this.#inner;
    const at = arena.reserve(headBytes + length);
    if (at < 0) {
      this.#isFull = true;
      return false;
    }
    if (!this.#forwards.take(now)) return this.#refuse('relay_rate_limit');
    this.#relayed.writeHead(row, arena.bytes, at);
    arena.bytes.set(bytes.subarray(offset, offset + length), at + headBytes);
    arena.target = gateway;
    arena.commit(headBytes + length);
    this.#counters.forwarded++;
    return true;
  }

  /** The last {@link forward} was refused for want of room only: after a flush it can be asked again. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Forgets a client on a line here that is gone for good, such as a connection that broke. */
  forget(port: { readonly number: number }, slot: number): void {
    this.#relayed.forget(port.number, slot);
  }

  #refuse(reason: RelayDropReason): false {
    this.#counters.drop(reason);
    return false;
  }

  // ---- HeadedSlots ----

  headBytesOf(slot: number): number {
    return this.#clients.has(slot) ? this.#heads.lengthOf(slot) : 0;
  }

  writeHead(slot: number, bytes: Uint8Array, at: number): void {
    this.#heads.copyTo(slot, bytes, at);
  }

  peerSlotOf(slot: number): number {
    return this.#clients.has(slot) ? this.#clients.peerOf(slot) : NONE;
  }

  // ---- receiving ----

  #receive(batch: ReceiveBatch): void {
    const now = this.#options.clock.now();
    this.#clients.beginBatch(now);
    this.#relayed.beginAt(now);
    this.#forgetStale(now);
    const rows = this.#rows;
    const { meta, count } = batch;
    rows.over(batch);
    try {
      for (let row = 0, at = 0; row < count; row++, at += META_STRIDE) {
        const slot = meta[at + META_ADDRESS]!;
        const ecn = meta[at + META_ECN]!;
        const length = meta[at + META_LENGTH]!;
        const size = meta[at + META_SEGMENT_SIZE]!;
        let offset = meta[at + META_OFFSET]!;
        const end = offset + length;
        do {
          const own = size === 0 ? length : Math.min(size, end - offset);
          this.#take(now, batch, offset, own, slot, ecn);
          offset += own;
        } while (offset < end);
      }
      rows.moreWaiting = batch.moreWaiting;
      if (rows.count > 0) this.#onBatch(rows);
    } finally {
      rows.count = 0;
      this.#options.lines.flush();
    }
  }

  #take(now: number, batch: ReceiveBatch, offset: number, length: number, slot: number, ecn: number): void {
    if (this.#gatewayOf(slot) === NONE) return this.#counters.drop('relay_unknown_peer');
    const header = this.#header;
    if (
      batch.bytes[offset] !== PROXY_V2_FIRST_BYTE ||
      parseProxyHeader(batch, offset, length, 'proxy', header) !== 'ok' ||
      header.kind !== 'proxied'
    ) {
      return this.#counters.drop('relay_bad_header');
    }
    const headBytes = header.length;
    const at = offset + headBytes;
    const rest = length - headBytes;
    if (rest < CONVERSATION_BYTES) return this.#counters.drop('relay_too_short');
    if (isRelayAnswer(batch, offset, headBytes)) return this.#answer(batch.bytes, at, rest);
    if (ownerOf(batch.view.getUint32(at, true)) !== this.#options.gatewayId) {
      return this.#counters.drop('relay_not_owner');
    }
    const client = this.#clientOf(now, slot);
    if (client === NONE) return;
    this.#counters.requests++;
    this.#add(at, rest, client, ecn);
  }

  /** Sends an answer out by the line that its header names. */
  #answer(bytes: Uint8Array, at: number, length: number): void {
    const row = this.#relayed.ofAnswer();
    if (row === NONE) return;
    const { lines } = this.#options;
    const fault = lines.send(this.#relayed.portOf(row), this.#relayed.slotOf(row), bytes, at, length);
    if (fault === undefined) this.#counters.answered++;
    else this.#counters.drop(fault);
  }

  /** The row of the client that the header names; NONE, and counted, when it cannot be known. */
  #clientOf(now: number, slot: number): number {
    const clients = this.#clients;
    const known = clients.find(slot);
    if (known !== NONE) {
      clients.use(known);
      return known;
    }
    if (!this.#newClients.take(now)) return this.#dropClient('relay_rate_limit');
    if (clients.isFull) {
      const oldest = clients.oldest;
      if (oldest === NONE) return this.#dropClient('relay_table_full');
      clients.remove(oldest);
    }
    const row = clients.add(slot);
    const { transport } = this.#header;
    const [source, destination] = [clients.destinationOf(row), clients.sourceOf(row)];
    const length = writeRelayHeader(this.#scratch, 0, { transport, source, destination, isAnswer: true });
    this.#heads.set(row, this.#scratch.bytes, 0, length);
    return row;
  }

  #dropClient(reason: RelayDropReason): number {
    this.#counters.drop(reason);
    return NONE;
  }

  #add(offset: number, length: number, slot: number, ecn: number): void {
    const rows = this.#rows;
    if (rows.isFull) {
      rows.moreWaiting = true;
      this.#onBatch(rows);
      rows.count = 0;
    }
    rows.add(offset, length, 0, slot, ecn);
  }

  #forgetStale(now: number): void {
    for (let i = 0; i < STALE_PER_BATCH; i++) {
      const row = this.#clients.oldest;
      if (row === NONE || now - this.#clients.usedAt(row) <= this.#ttlMs) return;
      this.#clients.remove(row);
    }
  }

  // ---- peers ----

  #addPeer({ gatewayId, address }: RelayPeer): void {
    const slot = this.#inner.intern(address);
    if (slot < 0) {
      throw new GatewayError(
        'connect_failed',
        `cannot reach gateway ${gatewayId} at ${formatSocketAddress(address)}`,
      );
    }
    if (slot >= this.#gatewayOfSlot.length) {
      const larger = new Int32Array(slot + 1).fill(NONE);
      larger.set(this.#gatewayOfSlot);
      this.#gatewayOfSlot = larger;
    }
    this.#gatewayOfSlot[slot] = gatewayId;
    this.#slotOfGateway[gatewayId] = slot;
  }

  /** The gateway at a slot of `inner`, or NONE. */
  #gatewayOf(slot: number): number {
    return slot < this.#gatewayOfSlot.length ? this.#gatewayOfSlot[slot]! : NONE;
  }

  /** @throws RangeError when the slot is not in use: whoever asks forgot to retain it. */
  #inUse(slot: number): number {
    if (!this.#clients.has(slot)) throw new RangeError(`address slot ${slot} is not in use`);
    return slot;
  }
}

const NONE = -1;
const GATEWAY_IDS = 256;
const DEFAULT_TTL_MS = 120_000;
const STALE_PER_BATCH = 64;
/** Other headers are none here. */
const PROXY_V2_FIRST_BYTE = 0x0d;
const CONVERSATION_BYTES = 4;
