import { NO_LOG, type Logger } from '../base/logger.ts';
import type { SessionPort, Sink } from '../base/sink.ts';
import { CloseCode } from '../base/close-code.ts';
import { UdpSink, type UdpServer, type UdpSinkContext } from './udp-sink.ts';
import type { SessionInfo, Upstream, UpstreamStats } from './upstream.ts';

/** What a {@link UdpUpstream} is made with. */
export interface UdpUpstreamOptions {
  readonly name: string;
  /** At least one. Sessions take them in turn. */
  readonly servers: readonly UdpServer[];
}

/** What a {@link UdpUpstream} may be given. */
export interface UdpUpstreamComponents {
  readonly logger?: Logger;
}

/**
 * One UDP socket a session, to one of several servers that are alike. A message is a datagram, whichever way it came; what the
 * server sends goes outside the order, or in order where it is too long for that. As on any UDP, what there is no room
 * for is lost.
 */
export class UdpUpstream implements Upstream {
  readonly name: string;
  readonly kind = 'udp';
  readonly mode = 'message';
  readonly #servers: readonly UdpServer[];
  readonly #context: UdpSinkContext;
  readonly #sinks = new Set<UdpSink>();
  readonly #totals = {
    sessions: 0,
    connectFailures: 0,
    brokenConnections: 0,
    bytesFromSessions: 0,
    bytesToSessions: 0,
  };
  #next = 0;
  #closed = false;

  constructor(options: UdpUpstreamOptions, components: UdpUpstreamComponents = {}) {
    this.name = options.name;
    this.#servers = options.servers;
    this.#context = {
      totals: this.#totals,
      logger: components.logger ?? NO_LOG,
      released: (sink) => {
        this.#sinks.delete(sink);
      },
    };
  }

  open(port: SessionPort, session: SessionInfo): Sink {
    this.#totals.sessions++;
    const sink = new UdpSink(port, session, this.#context);
    this.#sinks.add(sink);
    const server = this.#servers[this.#next % this.#servers.length];
    this.#next++;
    if (this.#closed || server === undefined) sink.shutDown(CloseCode.drain, CLOSING);
    else sink.connect(server);
    return sink;
  }

  stats(): UpstreamStats {
    let connections = 0;
    let heldBytes = 0;
    for (const sink of this.#sinks) {
      if (sink.isConnected) connections++;
      heldBytes += sink.heldBytes;
    }
    return { ...this.#totals, activeSessions: this.#sinks.size, connections, heldBytes };
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const sink of [...this.#sinks]) sink.shutDown(CloseCode.drain, CLOSING);
    return Promise.resolve();
  }
}

const CLOSING = 'the gateway is shutting down';
