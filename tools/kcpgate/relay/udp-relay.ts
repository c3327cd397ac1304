import { isIPv6 } from 'node:net';
import { isLoopback, type SocketAddress } from '../../../src/base/address.ts';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import {
  META_ADDRESS,
  META_LENGTH,
  META_OFFSET,
  META_SEGMENT_SIZE,
  META_STRIDE,
  type Carrier,
  type ReceiveBatch,
} from '../../../src/carrier/carrier.ts';
import { createUdpCarrier } from '../../../src/carrier/node/udp.ts';
import { DepartureQueue } from './departure-queue.ts';
import { Fate, isDropped } from './fate.ts';
import { LinkFates, type LinkCounters } from './link-fates.ts';
import { PERFECT_LINK, type LinkProfile } from './link-profile.ts';
import { Outlet } from './outlet.ts';
import { RelayClient, Upstream, type RelayEnd } from './relay-client.ts';

export type { RelayEnd } from './relay-client.ts';

export interface UdpRelayOptions {
  /** Where the datagrams of clients go. */
  readonly target: RelayEnd;
  /** Where clients send to. Default: a free port on the loopback address of the target's family. */
  readonly listen?: RelayEnd;
  /** Decides all of the luck; the same seed and the same arrivals give the same losses. */
  readonly seed: number;
  /** Which of the independent sequences of the seed: relays of one seed should have different ones. Default 0. */
  readonly stream?: number;
  /** What happens on the way to the target; what is not named is perfect. */
  readonly toTarget?: Partial<LinkProfile>;
  /** What happens on the way back. */
  readonly toClient?: Partial<LinkProfile>;
  /** A client that was silent for longer, in ms, speaks to the target from another port, as behind a NAT. Default: never. */
  readonly mappingMs?: number;
  /** A client is forgotten after so long without a datagram either way, in ms. Default 5 minutes. */
  readonly idleMs?: number;
  /** Clients served at once, default 64; datagrams of any more are dropped. */
  readonly maxClients?: number;
  /** Datagrams on their way at once, both directions together, default 200,000; any more are dropped. */
  readonly maxInFlight?: number;
  /** Their bytes, default 128 MiB. */
  readonly maxInFlightBytes?: number;
  /** Told of every datagram that enters, once its fate is decided. The object and its bytes are valid during the call. */
  readonly onDatagram?: (datagram: RelayedDatagram) => void;
}

/** A datagram that entered a relay, and what becomes of it. The object is reused. */
export interface RelayedDatagram {
  /** On the way to the target. */
  isUp: boolean;
  client: RelayEnd;
  /** As it came: without the bits that will be flipped. */
  bytes: Uint8Array;
  offset: number;
  length: number;
  /** A sum of `Fate`s; `isDropped` and `fateText` read it. */
  fate: number;
  /** From now until it leaves the relay, in ms; 0 when it is dropped. */
  delayMs: number;
}

export interface UdpRelayStats {
  readonly toTarget: Readonly<LinkCounters>;
  readonly toClient: Readonly<LinkCounters>;
  readonly clients: number;
  /** Datagrams on their way now. */
  readonly inFlight: number;
  /** Dropped because too many clients or datagrams were there already. */
  readonly overflowDrops: number;
  /** How often a client got another port towards the target. */
  readonly rebinds: number;
  /** What the system said about sending to the target, such as that nobody listens there. */
  readonly targetErrors: number;
}

/** Stands between UDP clients and one server on real sockets and treats their datagrams as a bad network would. */
export interface UdpRelay {
  /** Where clients send to. */
  readonly address: string;
  readonly port: number;
  stats(): UdpRelayStats;
  /** Changes the weather in both directions; what is on its way stays on its way. */
  setLinks(toTarget: Partial<LinkProfile>, toClient: Partial<LinkProfile>): void;
  /**
   * Every client speaks to the target from another port from now on, as when a NAT lost its mappings. What was sent before still
   * arrives from the old port; answers to the old port are lost.
   * @param how `address`: from another address of 127.0.0.0/8 as well.
   * @throws RangeError for another address when the target is none of 127.0.0.0/8.
   */
  rebind(how: 'port' | 'address'): void;
  /** Drops what is on its way and closes every socket. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Binds a port and starts relaying.
 * @throws GatewayError `address_in_use`, `permission_denied` or `bind_failed`.
 */
export async function startUdpRelay(options: UdpRelayOptions): Promise<UdpRelay> {
  const { target, listen = { address: familyOf(target.address) === 6 ? '::1' : '127.0.0.1', port: 0 } } =
    options;
  const front = await createUdpCarrier({
    bind: socketAddressOf(listen),
    maxDatagramBytes: MAX_DATAGRAM_BYTES,
    maxAddresses: MAX_FRONT_ADDRESSES,
  });
  return new Relay(options, front);
}

class Relay implements UdpRelay {
  readonly address: string;
  readonly port: number;
  readonly #options: UdpRelayOptions;
  readonly #target: SocketAddress;
  readonly #front: Outlet;
  readonly #bySlot = new Map<number, RelayClient>();
  readonly #departures = new DepartureQueue<RelayClient | Upstream>();
  readonly #toTarget: LinkFates;
  readonly #toClient: LinkFates;
  readonly #addressLuck: SeededRandom;
  readonly #maxClients: number;
  readonly #maxInFlight: number;
  readonly #maxInFlightBytes: number;
  readonly #idleMs: number;
  readonly #idleTimer: NodeJS.Timeout;
  readonly #onDatagram: ((datagram: RelayedDatagram) => void) | undefined;
  readonly #told: RelayedDatagram;
  /** All that are open or being opened, those of clients that have another one included. */
  readonly #upstreams = new Set<Upstream>();
  /** Sockets with something in their arena. */
  readonly #dirty: Outlet[] = [];
  /** Sockets that are being closed. */
  readonly #closing = new Set<Promise<void>>();
  #overflowDrops = 0;
  #rebinds = 0;
  #targetErrors = 0;
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = Infinity;
  #isClosed = false;

  constructor(options: UdpRelayOptions, front: Carrier) {
    this.#options = options;
    this.#target = socketAddressOf(options.target);
    this.#front = new Outlet(front);
    this.#maxClients = options.maxClients ?? 64;
    this.#maxInFlight = options.maxInFlight ?? 200_000;
    this.#maxInFlightBytes = options.maxInFlightBytes ?? 128 << 20;
    this.#idleMs = options.idleMs ?? 300_000;
    this.#onDatagram = options.onDatagram;
    ({ address: this.address, port: this.port } = front.localAddress);
    this.#told = { ...NOTHING_TOLD };
    const now = performance.now();
    const stream = STREAMS * (options.stream ?? 0);
    const fatesOf = (link: Partial<LinkProfile> | undefined, number: number): LinkFates =>
      new LinkFates(
        { ...PERFECT_LINK, ...link },
        new SeededRandom(options.seed, stream + number),
        now,
        false,
      );
    this.#toTarget = fatesOf(options.toTarget, 1);
    this.#toClient = fatesOf(options.toClient, 2);
    this.#addressLuck = new SeededRandom(options.seed, stream + 3);
    this.#idleTimer = setInterval(() => this.#forgetIdle(), Math.max(MIN_LOOK_MS, this.#idleMs / 4));
    this.#idleTimer.unref();
    front.start((batch) => this.#takeFromClients(batch));
  }

  stats(): UdpRelayStats {
    return {
      toTarget: { ...this.#toTarget.counters },
      toClient: { ...this.#toClient.counters },
      clients: this.#bySlot.size,
      inFlight: this.#departures.size,
      overflowDrops: this.#overflowDrops,
      rebinds: this.#rebinds,
      targetErrors: this.#targetErrors,
    };
  }

  setLinks(toTarget: Partial<LinkProfile>, toClient: Partial<LinkProfile>): void {
    this.#toTarget.setProfile({ ...PERFECT_LINK, ...toTarget });
    this.#toClient.setProfile({ ...PERFECT_LINK, ...toClient });
  }

  rebind(how: 'port' | 'address'): void {
    const { address, family } = this.#target;
    if (how === 'address' && (family === 6 || !isLoopback(address))) {
      throw new RangeError(
        `only towards a target of 127.0.0.0/8 there are other addresses, not towards ${address}`,
      );
    }
    for (const client of this.#bySlot.values()) this.#replaceUpstream(client, how);
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      if (this.#timer !== null) clearTimeout(this.#timer);
      clearInterval(this.#idleTimer);
      this.#closeLater(this.#front.carrier);
      for (const { outlet } of this.#upstreams) if (outlet !== null) this.#closeLater(outlet.carrier);
      this.#upstreams.clear();
      this.#bySlot.clear();
    }
    while (this.#closing.size > 0) await Promise.all(this.#closing);
  }

  #takeFromClients(batch: ReceiveBatch): void {
    const now = performance.now();
    this.#sendDue(now);
    for (let i = 0; i < batch.count; i++) {
      const slot = batch.meta[i * META_STRIDE + META_ADDRESS] ?? -1;
      const client = this.#bySlot.get(slot) ?? this.#welcome(slot, now);
      if (client !== undefined) {
        const { mappingMs = Infinity } = this.#options;
        if (now - client.lastSentMs > mappingMs) this.#replaceUpstream(client, 'port');
        client.lastSentMs = now;
      }
      this.#takeGlued(batch, i, client, true, now);
    }
    this.#flush();
  }

  #takeFromTarget(batch: ReceiveBatch, upstream: Upstream): void {
    if (upstream.isRetired || this.#isClosed) return;
    const now = performance.now();
    this.#sendDue(now);
    upstream.client.lastHeardMs = now;
    for (let i = 0; i < batch.count; i++) this.#takeGlued(batch, i, upstream.client, false, now);
    this.#flush();
  }

  /** What the system gave as one message may be several datagrams. */
  #takeGlued(
    batch: ReceiveBatch,
    index: number,
    client: RelayClient | undefined,
    isUp: boolean,
    now: number,
  ): void {
    const at = index * META_STRIDE;
    const offset = batch.meta[at + META_OFFSET] ?? 0;
    const length = batch.meta[at + META_LENGTH] ?? 0;
    const segment = batch.meta[at + META_SEGMENT_SIZE] ?? 0;
    const step = segment === 0 ? Math.max(1, length) : segment;
    let done = 0;
    do {
      this.#take(client, isUp, batch.bytes, offset + done, Math.min(step, length - done), now);
      done += step;
    } while (done < length);
  }

  #take(
    client: RelayClient | undefined,
    isUp: boolean,
    bytes: Uint8Array,
    offset: number,
    length: number,
    now: number,
  ): void {
    const isFull =
      this.#departures.size >= this.#maxInFlight || this.#departures.bytes + length > this.#maxInFlightBytes;
    if (client === undefined || isFull) {
      this.#overflowDrops++;
      this.#tell(client?.end ?? NOWHERE, isUp, bytes, offset, length, Fate.overflow, 0);
      return;
    }
    const fates = isUp ? this.#toTarget : this.#toClient;
    const fate = fates.decide(now, length);
    const isGone = isDropped(fate);
    this.#tell(client.end, isUp, bytes, offset, length, fate, isGone ? 0 : fates.arrivesAtMs - now);
    if (isGone) return;
    const to = isUp ? client.upstream : client;
    const isWhole = (fate & Fate.corrupted) === 0;
    this.#depart(fates.arrivesAtMs, to, bytes, offset, length, now, isWhole ? null : fates);
    if ((fate & Fate.duplicated) !== 0) {
      this.#depart(fates.copyArrivesAtMs, to, bytes, offset, length, now, isWhole ? null : fates);
    }
  }

  #tell(
    client: RelayEnd,
    isUp: boolean,
    bytes: Uint8Array,
    offset: number,
    length: number,
    fate: number,
    delayMs: number,
  ): void {
    if (this.#onDatagram === undefined) return;
    const told = this.#told;
    told.client = client;
    told.isUp = isUp;
    told.bytes = bytes;
    told.offset = offset;
    told.length = length;
    told.fate = fate;
    told.delayMs = delayMs;
    this.#onDatagram(told);
  }

  #depart(
    atMs: number,
    to: RelayClient | Upstream,
    bytes: Uint8Array,
    offset: number,
    length: number,
    now: number,
    corrupting: LinkFates | null,
  ): void {
    const departures = this.#departures;
    if (atMs <= now + EARLY_MS) {
      const outlet = this.#outletTo(to);
      if (outlet === null) {
        if (to.kind === 'client') return;
        const entry = departures.hold(to, bytes, offset, length);
        corrupting?.corrupt(departures.memory(entry), departures.offset(entry));
        to.inFlight++;
        to.waiting.push(entry);
        return;
      }
      const at = outlet.put(to.slot, bytes, offset, length);
      if (at >= 0) corrupting?.corrupt(outlet.carrier.arena.bytes, at);
      return;
    }
    const entry = departures.push(atMs, to, bytes, offset, length);
    corrupting?.corrupt(departures.memory(entry), departures.offset(entry));
    to.inFlight++;
    if (atMs < this.#timerAtMs) this.#arm(atMs, now);
  }

  /** The socket that leads somewhere, to be flushed; null while, or because, there is none. */
  #outletTo(to: RelayClient | Upstream): Outlet | null {
    if (to.kind === 'client' && to.isGone) return null;
    const outlet = to.kind === 'client' ? this.#front : to.outlet;
    if (outlet !== null && !outlet.isDirty) {
      outlet.isDirty = true;
      this.#dirty.push(outlet);
    }
    return outlet;
  }

  #arm(atMs: number, now: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(this.#onTimer, Math.max(1, Math.round(atMs - now)));
  }

  readonly #onTimer = (): void => {
    this.#timer = null;
    this.#timerAtMs = Infinity;
    this.#sendDue(performance.now());
    this.#flush();
  };

  #sendDue(now: number): void {
    const departures = this.#departures;
    for (
      let entry = departures.popDue(now + EARLY_MS);
      entry >= 0;
      entry = departures.popDue(now + EARLY_MS)
    ) {
      const to = departures.to(entry);
      if (to?.kind === 'upstream' && to.outlet === null && !to.hasFailed) to.waiting.push(entry);
      else this.#sendEntry(entry);
    }
    const nextAtMs = departures.nextAtMs();
    if (nextAtMs < this.#timerAtMs) this.#arm(nextAtMs, now);
  }

  #sendEntry(entry: number): void {
    const departures = this.#departures;
    const to = departures.to(entry);
    if (to !== undefined) {
      to.inFlight--;
      const outlet = this.#outletTo(to);
      if (outlet === null) this.#overflowDrops++;
      else outlet.put(to.slot, departures.memory(entry), departures.offset(entry), departures.length(entry));
    }
    departures.free(entry);
    if (to?.kind === 'upstream' && to.isRetired) this.#closeWhenDone(to);
  }

  #flush(): void {
    for (const outlet of this.#dirty) outlet.flush();
    this.#dirty.length = 0;
  }

  #welcome(slot: number, now: number): RelayClient | undefined {
    if (this.#bySlot.size >= this.#maxClients || this.#isClosed) return undefined;
    const { address, port } = this.#front.carrier.addressOf(slot);
    this.#front.carrier.retain(slot);
    const client = new RelayClient(slot, { address, port }, now);
    this.#bySlot.set(slot, client);
    void this.#open(client.upstream, 'port');
    return client;
  }

  async #open(upstream: Upstream, how: 'port' | 'address'): Promise<void> {
    this.#upstreams.add(upstream);
    const { family } = this.#target;
    const wildcard = family === 6 ? '::' : '0.0.0.0';
    try {
      const carrier = await createUdpCarrier({
        bind: { address: how === 'port' ? wildcard : this.#anotherAddress(), family, port: 0 },
        remote: this.#target,
        ipv6Only: family === 6,
        maxDatagramBytes: MAX_DATAGRAM_BYTES,
        ...UPSTREAM_LIMITS,
        onError: () => this.#targetErrors++,
      });
      this.#opened(upstream, carrier);
    } catch {
      // No descriptor or port is left: the client's datagrams are dropped, and its next one tries again.
      this.#upstreams.delete(upstream);
      upstream.hasFailed = true;
      for (const entry of upstream.waiting.splice(0)) this.#sendEntry(entry);
      if (!upstream.isRetired) this.#forget(upstream.client);
    }
  }

  #opened(upstream: Upstream, carrier: Carrier): void {
    if (this.#isClosed) return this.#closeLater(carrier);
    upstream.outlet = new Outlet(carrier);
    upstream.slot = carrier.intern(this.#target);
    carrier.start((batch) => this.#takeFromTarget(batch, upstream));
    for (const entry of upstream.waiting.splice(0)) this.#sendEntry(entry);
    this.#flush();
    if (upstream.isRetired) this.#closeWhenDone(upstream);
  }

  #anotherAddress(): string {
    const part = (): string => String(1 + this.#addressLuck.nextInt(254));
    return `127.${part()}.${part()}.${part()}`;
  }

  #replaceUpstream(client: RelayClient, how: 'port' | 'address'): void {
    this.#rebinds++;
    this.#retire(client.upstream);
    client.upstream = new Upstream(client);
    void this.#open(client.upstream, how);
  }

  /** It hears no more, and sends what is on its way from it. */
  #retire(upstream: Upstream): void {
    upstream.isRetired = true;
    this.#closeWhenDone(upstream);
  }

  #closeWhenDone(upstream: Upstream): void {
    if (upstream.inFlight > 0 || upstream.outlet === null) return;
    this.#upstreams.delete(upstream);
    upstream.outlet.flush();
    this.#closeLater(upstream.outlet.carrier);
    upstream.outlet = null;
  }

  #forgetIdle(): void {
    const now = performance.now();
    for (const client of this.#bySlot.values()) {
      const isIdle = now - Math.max(client.lastSentMs, client.lastHeardMs) > this.#idleMs;
      if (isIdle && client.inFlight === 0 && client.upstream.inFlight === 0) this.#forget(client);
    }
  }

  #forget(client: RelayClient): void {
    client.isGone = true;
    this.#bySlot.delete(client.slot);
    this.#front.carrier.release(client.slot);
    this.#retire(client.upstream);
  }

  #closeLater(carrier: Carrier): void {
    const closing: Promise<void> = carrier.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

const familyOf = (address: string): 4 | 6 => (isIPv6(address) ? 6 : 4);

const socketAddressOf = ({ address, port }: RelayEnd): SocketAddress => ({
  address,
  port,
  family: familyOf(address),
});

const NOWHERE: RelayEnd = { address: '', port: 0 };
const NOTHING_TOLD = {
  isUp: false,
  client: NOWHERE,
  bytes: new Uint8Array(0),
  offset: 0,
  length: 0,
  fate: 0,
  delayMs: 0,
};

/** Timers keep milliseconds: what is due within half of one leaves now, so that delays are right on average. */
const EARLY_MS = 0.5;
const MAX_DATAGRAM_BYTES = 65_507;
/** Idle clients are looked for no more often. */
const MIN_LOOK_MS = 50;
/** Peers told apart at the front: more than may be served, since those that are not have a slot for a moment. */
const MAX_FRONT_ADDRESSES = 65_536;
/** There may be many clients, so a socket for each has little memory: room for four messages as the system gives and takes them. */
const UPSTREAM_LIMITS = { slabBytes: 4 * 65_536, arenaBytes: 66_000, maxBatch: 256, maxAddresses: 4 };
/** Sequences of random numbers a relay may use. */
const STREAMS = 4;
