import { loadNativeBindings, nativeLoadWarning, type NativeLoad } from '../../native-bindings/index.ts';
import { formatSocketAddress } from '../base/address.ts';
import type { Logger } from '../base/logger.ts';
import { kcpUdpListeners, type GatewayConfig } from './config/config.ts';
import type { DataPlane } from './data-plane.ts';
import type { GatewayStatus, NativeStatus } from './gateway-status.ts';
import { assignSockets, type InheritedSocket } from './inherited-sockets.ts';
import { LocalDataPlane } from './local-data-plane.ts';
import { planWorkers } from './workers/plan-workers.ts';
import { WorkerPool } from './workers/worker-pool.ts';
import { startWorkerThread, type StartWorkerThread } from './workers/worker-thread.ts';

/** What a gateway works with. */
export interface GatewayComponents {
  readonly logger: Logger;
  /** The native addon. Default: what {@link loadNativeBindings} finds. */
  readonly native?: NativeLoad;
  /** Sockets the process was started with, for listeners of the same names. Default none. */
  readonly inherited?: readonly InheritedSocket[];
  /** Makes the threads of workers. Default: worker threads of this process. */
  readonly startThread?: StartWorkerThread;
}

/**
 * A running gateway: listeners, each bound by its route to an upstream, in this thread or in several workers. Made by
 * {@link startGateway}, ended by {@link Gateway.stop}.
 */
export class Gateway {
  private readonly config: GatewayConfig;
  private readonly logger: Logger;
  private readonly native: NativeStatus;
  private readonly plane: DataPlane;
  private stopping: Promise<void> | undefined;

  /** Use {@link startGateway}. */
  constructor(config: GatewayConfig, logger: Logger, native: NativeStatus, plane: DataPlane) {
    this.config = config;
    this.logger = logger;
    this.native = native;
    this.plane = plane;
  }

  /** How it stands; after {@link stop}, how it stood in the end. A worker that does not answer holds this up for a second. */
  async status(): Promise<GatewayStatus> {
    return { nodeId: this.config.common.nodeId, native: this.native, ...(await this.plane.status()) };
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
    const sessions = await this.plane.drain(drainTimeoutMs);
    if (sessions > 0) this.logger.warn('sessions cut off at the drain timeout', { sessions });
    await this.plane.close();
    this.logger.info('stopped');
  }
}

/**
 * Opens every listener of the configuration.
 * @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed`; whatever was opened before is closed again.
 */
export async function startGateway(config: GatewayConfig, components: GatewayComponents): Promise<Gateway> {
  const {
    logger,
    native = loadNativeBindings(),
    inherited = [],
    startThread = startWorkerThread,
  } = components;
  const warning = nativeLoadWarning(native);
  if (warning !== undefined) logger.warn(warning);
  const { descriptors, unused } = assignSockets(kcpUdpListeners(config), inherited);
  for (const { name, descriptor } of unused) {
    logger.warn('no listener takes an inherited socket', { socket: name, descriptor });
  }
  const plan = planWorkers(config, native, unused.length < inherited.length);
  if ('reason' in plan) {
    const { wanted, reason, advice } = plan;
    logger.warn('one thread serves instead of several workers', { workers: wanted, reason, advice });
  }
  const plane =
    'bindings' in plan
      ? await WorkerPool.open(config, plan.workers, { logger, native: plan.bindings, startThread })
      : await LocalDataPlane.open(config, { logger, native, descriptors });
  const gateway = new Gateway(config, logger, nativeStatus(native), plane);
  await logStart(gateway, logger);
  return gateway;
}

async function logStart(gateway: Gateway, logger: Logger): Promise<void> {
  const { listeners, native, workers } = await gateway.status();
  for (const { name, address, upstream } of listeners) {
    logger.info('listening', { listener: name, address: formatSocketAddress(address), upstream });
  }
  logger.info('serving', { workers: Math.max(1, workers.length), native: native.status });
}

function nativeStatus(native: NativeLoad): NativeStatus {
  return native.status === 'loaded' ? { status: 'loaded' } : { status: native.status, reason: native.reason };
}
