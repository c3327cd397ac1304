import { once } from 'node:events';
import { connect, createServer, isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';

/** One direction of a TCP relay. A stream loses nothing: what is bad about it is when it arrives. */
export interface StreamLink {
  /** Added to every byte, in ms. */
  readonly delayMs: number;
  /** Bottleneck in bytes per second; Infinity for none. */
  readonly bytesPerSecond: number;
  /** Nothing leaves any more, a FIN neither, until it is false again: what a black hole does to a connection. */
  readonly isStalled: boolean;
}

/** A stream that passes everything at once. */
const PERFECT_STREAM: StreamLink = { delayMs: 0, bytesPerSecond: Infinity, isStalled: false };

export interface TcpRelayOptions {
  /** Where connections of clients lead: an IP address and port. */
  readonly target: { readonly address: string; readonly port: number };
  /** What happens on the way to the target; what is not named is perfect. */
  readonly toTarget?: Partial<StreamLink>;
  /** What happens on the way back. */
  readonly toClient?: Partial<StreamLink>;
  /** Connections at once, default 256; any more are reset. */
  readonly maxConnections?: number;
  /** Bytes on their way in each direction of a connection, default 4 MiB; then nothing more is read. */
  readonly maxBufferedBytes?: number;
}

export interface TcpRelayStats {
  /** Connections that are open, and that were accepted so far. */
  readonly connections: number;
  readonly accepted: number;
  /** Reset because there were too many, or while the relay refuses. */
  readonly refused: number;
  /** Bytes that were passed on. */
  readonly toTargetBytes: number;
  readonly toClientBytes: number;
}

/** Stands between TCP clients and one server and treats their connections as a bad network would. */
export interface TcpRelay {
  /** Where clients connect to, on the loopback address of the target's family. */
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

/** Binds a free port and starts relaying. */
export async function startTcpRelay(options: TcpRelayOptions): Promise<TcpRelay> {
  // Half open: a FIN is passed on like a byte, in its turn.
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  server.listen(0, isIPv6(options.target.address) ? '::1' : '127.0.0.1');
  await once(server, 'listening');
  return new Relay(options, server);
}

interface Pair {
  readonly client: Socket;
  readonly target: Socket;
  readonly ways: readonly OneWay[];
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
  #accepted = 0;
  #refused = 0;

  constructor(options: TcpRelayOptions, server: Server) {
    this.#options = options;
    this.#server = server;
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
    this.#accepted++;
    const { address, port } = this.#options.target;
    const target = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
    target.on('error', () => undefined);
    const limit = this.#maxBufferedBytes;
    const there = new OneWay(client, target, limit, {
      link: () => this.#toTarget,
      onPassed: (bytes) => (this.#passed.toTarget += bytes),
    });
    const back = new OneWay(target, client, limit, {
      link: () => this.#toClient,
      onPassed: (bytes) => (this.#passed.toClient += bytes),
    });
    const pair = { client, target, ways: [there, back] };
    this.#pairs.add(pair);
    // A side that was reset resets the other, too; one that ended has said so before.
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      one.once('close', (hadError) => {
        if (other.closed) this.#pairs.delete(pair);
        if (!hadError && one.readableEnded && one.writableFinished) return;
        for (const way of pair.ways) way.stop();
        other.resetAndDestroy();
      });
    }
  }
}

interface OneWayHooks {
  link(): StreamLink;
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
  }

  #take(bytes: Buffer | null): void {
    if (this.#isStopped) return;
    const { delayMs, bytesPerSecond } = this.#hooks.link();
    const now = performance.now();
    const length = bytes?.length ?? 0;
    this.#busyUntilMs = Math.max(now, this.#busyUntilMs) + (length * 1000) / bytesPerSecond;
    this.#lastDueAtMs = Math.max(this.#lastDueAtMs, this.#busyUntilMs + delayMs);
    this.#pieces.push({ dueAtMs: this.#lastDueAtMs, bytes });
    this.#buffered += length;
    if (this.#buffered >= this.#limit) this.#from.pause();
    if (this.#pieces.length === 1) this.pump();
  }
}
