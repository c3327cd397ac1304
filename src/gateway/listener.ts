import { randomInt } from 'node:crypto';
import type { NativeLoad } from '../../native-bindings/index.ts';
import type { SocketAddress } from '../base/address.ts';
import type { Logger } from '../base/logger.ts';
import { createUdpCarrier } from '../carrier/node/udp.ts';
import {
  Endpoint,
  NODE_CLOCK,
  type EndpointStats,
  type SessionAcceptor,
  type SessionSummary,
} from '../endpoint/index.ts';
import { resolveKcpConfig, SegmentPool } from '../kcp/index.ts';
import type { Upstream } from '../upstream/index.ts';
import type { KcpUdpListenerConfig } from './config/config.ts';

/** What a listener works with. */
export interface ListenerComponents {
  readonly upstream: Upstream;
  readonly logger: Logger;
  readonly native: NativeLoad;
  /** A bound UDP descriptor to serve on, instead of binding one; it stays open when the listener is closed. */
  readonly descriptor?: number;
}

/** One open listener: an endpoint whose sessions go to one upstream. */
export class Listener {
  readonly config: KcpUdpListenerConfig;
  readonly upstream: Upstream;
  private readonly endpoint: Endpoint;

  private constructor(config: KcpUdpListenerConfig, upstream: Upstream, endpoint: Endpoint) {
    this.config = config;
    this.upstream = upstream;
    this.endpoint = endpoint;
  }

  /**
   * Binds the socket; nothing is received until {@link start}.
   * @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed`.
   */
  static async open(config: KcpUdpListenerConfig, components: ListenerComponents): Promise<Listener> {
    const { upstream, logger, native, descriptor } = components;
    const carrier = await createUdpCarrier({
      bind: config.bind,
      bufferBytes: config.socketBufferBytes,
      maxDatagramBytes: Math.max(2048, config.mtu),
      logger,
      native,
      ...(descriptor === undefined ? {} : { descriptor }),
    });
    const acceptor: SessionAcceptor = {
      accept: ({ id, conv, remoteAddress }) => ({
        stream: upstream.mode === 'stream',
        bind: (port) => upstream.open(port, { id: `${config.name}/${String(id)}`, remoteAddress, conv }),
      }),
    };
    const endpoint = new Endpoint({ carrier, clock: NODE_CLOCK, logger, acceptor }, endpointConfig(config));
    return new Listener(config, upstream, endpoint);
  }

  start(): void {
    this.endpoint.start();
  }

  /** The address it is bound to, with the real port. */
  get localAddress(): SocketAddress {
    return this.endpoint.carrier.localAddress;
  }

  stats(): EndpointStats {
    return this.endpoint.stats();
  }

  sessions(): Iterable<SessionSummary> {
    return this.endpoint.sessions();
  }

  /** Lets queues empty. @returns the number of sessions cut off at the deadline. */
  drain(timeoutMs: number): Promise<number> {
    return this.endpoint.drain(timeoutMs);
  }

  close(): Promise<void> {
    return this.endpoint.close();
  }
}

function endpointConfig(config: KcpUdpListenerConfig): ConstructorParameters<typeof Endpoint>[1] {
  const { preset, mtu, sendWindow, receiveWindow, deadLink, maxQueueBytes } = config;
  return {
    // Each session gets its own `conv` and mode.
    kcp: resolveKcpConfig({ conv: 0, preset, mtu, sendWindow, receiveWindow, deadLink, maxQueueBytes }),
    session: {
      idleTimeoutMs: config.idleTimeoutMs,
      keepAliveMs: 0,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      lingerMs: LINGER_MS,
    },
    allowStock: config.allowStock,
    admission: config,
    hashSeed: randomInt(2 ** 32),
    pool: new SegmentPool({ slotBytes: Math.max(MIN_SLOT_BYTES, mtu), maxBytes: config.maxMemoryBytes }),
  };
}

/** Room for the payload of any peer on an Ethernet MTU, whatever MTU this side uses. */
const MIN_SLOT_BYTES = 1536;
/** How long a closing session may take to get its last data across. */
const CLOSE_TIMEOUT_MS = 5_000;
/** How long late packets of a closed session are recognised; longer than any usual path holds one. */
const LINGER_MS = 10_000;
