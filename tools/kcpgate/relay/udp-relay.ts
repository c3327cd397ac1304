import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import { EventQueue } from './event-queue.ts';
import { NetEmulator, PERFECT_LINK, type LinkCounters, type LinkProfile } from './net-emulator.ts';

export interface UdpRelayOptions {
  /** Where the datagrams of clients go: an IP address and port. */
  readonly target: { readonly address: string; readonly port: number };
  /** Decides all of the luck; the same seed and the same arrivals give the same losses. */
  readonly seed: number;
  /** What happens on the way to the target; what is not named is perfect. */
  readonly toTarget?: Partial<LinkProfile>;
  /** What happens on the way back. */
  readonly toClient?: Partial<LinkProfile>;
  /** A client that was silent for longer, in ms, speaks to the target from another port, as behind a NAT. Default: never. */
  readonly mappingMs?: number;
  /** Clients served at once, default 64; datagrams of any more are dropped. */
  readonly maxClients?: number;
  /** Datagrams on their way at once, both directions together, default 20,000; any more are dropped. */
  readonly maxInFlight?: number;
}

export interface UdpRelayStats {
  readonly toTarget: Readonly<LinkCounters>;
  readonly toClient: Readonly<LinkCounters>;
  readonly clients: number;
  /** Dropped because too many clients or datagrams were there already. */
  readonly overflowDrops: number;
}

/** Stands between UDP clients and one server on real sockets and treats their datagrams as a bad network would. */
export interface UdpRelay {
  /** Where clients send to, on the loopback address of the target's family. */
  readonly address: string;
  readonly port: number;
  stats(): UdpRelayStats;
  /** Changes the weather in both directions; what is on its way stays on its way. */
  setLinks(toTarget: Partial<LinkProfile>, toClient: Partial<LinkProfile>): void;
  /** Drops what is on its way and closes every socket. Safe to call twice. */
  close(): Promise<void>;
}

/** Binds a free port and starts relaying. */
export async function startUdpRelay(options: UdpRelayOptions): Promise<UdpRelay> {
  const front = openSocket(options.target.address);
  front.bind(0, isIPv6(options.target.address) ? '::1' : '127.0.0.1');
  await once(front, 'listening');
  return new Relay(options, front);
}

/** One datagram on its way, and where it leaves the relay. */
interface Departure {
  readonly datagram: Uint8Array;
  readonly from: Socket;
  readonly address: string;
  readonly port: number;
}

/** A client and the socket that speaks to the target in its name. */
interface RelayClient {
  readonly address: string;
  readonly port: number;
  upstream: Socket;
  lastSentMs: number;
}

class Relay implements UdpRelay {
  readonly address: string;
  readonly port: number;
  readonly #options: UdpRelayOptions;
  readonly #front: Socket;
  readonly #clients = new Map<string, RelayClient>();
  readonly #departures = new EventQueue<Departure>();
  readonly #toTarget: NetEmulator;
  readonly #toClient: NetEmulator;
  readonly #maxClients: number;
  readonly #maxInFlight: number;
  #overflowDrops = 0;
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = Infinity;
  #closed = false;
  /** The client whose datagram an emulator is looking at. */
  #current: RelayClient | null = null;

  constructor(options: UdpRelayOptions, front: Socket) {
    this.#options = options;
    this.#front = front;
    this.#maxClients = options.maxClients ?? 64;
    this.#maxInFlight = options.maxInFlight ?? 20_000;
    const bound = front.address();
    this.address = bound.address;
    this.port = bound.port;
    const now = nowMs();
    this.#toTarget = new NetEmulator(
      { ...PERFECT_LINK, ...options.toTarget },
      new SeededRandom(options.seed, 1),
      now,
      (atMs, datagram) => {
        const { address, port } = options.target;
        if (this.#current !== null)
          this.#depart(atMs, { datagram, from: this.#current.upstream, address, port });
      },
    );
    this.#toClient = new NetEmulator(
      { ...PERFECT_LINK, ...options.toClient },
      new SeededRandom(options.seed, 2),
      now,
      (atMs, datagram) => {
        if (this.#current === null) return;
        const { address, port } = this.#current;
        this.#depart(atMs, { datagram, from: this.#front, address, port });
      },
    );
    front.on('message', (datagram, from) => {
      const client = this.#clientAt(from);
      if (client === undefined) {
        this.#overflowDrops++;
        return;
      }
      this.#rebindSilent(client);
      this.#relay(this.#toTarget, client, datagram);
    });
  }

  stats(): UdpRelayStats {
    return {
      toTarget: { ...this.#toTarget.counters },
      toClient: { ...this.#toClient.counters },
      clients: this.#clients.size,
      overflowDrops: this.#overflowDrops,
    };
  }

  setLinks(toTarget: Partial<LinkProfile>, toClient: Partial<LinkProfile>): void {
    this.#toTarget.setProfile({ ...PERFECT_LINK, ...toTarget });
    this.#toClient.setProfile({ ...PERFECT_LINK, ...toClient });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const sockets = [this.#front, ...[...this.#clients.values()].map((client) => client.upstream)];
    this.#clients.clear();
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(resolve))));
  }

  #clientAt(from: RemoteInfo): RelayClient | undefined {
    const key = `${from.address} ${String(from.port)}`;
    const known = this.#clients.get(key);
    if (known !== undefined || this.#clients.size >= this.#maxClients) return known;
    const upstream = openSocket(this.#options.target.address);
    const client = { address: from.address, port: from.port, upstream, lastSentMs: nowMs() };
    this.#listen(client);
    this.#clients.set(key, client);
    return client;
  }

  #listen(client: RelayClient): void {
    client.upstream.on('message', (datagram) => {
      this.#relay(this.#toClient, client, datagram);
    });
  }

  #rebindSilent(client: RelayClient): void {
    const { mappingMs = Infinity, target } = this.#options;
    const now = nowMs();
    if (now - client.lastSentMs > mappingMs) {
      // What is still on its way from the old port is lost.
      client.upstream.close();
      client.upstream = openSocket(target.address);
      this.#listen(client);
    }
    client.lastSentMs = now;
  }

  #relay(link: NetEmulator, client: RelayClient, datagram: Uint8Array): void {
    if (this.#departures.size >= this.#maxInFlight) {
      this.#overflowDrops++;
      return;
    }
    this.#current = client;
    link.send(nowMs(), datagram, 0, datagram.length);
    this.#current = null;
  }

  #depart(atMs: number, departure: Departure): void {
    if (atMs <= nowMs()) {
      this.#send(departure);
      return;
    }
    this.#departures.push(atMs, departure);
    if (atMs < this.#timerAtMs) this.#arm(atMs);
  }

  #arm(atMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(
      () => {
        this.#sendDue();
      },
      Math.max(1, atMs - nowMs()),
    );
  }

  #sendDue(): void {
    this.#timer = null;
    this.#timerAtMs = Infinity;
    const now = nowMs();
    for (let due = this.#departures.popDue(now); due !== undefined; due = this.#departures.popDue(now)) {
      this.#send(due);
    }
    const nextAtMs = this.#departures.nextAtMs();
    if (nextAtMs !== Infinity) this.#arm(nextAtMs);
  }

  #send(departure: Departure): void {
    if (!this.#closed) departure.from.send(departure.datagram, departure.port, departure.address);
  }
}

function openSocket(peerAddress: string): Socket {
  const socket = createSocket({
    type: isIPv6(peerAddress) ? 'udp6' : 'udp4',
    recvBufferSize: 4 << 20,
    sendBufferSize: 4 << 20,
  });
  // A refused port or a full kernel queue is one more loss.
  socket.on('error', () => undefined);
  return socket;
}

const nowMs = (): number => Math.floor(performance.now());
