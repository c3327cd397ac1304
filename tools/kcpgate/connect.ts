import { formatSocketAddress, type SocketAddress } from '../../src/base/address.ts';
import type { LogFormat, LogLevel, PresetName, ServerConfig } from '../../src/gateway/config/config.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { untilSignal } from './shutdown.ts';
import { startTunnel } from './tunnel.ts';

/** What the options of `connect` give. */
export interface ConnectOptions {
  readonly server: ServerConfig;
  readonly listen: SocketAddress;
  readonly stock: boolean;
  readonly preset: PresetName;
  /** In bytes of UDP payload. */
  readonly mtu: number;
  /** In segments, for both directions unless they have their own. */
  readonly window: number;
  readonly sendWindow?: number;
  readonly receiveWindow?: number;
  readonly maxConnections: number;
  /** In milliseconds, as the following ones. */
  readonly connectTimeout: number;
  readonly idleTimeout: number;
  readonly drainTimeout: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/**
 * Runs the tunnel until a signal, then lets it drain. When this returns, nothing is left but what ends by itself.
 * @throws GatewayError when it cannot listen.
 */
export async function connect(options: ConnectOptions): Promise<void> {
  const { server, window, stock } = options;
  // From now on a signal ends it in order, even while it is still starting.
  const signalled = untilSignal();
  const log = createLog({ level: options.logLevel, format: options.logFormat });
  const logger = log.logger.child({ component: 'connect' });
  const tunnel = await startTunnel(
    {
      listen: options.listen,
      maxConnections: options.maxConnections,
      session: {
        host: server.host,
        port: server.port,
        peer: stock ? 'stock' : 'kcpgate',
        stream: true,
        preset: options.preset,
        mtu: options.mtu,
        sendWindow: options.sendWindow ?? window,
        receiveWindow: options.receiveWindow ?? window,
        connectTimeoutMs: options.connectTimeout,
        idleTimeoutMs: options.idleTimeout,
        keepAliveMs: Math.min(10_000, Math.ceil(options.idleTimeout / 3)),
      },
    },
    logger,
  );
  logger.info('listening', {
    address: formatSocketAddress(tunnel.address),
    server: `${server.host.includes(':') ? `[${server.host}]` : server.host}:${String(server.port)}`,
    peer: stock ? 'stock' : 'kcpgate',
  });
  const signal = await signalled;
  logger.info('stopping', { signal, timeoutMs: options.drainTimeout });
  const cutOff = await tunnel.stop(options.drainTimeout);
  if (cutOff > 0) logger.warn('connections cut off at the drain timeout', { connections: cutOff });
  logger.info('stopped');
}
