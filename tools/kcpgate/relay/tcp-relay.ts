import { once } from 'node:events';
import { connect, createServer, isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';
import { fromSystemError, type SystemErrorLike } from '../../../src/base/node-error.ts';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import { drawJitter } from './jitter.ts';
import type { JitterShape, Outage } from './link-profile.ts';
import { afterOutageMs } from './outage.ts';
import type { RelayEnd } from './relay-client.ts';

/** One direction of a TCP relay. A stream loses nothing: what is bad about it is when it arrives. */
export interface StreamLink {
  /** Added to every byte, in ms. */
  readonly delayMs: number;
  /** Up to this much is added to what is read at a time; it holds up what follows. */
  readonly jitterMs: number;
  readonly jitterShape: JitterShape;
  /** Bottleneck of each connection, in bytes per second; Infinity for none. */
  readonly bytesPerSecond: number;
  /** Nothing leaves any more, a FIN neither, until it is false again: what a black hole does to a connection. */
  readonly isStalled: boolean;
  /** What would arrive in an outage arrives at its end. Counted from when the relay started. */
  readonly outage: Outage | null;
}

/** A stream that passes everything at once. */
const PERFECT_STREAM: StreamLink = {
  delayMs: 0,
  jitterMs: 0,
  jitterShape: 'uniform',
  bytesPerSecond: Infinity,
  isStalled: false,
  outage: null,
};

export interface TcpRelayOptions {
  /** Where connections of clients lead: an IP address and port. */
  readonly target: RelayEnd;
  /** Where they come to. Default: a free port on the loopback address of the target's family. */
  readonly listen?: RelayEnd;
  /** Decides the jitter. Default 1. */
  readonly seed?: number;
  /** Which of the independent sequences of the seed. Default 0. */
  readonly stream?: number;
  /** What happens on the way to the target; what is not named is perfect. */
  readonly toTarget?: Partial<StreamLink>;
  /** What happens on the way back. */
  readonly toClient?: Partial<StreamLink>;
  /** Connections at once, default 256; any more are reset. */
  readonly maxConnections?: number;
  /** Bytes on their way in each direction of a connection, default 4 MiB; then nothing more is read. */
  readonly maxBufferedBytes?: number;
  /** Told of connections and of what comes over them. The object and its bytes are valid during the call. */
  readonly onEvent?: (event: StreamEvent) => void;
}

/**
 * What happens on a connection: it was accepted, bytes came, one side ended its direction, or it was reset. The object is reused.
 */
export interface StreamEvent {
  kind: 'open' | 'bytes' | 'end' | 'reset';
  /** Counts the connections of a relay from 0. */
  connection: number;
  client: RelayEnd;
  /** Whether it comes from the client. */
  isUp: boolean;
  /** Empty unless bytes came. */
  bytes: Uint8Array;
  /** From now until it leaves the relay, in ms, as the weather is now; Infinity while nothing leaves. */
  delayMs: number;
}

export interface TcpRelayStats {
  /** Connections that are open, and that were accepted so far. */
  readonly connections: number;
  readonly accepted: number;
  /** Reset because there were too many, or while the relay refuses. */
  readonly refused: number;
  /** Connections that were cut. */
  readonly cut: number;
  /** Bytes on their way now, both directions together. */
  readonly bufferedBytes: number;
  /** Bytes that were passed on. */
  readonly toTargetBytes: number;
  readonly toClientBytes: number;
}

/** Stands between TCP clients and one server and treats their connections as a bad network would. */
export interface TcpRelay {
  /** Where clients connect to. */
  readonly address: string;
  readonly port: number;
  /** Every connection that comes is reset while this is true. Default false. */
  refuses: boolean;
  stats(): TcpRelayStats;
  /** Changes the weather in both directions, for connections that are open, too; what is on its way keeps its time. */
  setLinks(toTarget: Partial<StreamLink>, toClient: Partial<StreamLink>): void;
  /** Ends every connection towards both sides, at once and without what is on its way: with a RST or a FIN. */
  cut(how: 'rst' | 'fin'): void;
  /** Closes every socket. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Binds a port and starts relaying.
 * @throws GatewayError `address_in_use`, `permission_denied` or `bind_failed`.
 */
export async function startTcpRelay(options: TcpRelayOptions): Promise<TcpRelay> {
  const { listen = { address: isIPv6(options.target.address) ? '::1' : '127.0.0.1', port: 0 } } = options;
  // Half open: a FIN is passed on like a byte, in its turn.
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  server.listen(listen.port, listen.address);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw fromSystemError(error as SystemErrorLike, 'bind_failed');
  }
  return new Relay(options, server);
}

interface Pair {
  readonly client: Socket;
  readonly target: Socket;
  readonly ways: readonly OneWay[];
  readonly number: number;
  readonly clientEnd: RelayEnd;
}

class Relay implements TcpRelay {
  readonly address: string;
  readonly port: number;
  refuses = false;
  readonly #options: TcpRelayOptions;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #passed = { toTarget: 0, toClient: 0 };
  readonly #maxConnections: number;
  readonly #maxBufferedBytes: number;
  #toTarget: StreamLink;
  #toClient: StreamLink;
  readonly #random: SeededRandom;
  readonly #startedAtMs = performance.now();
  readonly #told: StreamEvent = { ...NOTHING_TOLD };
  #accepted = 0;
  #refused = 0;
  #cut = 0;

  constructor(options: TcpRelayOptions, server: Server) {
    this.#options = options;
    this.#server = server;
    this.#random = new SeededRandom(options.seed ?? 1, STREAMS * (options.stream ?? 0));
    this.#maxConnections = options.maxConnections ?? 256;
    this.#maxBufferedBytes = options.maxBufferedBytes ?? 4 << 20;
    this.#toTarget = { ...PERFECT_STREAM, ...options.toTarget };
    this.#toClient = { ...PERFECT_STREAM, ...options.toClient };
    const { address, port } = server.address() as AddressInfo;
    this.address = address;
    this.port = port;
    server.on('connection', (client) => this.#accept(client));
  }

  stats(): TcpRelayStats {
    return {
      connections: this.#pairs.size,
      accepted: this.#accepted,
      refused: this.#refused,
      cut: this.#cut,
      bufferedBytes: [...this.#pairs]
        .flatMap(({ ways }) => ways)
        .reduce((sum, way) => sum + way.bufferedBytes, 0),
      toTargetBytes: this.#passed.toTarget,
      toClientBytes: this.#passed.toClient,
    };
  }

  setLinks(toTarget: Partial<StreamLink>, toClient: Partial<StreamLink>): void {
    this.#toTarget = { ...PERFECT_STREAM, ...toTarget };
    this.#toClient = { ...PERFECT_STREAM, ...toClient };
    for (const { ways } of this.#pairs) for (const way of ways) way.pump();
  }

  cut(how: 'rst' | 'fin'): void {
    for (const pair of [...this.#pairs]) {
      this.#cut++;
      this.#tell(pair, how === 'rst' ? 'reset' : 'end', false);
      for (const way of pair.ways) way.stop();
      for (const socket of [pair.client, pair.target]) {
        if (how === 'rst') socket.resetAndDestroy();
        else socket.destroySoon();
      }
    }
  }

  async close(): Promise<void> {
    for (const { client, target, ways } of this.#pairs) {
      for (const way of ways) way.stop();
      client.destroy();
      target.destroy();
    }
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    client.on('error', () => undefined);
    if (this.refuses || this.#pairs.size >= this.#maxConnections) {
      this.#refused++;
      client.resetAndDestroy();
      return;
    }
    const number = this.#accepted++;
    const { address, port } = this.#options.target;
    const target = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
    target.on('error', () => undefined);
    const clientEnd = { address: client.remoteAddress ?? '', port: client.remotePort ?? 0 };
    const way = (isUp: boolean): OneWay => {
      const [from, to] = isUp ? [client, target] : [target, client];
      return new OneWay(from, to, this.#maxBufferedBytes, {
        link: () => (isUp ? this.#toTarget : this.#toClient),
        random: this.#random,
        startedAtMs: this.#startedAtMs,
        onTaken: (bytes, delayMs) => this.#tell(pair, bytes === null ? 'end' : 'bytes', isUp, bytes, delayMs),
        onPassed: (bytes) => (this.#passed[isUp ? 'toTarget' : 'toClient'] += bytes),
      });
    };
    const pair: Pair = { client, target, ways: [way(true), way(false)], number, clientEnd };
    this.#tell(pair, 'open', true);
    this.#pairs.add(pair);
    // A side that was reset resets the other, too; one that ended has said so before.
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      one.once('close', (hadError) => {
        if (other.closed) this.#pairs.delete(pair);
        if (!hadError && one.readableEnded && one.writableFinished) return;
        for (const each of pair.ways) each.stop();
        if (!other.destroyed) this.#tell(pair, 'reset', one === client);
        other.resetAndDestroy();
      });
    }
  }

  #tell(
    { number, clientEnd }: Pair,
    kind: StreamEvent['kind'],
    isUp: boolean,
    bytes: Uint8Array | null = null,
    delayMs = 0,
  ): void {
    if (this.#options.onEvent === undefined) return;
    const told = this.#told;
    told.kind = kind;
    told.connection = number;
    told.client = clientEnd;
    told.isUp = isUp;
    told.bytes = bytes ?? NOTHING_TOLD.bytes;
    told.delayMs = delayMs;
    this.#options.onEvent(told);
  }
}

const NOTHING_TOLD: StreamEvent = {
  kind: 'open',
  connection: 0,
  client: { address: '', port: 0 },
  isUp: true,
  bytes: new Uint8Array(0),
  delayMs: 0,
};
/** Sequences of random numbers a relay may use. */
const STREAMS = 4;

interface OneWayHooks {
  readonly random: SeededRandom;
  /** When the relay started. */
  readonly startedAtMs: number;
  link(): StreamLink;
  /** Something was read, or the end (null). */
  onTaken(bytes: Buffer | null, delayMs: number): void;
  onPassed(bytes: number): void;
}

/** A piece of a stream on its way, or its end (null). */
interface Piece {
  readonly dueAtMs: number;
  readonly bytes: Buffer | null;
}

/** One direction of one connection. */
class OneWay {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #limit: number;
  readonly #hooks: OneWayHooks;
  readonly #pieces: Piece[] = [];
  #buffered = 0;
  /** When the bottleneck will have let pass all it was given. */
  #busyUntilMs = 0;
  #lastDueAtMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #isBlocked = false;
  #isStopped = false;

  constructor(from: Socket, to: Socket, limit: number, hooks: OneWayHooks) {
    this.#from = from;
    this.#to = to;
    this.#limit = limit;
    this.#hooks = hooks;
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    from.on('end', () => this.#take(null));
    to.on('drain', () => {
      this.#isBlocked = false;
      this.pump();
    });
  }

  /** Bytes that were read and not passed on. */
  get bufferedBytes(): number {
    return this.#buffered;
  }

  /** Passes on what is due. */
  pump(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#isStopped || this.#isBlocked || this.#hooks.link().isStalled) return;
    const now = performance.now();
    for (let piece = this.#pieces[0]; piece !== undefined; piece = this.#pieces[0]) {
      if (piece.dueAtMs > now) {
        this.#timer = setTimeout(() => this.pump(), piece.dueAtMs - now);
        return;
      }
      this.#pieces.shift();
      if (piece.bytes === null) {
        this.#to.end();
        continue;
      }
      this.#buffered -= piece.bytes.length;
      this.#hooks.onPassed(piece.bytes.length);
      if (this.#buffered < this.#limit) this.#from.resume();
      if (!this.#to.write(piece.bytes)) {
        this.#isBlocked = true;
        return;
      }
    }
  }

  /** Nothing leaves any more. */
  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#pieces.length = 0;
    this.#buffered = 0;
  }

  #take(bytes: Buffer | null): void {
    if (this.#isStopped) return;
    const { random, startedAtMs } = this.#hooks;
    const { delayMs, bytesPerSecond, jitterMs, jitterShape, outage, isStalled } = this.#hooks.link();
    const now = performance.now();
    const length = bytes?.length ?? 0;
    this.#busyUntilMs = Math.max(now, this.#busyUntilMs) + (length * 1000) / bytesPerSecond;
    let dueAtMs = this.#busyUntilMs + delayMs + drawJitter(random, jitterMs, jitterShape);
    if (outage !== null) dueAtMs = startedAtMs + afterOutageMs(outage, dueAtMs - startedAtMs);
    this.#lastDueAtMs = Math.max(this.#lastDueAtMs, dueAtMs);
    this.#hooks.onTaken(bytes, isStalled ? Infinity : this.#lastDueAtMs - now);
    this.#pieces.push({ dueAtMs: this.#lastDueAtMs, bytes });
    this.#buffered += length;
    if (this.#buffered >= this.#limit) this.#from.pause();
    if (this.#pieces.length === 1) this.pump();
  }
}
