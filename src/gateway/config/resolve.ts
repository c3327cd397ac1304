import type {
  GatewayConfig,
  ListenerConfig,
  RouteConfig,
  TcpUpstreamConfig,
  UpstreamConfig,
} from './config.ts';
import { type ConfigDocument, DEFAULT_CONNECT_TIMEOUT_MS } from './schema.ts';
import { parseServerAddress } from './server-address.ts';

/** The configuration that a checked document means, in the names of the code. */
export function resolveConfig(document: ConfigDocument): GatewayConfig {
  const { common } = document;
  const routes = document.routes.map(resolveRoute);
  const upstreams = Object.entries(document.upstreams).map(resolveUpstream);
  return {
    common: {
      nodeId: common.node_id,
      logLevel: common.log_level,
      logLevels: common.log_levels,
      logFile: common.log_file,
      logFormat: common.log_format,
      drainTimeoutMs: common.drain_timeout,
      workers: common.workers,
    },
    listeners: document.listeners.map(resolveListener),
    upstreams: [...upstreams, ...serversNamedByRoutes(routes)],
    routes,
  };
}

function resolveListener(listener: ConfigDocument['listeners'][number]): ListenerConfig {
  return {
    name: listener.name,
    type: listener.type,
    bind: listener.bind,
    allowStock: listener.allow_stock,
    preset: listener.preset,
    mtu: listener.mtu,
    sendWindow: listener.send_window,
    receiveWindow: listener.receive_window,
    idleTimeoutMs: listener.idle_timeout,
    deadLink: listener.dead_link,
    maxSessions: listener.max_sessions,
    maxSessionsPerSource: listener.max_sessions_per_source,
    newSessionsPerSecond: listener.new_sessions_per_second,
    newSessionsPerSourcePerSecond: listener.new_sessions_per_source_per_second,
    maxQueueBytes: listener.max_queue,
    socketBufferBytes: listener.socket_buffer,
    maxMemoryBytes: listener.max_memory,
  };
}

function resolveUpstream([name, upstream]: [string, ConfigDocument['upstreams'][string]]): UpstreamConfig {
  if (upstream.type === 'echo') return { name, type: 'echo' };
  return {
    name,
    type: 'tcp',
    servers: upstream.servers.map((server) => server.address),
    connectTimeoutMs: upstream.connect_timeout,
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
      },
    ];
  });
}
