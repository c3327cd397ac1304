import { loadNativeBindings, nativeLoadWarning, type NativeLoad } from '../../native-bindings/index.ts';
import { formatSocketAddress, type SocketAddress } from '../base/address.ts';
import type { CloseCode } from '../base/close-code.ts';
import type { Logger } from '../base/logger.ts';
import type { DrainNotice } from '../session/index.ts';
import { startAdminServer, type AdminServer } from './admin/admin-server.ts';
import type { AdminTarget } from './admin/admin-target.ts';
import { udpListeners, type GatewayConfig } from './config/config.ts';
import type { DataPlane, SessionQuery, SessionReport } from './data-plane.ts';
import { Front } from './front.ts';
import type { GatewayStatus, NativeStatus } from './gateway-status.ts';
import type { GatewayHealth } from './health/health-report.ts';
import { assignSockets, type InheritedSocket } from './inherited-sockets.ts';
import { LocalDataPlane } from './local-data-plane.ts';
import { withSessionKeys } from './session-keys.ts';
import { planWorkers } from './workers/plan-workers.ts';
import { WorkerPool } from './workers/worker-pool.ts';
import { startWorkerThread, type StartWorkerThread } from './workers/worker-thread.ts';

/** What a gateway works with. */
export interface GatewayComponents {
  readonly logger: Logger;
  /** The native addon. Default: what `loadNativeBindings` finds. */
  readonly native?: NativeLoad;
  /** Bound sockets the process was started with, for listeners of the same names. Default none. */
  readonly inherited?: readonly InheritedSocket[];
  /** Makes the threads of workers. Default: worker threads of this process. */
  readonly startThread?: StartWorkerThread;
}

/**
 * A running gateway: listeners, each bound by its route to an upstream, in this thread or in several workers. Made by
 * {@link startGateway}, ended by {@link Gateway.stop}.
 */
export class Gateway implements AdminTarget {
  private readonly config: GatewayConfig;
  private readonly logger: Logger;
  private readonly native: NativeStatus;
  private readonly plane: DataPlane;
  private readonly front: Front;
  private admin: AdminServer | undefined;
  private stopping: Promise<void> | undefined;

  /** Use {@link startGateway}. */
  constructor(config: GatewayConfig, logger: Logger, native: NativeStatus, plane: DataPlane, front: Front) {
    this.config = config;
    this.logger = logger;
    this.native = native;
    this.plane = plane;
    this.front = front;
  }

  /** Where the admin API listens; undefined when it does not. */
  get adminAddress(): SocketAddress | undefined {
    return this.admin?.address;
  }

  /** It is being stopped for good. */
  get isStopping(): boolean {
    return this.stopping !== undefined;
  }

  /** Serves the admin API where the configuration says. @throws GatewayError what binding says. */
  async startAdmin(): Promise<void> {
    const { adminAddress: bind, adminToken: token } = this.config.common;
    if (bind === null) return;
    const logger = this.logger.child({ component: 'admin' });
    this.admin = await startAdminServer({ bind, token }, { target: this, logger });
  }

  /** How it stands; after {@link stop}, how it stood in the end. A worker that does not answer holds this up for a second. */
  async status(): Promise<GatewayStatus> {
    return {
      nodeId: this.config.common.nodeId,
      native: this.native,
      login: this.front.loginStats(),
      ...(await this.plane.status()),
    };
  }

  /** Whether it takes new sessions, and why not. */
  health(): GatewayHealth {
    const health = this.front.health();
    return this.isStopping ? { ...health, accepting: 'stopping' } : health;
  }

  /** The open sessions that are asked for. */
  sessions(query: SessionQuery = {}): Promise<readonly SessionReport[]> {
    return this.plane.sessions(query);
  }

  /**
   * Ends the sessions that are asked for and tells their clients why.
   * @returns how many there were.
   */
  kick(query: SessionQuery, code: CloseCode, reason: string): Promise<number> {
    return this.plane.kick(query, code, reason);
  }

  /**
   * Asks clients that logged in to go elsewhere, and lets no new session in; what is left at the deadline is closed with
   * `drain`. {@link undrain} takes it back.
   */
  drain(notice: DrainNotice): void {
    this.logger.info('draining, until it is taken back', { deadlineMs: notice.deadlineMs });
    this.front.setDraining(true);
    this.plane.startDraining(notice);
  }

  /** Takes new sessions again. */
  undrain(): void {
    this.logger.info('no longer draining');
    this.plane.stopDraining();
    this.front.setDraining(false);
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
    this.front.setDraining(true);
    const sessions = await this.plane.drain(drainTimeoutMs);
    if (sessions > 0) this.logger.warn('sessions cut off at the drain timeout', { sessions });
    // Together: the front waits for its connections, and those that WebSockets took over are the plane's to end.
    await Promise.all([this.front.close(), this.plane.close()]);
    await this.admin?.close();
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
  const { descriptors, unused } = assignSockets(config.listeners, inherited);
  for (const { name, descriptor } of unused) {
    logger.warn('no listener takes an inherited socket', { socket: name, descriptor });
  }
  const datagrams = udpListeners(config).map(({ name }) => descriptors.get(name));
  const plan = planWorkers(
    config,
    native,
    datagrams.some((descriptor) => descriptor !== undefined),
  );
  if ('reason' in plan) {
    const { wanted, reason, advice } = plan;
    logger.warn('one thread serves instead of several workers', { workers: wanted, reason, advice });
  }
  warnOfKeyLog(config, logger);
  const keyed = withSessionKeys(config, logger);
  const plane =
    'bindings' in plan
      ? await WorkerPool.open(keyed, plan.workers, { logger, native: plan.bindings, startThread })
      : await LocalDataPlane.open(keyed, { logger, native, descriptors: datagrams });
  const front = await openFront(keyed, plane, logger, descriptors);
  const gateway = new Gateway(keyed, logger, nativeStatus(native), plane, front);
  try {
    await gateway.startAdmin();
  } catch (error) {
    await Promise.all([front.close(), plane.close()]);
    throw error;
  }
  await logStart(gateway, logger);
  return gateway;
}

/** Opens what accepts connections, and lets everybody in. When it cannot, the plane is closed. */
async function openFront(
  config: GatewayConfig,
  plane: DataPlane,
  logger: Logger,
  descriptors: ReadonlyMap<string, number>,
): Promise<Front> {
  try {
    const front = await Front.open(config, plane, logger, descriptors);
    plane.start();
    front.start((await plane.status()).listeners);
    return front;
  } catch (error) {
    await plane.close();
    throw error;
  }
}

async function logStart(gateway: Gateway, logger: Logger): Promise<void> {
  const { listeners, native, workers } = await gateway.status();
  for (const { name, address, upstream } of listeners) {
    logger.info('listening', { listener: name, address: formatSocketAddress(address), upstream });
  }
  const { adminAddress } = gateway;
  if (adminAddress !== undefined) logger.info('admin API', { address: formatSocketAddress(adminAddress) });
  logger.info('serving', { workers: Math.max(1, workers.length), native: native.status });
}

function warnOfKeyLog({ login: { keyLogFile: file } }: GatewayConfig, logger: Logger): void {
  if (file !== null) logger.warn('keys are logged: who has the file can read all sessions', { file });
}

function nativeStatus(native: NativeLoad): NativeStatus {
  return native.status === 'loaded' ? { status: 'loaded' } : { status: native.status, reason: native.reason };
}
