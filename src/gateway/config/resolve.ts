import type { QlogConfig } from '../../qlog/qlog-options.ts';
import type { GatewayConfig, RouteConfig, TcpUpstreamConfig, UpstreamConfig } from './config.ts';
import type { NamedFiles } from './named-files.ts';
import { resolveFront } from './resolve-front.ts';
import { resolveListener } from './resolve-listener.ts';
import { resolveLogin } from './resolve-login.ts';
import { type ConfigDocument, DEFAULT_CONNECT_TIMEOUT_MS } from './schema.ts';
import { parseServerAddress } from './server-address.ts';

/** The configuration that a checked document means, in the names of the code, with what the files it names hold. */
export function resolveConfig(document: ConfigDocument, files: NamedFiles): GatewayConfig {
  const { common, sessions } = document;
  const routes = document.routes.map(resolveRoute);
  const upstreams = Object.entries(document.upstreams).map(resolveUpstream);
  return {
    common: {
      nodeId: common.node_id,
      gatewayId: common.gateway_id,
      region: common.region,
      logLevel: common.log_level,
      logLevels: common.log_levels,
      logFile: common.log_file,
      logFormat: common.log_format,
      drainTimeoutMs: common.drain_timeout,
      workers: common.workers,
      adminAddress: common.admin_addr,
      adminToken: common.admin_token,
    },
    listeners: document.listeners.map((listener, index) => resolveListener(listener, index, files)),
    sessions: {
      preset: sessions.preset,
      mtu: sessions.mtu,
      sendWindow: sessions.send_window,
      receiveWindow: sessions.receive_window,
      deadLink: sessions.dead_link,
      idleTimeoutMs: sessions.idle_timeout,
      maxMessageBytes: sessions.max_message,
      maxSessions: sessions.max_sessions,
      maxSessionsPerSource: sessions.max_sessions_per_source,
      newSessionsPerSecond: sessions.new_sessions_per_second,
      newSessionsPerSourcePerSecond: sessions.new_sessions_per_source_per_second,
      maxHalfOpen: sessions.max_half_open,
      maxQueueBytes: sessions.max_queue,
      copyBytesPerSecond: sessions.copy_rate,
      maxMemoryBytes: sessions.max_memory,
    },
    login: resolveLogin(document, files),
    peers: document.peers.map((peer) => ({
      name: peer.name,
      type: peer.type,
      address: peer.address,
      gatewayId: peer.gateway_id,
      region: peer.region,
    })),
    upstreams: [...upstreams, ...serversNamedByRoutes(routes)],
    routes,
    front: resolveFront(document),
    qlog: resolveQlog(document),
  };
}

function resolveQlog({ qlog }: ConfigDocument): QlogConfig | null {
  if (qlog.directory === null) return null;
  return {
    directory: qlog.directory,
    sessions: qlog.sessions,
    profile: qlog.profile,
    maxEvents: qlog.max_events,
    maxMemoryBytes: qlog.max_memory,
    maxFiles: qlog.max_files,
    maxFileBytes: qlog.max_file_size,
  };
}

function resolveUpstream([name, upstream]: [string, ConfigDocument['upstreams'][string]]): UpstreamConfig {
  if (upstream.type === 'echo') return { name, type: 'echo' };
  const servers = upstream.servers.map((server) => server.address);
  if (upstream.type === 'udp') return { name, type: 'udp', servers };
  return {
    name,
    type: 'tcp',
    servers,
    connectTimeoutMs: upstream.connect_timeout,
    proxyProtocol: upstream.proxy_protocol,
  };
}

function resolveRoute(route: ConfigDocument['routes'][number]): RouteConfig {
  const match = { port: route.match.port ?? null, listener: route.match.listener ?? null };
  return { name: route.name, match, target: route.target };
}

/** A route may lead to `host:port`: that is an upstream of one server by this name. No other name has a colon. */
function serversNamedByRoutes(routes: readonly RouteConfig[]): TcpUpstreamConfig[] {
  const targets = new Set(routes.map((route) => route.target).filter((target) => target.includes(':')));
  return [...targets].flatMap((target) => {
    const parsed = parseServerAddress(target);
    if (!parsed.ok) return [];
    return [
      {
        name: target,
        type: 'tcp' as const,
        servers: [parsed.server],
        connectTimeoutMs: DEFAULT_CONNECT_TIMEOUT_MS,
        proxyProtocol: 'off' as const,
      },
    ];
  });
}
