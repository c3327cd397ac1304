import { randomInt } from 'node:crypto';
import type { NativeLoad } from '../../native-bindings/index.ts';
import { CidrSet } from '../base/cidr.ts';
import type { CloseCode } from '../base/close-code.ts';
import { GatewayError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Carrier } from '../carrier/carrier.ts';
import { createUdpCarrier } from '../carrier/node/udp.ts';
import { proxiedCarrier } from '../carrier/proxied.ts';
import { RelayCarrier } from '../carrier/relay.ts';
import {
  Endpoint,
  NODE_CLOCK,
  restThread,
  type EndpointSecurity,
  type LoginSessionsConfig,
  type PortConfig,
  type SessionFilter,
  type SessionAcceptor,
  type SubjectLimit,
} from '../endpoint/index.ts';
import { QlogTracer } from '../qlog/index.ts';
import type { DrainNotice } from '../session/index.ts';
import type { ProxyMode } from '../wire/proxy-header.ts';
import { EchoUpstream, TcpUpstream, UdpUpstream, type Upstream } from '../upstream/index.ts';
import {
  routeMatches,
  udpListeners,
  type GatewayConfig,
  type HttpListenerConfig,
  type KcpTcpListenerConfig,
  type KcpUdpListenerConfig,
  type LineListenerConfig,
  type ListenerConfig,
  type RelayListenerConfig,
  type UpstreamConfig,
} from './config/config.ts';
import type { DataPlane, DataPlaneStatus, SessionQuery, SessionReport } from './data-plane.ts';
import type { ListenerStatus, ServingStatus } from './gateway-status.ts';
import type { WorkerHealth } from './health/health-report.ts';
import { gatewaySecurity, nodeNumber, WALL_CLOCK } from './gateway-security.ts';
import { ownersAreRouted } from './config/owners-are-routed.ts';
import { OwnerWatch } from './owner-watch.ts';
import { parseSessionId } from './session-id.ts';
import { anonymousSessions, loginSessions } from './session-settings.ts';

/** What a {@link LocalDataPlane} works with. */
export interface LocalDataPlaneComponents {
  readonly logger: Logger;
  readonly native: NativeLoad;
  /** Bound UDP descriptors to serve on, in the order of {@link udpListeners}; undefined for a listener that binds its own. */
  readonly descriptors: readonly (number | undefined)[];
  /** What only one of several threads has. Default: it is the only one. */
  readonly place?: WorkerPlace;
}

/** A data plane that is one of several. */
export interface WorkerPlace {
  /** Its number among them. */
  readonly worker: number;
  /** The number of its first session: greater than any of its predecessors had. */
  readonly firstSessionId: number;
  /** When the gateway started, in seconds of Unix time. */
  readonly epochSeconds: number;
  /** Holds subjects to so many sessions, at all of them together. */
  readonly subjects: SubjectLimit;
  /**
   * Puts itself between a UDP socket and its line.
   * @param mode what may stand in front of datagrams. @param socket its place in the order of {@link udpListeners}.
   */
  steer(carrier: Carrier, mode: ProxyMode, socket: number): Carrier;
}

/** A line of connections that somebody else accepts. */
export type ConnectionListenerConfig = KcpTcpListenerConfig | HttpListenerConfig;

/** A listener that is open. */
interface OpenListener {
  readonly config: ListenerConfig;
  readonly port: number;
  readonly upstream: string;
}

/** All sessions of a gateway, or of one of its workers, in this thread: one endpoint with the lines as its ports. */
export class LocalDataPlane implements DataPlane {
  private readonly config: GatewayConfig;
  private readonly place: WorkerPlace | undefined;
  private readonly endpoint: Endpoint;
  private readonly security: EndpointSecurity;
  private readonly upstreams: ReadonlyMap<string, Upstream>;
  private readonly listeners: OpenListener[] = [];
  private readonly logins: LoginSessionsConfig;
  private readonly owners: OwnerWatch;
  private readonly qlog: QlogTracer | undefined;

  private constructor(config: GatewayConfig, components: LocalDataPlaneComponents) {
    const { logger, native, place } = components;
    this.config = config;
    this.place = place;
    this.security = gatewaySecurity(config.login, native, logger);
    this.upstreams = new Map(
      config.upstreams.map((upstream) => [upstream.name, createUpstream(upstream, logger)]),
    );
    const { common, sessions, login } = config;
    this.owners = new OwnerWatch(config.front.gateways, NODE_CLOCK);
    this.logins = loginSessions(sessions, login.maxSessionsPerSubject);
    if (config.qlog !== null) {
      const tools = { clock: NODE_CLOCK, wallClock: WALL_CLOCK, logger: logger.child({ component: 'qlog' }) };
      this.qlog = new QlogTracer(config.qlog, tools);
    }
    this.endpoint = new Endpoint(
      {
        clock: NODE_CLOCK,
        logger: logger.child({ component: 'endpoint' }),
        acceptor: this.acceptor(),
        security: this.security,
        rest: restThread,
        isOwnerGone: (gatewayId) => this.owners.isGone(gatewayId),
        ...(place === undefined ? {} : { subjects: place.subjects }),
        ...(this.qlog === undefined ? {} : { tracer: this.qlog }),
      },
      {
        login: this.logins,
        gatewayId: common.gatewayId,
        ownersAreRouted: ownersAreRouted(config),
        nodeNumber: nodeNumber(common.nodeId),
        epochSeconds: place?.epochSeconds ?? Math.floor(Date.now() / 1000),
        firstSessionId: place?.firstSessionId ?? 0,
        hashSeed: randomInt(2 ** 32),
      },
    );
  }

  /**
   * Opens every UDP listener of the configuration; nothing is received until {@link start}.
   * @param config with all keys of the login.
   * @throws GatewayError `address_in_use`, `permission_denied`, `bind_failed`; whatever was opened before is closed again.
   */
  static async open(config: GatewayConfig, components: LocalDataPlaneComponents): Promise<LocalDataPlane> {
    const plane = new LocalDataPlane(config, components);
    try {
      for (const [socket, listener] of udpListeners(config).entries()) {
        if (listener.type === 'relay') await plane.openRelay(listener, components, socket);
        else await plane.openUdp(listener, components, socket);
      }
    } catch (error) {
      await plane.close();
      throw error;
    }
    return plane;
  }

  /** Takes a line of connections; it owns the carrier from now on. */
  attach(carrier: Carrier, config: ConnectionListenerConfig): void {
    this.addPort(carrier, config, {
      ...lineRules(config, config.tls !== null),
      // Nobody comes in here without a login.
      ...this.logins,
      name: config.name,
      allowStock: false,
    });
  }

  start(): void {
    this.endpoint.start();
  }

  /** Whether a session has this `conv`. */
  isConversationInUse(conv: number): boolean {
    return this.endpoint.findLogin(conv) !== undefined;
  }

  /** What was counted so far. */
  serving(): ServingStatus {
    return {
      listeners: this.listeners.map((listener) => this.listenerStatus(listener)),
      upstreams: Object.fromEntries([...this.upstreams].map(([name, upstream]) => [name, upstream.stats()])),
      sessions: this.endpoint.loginStats() ?? null,
      draining: this.endpoint.isDraining,
    };
  }

  /** Whoever can ask is running. */
  workerHealth(): WorkerHealth {
    return { expected: 1, running: 1 };
  }

  status(): Promise<DataPlaneStatus> {
    return Promise.resolve({ ...this.serving(), workers: [] });
  }

  sessions(query: SessionQuery): Promise<readonly SessionReport[]> {
    return Promise.resolve(this.reports(query));
  }

  kick(query: SessionQuery, code: CloseCode, reason: string): Promise<number> {
    const filter = this.filterOf(query);
    return Promise.resolve(filter === undefined ? 0 : this.endpoint.kick(filter, code, reason));
  }

  startDraining(notice: DrainNotice): void {
    this.endpoint.startDraining(notice);
  }

  stopDraining(): void {
    this.endpoint.stopDraining();
  }

  drain(timeoutMs: number): Promise<number> {
    return this.endpoint.drain(timeoutMs);
  }

  /** Sessions first, so that upstreams see them end; then upstreams, which may still be handing over last data. */
  async close(): Promise<void> {
    await this.endpoint.close();
    this.owners.close();
    await this.qlog?.close();
    await Promise.all([...this.upstreams.values()].map((upstream) => upstream.close(LAST_WORDS_MS)));
    this.security.cipher.close();
  }

  private async openUdp(
    config: KcpUdpListenerConfig,
    components: LocalDataPlaneComponents,
    socket: number,
  ): Promise<void> {
    const { proxyProtocol: mode, trustedProxies, sppReply } = config;
    const maxDatagramBytes = Math.max(2048, config.mtu, this.config.sessions.mtu);
    const carrier = await this.openSocket(config, components, maxDatagramBytes, mode, socket);
    const trusted = new CidrSet(trustedProxies);
    const line =
      mode === 'off'
        ? carrier
        : proxiedCarrier(carrier, {
            mode,
            isTrusted: (address) => trusted.has(address),
            clock: NODE_CLOCK,
            echoSpp: sppReply,
            hashSeed: randomInt(2 ** 32),
          });
    this.addPort(line, config, {
      ...lineRules(config, false),
      ...anonymousSessions(config),
      name: config.name,
      allowStock: config.allowStock,
    });
  }

  /** Other gateways send datagrams of our sessions here, and get those of theirs from here. */
  private async openRelay(
    config: RelayListenerConfig,
    components: LocalDataPlaneComponents,
    socket: number,
  ): Promise<void> {
    const { common, peers, sessions } = this.config;
    const maxDatagramBytes = Math.max(2048, sessions.mtu) + RELAY_HEADER_ROOM;
    const carrier = await this.openSocket(config, components, maxDatagramBytes, 'proxy', socket);
    const relay = new RelayCarrier(carrier, {
      gatewayId: common.gatewayId,
      peers,
      lines: this.endpoint.lines,
      clock: NODE_CLOCK,
      hashSeed: randomInt(2 ** 32),
    });
    this.endpoint.useRelay(relay);
    this.addPort(relay, config, {
      ...this.logins,
      name: config.name,
      allowStock: false,
      allowClear: false,
      earlyData: false,
    });
  }

  private async openSocket(
    config: KcpUdpListenerConfig | RelayListenerConfig,
    { logger, native, descriptors }: LocalDataPlaneComponents,
    maxDatagramBytes: number,
    mode: ProxyMode,
    socket: number,
  ): Promise<Carrier> {
    const descriptor = descriptors[socket];
    const carrier = await createUdpCarrier({
      bind: config.bind,
      bufferBytes: config.socketBufferBytes,
      maxDatagramBytes,
      logger: logger.child({ component: 'endpoint', listener: config.name }),
      native,
      ...(descriptor === undefined ? {} : { descriptor }),
    });
    return this.place?.steer(carrier, mode, socket) ?? carrier;
  }

  private addPort(carrier: Carrier, config: ListenerConfig, portConfig: PortConfig): void {
    const port = this.endpoint.attach(carrier, portConfig);
    this.listeners.push({ config, port, upstream: this.upstreamFor(config).name });
  }

  private listenerStatus({ config, port, upstream }: OpenListener): ListenerStatus {
    const { name, type } = config;
    const address = this.endpoint.carrierOf(port).localAddress;
    return { name, type, address, upstream, stats: this.endpoint.stats(port) };
  }

  private acceptor(): SessionAcceptor {
    return {
      accept: ({ id, conv, remoteAddress, localAddress, port, login }) => {
        const listener = this.listeners.find(({ config }) => config.name === port);
        const upstream = this.upstreams.get(listener?.upstream ?? '');
        if (upstream === undefined) throw new GatewayError('internal', `no upstream for port ${port}`);
        return {
          stream: upstream.mode === 'stream',
          upstream: upstream.name,
          bind: (session) =>
            upstream.open(session, {
              id: `${port}/${String(id)}`,
              remoteAddress,
              lineAddress: localAddress,
              conv,
              subject: login?.subject ?? '',
            }),
        };
      },
    };
  }

  /** The upstream of the first route that matches; the configuration was checked to have one. */
  private upstreamFor(listener: ListenerConfig): Upstream {
    const { routes } = this.config;
    const matching = routes.find(({ match }) => routeMatches(match, listener));
    // Relayed sessions came in by a line of another gateway: unless a route names the relay, they take the first.
    const route = matching ?? (listener.type === 'relay' ? routes[0] : undefined);
    const upstream = route === undefined ? undefined : this.upstreams.get(route.target);
    if (upstream === undefined)
      throw new GatewayError('config_invalid', `no route for listener ${listener.name}`);
    return upstream;
  }

  /** The number of this thread among those that serve. */
  private get worker(): number {
    return this.place?.worker ?? 0;
  }

  /** The number of a session of this worker; undefined for others. */
  private numberIn(id: string | undefined): number | undefined {
    const parts = parseSessionId(id ?? '');
    return parts?.worker === this.worker ? parts.number : undefined;
  }

  /** After which number sessions of this worker come after that id; undefined when none does. */
  private numberAfter(id: string | undefined): number | undefined {
    const parts = parseSessionId(id ?? '');
    if (parts === undefined || parts.worker < this.worker) return -1;
    return parts.worker === this.worker ? parts.number : undefined;
  }

  private reports(query: SessionQuery): SessionReport[] {
    const filter = this.filterOf(query);
    if (filter === undefined) return [];
    return this.endpoint
      .findSessions(filter)
      .map((summary) => ({ ...summary, id: `${this.worker}.${summary.id}` }));
  }

  /** What is asked for, in numbers of this worker; undefined when none of its sessions can be meant. */
  private filterOf({
    id: name,
    after: afterName,
    conv,
    subject,
    limit,
  }: SessionQuery): SessionFilter | undefined {
    const id = this.numberIn(name);
    const after = this.numberAfter(afterName);
    if (after === undefined || (name !== undefined && id === undefined)) return undefined;
    return { id, after, conv, subject, limit };
  }
}

/** What a line allows. @param isConfidential nobody on the way can read it. */
function lineRules(
  { allowClear, earlyData, trustedProxies }: LineListenerConfig,
  isConfidential: boolean,
): Pick<PortConfig, 'allowClear' | 'earlyData' | 'isTrustedProxy'> {
  const trusted = new CidrSet(trustedProxies);
  return {
    allowClear: allowClear || isConfidential,
    earlyData,
    isTrustedProxy: (address) => trusted.has(address),
  };
}

function createUpstream(config: UpstreamConfig, logger: Logger): Upstream {
  switch (config.type) {
    case 'echo':
      return new EchoUpstream({ name: config.name });
    case 'tcp':
      return new TcpUpstream(config, {
        logger: logger.child({ component: 'upstream', upstream: config.name }),
      });
    case 'udp':
      return new UdpUpstream(config, {
        logger: logger.child({ component: 'upstream', upstream: config.name }),
      });
  }
}

/** Bytes that a PROXY header takes in front of a relayed datagram, at most. */
const RELAY_HEADER_ROOM = 64;
/** What the system still holds for back ends may take so long; a back end that never ends its side is not waited for. */
const LAST_WORDS_MS = 1_000;
