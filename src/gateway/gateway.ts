import { formatSocketAddress, type SocketAddress } from '../base/address.ts';
import { GatewayError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { EndpointStats } from '../endpoint/index.ts';
import { EchoUpstream, TcpUpstream, type Upstream, type UpstreamStats } from '../upstream/index.ts';
import {
  routeMatches,
  type GatewayConfig,
  type ListenerConfig,
  type UpstreamConfig,
} from './config/config.ts';
import { Listener } from './listener.ts';

/** What a gateway works with. */
export interface GatewayComponents {
  readonly logger: Logger;
}

/** Where a listener really listens, and where its sessions go. */
export interface ListenerStatus {
  readonly name: string;
  readonly type: ListenerConfig['type'];
  readonly address: SocketAddress;
  readonly upstream: string;
  readonly stats: EndpointStats;
}

export interface GatewayStatus {
  readonly nodeId: string;
  readonly listeners: readonly ListenerStatus[];
  readonly upstreams: Readonly<Record<string, UpstreamStats>>;
}

/**
 * A running gateway: listeners, each bound by its route to an upstream. Made by {@link startGateway}, ended by
 * {@link Gateway.stop}.
 */
export class Gateway {
  private readonly config: GatewayConfig;
  private readonly logger: Logger;
  private readonly upstreams: ReadonlyMap<string, Upstream>;
  private readonly listeners: readonly Listener[];
  private stopping: Promise<void> | undefined;

  /** Use {@link startGateway}. */
  constructor(
    config: GatewayConfig,
    logger: Logger,
    upstreams: ReadonlyMap<string, Upstream>,
    listeners: readonly Listener[],
  ) {
    this.config = config;
    this.logger = logger;
    this.upstreams = upstreams;
    this.listeners = listeners;
  }

  status(): GatewayStatus {
    return {
      nodeId: this.config.common.nodeId,
      listeners: this.listeners.map((listener) => ({
        name: listener.config.name,
        type: listener.config.type,
        address: listener.localAddress,
        upstream: listener.upstream.name,
        stats: listener.stats(),
      })),
      upstreams: Object.fromEntries([...this.upstreams].map(([name, upstream]) => [name, upstream.stats()])),
    };
  }

  /**
   * Stops gracefully: no new sessions, what is queued in either direction arrives, peers are told `drain`, at the latest
   * after `common.drain_timeout`; then everything is released. Later calls return the first one's promise.
   */
  stop(): Promise<void> {
    this.stopping ??= this.drainAndClose();
    return this.stopping;
  }

  private async drainAndClose(): Promise<void> {
    const { drainTimeoutMs } = this.config.common;
    this.logger.info('draining', { timeoutMs: drainTimeoutMs });
    const cutOff = await Promise.all(this.listeners.map((listener) => listener.drain(drainTimeoutMs)));
    const sessions = cutOff.reduce((sum, count) => sum + count, 0);
    if (sessions > 0) this.logger.warn('sessions cut off at the drain timeout', { sessions });
    await closeAll(this.listeners, this.upstreams.values());
    this.logger.info('stopped');
  }
}

/**
 * Opens every listener of the configuration.
 * @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed`; whatever was opened before is closed again.
 */
export async function startGateway(config: GatewayConfig, { logger }: GatewayComponents): Promise<Gateway> {
  const upstreams = new Map<string, Upstream>();
  for (const upstream of config.upstreams) upstreams.set(upstream.name, createUpstream(upstream, logger));
  const listeners: Listener[] = [];
  try {
    for (const listener of config.listeners) {
      const log = logger.child({ component: 'endpoint', listener: listener.name });
      listeners.push(await Listener.open(listener, upstreamFor(config, listener, upstreams), log));
    }
  } catch (error) {
    await closeAll(listeners, upstreams.values());
    throw error;
  }
  for (const listener of listeners) {
    listener.start();
    logger.info('listening', {
      listener: listener.config.name,
      address: formatSocketAddress(listener.localAddress),
      upstream: listener.upstream.name,
    });
  }
  return new Gateway(config, logger, upstreams, listeners);
}

function createUpstream(config: UpstreamConfig, logger: Logger): Upstream {
  switch (config.type) {
    case 'echo':
      return new EchoUpstream({ name: config.name });
    case 'tcp':
      return new TcpUpstream(config, {
        logger: logger.child({ component: 'upstream', upstream: config.name }),
      });
  }
}

/** The upstream of the first route that matches; the configuration was checked to have one. */
function upstreamFor(
  config: GatewayConfig,
  listener: ListenerConfig,
  upstreams: ReadonlyMap<string, Upstream>,
): Upstream {
  const route = config.routes.find(({ match }) => routeMatches(match, listener));
  const upstream = route === undefined ? undefined : upstreams.get(route.target);
  if (upstream === undefined)
    throw new GatewayError('config_invalid', `no route for listener ${listener.name}`);
  return upstream;
}

/** Sessions first, so that upstreams see them end; then upstreams, which may still be handing over last data. */
async function closeAll(listeners: Iterable<Listener>, upstreams: Iterable<Upstream>): Promise<void> {
  await Promise.all([...listeners].map((listener) => listener.close()));
  await Promise.all([...upstreams].map((upstream) => upstream.close(LAST_WORDS_MS)));
}

/** What the system still holds for back ends may take so long; a back end that never ends its side is not waited for. */
const LAST_WORDS_MS = 1_000;
