import { CidrSet } from '../base/cidr.ts';
import type { Logger } from '../base/logger.ts';
import { createTcpCarrier } from '../carrier/node/tcp.ts';
import type { GatewayConfig, HttpListenerConfig, KcpTcpListenerConfig } from './config/config.ts';
import type { DataPlane } from './data-plane.ts';
import { HttpListener } from './http-listener.ts';
import { WALL_CLOCK } from './gateway-security.ts';
import type { ListenerStatus } from './gateway-status.ts';
import type { GatewayHealth } from './health/health-report.ts';
import type { LineListener } from './login/derive-lines.ts';
import { createLoginHandler, type LoginHandler } from './login/http-handler.ts';
import type { LoginReadiness, LoginService, LoginStats } from './login/login-service.ts';
import { openLogin } from './open-login.ts';

/** Accepts connections for a data plane, wherever that runs: TCP, WebSocket, and logins over HTTP. */
export class Front {
  private readonly config: GatewayConfig;
  private readonly plane: DataPlane;
  private readonly https: HttpListener[] = [];
  private readonly login: LoginService;
  private readonly logger: Logger;
  private readonly descriptors: ReadonlyMap<string, number>;
  private lines: readonly LineListener[] = [];
  private readiness: LoginReadiness = 'not_ready';

  private constructor(
    config: GatewayConfig,
    plane: DataPlane,
    logger: Logger,
    descriptors: ReadonlyMap<string, number>,
  ) {
    this.config = config;
    this.plane = plane;
    this.logger = logger;
    this.descriptors = descriptors;
    this.login = openLogin(
      config,
      {
        lines: () => this.lines,
        isConversationInUse: (conv) => plane.isConversationInUse(conv),
        readiness: () => this.readiness,
      },
      logger.child({ component: 'login' }),
    );
  }

  /**
   * Binds every listener of connections and gives its carrier to the plane.
   * @param config with all keys of the login. @param descriptors bound stream sockets to serve on, by the names of listeners.
   * @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed`, `config_invalid`; what was bound is closed.
   */
  static async open(
    config: GatewayConfig,
    plane: DataPlane,
    logger: Logger,
    descriptors: ReadonlyMap<string, number> = new Map(),
  ): Promise<Front> {
    const front = new Front(config, plane, logger, descriptors);
    try {
      for (const listener of config.listeners) {
        if (listener.type === 'kcp-tcp') await front.openTcp(listener);
        else if (listener.type === 'http') await front.openHttp(listener);
      }
    } catch (error) {
      await front.close();
      throw error;
    }
    return front;
  }

  /** Lets clients in from now on. @param listeners all that are open, with their real addresses. */
  start(listeners: readonly ListenerStatus[]): void {
    this.lines = listeners.flatMap((listener) => this.lineOf(listener));
    this.readiness = 'ready';
    for (const http of this.https) http.start(this.loginHandler(http.config), () => this.health());
  }

  setDraining(draining: boolean): void {
    this.readiness = draining ? 'draining' : 'ready';
  }

  /** What the health endpoints tell. */
  health(): GatewayHealth {
    return { accepting: this.readiness, workers: this.plane.workerHealth() };
  }

  loginStats(): LoginStats {
    return this.login.stats();
  }

  /** Stops to accept; what was accepted is the plane's. */
  async close(): Promise<void> {
    await Promise.all(this.https.map((http) => http.close()));
    this.login.close();
  }

  private async openTcp(config: KcpTcpListenerConfig): Promise<void> {
    const trusted = new CidrSet(config.trustedProxies);
    const descriptor = this.descriptors.get(config.name);
    const { tls, maxConnections, maxConnectionsPerSource, firstDatagramTimeoutMs, maxQueueBytes } = config;
    const carrier = await createTcpCarrier({
      bind: config.bind,
      maxConnections,
      maxConnectionsPerSource,
      firstDatagramTimeoutMs,
      maxQueueBytes,
      maxDatagramBytes: Math.max(2048, this.config.sessions.mtu),
      proxy: config.proxyProtocol,
      isTrusted: (address) => trusted.has(address),
      logger: this.logger.child({ component: 'endpoint', listener: config.name }),
      ...(tls === null ? {} : { tls: { key: tls.key, cert: tls.certificate } }),
      ...(descriptor === undefined ? {} : { descriptor }),
    });
    this.plane.attach(carrier, config);
  }

  private async openHttp(config: HttpListenerConfig): Promise<void> {
    const log = this.logger.child({ component: 'http', listener: config.name });
    const http = await HttpListener.open(config, log, this.descriptors.get(config.name));
    this.https.push(http);
    this.plane.attach(http.carrier, config);
  }

  private loginHandler(config: HttpListenerConfig): LoginHandler | undefined {
    if (config.loginPath === null) return undefined;
    const trusted = new CidrSet(config.trustedProxies);
    return createLoginHandler(
      {
        allowHttp: this.config.login.allowHttp,
        allowedOrigins: config.allowedOrigins,
        isTrustedProxy: (address) => trusted.has(address),
      },
      {
        service: this.login,
        unixTime: () => WALL_CLOCK.now(),
        logger: this.logger.child({ component: 'login', listener: config.name }),
      },
    );
  }

  private lineOf({ name, address }: ListenerStatus): LineListener[] {
    const config = this.config.listeners.find((listener) => listener.name === name);
    if (config === undefined || config.type === 'relay' || config.line === null) return [];
    const { publicAddress, line: terms } = config;
    const line = { address, publicAddress, terms, path: null, tls: false };
    if (config.type === 'kcp-udp') return [{ ...line, transport: 'udp', allowsClear: config.allowClear }];
    const tls = config.tls !== null;
    const allowsClear = config.allowClear || tls;
    if (config.type === 'kcp-tcp') return [{ ...line, transport: 'tcp', tls, allowsClear }];
    if (config.websocketPath === null) return [];
    return [{ ...line, transport: tls ? 'wss' : 'ws', tls, allowsClear, path: config.websocketPath }];
  }
}
