import type { NativeLoad } from '../../native-bindings/index.ts';
import { GatewayError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { EchoUpstream, TcpUpstream, type Upstream } from '../upstream/index.ts';
import {
  kcpUdpListeners,
  routeMatches,
  type GatewayConfig,
  type ListenerConfig,
  type UpstreamConfig,
} from './config/config.ts';
import type { DataPlane, DataPlaneStatus } from './data-plane.ts';
import type { ServingStatus } from './gateway-status.ts';
import { Listener } from './listener.ts';

/** What a {@link LocalDataPlane} works with. */
export interface LocalDataPlaneComponents {
  readonly logger: Logger;
  readonly native: NativeLoad;
  /** Bound UDP descriptors to serve on, in the order of the KCP over UDP listeners; undefined for one that binds its own. */
  readonly descriptors: readonly (number | undefined)[];
}

/** Listeners, each bound by its route to an upstream, in this thread. */
export class LocalDataPlane implements DataPlane {
  private readonly upstreams: ReadonlyMap<string, Upstream>;
  private readonly listeners: readonly Listener[];

  private constructor(upstreams: ReadonlyMap<string, Upstream>, listeners: readonly Listener[]) {
    this.upstreams = upstreams;
    this.listeners = listeners;
  }

  /**
   * Opens every listener of the configuration and serves.
   * @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed`; whatever was opened before is closed again.
   */
  static async open(config: GatewayConfig, components: LocalDataPlaneComponents): Promise<LocalDataPlane> {
    const { logger, native, descriptors } = components;
    const upstreams = new Map<string, Upstream>();
    for (const upstream of config.upstreams) upstreams.set(upstream.name, createUpstream(upstream, logger));
    const listeners: Listener[] = [];
    const plane = new LocalDataPlane(upstreams, listeners);
    try {
      for (const [index, listener] of kcpUdpListeners(config).entries()) {
        const log = logger.child({ component: 'endpoint', listener: listener.name });
        const upstream = upstreamFor(config, listener, upstreams);
        const descriptor = descriptors[index];
        listeners.push(
          await Listener.open(listener, {
            upstream,
            logger: log,
            native,
            ...(descriptor === undefined ? {} : { descriptor }),
          }),
        );
      }
    } catch (error) {
      await plane.close();
      throw error;
    }
    for (const listener of listeners) listener.start();
    return plane;
  }

  /** What was counted so far. */
  serving(): ServingStatus {
    return {
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

  status(): Promise<DataPlaneStatus> {
    return Promise.resolve({ ...this.serving(), workers: [] });
  }

  async drain(timeoutMs: number): Promise<number> {
    const cutOff = await Promise.all(this.listeners.map((listener) => listener.drain(timeoutMs)));
    return cutOff.reduce((sum, count) => sum + count, 0);
  }

  /** Sessions first, so that upstreams see them end; then upstreams, which may still be handing over last data. */
  async close(): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.close()));
    await Promise.all([...this.upstreams.values()].map((upstream) => upstream.close(LAST_WORDS_MS)));
  }
}

/** What the system still holds for back ends may take so long; a back end that never ends its side is not waited for. */
const LAST_WORDS_MS = 1_000;

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
