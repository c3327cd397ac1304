import { CloseCode } from '../base/close-code.ts';
import { NO_LOG, type Logger } from '../base/logger.ts';
import type { SessionPort, Sink } from '../base/sink.ts';
import { GatherBuffer } from './gather-buffer.ts';
import { type TcpServer, TcpSink, type TcpSinkContext } from './tcp-sink.ts';
import type { SessionInfo, Upstream, UpstreamStats } from './upstream.ts';

/** What a {@link TcpUpstream} is made with. */
export interface TcpUpstreamOptions {
  readonly name: string;
  /** At least one. Sessions take them in turn. */
  readonly servers: readonly TcpServer[];
  /** How long one attempt to connect may take, in ms. Default 5000. */
  readonly connectTimeoutMs?: number;
  /** How long a connection may outlive its session to hand over its last data, in ms. Default 10,000. */
  readonly lingerTimeoutMs?: number;
  /** A connection quiet for so long is probed by TCP, in ms. Default 30,000. */
  readonly keepAliveDelayMs?: number;
  /**
   * A session whose server does not take its data is stopped when so many bytes are held for it. Default 64 KiB; the
   * piece that crosses the limit, and as much again in the hands of the system, come on top.
   */
  readonly maxHeldBytes?: number;
  /**
   * `v2`: a connection begins with a PROXY header (version 2) that names the client of the session, and the line it came by.
   * Default `off`.
   */
  readonly proxyProtocol?: 'off' | 'v2';
}

/** What a {@link TcpUpstream} may be given. */
export interface TcpUpstreamComponents {
  readonly logger?: Logger;
}

/** One TCP connection a session, to one of several servers that are alike. */
export class TcpUpstream implements Upstream {
  readonly name: string;
  readonly kind = 'tcp';
  readonly mode = 'stream';
  readonly #servers: readonly TcpServer[];
  readonly #sinks = new Set<TcpSink>();
  readonly #context: TcpSinkContext;
  readonly #totals = {
    sessions: 0,
    activeSessions: 0,
    connectFailures: 0,
    brokenConnections: 0,
    bytesFromSessions: 0,
    bytesToSessions: 0,
  };
  #next = 0;
  #closed = false;
  readonly #onIdle: (() => void)[] = [];

  constructor(options: TcpUpstreamOptions, components: TcpUpstreamComponents = {}) {
    this.name = options.name;
    this.#servers = options.servers;
    this.#context = {
      connectTimeoutMs: options.connectTimeoutMs ?? 5000,
      lingerTimeoutMs: options.lingerTimeoutMs ?? 10_000,
      keepAliveDelayMs: options.keepAliveDelayMs ?? 30_000,
      maxHeldBytes: options.maxHeldBytes ?? 65_536,
      sendsProxyHeader: options.proxyProtocol === 'v2',
      gather: new GatherBuffer(),
      readBuffer: Buffer.allocUnsafeSlow(READ_BYTES),
      totals: this.#totals,
      logger: components.logger ?? NO_LOG,
      released: (sink) => {
        this.#release(sink);
      },
    };
  }

  open(port: SessionPort, session: SessionInfo): Sink {
    this.#totals.sessions++;
    this.#totals.activeSessions++;
    const sink = new TcpSink(port, session, this.#pickServers(), this.#context);
    this.#sinks.add(sink);
    if (this.#closed) sink.shutDown(CloseCode.drain, CLOSING);
    else sink.connect();
    return sink;
  }

  stats(): UpstreamStats {
    let connections = 0;
    let heldBytes = 0;
    for (const sink of this.#sinks) {
      if (sink.isConnected) connections++;
      heldBytes += sink.heldBytes;
    }
    return { ...this.#totals, connections, heldBytes };
  }

  async close(timeoutMs?: number): Promise<void> {
    this.#closed = true;
    for (const sink of [...this.#sinks]) sink.shutDown(CloseCode.drain, CLOSING);
    if (this.#sinks.size === 0) return;
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            for (const sink of [...this.#sinks]) sink.cutOff();
          }, timeoutMs);
    await new Promise<void>((resolve) => {
      this.#onIdle.push(resolve);
    });
    clearTimeout(timer);
  }

  /** The next server in turn, and the one after it in case that one fails. */
  #pickServers(): readonly TcpServer[] {
    const first = this.#next;
    const count = this.#servers.length;
    this.#next = (first + 1) % count;
    const attempts = Math.min(count, MAX_ATTEMPTS);
    return Array.from({ length: attempts }, (_, i) => this.#servers[(first + i) % count]).filter(
      (server) => server !== undefined,
    );
  }

  #release(sink: TcpSink): void {
    this.#sinks.delete(sink);
    if (this.#sinks.size > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}

const CLOSING = 'the gateway is shutting down';
const MAX_ATTEMPTS = 2;
/** What one read of a socket can give at most. One buffer serves all connections: what it holds is handed on at once. */
const READ_BYTES = 65_536;
